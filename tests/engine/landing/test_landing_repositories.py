"""Landings in repositories as they are in life: names, filters, histories, submodules, clones of all kinds."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import Entry, LandRequest, Stage
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from agentdeck.system.git.merges import Method
from tests.support.decks import Bench, bench_in
from tests.support.finished import finished
from tests.support.pictures import picture
from tests.support.worlds import leftovers, world_of

METHODS = [Method.MERGE, Method.SQUASH, Method.REBASE]


def land(bench: Bench, name: str = "fix", **options: Any) -> Entry:
    return bench.deck().land(LandRequest((name,), **options)).entry(name)


def worktree(bench: Bench, name: str = "fix") -> Path:
    return bench.root / ".worktrees" / name


def lands_and_comes_back(bench: Bench, **options: Any) -> None:
    """The landing leaves a clean checkout, and its undo the world as it was."""
    before = world_of(bench)
    entry = land(bench, **options)
    assert entry.stage is Stage.LANDED, entry
    status = [line for line in world_of(bench).main.status.splitlines() if not line.startswith("#")]
    assert status == [line for line in before.main.status.splitlines() if not line.startswith("#")]
    bench.deck().undo()
    assert world_of(bench) == before
    assert leftovers(bench) == []
    assert land(bench, **options).stage is Stage.LANDED


@pytest.mark.parametrize("name", ["feature/ünï", "release/1.x", "v1", "x" * 200, "HEAD-like", "a.locked"])
def test_unusual_names_of_bases(bench: Bench, name: str) -> None:
    bench.git("switch", "-q", "-c", name)
    bench.write("base.txt", "base\n")
    bench.commit("On the branch")
    finished(bench, "fix", {"fix.txt": "x\n"})
    lands_and_comes_back(bench)
    assert bench.git("show", f"refs/heads/{name}:fix.txt") == "x"


def test_a_branch_named_like_a_tag(bench: Bench) -> None:
    bench.git("tag", "main")
    bench.git("tag", "agentdeck/fix")
    bench.write("base.txt", "base\n")
    tip = bench.commit("After the tag")
    view = finished(bench, "fix", {"fix.txt": "x\n"}, base="main")
    lease = view.agent.lease("worktree")
    assert lease is not None
    assert lease.data["base_commit"] == tip
    lands_and_comes_back(bench)
    bench.deck().remove("fix")
    assert bench.git("rev-parse", "refs/tags/agentdeck/fix")


def test_a_name_that_git_takes_for_an_option_is_refused(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    entry = land(bench, into="-x")
    assert entry.exit_code is ExitCode.NOT_FOUND
    assert "no branch “-x”" in entry.reason


def test_packed_refs(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    bench.git("pack-refs", "--all", "--prune")
    lands_and_comes_back(bench)
    bench.git("pack-refs", "--all", "--prune")
    bench.deck().remove("fix")
    bench.git("pack-refs", "--all", "--prune")
    bench.deck().undo()
    assert (worktree(bench) / "fix.txt").exists()


def test_a_hook_that_refuses_the_move_of_the_base(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n", "src/app.py": "fixed\n"})
    text = "#!/bin/sh\n[ $1 = prepared ] && grep -q refs/heads/main && { echo 'main is frozen' >&2; exit 1; }\nexit 0\n"
    bench.write(".git/hooks/reference-transaction", text).chmod(0o755)
    before = world_of(bench)
    entry = land(bench)
    assert (entry.reason, entry.exit_code) == ("The branch main can't be moved.", ExitCode.REFUSED)
    assert "main is frozen" in entry.detail
    assert world_of(bench) == before
    assert leftovers(bench) == []


def test_a_signer_that_fails_changes_nothing(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "x\n"}, commit=False)
    assert view.worktree is not None
    bench.git("add", "fix.txt", cwd=view.worktree)
    bench.write("fix.txt", "more\n", cwd=view.worktree)
    for name, value in {"gpg.format": "ssh", "user.signingkey": "/nowhere.pub", "commit.gpgsign": "true"}.items():
        bench.git("config", name, value)
    before = world_of(bench)
    entry = land(bench, commit="")
    assert entry.reason == "The commit can't be signed."
    assert "Unlock the key" in entry.hint
    assert world_of(bench) == before


def test_filters_and_line_ends_are_those_of_the_checkout(bench: Bench) -> None:
    bench.git("config", "filter.caps.clean", "tr a-z A-Z")
    bench.git("config", "filter.caps.smudge", "tr A-Z a-z")
    bench.git("config", "filter.caps.required", "true")
    bench.git("config", "core.autocrlf", "true")
    bench.write(".gitattributes", "*.caps filter=caps\n")
    bench.commit("Attributes")
    finished(bench, "fix", {"x.caps": "stored in capitals\n", "dos.txt": "a\r\nb\r\n"})
    assert bench.git("show", "agentdeck/fix:x.caps") == "STORED IN CAPITALS"
    lands_and_comes_back(bench, remove=True)
    assert (bench.root / "x.caps").read_text() == "stored in capitals\n"
    assert (bench.root / "dos.txt").read_bytes() == b"a\r\nb\r\n"


def test_modes_links_and_a_huge_binary(bench: Bench) -> None:
    bench.write("tool.sh", "#!/bin/sh\n")
    bench.commit("Tool")
    view = finished(bench, "fix", {})
    assert view.worktree is not None
    (view.worktree / "tool.sh").chmod(0o755)
    (view.worktree / "link").symlink_to("tool.sh")
    (view.worktree / "README.md").unlink()
    (view.worktree / "README.md").symlink_to("nowhere")
    (view.worktree / "huge.bin").write_bytes(os.urandom(1024 * 1024) * 50)
    bench.commit("All kinds", cwd=view.worktree)
    lands_and_comes_back(bench)
    assert os.access(bench.root / "tool.sh", os.X_OK)
    assert (bench.root / "README.md").is_symlink()
    assert (bench.root / "huge.bin").stat().st_size == 50 * 1024 * 1024


@pytest.mark.parametrize("method", METHODS)
def test_a_rename_on_one_side_and_an_edit_on_the_other(bench: Bench, method: Method) -> None:
    text = "".join(f"line {number}\n" for number in range(40))
    bench.write("old.txt", text)
    bench.commit("Old name")
    view = finished(bench, "fix", {})
    assert view.worktree is not None
    bench.git("mv", "old.txt", "new.txt", cwd=view.worktree)
    bench.commit("Rename", cwd=view.worktree)
    bench.write("old.txt", text.replace("line 20\n", "edited\n"))
    bench.commit("Edit")
    lands_and_comes_back(bench, method=method)
    assert "edited\n" in (bench.root / "new.txt").read_text()
    assert not (bench.root / "old.txt").exists()


@pytest.mark.parametrize("method", METHODS)
def test_an_agent_that_merged_its_base_and_solved_a_conflict_in_it(bench: Bench, method: Method) -> None:
    view = finished(bench, "fix", {"src/app.py": "mine\n"})
    assert view.worktree is not None
    bench.write("src/app.py", "theirs\n")
    bench.commit("Theirs")
    subprocess.run(["git", "merge", "-q", "main"], cwd=view.worktree, capture_output=True, check=False)
    bench.write("src/app.py", "both\n", cwd=view.worktree)
    bench.commit("Merge main", cwd=view.worktree)
    if method is Method.REBASE:
        entry = land(bench, method=method)
        assert entry.stage is Stage.SET_ASIDE
        assert "--merge" in entry.hint
        assert (bench.root / "src/app.py").read_text() == "theirs\n"
        return
    lands_and_comes_back(bench, method=method)
    assert (bench.root / "src/app.py").read_text() == "both\n"


def test_a_rebase_never_drops_what_only_a_merge_commit_did(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "x\n"})
    assert view.worktree is not None
    bench.write("base.txt", "base\n")
    bench.commit("Base goes on")
    bench.git("merge", "-q", "--no-commit", "--no-ff", "main", cwd=view.worktree)
    bench.write("only in the merge.txt", "precious\n", cwd=view.worktree)
    bench.commit("Merge, and more", cwd=view.worktree)
    entry = land(bench, method=Method.REBASE)
    assert "a rebase would lose the changes made in them" in entry.reason
    lands_and_comes_back(bench, method=Method.SQUASH)
    assert (bench.root / "only in the merge.txt").exists()


@pytest.mark.parametrize("method", METHODS)
def test_criss_cross_and_octopus_histories(bench: Bench, method: Method) -> None:
    view = finished(bench, "fix", {"fix.txt": "1\n"})
    assert view.worktree is not None
    first = bench.git("rev-parse", "HEAD", cwd=view.worktree)
    bench.write("base.txt", "1\n")
    base = bench.commit("Base")
    bench.git("merge", "-q", "--no-edit", base, cwd=view.worktree)
    bench.git("merge", "-q", "--no-edit", first)
    for name in ("a", "b"):
        bench.git("switch", "-q", "-c", f"topic-{name}", base)
        bench.write(f"{name}.txt", "x\n")
        bench.commit(name)
    bench.git("switch", "-q", "main")
    bench.git("merge", "-q", "--no-edit", "topic-a", "topic-b", cwd=view.worktree)
    bench.write("fix.txt", "1\n2\n", cwd=view.worktree)
    bench.commit("More", cwd=view.worktree)
    lands_and_comes_back(bench, method=method)
    assert (bench.root / "fix.txt").read_text() == "1\n2\n"
    assert (bench.root / "a.txt").exists()


def test_a_folder_whose_name_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bench_in(tmp_path, monkeypatch, name="caf\udce9 one") as bench:
        finished(bench, "fix", {"fix.txt": "fixed\n"})
        deck = bench.deck()
        assert deck.radar.look().agents == ("fix",)
        landing = deck.land(LandRequest(("fix",), gate=("test -e fix.txt",), remove=True))
        assert landing.entry("fix").stage is Stage.LANDED
        assert (bench.root / "fix.txt").exists()
        deck.undo()
        assert deck.agent("fix").state is State.DONE
        assert (bench.root / ".worktrees/fix/fix.txt").exists()
        assert not (bench.root / "fix.txt").exists()


def test_what_unicode_takes_for_the_end_of_a_line_ends_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "A\u2028Name")
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    view = finished(bench, "other", {"other.txt": "x\n"}, base="main")
    assert view.worktree is not None
    bench.git("commit", "-q", "--amend", "-m", "One\u2028subject\x85of\u2029a commit", cwd=view.worktree)
    bench.git("branch", "two\u2028lines", "main")
    landing = bench.deck().land(LandRequest(("fix", "other"), method=Method.SQUASH, into="two\u2028lines"))
    assert [(entry.stage, entry.commits, entry.reason) for entry in landing.entries] == [(Stage.LANDED, 1, "")] * 2
    assert (
        bench.git("log", "-1", "--format=%an|%s", "two\u2028lines")
        == "A\u2028Name|One\u2028subject\x85of\u2029a commit"
    )


def test_nothing_but_empty_commits_and_no_commits_at_all(bench: Bench) -> None:
    view = finished(bench, "fix", {})
    assert "committed nothing" in land(bench).reason
    assert view.worktree is not None
    bench.git("commit", "-q", "--allow-empty", "-m", "Empty", cwd=view.worktree)
    before = bench.git("rev-parse", "main")
    assert land(bench).reason == "main already has all of it"
    assert bench.git("rev-parse", "main") == before


@pytest.mark.parametrize("method", METHODS)
def test_a_branch_that_was_squashed_into_its_base_by_hand(bench: Bench, method: Method) -> None:
    view = finished(bench, "fix", {"a.txt": "1\n"})
    assert view.worktree is not None
    bench.write("b.txt", "2\n", cwd=view.worktree)
    bench.commit("Second", cwd=view.worktree)
    bench.git("merge", "-q", "--squash", "agentdeck/fix")
    tip = bench.commit("By hand")
    entry = land(bench, method=method)
    assert (entry.stage, entry.reason) == (Stage.LANDED, "main already has all of it")
    assert bench.git("rev-parse", "main") == tip


def test_a_shallow_clone(bench: Bench, tmp_path: Path) -> None:
    for number in range(3):
        bench.write("n.txt", f"{number}\n")
        bench.commit(f"Number {number}")
    clone = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{bench.root}", str(clone)], check=True)
    shutil.copy(bench.root / "dev.sqlite3", clone)
    shallow = Bench(clone, bench.home, bench.socket)
    finished(shallow, "fix", {"fix.txt": "x\n"})
    shallow.write("base.txt", "x\n")
    shallow.commit("Base goes on")
    assert land(shallow).stage is Stage.LANDED
    shallow.deck().undo()
    assert not (clone / "fix.txt").exists()


def test_a_sparse_checkout_stays_sparse(bench: Bench) -> None:
    for folder in ("kept", "left out"):
        bench.write(f"{folder}/file.txt", "1\n")
    bench.commit("Folders")
    view = finished(bench, "fix", {"kept/file.txt": "2\n", "left out/file.txt": "2\n", "left out/new.txt": "2\n"})
    assert view.worktree is not None
    bench.git("sparse-checkout", "set", "--cone", "kept")
    assert not (bench.root / "left out").exists()
    lands_and_comes_back(bench)
    assert (bench.root / "kept/file.txt").read_text() == "2\n"
    assert not (bench.root / "left out").exists()
    assert bench.git("show", "main:left out/new.txt") == "2"


def test_a_refused_move_leaves_a_sparse_checkout_sparse(bench: Bench) -> None:
    for folder in ("kept", "left out"):
        bench.write(f"{folder}/file.txt", "1\n")
    bench.commit("Folders")
    finished(bench, "fix", {"kept/file.txt": "2\n", "left out/file.txt": "2\n", "left out/new.txt": "2\n"})
    bench.git("sparse-checkout", "set", "--cone", "kept")
    text = "#!/bin/sh\n[ $1 = prepared ] && grep -q refs/heads/main && exit 1\nexit 0\n"
    bench.write(".git/hooks/reference-transaction", text).chmod(0o755)
    before = world_of(bench)
    assert land(bench).stage is Stage.SET_ASIDE
    assert world_of(bench) == before


def test_a_bare_repository(bench: Bench, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(bench.root), str(bare)], check=True)
    deck = Deck.find(bare)
    for name in ("one", "two"):
        deck.start(StartRequest(name=name, argv=("sh", "-c", f"echo x > {name}.txt; git add .; git commit -qm {name}")))
        deck.wait(name)
    landing = deck.land(LandRequest(("one", "two"), gate=("test -f one.txt",), remove=True))
    assert [entry.stage for entry in landing.entries] == [Stage.LANDED] * 2, landing.entries
    assert bench.git("ls-tree", "--name-only", "main", cwd=bare).splitlines()[-2:] == ["src", "two.txt"]
    deck.undo()
    assert deck.agent("two").worktree is not None
    assert {stale.kind for stale in deck.history.stale()} <= {"agent"}


@pytest.fixture
def library(bench: Bench, tmp_path: Path) -> Path:
    """A repository that is a submodule of the bench's, checked out in its main worktree."""
    bench.git("config", "--global", "protocol.file.allow", "always")
    source = tmp_path / "library"
    source.mkdir()
    bench.git("init", "-q", "-b", "main", cwd=source)
    bench.write("lib.txt", "1\n", cwd=source)
    bench.commit("Library", cwd=source)
    bench.git("submodule", "--quiet", "add", "--", str(source), "libs/it")
    bench.commit("Submodule")
    return source


