"""What the program of a real agent finds in its environment, whoever started it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.errors import ConfigError
from tests.support.decks import Bench

DUMP = "import json, os, sys; json.dump([dict(os.environ), os.getcwd()], open(sys.argv[1], 'w'))"


def dumped(bench: Bench, name: str, **fields: object) -> tuple[AgentView, dict[str, str]]:
    """Start an agent that writes down its environment, and wait for its end."""
    out = bench.home / f"{name}.json"
    argv = (sys.executable, "-c", DUMP, str(out))
    deck = bench.deck()
    deck.start(StartRequest(name=name, argv=argv, **fields))  # type: ignore[arg-type]
    view = deck.wait(name)
    assert view.state is State.DONE, view.reason
    return view, json.loads(out.read_text())[0]


@pytest.mark.parametrize("term", ["dumb", "xterm-ghostty", "xterm-256color", ""])
def test_an_agents_terminal_is_its_pane_whatever_the_callers_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    for name in ("TERM_PROGRAM", "KITTY_PID", "COLORTERM", "TERMINFO", "CLAUDECODE", "GIT_PREFIX", "NOTIFY_SOCKET"):
        monkeypatch.setenv(name, "the caller's")
    monkeypatch.setenv("MY_OWN", "the person's")
    monkeypatch.setenv("TERM", term)
    view, found = dumped(bench, "one")
    assert found["TERM"] == "screen-256color"
    assert found["COLORTERM"] == "truecolor"
    assert found["MY_OWN"] == "the person's"
    assert found["PWD"] == str(view.worktree)
    assert "the caller's" not in found.values()


def test_own_tmux(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # Short, like the names, because the path of a socket is.
    monkeypatch.setenv("TMUX_TMPDIR", "/the/persons")
    deck = bench.deck()
    deck.start(StartRequest(name="other", argv=("sleep", "1000")))
    script = (
        "tmux new-session -d -s mine && tmux list-sessions && tmux split-window; tmux kill-server; echo $TMUX_PANE."
    )
    view = deck.start(StartRequest(name="k", argv=("sh", "-c", script), env={"SHELL": "/bin/sh"}))
    view = deck.wait("k")
    assert view.state is State.DONE, view.reason
    said = [line.text for line in deck.log_lines("k")]
    assert any(text.startswith("mine: 1 windows") for text in said), said
    assert "." in said
    assert deck.agent("other").alive
    assert sorted(bench.windows()) == ["k", "other"]


def test_an_agent_hands_nothing_of_its_own_down_to_one_that_it_starts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(
        "agentdeck.toml", f"{(bench.root / 'agentdeck.toml').read_text()}\n[env_file]\ncaches = ['XDG_CACHE_HOME']\n"
    )
    bench.commit("Caches")
    _, parent = dumped(bench, "parent")
    bench.write("agentdeck.toml", "[ports]\nper_agent = 0\n[env_file]\npath = ''\n")
    for name, value in parent.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", None)
    _, child = dumped(bench, "child")
    own = {"PORT", "PORT_1", "DATABASE_URL", "TMPDIR", "TMUX_TMPDIR", "XDG_CACHE_HOME", "AGENTDECK_BRANCH"}
    assert own <= set(parent["AGENTDECK_GIVEN"].split())
    assert not {"PORT", "DATABASE_URL", "XDG_CACHE_HOME"} & child.keys()
    assert child["AGENTDECK_AGENT"] == "child"
    assert Path(child["TMPDIR"]).parent == Path(parent["TMPDIR"]).parent, "the parent's goes with the parent"
    assert not {name for name in own & child.keys() if child[name] == parent[name]}
    assert {name for name in parent if name not in child} <= set(parent["AGENTDECK_GIVEN"].split())


def test_pass_env_and_drop_env(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write("agentdeck.toml", "[agent]\npass_env = ['TERM_PROGRAM*', 'TMUX_TMPDIR']\ndrop_env = ['AWS_*']\n")
    monkeypatch.setenv("TERM_PROGRAM", "mine")
    monkeypatch.setenv("TMUX_TMPDIR", str(bench.home))
    monkeypatch.setenv("AWS_PROFILE", "work")
    _, found = dumped(bench, "one")
    assert found["TERM_PROGRAM"] == "mine"
    assert found["TMUX_TMPDIR"] == str(bench.home)
    assert "AWS_PROFILE" not in found


def test_loopback_goes_past_a_proxy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "corp.example")
    _, found = dumped(bench, "one")
    assert found["NO_PROXY"] == found["no_proxy"] == "corp.example,localhost,127.0.0.1,::1"


def test_placeholders_are_filled_with_the_agents_own(bench: Bench) -> None:
    env = "NAME = '{name}'\nURL = 'http://localhost:{port}/{branch}'\nNUMBER = '{index}'\nAT = '{worktree}/x'\n"
    bench.write("agentdeck.toml", f"[agent.env]\n{env}")
    bench.deck().start(StartRequest(name="first", argv=("sleep", "100")))
    view, found = dumped(bench, "one")
    assert found["NAME"] == "one"
    assert found["URL"] == f"http://localhost:{view.ports[0]}/agentdeck/one"
    assert found["NUMBER"] == "2"
    assert found["AT"] == f"{view.worktree}/x"
    bench.deck().remove("first", stop=True)
    assert dumped(bench, "two")[1]["NUMBER"] == "1"
    assert dumped(bench, "three")[1]["NUMBER"] == "3"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[agent.env]\nX = '{nmae}'\n", "agent.env.X"),
        ("[ports]\nper_agent = 0\n[agent.env]\nX = '{port}'\n", "agent.env.X"),
    ],
)
def test_a_placeholder_that_can_t_be_filled_is_an_error_that_names_its_key(bench: Bench, text: str, says: str) -> None:
    bench.write("agentdeck.toml", text)
    with pytest.raises(ConfigError, match=says):
        bench.deck().start(StartRequest(name="one", argv=("true",)))


@pytest.mark.parametrize(
    ("file", "config", "project"),
    [
        ("compose.yaml", "", "own"),
        ("deploy/local/docker-compose.yml", "", "own"),
        ("docker-compose.dev.yaml", "", "own"),
        ("compose.yaml", "[agent.env]\nCOMPOSE_PROJECT_NAME = 'app-{index}'\n", "app-1"),
        ("compose.yaml", "[agent]\npass_env = ['COMPOSE_PROJECT_NAME']\n", "the person's"),
        ("composer.yml", "", "the person's"),
    ],
)
def test_a_repository_with_a_compose_file_gives_each_agent_a_project(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, file: str, config: str, project: str
) -> None:
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "the person's")
    bench.write(file, "services: {}\n")
    bench.write("agentdeck.toml", f"[hooks]\nteardown = ['echo torn $COMPOSE_PROJECT_NAME']\n{config}")
    bench.commit("Compose")
    deck = bench.deck()
    view, found = dumped(bench, "one")
    wanted = f"{deck.name}-one".lower() if project == "own" else project
    assert found["COMPOSE_PROJECT_NAME"] == wanted
    assert wanted.islower()
    log = view.log
    assert log is not None
    deck.remove("one")
    assert f"torn {wanted}" in log.read_text()
