"""The Diff tab: all that changed, virtualised, coloured, harmless; and comments that reach the agent."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.merging.patch import FilePatch, PatchLine
from agentdeck.core.text.text import columns
from agentdeck.engine.review.comments import Comments
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.review import Comment, Diff
from agentdeck.tui.look.styled import clean
from agentdeck.tui.panes import diff
from agentdeck.tui.panes.colouring import hunk_colours
from agentdeck.tui.panes.diff import DiffPane
from agentdeck.tui.panes.difflines import DiffView
from agentdeck.tui.panes.diffrows import Layout, cropped, rows_of, tree_of
from tests.support.decks import Bench
from tests.tui.panes.opened import Pilot, begin, on_pane


def _changed(bench: Bench, script: str = "exec sleep 1000") -> AgentView:
    """An agent with committed, uncommitted, untracked, renamed, binary and deleted files."""
    bench.write("old.txt", "".join(f"line {number}\n" for number in range(30)))
    bench.write("gone.txt", "x\n")
    bench.commit("base")
    view = begin(bench, "fix", script)
    tree = _tree(view)
    bench.write("src/app.py", "import os\n\nprint('hello', os.name)\n", cwd=tree)
    bench.git("mv", "old.txt", "new name.txt", cwd=tree)
    bench.git("rm", "-q", "gone.txt", cwd=tree)
    bench.commit("work", cwd=tree)
    bench.write("src/app.py", "import os\n\nprint('hello', os.name)\nprint('more')\n", cwd=tree)
    bench.write("untracked 漢.txt", "one\ntwo\n", cwd=tree)
    (tree / "bin.dat").write_bytes(b"\0\1\2")
    return view


def _tree(view: AgentView) -> Path:
    assert view.worktree is not None
    return view.worktree


def _kept(bench: Bench) -> list[Comment]:
    return Comments(bench.deck().store, "fix").all()


def test_every_kind_of_change_is_listed_and_marked(bench: Bench) -> None:
    view = _changed(bench)

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "Committed since main  3 files", "Not committed  3 files")
        listed = [line.strip().split("  ")[0] for line in on.lines()[1:8]]
        assert listed[:3] == ["gone.txt", "old.txt → new name.txt", "src/app.py"]
        assert listed[4:] == ["bin.dat", "src/app.py", "untracked 漢.txt"]
        assert "new, untracked" in on.text()
        assert "moved" in on.text()
        assert "binary" in on.text()
        await on.press("end")
        await on.sees("1 + one", "4 + print('more')", "3 + print('hello', os.name)")

    on_pane(DiffPane, bench, script, (100, 60))


def test_nothing_yet_and_a_lost_worktree_are_said(bench: Bench) -> None:
    view = begin(bench, "fix")

    async def script(on: Pilot[DiffPane]) -> None:
        on.pane.show(view)
        await on.sees("No changes yet against main.")
        bench.write("new.txt", "hello\n", cwd=_tree(view))
        on.pane._signs = None
        on.pane.look()
        await on.sees("Committed since main  nothing", "Not committed  1 file", "1 + hello")
        _tree(view).rename(_tree(view).with_name("elsewhere"))
        on.pane._signs = None
        on.pane.look()
        await on.sees("The worktree of fix is gone")

    on_pane(DiffPane, bench, script)


def test_what_is_committed_meanwhile_goes_into_the_other_section(bench: Bench) -> None:
    view = _changed(bench)

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "Not committed  3 files")
        await on.press("end")
        assert on.pane.lines.is_loose()
        bench.commit("all", cwd=_tree(view))
        on.pane._signs = None
        on.pane.look()
        await on.sees("Committed since main  5 files", "Not committed  nothing")
        file = on.pane.lines.file(on.pane.lines.cursor)
        assert file is not None
        assert (file.path, on.pane.lines.is_loose()) == ("untracked 漢.txt", False)

    on_pane(DiffPane, bench, script, (100, 60))


def test_keys_go_from_file_to_file_and_from_change_to_change(bench: Bench) -> None:
    view = _changed(bench)

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "Not committed")
        lines = on.pane.lines
        files = []
        for _ in range(9):
            await on.press("right_curly_bracket")
            file = lines.file(lines.cursor)
            assert file is not None
            files.append(file.path)
        assert files[:6] == ["gone.txt", "new name.txt", "src/app.py", "bin.dat", "src/app.py", "untracked 漢.txt"]
        await on.press("left_curly_bracket", "right_square_bracket")
        assert lines.rows[lines.cursor].kind == "line"
        assert lines.line(lines.cursor).kind == "@"
        await on.press("home", "down", "enter")
        file = lines.file(lines.cursor)
        assert file is not None
        assert file.path == "gone.txt"
        assert lines.rows[lines.cursor].kind == "file"

    on_pane(DiffPane, bench, script, (80, 12))


def test_a_comment_begins_wherever_the_cursor_is(bench: Bench) -> None:
    view = _changed(bench)

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "Not committed")
        lines = on.pane.lines
        (gap,) = [at for at, row in enumerate(lines.rows) if row.file < 0 < at][:1]
        for at in (0, gap, len(lines.rows) - 1):
            lines.go_to(at)
            await on.press("c")
            await on.sees("✎")
            await on.press("escape")
            assert lines.file(lines.cursor) is not None

    on_pane(DiffPane, bench, script, (80, 24))


def test_a_comment_is_kept_marked_deleted_and_sent(bench: Bench, tmp_path: Path) -> None:
    got = tmp_path / "got.txt"
    view = _changed(bench, f"cat > '{got}'")

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "Not committed")
        lines = on.pane.lines
        for _ in range(200):
            if lines.rows[lines.cursor].kind == "line" and "'more'" in lines.line(lines.cursor).text:
                break
            await on.press("j")
        await on.press("c")
        await on.sees("✎ src/app.py:4:")
        await on.press(*"less", "enter")
        await on.sees("✎ less", "1 comment not sent")
        assert [(comment.place, comment.quote) for comment in _kept(bench)] == [("src/app.py:4", "print('more')")]
        assert lines.has_focus
        await on.press("delete")
        await on.until(lambda: _kept(bench) == [])
        await on.until(lambda: "✎ less" not in on.text())
        await on.press("c", *"no", "escape")
        await on.press("c", *"fewer", "enter")
        await on.sees("✎ fewer")
        await on.press("C")
        await on.until(lambda: got.exists() and "fewer" in got.read_text())
        await on.until(lambda: _kept(bench) == [])
        assert "1. src/app.py:4\n   > print('more')\n   fewer" in got.read_text()

    on_pane(DiffPane, bench, script, (100, 30))


def test_comments_outlive_the_dashboard_and_their_line(bench: Bench) -> None:
    view = _changed(bench)
    Comments(bench.deck().store, "fix").add(Comment("src/app.py", 99, "about a line that is no more"))

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "1 comment not sent")
        await on.press("end")
        await on.sees("src/app.py:99 (no longer in this diff): about a line")
        await on.press("delete")
        await on.until(lambda: _kept(bench) == [])

    on_pane(DiffPane, bench, script, (100, 60))


def test_the_line_under_the_cursor_stays_when_others_come(bench: Bench) -> None:
    view = _changed(bench)

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "Not committed")
        lines = on.pane.lines
        await on.press("end")
        assert lines.line(lines.cursor).text == "two"
        bench.write("aaa.txt", "1\n2\n3\n4\n", cwd=_tree(view))
        on.pane._signs = None
        on.pane.look()
        await on.until(lambda: len(lines.diff.files) == 7)
        assert lines.line(lines.cursor).text == "two"

    on_pane(DiffPane, bench, script)


def test_huge_files_wait_to_be_asked_for_and_stay_quick(bench: Bench) -> None:
    view = begin(bench, "fix")
    bench.write("big.txt", "".join(f"row {number}\n" for number in range(60_000)), cwd=_tree(view))
    bench.write("wide.txt", "x" * 10_000_000, cwd=_tree(view))

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "60,000 lines; enter shows them")
        lines = on.pane.lines
        await on.press("right_curly_bracket", "enter")
        await on.until(lambda: len(lines.rows) > 60_000, timeout=60)
        took = []
        for key in ("end", "home", "pagedown", "pagedown", "end", "pageup"):
            begun = time.perf_counter()
            await on.press(key)
            took.append(time.perf_counter() - begun)
        assert sorted(took)[3] < 0.5, took
        assert max(strip.cell_length for strip in (lines.render_line(y) for y in range(10))) <= 100

    on_pane(DiffPane, bench, script)


@pytest.mark.parametrize(
    "name", ["esc\x1b]0;x\x07.txt", "bidi\u202egnp.exe", "zero\u200bwidth", "new\nline", "[red]markup", "c1\x9b2J"]
)
def test_hostile_names_and_lines_are_only_text(bench: Bench, name: str) -> None:
    view = begin(bench, "fix")
    (_tree(view) / name).write_bytes(b"\x1b]52;c;QUJD\x07 \xe2\x80\xaeevil\x1b[2J\r\x08 \x9b2J \xff end\n")

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "Not committed  1 file", "end")
        await on.press("end")
        for y in range(on.pane.lines.size.height):
            for segment in on.pane.lines.render_line(y):
                assert segment.control is None
                assert segment.text.isprintable()
        assert "evil" in on.text()

    on_pane(DiffPane, bench, script)


def test_code_is_coloured_and_what_a_hunk_hides_stays_plain() -> None:
    lines = (PatchLine("@", "@@"), PatchLine("+", "def f():  # why", 0, 1), PatchLine("-", "return 'x'", 1))
    colours = hunk_colours(FilePatch("a.py", "a.py", "M", lines=lines), 0)
    assert ("def", "code-keyword") in colours[1]
    assert ("# why", "code-comment") in colours[1]
    assert any(look == "code-string" for _, look in colours[2])
    assert hunk_colours(FilePatch("a.unknown", "a.unknown", "M", lines=lines), 0) == {}


@given(st.lists(st.tuples(st.sampled_from(" +-"), st.text(max_size=40)), max_size=12))
def test_colours_never_change_the_text(lines: list[tuple[str, str]]) -> None:
    patch = tuple(PatchLine(kind, text.replace("\n", ""), 1, 1) for kind, text in lines)
    file = FilePatch("a.py", "a.py", "M", lines=(PatchLine("@", "@@"), *patch))
    for index, pieces in hunk_colours(file, 0).items():
        assert "".join(text for text, _ in pieces) == clean(file.lines[index].text)


def test_rows_show_comments_below_their_lines() -> None:
    lines = (PatchLine("@", "@@", 1, 1), PatchLine("-", "a", 1), PatchLine("+", "b", 0, 1))
    said = [Comment("x", 1, "of b"), Comment("x", 1, "of a", removed=True), Comment("x", 0, "of all")]
    rows = rows_of(Diff((FilePatch("x", "x", "M", 1, 1, lines=lines),)), said)
    told = [row.comment.text if row.comment else row.kind for row in rows]
    assert told == ["title", "entry", "blank", "file", "of all", "line", "line", "of a", "line", "of b"]


def test_the_tree_has_folders_of_several_files_and_goes_on_as_far_as_there_is_no_fork() -> None:
    paths = ["a.txt", "docs/one.md", "src/shop/deep/x.py", "src/shop/deep/y.py", "src/shop/z.py", "w"]
    files = [FilePatch(path, path, "M", added=1) for path in paths]
    rows = [(row.kind, row.depth, row.name, row.file, row.files) for row in tree_of(files)]
    assert rows == [
        ("entry", 0, "a.txt", 0, 1),
        ("entry", 0, "docs/one.md", 1, 1),
        ("folder", 0, "src/shop/", 2, 3),
        ("folder", 1, "deep/", 2, 2),
        ("entry", 2, "x.py", 2, 1),
        ("entry", 2, "y.py", 3, 1),
        ("entry", 1, "z.py", 4, 1),
        ("entry", 0, "w", 5, 1),
    ]


@given(st.lists(st.text("ab/", min_size=1, max_size=8).filter(lambda path: path.strip("/")), unique=True))
def test_every_file_is_once_in_the_tree_and_its_path_can_be_read_off(paths: list[str]) -> None:
    files = [FilePatch(path, path, "M") for path in sorted(paths)]
    above: list[str] = []
    found = []
    for row in tree_of(files):
        del above[row.depth :]
        if row.kind == "folder":
            above.append(row.name)
        else:
            found.append((row.file, "".join(above) + row.name))
    assert found == [(at, file.path) for at, file in enumerate(files)]


_SIGNS = st.lists(st.sampled_from("+- "), max_size=12)


@given(_SIGNS, st.integers(0, 4))
def test_side_by_side_and_wrapped_every_line_is_still_there_once(signs: list[str], room: int) -> None:
    lines = (PatchLine("@", "@@"), *(PatchLine(sign, "x" * at, at, at) for at, sign in enumerate(signs)))
    diff = Diff((FilePatch("f", "f", "M", 1, 1, lines=lines),))
    for sides in (False, True):
        rows = [row for row in rows_of(diff, (), Layout(sides, room, room)) if row.kind == "line"]
        seen = [at for row in rows if not row.part for at in (row.old, row.line) if at >= 0]
        assert sorted(set(seen)) == list(range(len(lines)))
        parts = {row.line: sum(each.line == row.line for each in rows) for row in rows}
        assert all(parts[at] * room >= len(lines[at].text) for at in parts if room)
        assert all(lines[row.old].kind == "-" and lines[row.line].kind in "+-" for row in rows if row.old >= 0)


@given(st.text("ab漢e\u0301🧑", max_size=20), st.integers(0, 20), st.integers(1, 20))
def test_what_is_cropped_never_takes_more_columns(text: str, begin: int, room: int) -> None:
    cut = "".join(piece for piece, _ in cropped([(text[:5], "a"), (text[5:], "b")], begin, room))
    assert columns(cut) <= room
    assert cut in text


def test_side_by_side_above_150_columns_and_by_a_key(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DiffView, "sides", None)
    monkeypatch.setattr(DiffView, "wraps", False)
    bench.write("a.txt", "one\nthe old line\nthree\n")
    bench.commit("base")
    view = begin(bench, "fix")
    bench.write("a.txt", "one\nthe new line\nthree\n" + "w" * 200 + "\n", cwd=_tree(view))

    async def script(on: Pilot[DiffPane]) -> None:
        await on.open(view, "Not committed  1 file")
        (row,) = [line for line in on.lines() if "the old line" in line]
        assert "2 - the old line" in row
        assert row.index("2 + the new line") == 84
        await on.press("end")
        await on.press("c")
        await on.sees("✎ a.txt:4:")
        await on.press("escape", "backslash")
        assert sum("wwww" in line for line in on.lines()) == 3
        assert on.pane.lines.comment() is None
        await on.press("vertical_line")
        assert not any("old line" in line and "new line" in line for line in on.lines())
        assert sum("wwww" in line for line in on.lines()) == 2
        await on.press("backslash")
        assert sum("wwww" in line for line in on.lines()) == 1

    on_pane(DiffPane, bench, script, (160, 40))


def test_the_longer_nothing_has_changed_the_more_seldom_git_is_asked_to_be_sure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, pane = [0.0], DiffPane(bench.deck())
    view: Any = SimpleNamespace(name="fix")
    facts: Any = [Diff(), []]
    monkeypatch.setattr(diff, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(pane, "_signs_of", lambda view: (frozenset(), (1,), 2))
    monkeypatch.setattr(pane, "_read", lambda view, whole: list(facts))

    async def seconds_of_reading(begin: int, end: int) -> list[int]:
        found = []
        for now[0] in range(begin, end):
            if (read := await pane.inquire(view)) is not None:
                pane._facts = read
                found.append(int(now[0]))
        return found

    assert asyncio.run(seconds_of_reading(1000, 1600)) == [1000, 1020, 1040, *range(1080, 1600, 60)]
    facts[1] = ["a comment"]
    assert asyncio.run(seconds_of_reading(1600, 1700)) == [1620, 1640, 1660]
