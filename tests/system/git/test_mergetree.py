"""Merges in the object database: how git's answers are read."""

from __future__ import annotations

from agentdeck.system.git.mergetree import changed_paths, merge, merge_many, with_hunks
from tests.support.repos import MakeRepo, Sandbox


def branch(main: Sandbox, name: str, path: str, text: str) -> str:
    main.git("checkout", "-q", "-b", name, "main")
    main.write(path, text)
    return main.commit(name)


def test_a_conflict_of_submodules_does_not_confuse_what_follows(repo: MakeRepo) -> None:
    main = repo()
    tips = []
    main.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    main.git("commit", "-qm", "lib")
    for digit in "23":
        main.git("checkout", "-q", "-b", f"to{digit}", "main")
        main.git("update-index", "--cacheinfo", f"160000,{digit * 40},lib")
        main.git("commit", "-qm", digit)
        tips.append(main.git("rev-parse", "HEAD"))
    (alone,) = merge(main.repo, *tips).conflicts
    assert (alone.path, alone.hunks) == ("lib", ())
    found = merge_many(main.repo, [(tips[0], tips[1]), (tips[0], tips[0]), (tips[1], tips[0])])
    assert [[each.path for each in merged.conflicts] for merged in found if merged] == [["lib"], [], ["lib"]]


def test_of_many_only_those_that_cannot_be_merged_are_none(repo: MakeRepo) -> None:
    main = repo()
    one, two = branch(main, "one", "README.md", "one\n"), branch(main, "two", "README.md", "two\n")
    main.git("checkout", "-q", "--orphan", "own")
    own = main.commit("own")
    found = merge_many(main.repo, [(one, two), (own, one), (two, one), (one, own)])
    assert [None if merged is None else len(merged.conflicts) for merged in found] == [1, None, 1, None]
    pairs = [(merged, *tips) for merged, tips in zip(found, [(one, two), ("", ""), (two, one)], strict=False) if merged]
    assert [str(each.conflicts[0].hunks[0]) for each in with_hunks(main.repo, pairs)] == ["1", "1"]


def test_hunks_of_a_path_that_is_hard_to_quote(repo: MakeRepo) -> None:
    main = repo()
    path = "ünï\ncode :x missing"
    main.write(path, "a\nb\n")
    main.commit()
    one, two = branch(main, "one", path, "a\none\n"), branch(main, "two", path, "a\ntwo\n")
    (conflict,) = merge(main.repo, one, two).conflicts
    assert (conflict.path, [str(hunk) for hunk in conflict.hunks]) == (path, ["2"])


def test_changed_paths(repo: MakeRepo) -> None:
    main = repo()
    start = main.git("rev-parse", "HEAD")
    end = branch(main, "one", "dir/new\nline", "x\n")
    main.git("mv", "README.md", "moved")
    moved = main.commit()
    found = changed_paths(main.repo, [(start, end), (start, start), (end, moved), (start, moved)])
    assert found == [{"dir/new\nline"}, set(), {"README.md", "moved"}, {"dir/new\nline", "README.md", "moved"}]
