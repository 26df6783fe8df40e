"""What the configuration says of the dashboard, what calls a person, and what a full disk and the gateway show."""

from __future__ import annotations

import time

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.providers.token_usage import Usage
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import StartRequest
from agentdeck.system.gateway.ledger import Ledger, LedgerRecord
from agentdeck.tui.feed.alerts import alerts, title
from agentdeck.tui.feed.snapshot import FeedSnapshot
from tests.support.cli import agentdeck
from tests.support.decks import CONFIG, Bench
from tests.support.mounts import full
from tests.support.retry import eventually
from tests.support.terminal import dashboard
from tests.tui.pilots import Driver, begin, drive, stands


def test_the_theme_is_that_of_the_configuration(bench: Bench) -> None:
    bench.write("agentdeck.toml", '[dashboard]\ntheme = "light"\n')

    async def script(on: Driver) -> None:
        assert on.app.theme == "textual-light"

    drive(bench.deck(), script)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[dashboard]\ntheme = "pink"\n', "There is no theme “pink”"),
        ("[dashboard]\nbel = true\n", "agentdeck.toml:2"),
        ("[keys\n", "agentdeck.toml"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_and_the_dashboard_opens(bench: Bench, text: str, said: str) -> None:
    begin(bench, "fix")
    bench.write("agentdeck.toml", text)

    async def script(on: Driver) -> None:
        await on.until(lambda: said in on.notices())
        await on.sees("fix")

    drive(bench.deck(), script)


def test_only_the_states_that_were_asked_for_call(bench: Bench) -> None:
    begin(bench, "fix", "read line; exit 3")
    before: list[FeedSnapshot] = []

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        before.append(on.screen.snapshot)
        bench.deck().send("fix", "go")
        await on.state("fix", State.FAILED)
        assert alerts(before[0], on.screen.snapshot) == ["fix failed: exited with 3"]
        assert alerts(before[0], on.screen.snapshot, {"waiting"}) == []
        assert alerts(on.screen.snapshot, on.screen.snapshot) == []

    drive(bench.deck(), script)


def test_one_at_its_prompt_is_idle_and_asks_nothing(bench: Bench) -> None:
    bench.deck().start(StartRequest(name="sh", argv=("bash", "--norc")))
    before: list[FeedSnapshot] = []

    async def script(on: Driver) -> None:
        before.append(on.screen.snapshot)
        await on.state("sh", State.WAITING)
        await on.sees("is at its prompt", "1 idle")
        assert alerts(before[0], on.screen.snapshot) == []
        assert title("shop", on.screen.snapshot) == "shop – agentdeck"
        await on.press("exclamation_mark")
        await on.sees("No agent asks anything.")

    drive(bench.deck(), script)
    assert agentdeck("asks", cwd=bench.root).stderr == "No agent asks anything.\n"


def test_a_terminal_hears_the_bell_and_reads_the_title(bench: Bench) -> None:
    begin(bench, "fix", "read line; exit 3")
    with dashboard(bench.root, (100, 24)) as on:
        on.sees("● working")
        on.tmux("set-option", "-g", "monitor-bell", "on")
        on.tmux("new-window", "-d", "-n", "other", "sleep 1000")
        on.tmux("select-window", "-t", "it:other")
        bench.deck().send("fix", "go")

        def flag() -> str:
            return on.tmux("list-windows", "-t", "it", "-F", "#{window_bell_flag}").split()[0]

        eventually(lambda: flag() == "1", 20)
        eventually(lambda: on.tmux("display-message", "-p", "-t", "it:0", "#{pane_title}").startswith("1 failed"), 20)


def test_a_full_disk_is_a_sentence_and_the_dashboard_lives_on(bench: Bench) -> None:
    begin(bench, "fix")
    stands(bench, "fix", State.WORKING)
    events = bench.deck().store.agent_folder("fix") / "events.jsonl"

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        await on.press("i", *"hello", "enter")
        await on.until(lambda: "No space left on device" in on.notices())
        await on.press("question_mark", "escape")
        await on.sees("● working")

    with full(events):
        drive(bench.deck(), script)


def test_what_the_gateway_wrote_down_is_in_the_list_and_the_header(bench: Bench) -> None:
    bench.write("agentdeck.toml", CONFIG + "[budgets.day]\nmoney = 4.0\n")
    begin(bench, "fix")
    deck = bench.deck()
    with Ledger(gateways.files().state) as ledger:
        for name, cost in (("fix", 1.25), ("other", 2.5)):
            ledger.add(_request(deck.name, name, cost))
        ledger.add(_request("another-deck", "fix", 100.0))

    async def script(on: Driver) -> None:
        await on.sees("$3.75 of $4.00 today · 40 tok", "$1.25")

    drive(deck, script, (180, 40))


def _request(deck: str, agent: str, cost: float) -> LedgerRecord:
    fields = {"provider": "anthropic", "model": "m", "outcome": "ok", "usage": Usage(10, 10), "cost": cost}
    return LedgerRecord(time.time(), deck, agent, "", "messages", "m", **fields)  # type: ignore[arg-type]
