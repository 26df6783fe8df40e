"""The keys of the landing queue, while a landing runs and after it."""

from __future__ import annotations

from agentdeck.engine.records.landings import LandRequest, Stage
from agentdeck.engine.views import QueuedTask, StartRequest
from agentdeck.tui.dialogs.dialogs import Confirm
from agentdeck.tui.screens.conflict import ConflictScreen
from agentdeck.tui.screens.land import LandDialog
from agentdeck.tui.screens.queue import QueueScreen
from tests.engine.landing.test_queue import landing, stage
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.tui.pilots import Driver, drive


def selects(on: Driver, name: str) -> bool:
    """Move to the agent's line; say whether it is selected."""
    screen = on.app.screen
    if (screen.selected or "").endswith(f" {name}"):  # type: ignore[attr-defined]
        return True
    screen.action_move(1)  # type: ignore[attr-defined]
    return False


def test_one_is_taken_out_another_moved_up_and_the_time_goes_on(bench: Bench) -> None:
    for name in ("one", "two", "three"):
        finished(bench, name, {f"{name}.txt": name})

    async def script(on: Driver) -> None:
        await on.until(lambda: len(on.screen.snapshot.rows) == 3)
        await on.press("L")
        await on.sees("1 landing under way", "◌ queued  two", "● gating")
        await on.until(lambda: selects(on, "three"))
        await on.sees("land earlier", "remove")
        await on.press("K")
        await on.until(lambda: "Next to land: three, two" in on.notices())
        await on.until(lambda: on.text().index("three") < on.text().index("two"))
        await on.until(lambda: selects(on, "two"))
        await on.press("x")
        await on.until(lambda: "two was taken out of the queue" in on.notices())
        await on.sees("taken out")
        before = next(line for line in on.text().splitlines() if "gating" in line)
        await on.until(lambda: before not in on.text())
        end()
        await on.sees("none under way")

    with landing(bench, "one", "two", "three") as end:
        drive(bench.deck(), script)
    assert [stage(bench, name) for name in ("one", "two", "three")] == [Stage.LANDED, Stage.SET_ASIDE, Stage.LANDED]


def test_a_list_of_tasks_is_seen_and_dropped(bench: Bench) -> None:
    deck = bench.deck()
    first = QueuedTask("one", StartRequest(name="one", argv=("sleep", "600")))
    deck.tasks.detach([first, QueuedTask("two", StartRequest(name="two", argv=("true",)), ("one",))], 0)

    async def script(on: Driver) -> None:
        await on.press("L")
        await on.sees("● started  one", "◌ queued   two", "waits for one")
        await on.press("x")
        await on.until(lambda: "tasks-1 starts no more tasks" in on.notices())

    drive(deck, script)
    assert deck.tasks.all()[0].over and deck.agent("one").alive


def test_an_undone_landing_says_so_and_lands_again(bench: Bench) -> None:
    finished(bench, "one", {"one.txt": "1"})
    gate = ("echo all well",)
    bench.deck().land(LandRequest(("one",), gate=gate))

    async def script(on: Driver) -> None:
        await on.until(lambda: on.screen.snapshot.rows)
        await on.press("L")
        await on.sees("⚑ landed", "$ echo all well")
        assert on.text().count("echo all well") == 1, "the command is told once"
        await on.press("enter")
        await on.until(lambda: "STAGE" not in on.text())
        await on.sees("Gate output", "all well")
        await on.press("escape")
        await on.sees("STAGE")
        await on.press("u")
        await on.until(lambda: isinstance(on.app.screen, Confirm))
        await on.press("y")
        await on.sees("↶ undone", "Undone by step 2", "land")
        await on.press("m")
        await on.until(lambda: isinstance(on.app.screen, LandDialog))
        await on.sees("no conflict")
        await on.press("y")
        await on.sees("⚑ landed", "↶ undone")

    drive(bench.deck(), script)


def test_one_set_aside_for_a_conflict_offers_the_ways_out(bench: Bench) -> None:
    finished(bench, "one", {"src/app.py": "one\n"})
    bench.write("src/app.py", "base\n")
    bench.commit("Change it")
    bench.deck().land(LandRequest(("one",)))

    async def script(on: Driver) -> None:
        await on.until(lambda: on.screen.snapshot.rows)
        await on.press("L")
        await on.sees("set aside", "let it resolve", "resolve by hand")
        await on.press("H")
        await on.sees("Let one resolve its conflict?")
        await on.press("escape")
        await on.press("I")
        await on.sees("Resolve the conflict of one by hand?")
        await on.press("escape")
        await on.press("J")
        assert "This landing has ended." in on.notices()
        await on.press("v")
        on.shows(ConflictScreen)
        await on.sees("Test: Change it")

    drive(bench.deck(), script)


def test_a_landing_that_moves_before_the_queue_is_drawn_ends_nothing(bench: Bench) -> None:
    async def script(on: Driver) -> None:
        queue = QueueScreen(on.screen.deck, on.screen.actions)
        on.app.push_screen(queue)
        queue.look_again()
        queue.progress("landing fix …", can_cancel=True)
        await on.sees("Landing queue")

    drive(bench.deck(), script)
