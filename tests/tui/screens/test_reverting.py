"""From the Diff tab: one change is taken out, then a file, and u makes each again."""

from __future__ import annotations

from agentdeck.tui.dialogs.dialogs import Confirm
from tests.support.decks import Bench
from tests.tui.pilots import Driver, drive
from tests.tui.test_screens import done

_LINES = [f"line {number}\n" for number in range(40)]


def test_a_change_and_a_file_are_reverted_after_a_question_and_made_again(bench: Bench) -> None:
    bench.write("long.txt", "".join(_LINES))
    bench.commit("Long")
    lines = [*_LINES]
    lines[3], lines[30] = "three\n", "thirty\n"
    worktree = done(bench, "fix", "long.txt", "".join(lines), commit=False)
    bench.write("new.txt", "new\n", cwd=worktree)

    async def script(on: Driver) -> None:
        await on.until(lambda: on.screen.snapshot.rows)
        await on.press("d")
        await on.sees("thirty", "new, untracked")
        await on.press("right")
        await on.press("right_square_bracket")
        await on.press("Z")
        await on.sees("Revert this change to long.txt?", "+1 -1 lines")
        await on.press("enter")
        assert (worktree / "long.txt").read_text() == "".join(lines), "the safe answer is the first"
        await on.press("Z")
        await on.until(lambda: isinstance(on.app.screen, Confirm))
        await on.press("y")
        await on.until(lambda: "three" not in (worktree / "long.txt").read_text())
        assert "thirty" in (worktree / "long.txt").read_text()
        await on.until(lambda: "three" not in on.text())
        await on.press("right_curly_bracket")
        await on.press("right_curly_bracket")
        await on.press("Q")
        await on.sees("Discard all changes to new.txt?")
        await on.press("y")
        await on.until(lambda: not (worktree / "new.txt").exists())
        await on.until(lambda: "new.txt of fix" in on.notices())

    drive(bench.deck(), script)
    deck = bench.deck()
    assert [step.text for step in deck.history.steps()] == [
        "reverted a change to long.txt of fix",
        "reverted all changes to new.txt of fix",
    ]
    deck.undo()
    deck.undo()
    assert (worktree / "long.txt").read_text() == "".join(lines)
    assert (worktree / "new.txt").read_text() == "new\n"