def test_a_submodule_that_an_agent_changed_comes_along(bench: Bench, library: Path) -> None:
    view = finished(bench, "fix", {})
    assert view.worktree is not None
    inner = view.worktree / "libs/it"
    bench.write("lib.txt", "2\n", cwd=inner)
    bench.commit("In the submodule", cwd=inner)
    bench.git("add", "libs/it", cwd=view.worktree)
    bench.git("commit", "-qm", "The submodule goes on", cwd=view.worktree)
    told: list[str] = []
    gate = ("grep -q 2 libs/it/lib.txt",)
    landing = bench.deck().land(LandRequest(("fix",), gate=gate, remove=True), lambda event: told.append(event.text))
    assert landing.entry("fix").stage is Stage.LANDED, landing.entry("fix")
    assert any("libs/it" in text and "push it too" in text for text in told)
    assert (bench.root / "libs/it/lib.txt").read_text() == "2\n"
    assert bench.git("status", "--porcelain") == ""
    bench.deck().undo()
    assert (bench.root / "libs/it/lib.txt").read_text() == "1\n"
    assert bench.git("status", "--porcelain") == ""
    assert (worktree(bench) / "libs/it/lib.txt").read_text() == "2\n"


def test_a_submodule_that_someone_works_in_is_left_to_them(bench: Bench, library: Path) -> None:
    view = finished(bench, "fix", {})
    assert view.worktree is not None
    inner = view.worktree / "libs/it"
    bench.write("lib.txt", "2\n", cwd=inner)
    bench.commit("In the submodule", cwd=inner)
    bench.commit("The submodule goes on", cwd=view.worktree)
    bench.write("lib.txt", "mine\n", cwd=bench.root / "libs/it")
    assert land(bench).stage is Stage.LANDED
    assert (bench.root / "libs/it/lib.txt").read_text() == "mine\n"


