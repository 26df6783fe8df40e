"""Landing, taking back, clearing away and looking ahead, each from its key to what it does to the repository."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Checkbox, OptionList, Select

from agentdeck.core.agents.agent import State
from agentdeck.engine.records.landings import LandRequest
from agentdeck.tui.dialogs.dialogs import Confirm
from agentdeck.tui.list.table import AgentTable
from agentdeck.tui.screens.deck import DeckScreen
from agentdeck.tui.screens.help import HelpScreen
from agentdeck.tui.screens.land import LandDialog
from agentdeck.tui.screens.prune import PruneScreen
from agentdeck.tui.screens.queue import QueueScreen
from agentdeck.tui.screens.radar import RadarScreen
from agentdeck.tui.screens.trash import TrashScreen
from tests.support.decks import CONFIG, Bench
from tests.tui.pilots import Driver, begin, drive, stands

_GATED = CONFIG + '[landing]\ngate = ["test -e go || { echo no go; exit 7; }"]\n'


def done(bench: Bench, name: str, path: str, text: str = "1\n", *, commit: bool = True) -> Path:
    """An agent that is done, with a file of its own."""
    view = begin(bench, name, "true", task=f"Do {name}")
    assert view.worktree is not None
    stands(bench, name, State.DONE)
    bench.write(path, text, cwd=view.worktree)
    if commit:
        bench.commit(f"{name} did it", cwd=view.worktree)
    return view.worktree


def select(on: Driver, name: str) -> None:
    on.screen.query_one(AgentTable).select(name)


def test_m_says_what_will_happen_lands_through_the_gate_and_u_takes_it_back(bench: Bench) -> None:
    done(bench, "fix", "go")
    before = bench.git("rev-parse", "main")
    bench.write("agentdeck.toml", _GATED)

    async def script(on: Driver) -> None:
        await on.until(lambda: on.screen.snapshot.rows)
        await on.press("m")
        on.shows(LandDialog)
        await on.sees("✓ fix → main: 1 commit, 1 file, no conflict", "[x] Run the gate first: test -e go", "[ ] Remove")
        assert on.app.focused is not None
        assert on.app.focused.id == "no", "the safe answer is the first"
        await on.press("escape")
        assert bench.git("rev-parse", "main") == before
        await on.press("m")
        await on.sees("no conflict")
        await on.press("y")
        on.shows(QueueScreen)
        await on.sees("⚑ landed", "1 commit, 1 file", "Gate output", "$ test -e go")
        await on.until(lambda: "fix landed on main" in on.notices())
        assert bench.git("rev-parse", "main") != before
        await on.press("escape")
        await on.state("fix", State.LANDED)
        await on.press("u")
        await on.until(lambda: isinstance(on.app.screen, Confirm))
        await on.sees("Undo step 1: landed fix on main?", f"to {before[:10]}")
        await on.press("enter")
        assert bench.git("rev-parse", "main") != before, "the safe answer is the first"
        await on.press("u")
        await on.until(lambda: isinstance(on.app.screen, Confirm))
        await on.press("y")
        await on.until(lambda: bench.git("rev-parse", "main") == before)
        await on.state("fix", State.DONE)

    drive(bench.deck(), script)


def test_a_gate_that_was_written_while_the_dialog_was_open_is_not_skipped(bench: Bench) -> None:
    done(bench, "fix", "fix.txt")

    async def script(on: Driver) -> None:
        await on.until(lambda: on.screen.snapshot.rows)
        await on.press("m")
        await on.sees("no conflict")
        bench.write("agentdeck.toml", _GATED)
        await on.press("y")
        await on.sees("✗ set aside", "its gate failed")

    drive(bench.deck(), script)


def test_a_gate_that_fails_and_a_conflict_are_told_with_their_reason(bench: Bench) -> None:
    done(bench, "nogo", "other.txt")
    done(bench, "clash", "README.md", "mine\n")
    bench.write("README.md", "theirs\n")
    bench.write("agentdeck.toml", _GATED)
    bench.commit("base goes on")
    before = bench.git("rev-parse", "main")

    async def script(on: Driver) -> None:
        await on.until(lambda: len(on.screen.snapshot.rows) == 2)
        await on.press("A", "m")
        await on.sees("✓ nogo → main", "✗ clash: it conflicts with main in README.md:1")
        await on.press("y")
        await on.sees("✗ set aside", "its gate failed", "it conflicts with main")
        await on.until(lambda: "clash was not landed" in on.notices())
        options = on.app.screen.query_one(OptionList)
        options.highlighted = [options.get_option_at_index(at).id.endswith("nogo") for at in (0, 1)].index(True)  # type: ignore[union-attr]
        await on.sees("no go", "gate failed: test -e go")

    drive(bench.deck(), script)
    assert bench.git("rev-parse", "main") == before


def test_uncommitted_work_is_named_and_landed_only_when_asked_for(bench: Bench) -> None:
    done(bench, "fix", "new file.txt", commit=False)

    async def script(on: Driver) -> None:
        await on.until(lambda: on.screen.snapshot.rows)
        await on.press("m")
        await on.sees(
            "✓ fix → main: 1 commit, 1 file",
            "lands only if committed: new file.txt",
            "[ ] Commit uncommitted changes",
        )
        on.app.screen.query_one("#commit", Checkbox).value = True
        on.app.screen.query_one("#method", Select).value = "squash"
        await on.press("y")
        await on.sees("⚑ landed")

    drive(bench.deck(), script)
    assert "new file.txt" in bench.git("ls-tree", "-r", "--name-only", "-z", "main")
    assert len(bench.git("log", "-1", "--format=%P", "main").split()) == 1


def test_a_landing_whose_gate_runs_is_shown_live_and_can_be_cancelled(bench: Bench) -> None:
    done(bench, "fix", "go")
    before = bench.git("rev-parse", "main")
    bench.write("agentdeck.toml", CONFIG + '[landing]\ngate = ["echo has begun; exec sleep 1000"]\n')

    async def script(on: Driver) -> None:
        await on.until(lambda: on.screen.snapshot.rows)
        await on.press("m")
        await on.sees("no conflict")
        await on.press("y")
        await on.sees("● gating", "has begun", "X cancel", "1 landing under way")
        await on.press("X")
        await on.sees("✗ set aside")
        await on.until(lambda: "cancelled" in on.notices())
        await on.press("X")
        await on.until(lambda: "There is nothing to cancel" in on.notices())

    drive(bench.deck(), script)
    assert bench.git("rev-parse", "main") == before
    assert bench.windows() == ["fix"]


def test_the_trash_lists_every_step_and_takes_one_back(bench: Bench) -> None:
    done(bench, "one", "one.txt")
    done(bench, "two", "two.txt", commit=False)
    deck = bench.deck()
    deck.remove("two")
    deck.land(LandRequest(("one",)))

    async def script(on: Driver) -> None:
        await on.press("U")
        on.shows(TrashScreen)
        await on.sees("removed two", "landed one on main", "2 steps can be undone")
        await on.press("down")
        await on.sees("The agent two is restored")
        await on.press("u")
        await on.sees("Undo step 1")
        await on.press("y")
        await on.sees("undone by 3")
        assert (bench.root / ".worktrees/two/two.txt").exists()
        await on.press("question_mark")
        on.shows(HelpScreen)
        await on.press("escape", "escape")
        on.shows(DeckScreen)
        await on.sees("two")

    drive(deck, script)


def test_nothing_to_undo_and_nothing_stale_say_so(bench: Bench) -> None:
    begin(bench, "fix")

    async def script(on: Driver) -> None:
        await on.press("u")
        await on.until(lambda: "nothing to undo" in on.notices())
        await on.press("P")
        on.shows(PruneScreen)
        await on.sees("Nothing is stale")
        await on.press("escape", "X")
        await on.until(lambda: "There is nothing to cancel" in on.notices())
        await on.press("L")
        await on.sees("Nothing has landed yet")
        await on.press("q", "U")
        await on.sees("No steps yet")
        await on.press("q")
        on.shows(DeckScreen)

    drive(bench.deck(), script)


def test_p_lists_what_is_stale_and_why_and_clears_all_but_what_is_spared(bench: Bench) -> None:
    for name in ("one", "two"):
        done(bench, name, f"{name}.txt")
    bench.deck().land(LandRequest(("one", "two")))

    async def script(on: Driver) -> None:
        await on.press("P")
        await on.sees("✗  agent", "it landed", "2 of 2 to delete")
        await on.press("space")
        await on.sees("1 of 2 to delete", "–  agent")
        await on.press("x")
        await on.sees("Delete 1 item?", "Undo restores all of it.")
        await on.press("enter", "x", "y")
        await on.until(lambda: "Pruned 1 item" in on.notices())
        await on.sees("0 of 1 to delete")
        await on.press("escape")
        await on.until(lambda: len(on.screen.snapshot.rows) == 1)

    drive(bench.deck(), script)
    assert [view.name for view in bench.deck().agents()] == ["one"]


def test_the_radar_shows_who_collides_with_whom_and_where(bench: Bench) -> None:
    done(bench, "left", "src/app.py", "print('left')\n")
    done(bench, "right", "src/app.py", "print('right')\n", commit=False)
    done(bench, "apart", "apart.txt")

    async def script(on: Driver) -> None:
        await on.sees("✗ right", "✗ left")
        await on.press("R")
        on.shows(RadarScreen)
        await on.sees("✗ 1 conflict", "WITH BASE", "· main", "LANDING ORDER")
        lines = on.text().splitlines()
        assert next(line for line in lines if "left" in line).count("✗") == 1
        assert "✗" not in next(line for line in lines if "apart" in line)
        await on.press(*["down"] * 3, "up")
        await on.sees("✗ conflicts with", "src/app.py:1", "merges cleanly with")

    drive(bench.deck(), script)


def test_a_mouse_is_enough_to_land(bench: Bench) -> None:
    done(bench, "fix", "go")

    async def script(on: Driver) -> None:
        await on.until(lambda: on.screen.snapshot.rows)
        await on.pilot.click("#keys", offset=(on.text().splitlines()[-1].index("m land") + 1, 0))
        await on.sees("no conflict")
        await on.pilot.click("#remove")
        await on.pilot.click("#yes")
        await on.sees("⚑ landed")
        await on.until(lambda: "fix landed on main" in on.notices() and "X cancel" not in on.text())
        await on.pilot.click("#keys", offset=(on.text().splitlines()[-1].index("esc back") + 1, 0))
        await on.until(lambda: isinstance(on.app.screen, DeckScreen))
        await on.sees("No agents work on")

    drive(bench.deck(), script)


def test_a_step_that_cannot_be_read_is_a_sentence_and_the_dashboard_lives_on(bench: Bench) -> None:
    done(bench, "one", "one.txt")
    bench.deck().remove("one")
    begin(bench, "two")
    (bench.deck().store.folder / "steps" / "00001.json").write_text("{nonsense")

    async def script(on: Driver) -> None:
        await on.press("U")
        await on.sees("can't be read", "Move it away")
        await on.press("escape", "u")
        await on.until(lambda: "can't be read" in on.notices())
        await on.sees("two")

    drive(bench.deck(), script)
