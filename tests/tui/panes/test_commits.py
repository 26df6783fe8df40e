"""The Commits tab: what the branch has that its base has not."""

from __future__ import annotations

from agentdeck.engine.review.diffs import commits_of
from agentdeck.tui.list.detail import Detail
from agentdeck.tui.panes.commits import CommitsPane
from agentdeck.tui.panes.difflines import DiffView
from tests.support.decks import Bench, world_of
from tests.tui.panes.opened import Pilot, begin, on_pane
from tests.tui.pilots import Driver, drive


def test_commits_are_listed_newest_first_and_open(bench: Bench) -> None:
    view = begin(bench, "fix")
    assert view.worktree is not None
    bench.write("one.txt", "1\n2\n", cwd=view.worktree)
    bench.commit("The first 漢字 subject", cwd=view.worktree)
    bench.write("one.txt", "1\n", cwd=view.worktree)
    bench.commit("The \x1b]0;evil\x07 second", cwd=view.worktree)

    async def script(on: Pilot[CommitsPane]) -> None:
        on.pane.show(view)
        await on.sees("The first 漢字 subject", "2 commits that main lacks", "+2 -0", "+0 -1", "Test")
        assert "The ␛]0;evil␇ second" in on.text()
        assert on.text().index("second") < on.text().index("first")
        on.pane.listed.focus()
        await on.press("down", "enter")
        await on.sees("1 file changed", "2 + 2", "esc returns")
        assert on.pane.query_one(DiffView).has_focus
        await on.press("escape")
        await on.sees("2 commits that main lacks")
        assert on.pane.listed.has_focus
        assert on.pane.listed.cursor == 1
        bench.write("three.txt", "3\n", cwd=view.worktree)
        bench.commit("The third", cwd=view.worktree)
        on.pane.look()
        await on.sees("The third", "3 commits")
        assert on.pane.listed.cursor == 2

    on_pane(CommitsPane, bench, script, (110, 24))


def test_an_agent_without_commits_says_so_and_a_merge_is_marked(bench: Bench) -> None:
    view = begin(bench, "fix")
    assert view.worktree is not None

    async def script(on: Pilot[CommitsPane]) -> None:
        on.pane.show(view)
        await on.sees("No commits yet that main lacks.")
        bench.git("checkout", "-qb", "side", cwd=view.worktree)
        bench.write("side.txt", "x\n", cwd=view.worktree)
        bench.commit("on the side", cwd=view.worktree)
        bench.git("checkout", "-q", "agentdeck/fix", cwd=view.worktree)
        bench.git("merge", "-q", "--no-ff", "-m", "A merge", "side", cwd=view.worktree)
        on.pane.look()
        await on.sees("A merge", "merge", "on the side")
        on.pane.listed.focus()
        await on.press("home", "enter")
        await on.sees("side.txt", "1 + x")

    on_pane(CommitsPane, bench, script)


def test_commits_are_found_when_the_worktree_is_gone(bench: Bench) -> None:
    view = begin(bench, "fix")
    assert view.worktree is not None
    bench.write("one.txt", "1\n", cwd=view.worktree)
    bench.commit("kept", cwd=view.worktree)
    view.worktree.rename(view.worktree.with_name("elsewhere"))
    found = commits_of(world_of(bench.deck()), view.agent)
    assert [(commit.subject, commit.added, commit.author) for commit in found] == [("kept", 1, "Test")]


def test_the_keys_go_to_what_is_seen_of_a_tab(bench: Bench) -> None:
    view = begin(bench, "fix")
    assert view.worktree is not None
    bench.write("one.txt", "1\n", cwd=view.worktree)
    bench.commit("work", cwd=view.worktree)

    async def script(on: Driver) -> None:
        await on.sees("fix")
        for tab in ("t", "l", "d", "h", "V", "dollar_sign", "e"):
            await on.press(tab, "right")
            focused = on.app.focused
            assert focused is not None
            assert focused.display
            assert on.screen.query_one(Detail).has_keys()
        await on.press("h")
        await on.sees("1 commit that main lacks")
        await on.press("enter")
        await on.sees("one.txt")
        await on.press("d", "h")
        assert isinstance(on.app.focused, DiffView)
        await on.press("escape")
        await on.sees("1 commit that main lacks")
        await on.press("escape")
        assert not on.screen.query_one(Detail).has_keys()

    drive(bench.deck(), script)


def test_an_opened_commit_says_who_wrote_it_and_all_of_its_message(bench: Bench) -> None:
    view = begin(bench, "fix")
    assert view.worktree is not None
    bench.write("one.txt", "1\n", cwd=view.worktree)
    text = "The subject\n\nA body \x1b]0;evil\x07 of two\nlines.\n\nAgentdeck-Agent: fix\nRefs: #12"
    bench.git("add", "-A", cwd=view.worktree)
    bench.git("commit", "-qm", text, "--author", "Ada <ada@example.org>", cwd=view.worktree)
    commit, parent = bench.git("rev-parse", "HEAD", "HEAD^", cwd=view.worktree).split()

    async def script(on: Pilot[CommitsPane]) -> None:
        on.pane.show(view)
        await on.sees("The subject")
        on.pane.listed.focus()
        await on.press("enter")
        await on.sees(f"commit {commit}", "author    Ada <ada@example.org>", "committer Test", parent[:12])
        await on.sees("    A body ␛]0;evil␇ of two", "    lines.", "    Refs: #12", "1 + 1")

    on_pane(CommitsPane, bench, script, (110, 30))