def test_what_only_lies_in_a_submodule_is_no_uncommitted_work(bench: Bench, library: Path) -> None:
    """No commit takes it; a file that git tracks there is work that a person has to look at."""
    view = finished(bench, "fix", {"fix.txt": "x\n"})
    assert view.worktree is not None
    bench.write("build/out.o", "built\n", cwd=view.worktree / "libs/it")
    bench.write("lib.txt", "2\n", cwd=view.worktree / "libs/it")
    assert " M libs/it" in land(bench).detail
    bench.write("lib.txt", "1\n", cwd=view.worktree / "libs/it")
    assert bench.deck().review.uncommitted("fix") == []
    assert land(bench).stage is Stage.LANDED
    assert (view.worktree / "libs/it/build/out.o").exists()


def test_uncommitted_work_is_told_as_git_status_does(bench: Bench) -> None:
    names = ("a b", "c\nd", "ü", "src/gone.py", "src/both.py")
    finished(bench, "fix", dict.fromkeys(names, "x\n"))
    tree = worktree(bench)
    bench.git("checkout", "-q", "-b", "other", cwd=tree)
    bench.write("src/both.py", "other\n", cwd=tree)
    bench.commit("Other", cwd=tree)
    bench.git("checkout", "-q", "-", cwd=tree)
    bench.write("src/both.py", "changed\n", cwd=tree)
    bench.commit("Both", cwd=tree)
    assert subprocess.run(["git", "merge", "-q", "other"], cwd=tree, check=False).returncode == 1
    for name in names[:3]:
        bench.write(name, "changed\n", cwd=tree)
    (tree / "src/gone.py").unlink()
    bench.write("staged", "new\n", cwd=tree)
    bench.git("add", "staged", cwd=tree)
    bench.write("new folder/x", "new\n", cwd=tree)
    told = bench.git("status", "--porcelain=v1", "-z", "--no-renames", cwd=tree).rstrip("\0").split("\0")
    assert {line[:2] for line in told} == {" M", " D", "A ", "UU", "??"}
    assert sorted(bench.deck().review.uncommitted("fix")) == sorted(told)


def test_work_that_settings_hide_from_status_still_counts(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    bench.git("config", "status.showUntrackedFiles", "no")
    bench.write("new.txt", "untracked\n", cwd=worktree(bench))
    entry = land(bench)
    assert "uncommitted work" in entry.reason
    assert "?? new.txt" in entry.detail
    before = picture(worktree(bench))
    land(bench, commit="")
    assert (bench.root / "new.txt").exists()
    bench.deck().undo()
    assert picture(worktree(bench)) == before


def test_committed_work_whose_gate_fails_can_be_taken_back_by_itself(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "x\n"}, commit=False)
    assert view.worktree is not None
    bench.git("add", "fix.txt", cwd=view.worktree)
    bench.write("fix.txt", "more\n", cwd=view.worktree)
    before = picture(view.worktree)
    entry = land(bench, commit="", gate=("false",))
    assert entry.stage is Stage.SET_ASIDE
    (step,) = bench.deck().history.steps()
    assert step.text == "committed the work of fix"
    bench.deck().undo()
    assert picture(view.worktree) == before
