"""The key that lets another profile go on with an agent."""

from __future__ import annotations

from agentdeck.core.agents.agent import State
from agentdeck.engine.views import StartRequest
from agentdeck.tui.dialogs.dialogs import Choose
from tests.support.decks import Bench
from tests.tui.pilots import Driver, begin, drive


def test_f_lists_who_could_go_on_and_hands_the_agent_over_and_back(bench: Bench) -> None:
    shell = bench.home / ".config/agentdeck/profiles/other.toml"
    shell.parent.mkdir(parents=True)
    shell.write_text(
        'title = "Another one"\ncommand = "cat"\ninstall = "-"\n'
        '[interactive]\nprompt = ["sh", "-c", "echo other is here; exec cat"]\n'
    )
    bench.deck().start(StartRequest(name="fix", task="wait [ask]", profile="demo"))

    async def script(on: Driver) -> None:
        await on.state("fix", State.WAITING)
        await on.press("f")
        await on.until(lambda: isinstance(on.app.screen, Choose))
        await on.sees("It runs demo now", "the next one in its chain", "Another one")
        await on.press("escape", "f")
        await on.until(lambda: isinstance(on.app.screen, Choose))
        options = on.app.screen.query_one("OptionList")
        await on.press(*["down"] * 20)
        while "Another one" not in str(options.get_option_at_index(options.highlighted).prompt):  # type: ignore[attr-defined]
            await on.press("up")
        await on.press("enter")
        await on.until(lambda: "fix now runs other" in on.notices())
        await on.sees("other is here")
        await on.press("f")
        await on.sees("its own: demo")
        await on.press("enter")
        await on.until(lambda: "fix now runs demo" in on.notices())

    drive(bench.deck(), script)


def test_a_command_of_ones_own_can_not_be_taken_over(bench: Bench) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.state("fix", State.WORKING)
        await on.press("f")
        await on.until(lambda: "running its own command, not a profile" in on.notices())

    drive(bench.deck(), script)
