from __future__ import annotations

import time

import pytest

from agentdeck.cli.reading import parse_since
from agentdeck.core.agents.agent import State
from agentdeck.core.agents.leases import Lease
from agentdeck.errors import ExitCode, UsageError
from tests.support.cli import agentdeck, objects, put_agent
from tests.support.decks import Bench

NOW = 1_800_000_000.0


def test_ls_tells_the_agents_in_order_of_their_creation(bench: Bench) -> None:
    put_agent(bench.root, "second", state=State.FAILED, reason="exit code 3", since=time.time() - 200)
    put_agent(bench.root, "first", since=time.time() - 7300, profile="codex")
    done = agentdeck("ls", cwd=bench.root / "src")
    assert done.returncode == 0
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["STATE", "NAME", "PROFILE", "BRANCH", "AGE", "REASON"],
        ["✓", "done", "first", "codex", "agentdeck/first", "2h"],
        ["✗", "failed", "second", "claude", "agentdeck/second", "3m", "exit", "code", "3"],
    ]


def test_ls_as_json(bench: Bench) -> None:
    put_agent(bench.root, "one", env={"API_KEY": "secret"}, id="nightly", since=NOW)
    (found,) = objects(agentdeck("ls", "--json", cwd=bench.root).stdout)
    (agent,) = found["agents"]
    assert found["type"] == "agents"
    assert found["root"] == str(bench.root)
    assert (agent["name"], agent["state"], agent["since"], agent["id"]) == ("one", "done", NOW, "nightly")
    assert (agent["branch"], agent["outcome"], agent["alive"]) == ("agentdeck/one", 0, False)
    assert agent["env"] == ["API_KEY"]
    assert "secret" not in str(found)


def test_an_empty_deck_says_so_on_standard_error_only(bench: Bench) -> None:
    done = agentdeck("ls", cwd=bench.root)
    assert (done.returncode, done.stdout) == (0, "")
    assert "No agents here yet" in done.stderr
    assert agentdeck("ls", "-q", cwd=bench.root).stderr == ""


def test_show_tells_all_about_an_agent(bench: Bench) -> None:
    ports = Lease("ports", True, {"ports": [20004, 20005]})
    tree = Lease("worktree", True, {"path": str(bench.root / "x y"), "branch": "fix/login", "base": "main"})
    put_agent(bench.root, "login", leases=(tree, ports), task="Fix it\nand test it", reason="all \x1b[2Jgood")
    done = agentdeck("show", "lo", cwd=bench.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("login  ✓ done for ")
    for text in ("all ␛[2Jgood", "fix/login", "20004", "Fix it\n             and test it"):
        assert text in done.stdout
    assert "\x1b" not in done.stdout


def test_show_as_json_tells_leases_and_events(bench: Bench) -> None:
    put_agent(bench.root, "login")
    (agent,) = objects(agentdeck("show", "login", "--json", cwd=bench.root).stdout)
    assert agent["type"] == "agent"
    assert [(lease["kind"], lease["held"]) for lease in agent["leases"]] == [("worktree", True)]
    assert agent["events"][-1]["kind"] == "state.changed"
    assert agent["usage"] is None


@pytest.mark.parametrize("verb", ["show", "logs", "diff", "attach", "stop", "resume", "rm"])
def test_an_agent_that_is_not_there(bench: Bench, verb: str) -> None:
    put_agent(bench.root, "one")
    done = agentdeck(verb, "two", cwd=bench.root)
    assert done.returncode == ExitCode.NOT_FOUND
    assert done.stdout == ""
    assert done.stderr == "agentdeck: There is no agent “two” in this deck.\n→ Available: one.\n"


def test_a_beginning_that_fits_two_agents_is_refused(bench: Bench) -> None:
    put_agent(bench.root, "one")
    put_agent(bench.root, "once")
    done = agentdeck("show", "on", cwd=bench.root)
    assert done.returncode == ExitCode.USAGE
    assert "matches" in done.stderr


def test_an_agent_that_never_ran_has_no_log(bench: Bench) -> None:
    put_agent(bench.root, "one")
    done = agentdeck("logs", "one", cwd=bench.root)
    assert done.returncode == ExitCode.NOT_FOUND
    assert "never ran" in done.stderr


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", NOW - 600),
        ("90", NOW - 90),
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15T10:00:00+02:00", NOW),
        ("2027-01-15", time.mktime((2027, 1, 15, 0, 0, 0, 0, 0, -1))),
        ("2027-01-15T08:30", time.mktime((2027, 1, 15, 8, 30, 0, 0, 0, -1))),
    ],
)
def test_since_is_a_length_of_time_or_a_time(text: str, seconds: float) -> None:
    assert parse_since(text, NOW) == seconds


@pytest.mark.parametrize("text", ["yesterday", "", "2027-13-01", "10 parsecs"])
def test_since_that_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        parse_since(text, NOW)


def test_a_pattern_that_is_none(bench: Bench) -> None:
    log = bench.write("a.log", "")
    put_agent(bench.root, "one", leases=(Lease("pane", True, {"session": "s", "window": "one", "log": str(log)}),))
    done = agentdeck("logs", "--grep", "(", "one", cwd=bench.root)
    assert done.returncode == ExitCode.USAGE
    assert "not a regular expression" in done.stderr
