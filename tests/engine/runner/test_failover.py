"""Failover between profiles, by the runner: real processes in real panes, with the texts of the real CLIs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import Fault, Mode, State
from agentdeck.core.agents.events import Event
from agentdeck.core.agents.failover import Progress
from agentdeck.engine.deck import Deck
from agentdeck.engine.profiles.handing import progress_of
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import ConfigError, ExitCode, NotFoundError, RefusedError
from tests.support.decks import CONFIG, Bench
from tests.support.retry import eventually
from tests.support.scripted import Scripted

pytestmark = pytest.mark.timeout(90)

RESULT = '{"type":"result","subtype":"success","is_error":true,"api_error_status":%s,"result":"%s"}'
GOOD = '{"type":"result","subtype":"success","is_error":false,"result":"all done"}'
TURN_FAILED = '{"type":"turn.failed","error":{"message":"%s"}}'
TURN_DONE = '{"type":"turn.completed","usage":{"input_tokens":1}}'
LIMIT = RESULT % (429, "You've hit your session limit · resets %s")
WORKED = {"write": {"done.txt": "done"}, "print": TURN_DONE}


def at(minutes: float) -> str:
    """A time of day from now on, as Claude Code writes it."""
    return (datetime.now().astimezone() + timedelta(minutes=minutes)).strftime("%-I:%M%p").lower()


def deck_with(bench: Bench, *chain: str, **policy: Any) -> Deck:
    quick = {"first_pause": 0.4, "settle": 0.3, **policy}
    lines = [f"{key} = {json.dumps(value)}" for key, value in quick.items()]
    bench.write("agentdeck.toml", f"{CONFIG}\n[agent]\nfailover = {json.dumps(chain)}\n[failover]\n" + "\n".join(lines))
    return bench.deck()


def start(deck: Deck, profile: str = "claude", mode: Mode = Mode.HEADLESS, **more: Any) -> AgentView:
    return deck.start(StartRequest(task="Write dönè.txt", profile=profile, name="fix", mode=mode, **more))


def events(deck: Deck, kind: str) -> list[Event]:
    return [event for event in deck.store.events("fix") if event.kind == kind]


def progress(deck: Deck) -> Progress:
    found = progress_of(deck.store.agent_folder("fix"))
    assert found is not None
    return found


FAULTS = [
    ("claude", 1, RESULT % (429, "API Error: Request rejected (429) · x"), Fault.LIMITED),
    ("claude", 1, RESULT % (529, "API Error: Repeated 529 Overloaded errors"), Fault.PROVIDER),
    ("claude", 1, RESULT % ("null", "API Error: Connection refused — x (ECONNREFUSED)"), Fault.PROVIDER),
    ("claude", 1, RESULT % (401, "Not logged in · Please run /login"), Fault.AUTH),
    ("codex", 1, TURN_FAILED % "You’ve hit your usage limit. To get more access, try again at 1:47 AM.", Fault.LIMITED),
    ("codex", 1, TURN_FAILED % "Selected model is at capacity. Try another.", Fault.PROVIDER),
    ("opencode", 1, "Error: Overloaded", Fault.PROVIDER),
    ("aider", 0, "The API provider has rate limited you. Try again later or check your quotas.", Fault.LIMITED),
    ("aider", 0, "The API provider's servers are down or overloaded.", Fault.PROVIDER),
]


@pytest.mark.parametrize(("name", "code", "output", "fault"), FAULTS)
def test_a_providers_fault_is_failed_over_in_the_same_worktree_with_a_brief(
    bench: Bench, scripted: Scripted, name: str, code: int, output: str, fault: Fault
) -> None:
    failing: dict[str, Any] = {"write": {"half ü.txt": "x"}, "commit": "Half of it", "print": output, "exit": code}
    good = {"write": {"done.txt": "done"}}
    scripted.plan(**{name: [failing], "gemini": [good]})
    deck = deck_with(bench, name, "gemini", patience=0)
    view = start(deck, name)
    view = deck.wait("fix")
    assert (view.state, view.outcome, view.profile) == (State.DONE, ExitCode.UNCOMMITTED, "gemini")
    assert scripted.names == [name, "gemini"]
    assert scripted.overlaps() == []
    assert view.worktree is not None
    assert {start["cwd"] for start in scripted.starts} == {str(view.worktree)}
    assert (view.worktree / "done.txt").read_text() == "done"
    brief = scripted.starts[1]["argv"][-1]
    assert "Write dönè.txt" in brief
    assert "Half of it" in brief
    assert "half ü.txt" in brief
    (event,) = events(deck, "agent.failed_over")
    assert (event.data["from"], event.data["to"], event.data["fault"]) == (name, "gemini", fault)


def test_a_crash_is_nobodys_fault_and_is_not_failed_over(bench: Bench, scripted: Scripted) -> None:
    told = RESULT % (400, "API Error: 400 prompt is too long")
    for step in ({"exit": 3}, {"print": told, "exit": 1}, {"print": "Traceback: boom", "exit": 1}):
        scripted.plan(claude=[step], codex=[WORKED])
        deck = deck_with(bench, "claude", "codex")
        start(deck)
        view = deck.wait("fix")
        assert (view.state, view.status.fault, view.outcome) == (State.FAILED, Fault.CRASHED, ExitCode.FAILED)
        deck.remove("fix")
    assert set(scripted.names) == {"claude"}


def test_words_about_limits_in_what_an_agent_read_are_no_limit(bench: Bench, scripted: Scripted) -> None:
    read = '{"type":"user","text":"You\'ve hit your usage limit"}\n'
    scripted.plan(claude=[{"print": read + GOOD}], codex=[WORKED])
    deck = deck_with(bench, "claude", "codex")
    start(deck)
    assert deck.wait("fix").state is State.DONE
    assert scripted.names == ["claude"]


def test_without_a_list_an_agent_ends_as_ever(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(claude=[{"print": LIMIT % at(90), "exit": 1}], codex=[WORKED])
    deck = deck_with(bench)
    start(deck)
    view = deck.wait("fix")
    assert (view.state, view.outcome) == (State.FAILED, ExitCode.TRY_LATER)
    assert scripted.names == ["claude"]
    deck.remove("fix")
    deck = deck_with(bench, "codex")
    start(deck, failover=())
    assert deck.wait("fix").outcome is ExitCode.TRY_LATER


def test_a_limit_that_is_over_soon_is_awaited_and_the_session_resumed(bench: Bench, scripted: Scripted) -> None:
    session = '{"type":"thread.started","thread_id":"0199-abc"}\n'
    limited = {"print": session + TURN_FAILED % "rate limit exceeded: try again in 1.5s", "exit": 1}
    scripted.plan(codex=[limited, {"print": TURN_DONE}], claude=[WORKED])
    deck = deck_with(bench, "claude", "codex")
    start(deck, "codex")
    eventually(lambda: deck.agent("fix").state is State.LIMITED)
    status = deck.agent("fix").status
    assert status.reason.startswith("until ")
    assert status.reason.endswith(", then codex again")
    assert status.agent_pid is None
    assert deck.wait("fix").state is State.DONE
    first, second = scripted.starts
    assert second["at"] - first["at"] >= 1.5
    assert "0199-abc" in second["argv"]
    assert "resume" in second["argv"]
    assert len(events(deck, "agent.backing_off")) == 1


def test_alone_an_agent_waits_and_gives_up_after_its_attempts(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(claude=[{"print": RESULT % (429, "API Error: Request rejected (429)"), "exit": 1}])
    deck = deck_with(bench, "claude", attempts=2, first_pause=0.1)
    start(deck)
    view = deck.wait("fix")
    assert scripted.names == ["claude"] * 3
    assert (view.state, view.outcome) == (State.FAILED, ExitCode.TRY_LATER)
    assert "gave up after 2 attempts" in view.reason
    assert len(events(deck, "agent.failover_ended")) == 1


@pytest.mark.parametrize("bound", ["longest_wait", "timeout"])
def test_a_limit_that_ends_too_late_is_not_awaited(bench: Bench, scripted: Scripted, bound: str) -> None:
    scripted.plan(claude=[{"print": LIMIT % at(180), "exit": 1}])
    deck = deck_with(bench, "claude", **({"longest_wait": 60.0} if bound == "longest_wait" else {}))
    start(deck, timeout=600.0 if bound == "timeout" else None)
    view = deck.wait("fix")
    assert view.outcome is ExitCode.TRY_LATER
    assert "too long to wait" in view.reason
    assert scripted.names == ["claude"]


def test_a_timeout_and_a_stop_end_the_wait(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(claude=[{"print": RESULT % (429, "API Error: Request rejected (429)"), "exit": 1}])
    deck = deck_with(bench, "claude", first_pause=1.0)
    start(deck, timeout=2.5)
    view = deck.wait("fix")
    assert view.outcome in (ExitCode.TIMED_OUT, ExitCode.TRY_LATER)
    deck.remove("fix")
    deck = deck_with(bench, "claude", first_pause=500.0)
    start(deck)
    eventually(lambda: deck.agent("fix").state is State.LIMITED)
    begun = time.monotonic()
    assert deck.stop("fix").state is State.STOPPED
    assert time.monotonic() - begun < 5


def test_a_refused_login_is_failed_over_only_where_there_is_another(bench: Bench, scripted: Scripted) -> None:
    refused = {"print": RESULT % (401, "Invalid API key · Fix external API key"), "exit": 1}
    scripted.plan(claude=[refused], codex=[{"print": TURN_FAILED % "unexpected status 401 Unauthorized: x", "exit": 1}])
    deck = deck_with(bench, "claude", "codex")
    start(deck)
    view = deck.wait("fix")
    assert scripted.names == ["claude", "codex"]
    assert (view.status.fault, view.outcome) == (Fault.AUTH, ExitCode.FAILED)
    assert "no other profile is left" in view.reason


def test_a_profile_that_is_not_installed_is_left_out_and_an_unknown_one_is_an_error(
    bench: Bench, scripted: Scripted
) -> None:
    scripted.plan(claude=[{"print": RESULT % (429, "API Error: Request rejected (429)"), "exit": 1}], codex=[WORKED])
    deck = deck_with(bench, "claude", "gemini", "codex")
    start(deck)
    assert deck.wait("fix").profile == "codex"
    assert any("gemini is not installed" in event.text for event in events(deck, "warning"))
    with pytest.raises(ConfigError, match="agentdeck.toml:"):
        start(deck_with(bench, "claude", "cloude"))
    with pytest.raises(NotFoundError, match="cloude"):
        start(deck_with(bench, "claude"), failover=("cloude",))


def test_never_two_at_once_even_where_one_leaves_a_process_that_ignores_all(bench: Bench, scripted: Scripted) -> None:
    limited = {"daemon": True, "print": RESULT % (529, "API Error: 529 Overloaded"), "exit": 1}
    scripted.plan(claude=[limited], codex=[WORKED])
    deck = deck_with(bench, "claude", "codex")
    start(deck)
    assert deck.wait("fix").state is State.DONE
    assert scripted.names == ["claude", "codex"]
    assert scripted.overlaps() == []


def test_each_profile_gets_its_own_variables_and_they_never_touch_the_disk(
    bench: Bench, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = bench.home / ".config/agentdeck/profiles"
    for name in ("claude", "codex"):
        own = f"[env]\nWHO = 'i am {name}'\nONLY_{name.upper()} = 'key-of-{name}'\n"
        bench.write(f"{name}.toml", ("env_unset = ['SHARED']\n" if name == "codex" else "") + own, cwd=profiles)
    monkeypatch.setenv("SHARED", "the-callers")
    monkeypatch.setenv("WHO", "the-callers-own")
    scripted.plan(claude=[{"print": RESULT % (529, "API Error: 529 Overloaded"), "exit": 1}], codex=[WORKED])
    deck = deck_with(bench, "claude", "codex")
    start(deck)
    assert deck.wait("fix").state is State.DONE
    first, second = (start["env"] for start in scripted.starts)
    assert (first["WHO"], first["SHARED"], "ONLY_CODEX" in first) == ("i am claude", "the-callers", False)
    assert (second["WHO"], "SHARED" in second, "ONLY_CLAUDE" in second) == ("i am codex", False, False)
    assert not [name for name in (*first, *second) if "FAILOVER" in name]
    for path in deck.store.folder.rglob("*"):
        if path.is_file():
            assert b"key-of-codex" not in path.read_bytes(), path


def test_a_runner_that_is_killed_is_resumed_with_the_profile_it_was_on(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(claude=[{"print": LIMIT % at(200), "exit": 1}], codex=[{"hold": True}, WORKED])
    deck = deck_with(bench, "claude", "codex")
    start(deck)
    eventually(lambda: deck.agent("fix").profile == "codex" and deck.agent("fix").status.agent_pid)
    eventually(lambda: scripted.names == ["claude", "codex"])
    view = deck.agent("fix")
    assert (view.state, view.failed_over) == (State.WORKING, True)
    assert view.reason.startswith("failed over to codex: claude's usage limit until ")
    runner, agent = deck.store.runner_pid("fix"), view.status.agent_pid
    assert runner
    os.kill(runner, 9)
    eventually(lambda: not Path(f"/proc/{agent}").exists(), 15)
    eventually(lambda: deck.agent("fix").state is State.FAILED)
    assert deck.agent("fix").profile == "codex"
    deck.resume("fix")
    assert deck.wait("fix").state is State.DONE
    assert scripted.names == ["claude", "codex", "codex"]
    assert scripted.overlaps() == []


@pytest.mark.parametrize("moment", ["before", "waiting"])
def test_a_runner_killed_between_two_profiles_goes_on_with_the_next(
    bench: Bench, scripted: Scripted, moment: str
) -> None:
    """At the moment that it has decided, and while it waits with no program at all."""
    scripted.plan(claude=[{"print": LIMIT % at(200), "exit": 1}], codex=[WORKED])
    chain = ("claude", "codex") if moment == "before" else ("claude",)
    deck = deck_with(bench, *chain)
    start(deck)
    if moment == "before":
        deck.wait("fix")
        eventually(lambda: not deck.agent("fix").alive)
        folder = deck.store.agent_folder("fix")
        data = json.loads((folder / "failover.json").read_text())
        (folder / "failover.json").write_text(json.dumps({**data, "ran": ["claude"]}))  # codex was not started yet
        deck.resume("fix", "Hurry")
        deck.wait("fix")
        brief = scripted.starts[-1]["argv"][-1]
        assert "You take over a task" in brief
        assert brief.endswith("Hurry")
        return
    eventually(lambda: deck.agent("fix").state is State.LIMITED)
    runner = deck.store.runner_pid("fix")
    assert runner
    os.kill(runner, 9)
    eventually(lambda: deck.agent("fix").state is State.FAILED)
    deck.resume("fix")
    eventually(lambda: scripted.names == ["claude", "claude"])


def test_at_a_start_the_agents_own_profile_is_taken_back_once_its_limit_is_over(
    bench: Bench, scripted: Scripted
) -> None:
    limited = {"print": RESULT % (429, "API Error: Request rejected (429)"), "exit": 1}
    done = {"write": {"by codex.txt": "x"}, "print": TURN_DONE}
    scripted.plan(claude=[limited, {"print": GOOD}], codex=[done])
    deck = deck_with(bench, "claude", "codex", first_pause=0.2)
    start(deck)
    assert deck.wait("fix").profile == "codex"
    eventually(lambda: progress(deck).until["claude"] < time.time() and not deck.agent("fix").alive)
    deck.resume("fix")
    view = deck.wait("fix")
    assert (view.state, view.profile, view.reason) == (State.DONE, "claude", "nothing changed")
    assert scripted.names == ["claude", "codex", "claude"]
    brief = scripted.starts[2]["argv"][-1]
    assert "another agent (codex) did" in brief
    assert "by codex.txt" in brief
    assert "--continue" in scripted.starts[2]["argv"]


# Programs with a screen of their own

SCREEN_LIMIT = "You've hit your session limit · resets %s"


def interactive(deck: Deck, **more: Any) -> Callable[[], AgentView]:
    start(deck, mode=Mode.INTERACTIVE, **more)
    return lambda: deck.agent("fix")


def test_a_program_that_waits_at_its_limit_is_told_to_go_on_when_it_is_over(bench: Bench, scripted: Scripted) -> None:
    words = "You've hit your usage limit. Try again in 1.5s"
    scripted.plan(codex=[{"print": words, "say": ["thinking (esc to interrupt)"], "hold": True}], claude=[WORKED])
    deck = deck_with(bench, "codex", "claude")
    view = interactive_codex(deck)
    eventually(lambda: view().state is State.LIMITED and view().reason.endswith("then codex again"))
    eventually(lambda: scripted.typed == ["continue"])
    eventually(lambda: view().state is State.WORKING)
    assert words in deck.screen("fix"), "the old limit is still to be seen, and means nothing"
    assert scripted.names == ["codex"]
    assert view().state is State.WORKING


def interactive_codex(deck: Deck) -> Callable[[], AgentView]:
    start(deck, "codex", Mode.INTERACTIVE)
    return lambda: deck.agent("fix")


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_program_that_stays_at_its_limit_is_ended_before_the_next_starts(
    bench: Bench, scripted: Scripted, stubborn: bool
) -> None:
    scripted.plan(
        claude=[{"daemon": True, "stubborn": stubborn, "print": SCREEN_LIMIT % at(200), "hold": True}],
        codex=[{"print": "thinking (esc to interrupt)", "hold": True}],
    )
    deck = deck_with(bench, "claude", "codex")
    view = interactive(deck)
    eventually(lambda: view().profile == "codex" and view().status.state is State.WORKING, 20)
    assert view().reason.startswith("failed over to codex: claude's usage limit until ")
    eventually(lambda: scripted.names == ["claude", "codex"])
    assert scripted.overlaps() == []
    assert "session limit" not in deck.screen("fix")
    states = [event.text for event in events(deck, "state.changed")]
    assert any(text.startswith("limited: failed over to codex: claude's usage limit until ") for text in states)


def test_a_person_who_closes_a_limited_program_has_ended_it(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(claude=[{"print": SCREEN_LIMIT % at(1), "say": ["bye"]}], codex=[WORKED])
    deck = deck_with(bench, "claude", "codex", settle=60.0)
    view = interactive(deck)
    eventually(lambda: view().state is State.LIMITED)
    deck.send("fix", "/exit", now=True)
    eventually(lambda: not view().alive)
    assert scripted.names == ["claude"]


def test_between_two_turns_the_agents_own_profile_is_taken_back(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(
        claude=[{"print": "You've hit your session limit, try again in 3s", "exit": 1}, {"hold": True}],
        aider=[{"print": "> ", "say": ["I have done it\n\n> "], "hold": True}],
    )
    deck = deck_with(bench, "claude", "aider", patience=0)
    view = interactive(deck)
    eventually(lambda: view().profile == "aider" and view().state is State.DONE)
    eventually(lambda: view().profile == "claude" and view().status.agent_pid, 20)
    eventually(lambda: scripted.names == ["claude", "aider", "claude"])
    assert scripted.overlaps() == []
    assert "wait" in scripted.starts[2]["argv"][-1]
    (event,) = events(deck, "agent.failed_back")
    assert (event.data["from"], event.data["to"]) == ("aider", "claude")


# By hand


def test_a_person_switches_an_agent_that_runs_and_back(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(claude=[{"hold": True}], codex=[{"hold": True}])
    deck = deck_with(bench, "claude", "codex")
    view = interactive(deck)
    eventually(lambda: scripted.names == ["claude"])
    pid = deck.store.runner_pid("fix")
    assert deck.fail_over("fix").profile == "codex"
    eventually(lambda: scripted.names == ["claude", "codex"])
    assert deck.store.runner_pid("fix") == pid, "in the same runner, in the same pane"
    with pytest.raises(RefusedError, match="already runs codex"):
        deck.fail_over("fix", "codex")
    assert deck.fail_back("fix").profile == "claude"
    eventually(lambda: scripted.names == ["claude", "codex", "claude"])
    assert scripted.overlaps() == []
    assert view().state is State.WORKING


@pytest.mark.parametrize("running", [True, False])
def test_a_person_switches_to_a_profile_that_is_in_no_list(bench: Bench, scripted: Scripted, running: bool) -> None:
    half = {"write": {"half.txt": "x"}, "hold": running, "exit": 3}
    scripted.plan(claude=[half], codex=[WORKED])
    deck = deck_with(bench)
    start(deck)
    if running:
        eventually(lambda: scripted.names == ["claude"])
    else:
        deck.wait("fix")
    with pytest.raises(RefusedError, match="no other profile"):
        deck.fail_over("fix")
    assert deck.fail_over("fix", "codex").profile == "codex"
    view = deck.wait("fix")
    assert (view.state, view.profile) == (State.DONE, "codex")
    assert "half.txt" in scripted.starts[1]["argv"][-1]
    assert scripted.overlaps() == []
    eventually(lambda: not deck.agent("fix").alive)
    deck.resume("fix", "More")
    assert deck.wait("fix").profile == "codex"


def test_a_wait_is_ended_by_a_person_who_names_another_profile(bench: Bench, scripted: Scripted) -> None:
    limited = {"print": RESULT % (429, "API Error: Request rejected (429)"), "exit": 1}
    scripted.plan(claude=[limited], codex=[{**limited, "print": TURN_FAILED % "Quota exceeded."}, {"hold": True}])
    deck = deck_with(bench, "claude", "codex", first_pause=400.0)
    start(deck)
    eventually(lambda: deck.agent("fix").state is State.LIMITED and deck.agent("fix").status.agent_pid is None, 15)
    eventually(lambda: len(scripted.names) == 2)
    deck.fail_over("fix", "claude" if deck.agent("fix").profile == "codex" else "codex")
    eventually(lambda: len(scripted.names) >= 3)
    assert scripted.overlaps() == []


def retries(*statuses: int, pause: float = 0.3) -> str:
    """What Claude Code prints of its own retries."""
    lines = [
        {
            "type": "system",
            "subtype": "api_retry",
            "attempt": number,
            "max_retries": 10,
            "retry_delay_ms": pause * 1000,
            "error_status": status or None,
            "error": "overloaded",
        }
        for number, status in enumerate(statuses, 1)
    ]
    return "\n".join(map(json.dumps, lines))


@pytest.mark.parametrize(("status", "patience", "fault"), [(529, 0, "provider"), (401, 60, "auth"), (0, 0, "provider")])
def test_a_cli_that_asks_a_failing_provider_again_is_left_after_the_patience(
    bench: Bench, scripted: Scripted, status: int, patience: float, fault: str
) -> None:
    """Refused credentials get no better by waiting."""
    scripted.plan(claude=[{"print": retries(status, status), "hold": True}], codex=[WORKED])
    deck = deck_with(bench, "codex", patience=patience)
    start(deck)
    view = deck.wait("fix")
    assert view.outcome is ExitCode.UNCOMMITTED
    assert scripted.names == ["claude", "codex"]
    assert scripted.overlaps() == []
    assert events(deck, "agent.failed_over")[0].data["fault"] == fault


def test_a_cli_may_ask_again_for_as_long_as_the_patience_lasts_and_where_nobody_else_is_ready(
    bench: Bench, scripted: Scripted
) -> None:
    steps: list[dict[str, Any]] = [{"print": retries(529, 529, 529), "hold": True}]
    scripted.plan(claude=steps)
    deck = deck_with(bench, "claude", patience=0)
    start(deck)
    eventually(lambda: deck.agent("fix").status.reason == "overloaded (529), retry 3 of 10")
    time.sleep(0.6)
    assert deck.agent("fix").state is State.WORKING
    assert scripted.names == ["claude"]
    assert any("overloaded (529), retry 1 of 10 in 0.3 s" in line.text for line in deck.log_lines("fix"))


def test_a_provider_that_hangs_is_left_for_the_next_after_the_silence(bench: Bench, scripted: Scripted) -> None:
    scripted.plan(claude=[{"print": "{}", "hold": True}], codex=[WORKED])
    deck = deck_with(bench, "codex", silence=1.0)
    start(deck)
    view = deck.wait("fix")
    assert view.outcome is ExitCode.UNCOMMITTED
    assert scripted.names == ["claude", "codex"]
    assert "claude was silent for 1s" in events(deck, "agent.failed_over")[0].text


@pytest.mark.parametrize("mode", list(Mode))
def test_where_nobody_else_is_ready_a_person_is_asked_until_there_is_a_sign_of_life(
    bench: Bench, scripted: Scripted, mode: Mode
) -> None:
    scripted.plan(claude=[{"print": "{}", "say": ["more"], "hold": True}])
    deck = deck_with(bench, "claude", silence=1.0)
    start(deck, mode=mode)
    eventually(lambda: deck.agent("fix").status.is_silent)
    view = deck.agent("fix")
    assert view.status.reason == "has been silent for 1s; its provider may hang"
    with pytest.raises(RefusedError, match="asks nothing"):
        deck.answer("fix", "yes")
    deck.send("fix", keys=["Enter"])
    eventually(lambda: deck.agent("fix").state is State.WORKING)
    eventually(lambda: deck.agent("fix").status.is_silent)
