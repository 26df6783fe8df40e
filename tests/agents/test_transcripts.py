"""What the log, the activity and the usage say of real agent CLIs whose model is scripted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.core.providers.token_usage import Usage
from agentdeck.engine.deck import Deck
from agentdeck.engine.providers.own_usage import OWN
from agentdeck.engine.providers.spending import of_agent
from agentdeck.engine.views import StartRequest
from tests.agents.answering import press_enter_until
from tests.agents.setups import QUIET
from tests.support.cli import agentdeck
from tests.support.decks import Bench, world_of
from tests.support.retry import eventually
from tests.support.scripted_model import Block, Script, call, say, scripted_model, think

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
PATIENCE = 60.0


@contextmanager
def model(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch, *answers: list[Block]) -> Iterator[Script]:
    """A model that gives these answers, which the CLIs find by their own settings in a throw-away home."""
    for name in [name for name in os.environ if name.startswith(("ANTHROPIC", "CLAUDE", "OPENAI", "CODEX"))]:
        monkeypatch.delenv(name)
    with scripted_model(*answers) as (api, script):
        variables = {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_AUTH_TOKEN": "dummy", "OPENAI_API_KEY": "dummy"}
        for name, value in {**QUIET, **variables, "PATH": f"{programs}:{os.environ['PATH']}"}.items():
            monkeypatch.setenv(name, value)
        bench.write(
            ".codex/config.toml",
            'model = "gpt-5-codex"\nmodel_provider = "x"\nsandbox_mode = "danger-full-access"\n'
            f'[model_providers.x]\nname = "x"\nbase_url = "{api.url}/v1"\nwire_api = "responses"\n'
            'env_key = "OPENAI_API_KEY"\nrequest_max_retries = 0\nstream_max_retries = 0\n',
            cwd=bench.home,
        )
        yield script


def log_of(deck: Deck, name: str) -> list[str]:
    return [line.text for line in deck.log_lines(name) if not line.is_note]


def answers_of(profile: str) -> list[list[Block]]:
    """Two calls side by side, a long output, a thought, words of several lines."""
    if profile == "claude":
        first, second, third = (
            [call("Bash", command="ls -a"), call("Read", file_path="README.md")],
            call("Bash", command="cat many.txt"),
            call("Bash", command="ls no-such-file"),
        )
    else:
        first, second, third = (
            [call("exec_command", cmd="ls -a"), call("exec_command", cmd="cat README.md")],
            call("exec_command", cmd="cat many.txt"),
            call("exec_command", cmd="ls no-such-file"),
        )
    return [
        [think("First a look."), say("I look around."), *first],
        [second],
        [third],
        [say("All is well.\nThat is it.")],
    ]


@pytest.mark.parametrize("profile", ["claude", "codex"])
def test_a_headless_run_has_a_log_to_read_and_what_it_took(
    bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    shell = {"claude": "Bash", "codex": "exec_command"}[profile]
    bench.write("many.txt", "".join(f"line {number} of many\n" for number in range(1, 3001)))
    bench.commit("Many lines")
    with model(bench, programs, monkeypatch, *answers_of(profile)) as script:
        deck = bench.deck()
        deck.start(StartRequest(task="Look at the repository", profile=profile, name="it", mode=Mode.HEADLESS))
        view = deck.wait("it")
        log = log_of(deck, "it")
        assert view.state is State.DONE, log
        assert log[:3] == ["you: Look at the repository", "thinks: First a look.", "agent: I look around."]
        assert f"{shell}: ls -a" in log
        assert "  line 1 of many" in log
        assert any(line.endswith("more lines") for line in log)
        assert f"{shell} failed" in log or any(line.startswith(f"denied by rule: {shell} ls no-such") for line in log)
        assert log[log.index("agent: All is well.") + 1] == "  That is it."
        assert not [line for line in log if line.startswith("{")], "it is JSON"

        activity = deck.store.activity("it")
        assert activity is not None
        assert activity.requests == script.sent == 4
        assert activity.usage == Usage(4 * 1200, 4 * 80, 4 * 9000, 4 * 300 if profile == "claude" else 0)
        assert activity.last_words == "All is well.\nThat is it."
        records = list(of_agent(world_of(deck), "it"))
        assert {record.provider for record in records} == {OWN}
        assert sum(record.usage.output for record in records) == 4 * 80
        assert [
            json.loads(line)["text"] for line in agentdeck("logs", "it", "--json", cwd=bench.root).stdout.splitlines()
        ] == [line.text for line in deck.log_lines("it")]


@pytest.mark.parametrize("profile", ["claude", "codex"])
def test_an_interactive_agent_is_seen_at_work_and_goes_on_after_a_kill(
    bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    tool, key = {"claude": ("Bash", "command"), "codex": ("exec_command", "cmd")}[profile]
    slow = call(tool, **{key: "sleep 4; echo slept"})
    with model(bench, programs, monkeypatch, [say("I wait a little."), slow], [say("Slept well.")], [say("Again.")]):
        deck = bench.deck()
        deck.start(StartRequest(task="Sleep", profile=profile, name="it", mode=Mode.INTERACTIVE))

        def works() -> bool:
            activity = deck.store.activity("it")
            return activity is not None and activity.now is not None and "sleep 4" in activity.now.arguments

        press_enter_until(deck, "it", lambda view: works(), PATIENCE)
        press_enter_until(deck, "it", lambda view: "agent: Slept well." in log_of(deck, "it"), PATIENCE)
        log = log_of(deck, "it")
        assert log[:3] == ["you: Sleep", "agent: I wait a little.", f"{tool}: sleep 4; echo slept"]
        assert "  slept" in log
        eventually(lambda: any(line.startswith("turn ended after") for line in log_of(deck, "it")), 10)
        activity = deck.store.activity("it")
        assert activity is not None
        assert activity.requests == 2
        assert activity.context == 10580 if profile == "claude" else 10280
        session = activity.session
        assert session
        assert deck.agent("it").status.session == session

        runner = deck.store.runner_pid("it")
        assert runner is not None
        os.kill(runner, 9)
        eventually(lambda: not deck.agent("it").alive, 15)
        deck.resume("it", "And again")
        press_enter_until(deck, "it", lambda view: "agent: Again." in log_of(deck, "it"), PATIENCE)
        log = log_of(deck, "it")
        assert log[0] == "you: And again", "what the first run has logged is not logged again"
        activity = deck.store.activity("it")
        assert activity is not None
        assert (activity.requests, activity.session) == (3, session)
        assert sum(record.usage.output for record in of_agent(world_of(deck), "it")) == 3 * 80
        deck.stop("it")


def test_a_no_is_in_the_log_as_a_denial_and_ends_the_turn(
    bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with model(bench, programs, monkeypatch, [say("I make it."), call("Bash", command="touch made-it")]):
        deck = bench.deck()
        deck.start(StartRequest(task="Make it", profile="claude", name="it", mode=Mode.INTERACTIVE))
        press_enter_until(deck, "it", lambda view: view.state is State.WAITING and "Bash" in view.reason, PATIENCE)
        deck.send("it", keys=["Escape"])
        eventually(lambda: "denied by user: Bash touch made-it" in log_of(deck, "it"), 15)
        eventually(lambda: "interrupted by a person" in log_of(deck, "it"), 15)
        activity = deck.store.activity("it")
        assert activity is not None
        assert activity.denied == ["Bash touch made-it"]
        assert activity.now is None
        deck.stop("it")
