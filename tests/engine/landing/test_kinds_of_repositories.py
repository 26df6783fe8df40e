"""An agent's whole life in each kind of repository that git knows: start, gate, landings, removal, undo."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import Entry, LandRequest, Stage
from agentdeck.engine.views import AgentView, StartRequest
from tests.support.decks import Bench

Make = Callable[[Bench, Path], Path]
LAYOUTS: dict[str, Make] = {}


def layout(make: Make) -> Make:
    LAYOUTS[make.__name__] = make
    return make


def sh(script: str, cwd: Path, *words: str) -> str:
    done = subprocess.run(["sh", "-ec", script, "sh", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout.strip()


@layout
def git_folder_elsewhere(bench: Bench, tmp: Path) -> Path:
    sh('git clone -q --separate-git-dir "$1/elsewhere git" "$2" "$1/clone"', tmp, str(tmp), str(bench.root))
    return tmp / "clone"


@layout
def core_worktree(bench: Bench, tmp: Path) -> Path:
    sh(
        'git clone -q "$1" top; mv top/.git store; git --git-dir store config core.worktree ../top',
        tmp,
        str(bench.root),
    )
    (tmp / "top" / ".git").write_text("gitdir: ../store\n")
    return tmp / "top"


@layout
def bare_and_explicit(bench: Bench, tmp: Path) -> Path:
    sh('git clone -q --bare "$1" proj/.bare; echo "gitdir: ./.bare" > proj/.git', tmp, str(bench.root))
    bench.git("config", "--global", "safe.bareRepository", "explicit")
    return tmp / "proj"


@layout
def worktree_of_bare_and_explicit(bench: Bench, tmp: Path) -> Path:
    sh('git clone -q --bare "$1" proj.git; git -C proj.git worktree add -q ../side -b side', tmp, str(bench.root))
    bench.git("config", "--global", "safe.bareRepository", "explicit")
    return tmp / "side"


@layout
def configuration_of_each_worktree(bench: Bench, tmp: Path) -> Path:
    bench.git("config", "extensions.worktreeConfig", "true")
    bench.git("config", "--worktree", "user.nickname", "main")
    bench.git("sparse-checkout", "set", "--no-cone", "/*")
    return bench.root


@layout
def sha256(bench: Bench, tmp: Path) -> Path:
    sh('git init -q -b main --object-format=sha256 . && cp -r "$1/src" . && git add . && git commit -qm one',
       _folder(tmp), str(bench.root))  # fmt: skip
    return tmp / "made"


@layout
def file_system_monitor(bench: Bench, tmp: Path) -> Path:
    hook = tmp / "monitor"
    # Version 2 of the protocol; “/” says that anything may have changed.
    hook.write_text("#!/bin/sh\nprintf 'token\\0/\\0'\n")
    hook.chmod(0o755)
    bench.git("config", "core.fsmonitor", str(hook))
    bench.git("config", "core.untrackedCache", "true")
    return bench.root


@layout
def line_ends_of_windows(bench: Bench, tmp: Path) -> Path:
    bench.git("config", "core.autocrlf", "true")
    bench.git("rm", "-q", "--cached", "-r", ".")
    bench.git("reset", "-q", "--hard")
    assert (bench.root / "README.md").read_bytes().endswith(b"\r\n")
    return bench.root


@layout
def partial_clone(bench: Bench, tmp: Path) -> Path:
    bench.git("config", "uploadpack.allowFilter", "true")
    sh('git clone -q --filter=blob:none "file://$1" clone', tmp, str(bench.root))
    return tmp / "clone"


@layout
def shallow_clone(bench: Bench, tmp: Path) -> Path:
    bench.git("commit", "-q", "--allow-empty", "-m", "more")
    sh('git clone -q --depth=1 "file://$1" clone', tmp, str(bench.root))
    return tmp / "clone"


def _folder(tmp: Path) -> Path:
    folder = tmp / "made"
    folder.mkdir()
    return folder


def run(deck: Deck, name: str, script: str, base: str = "main") -> AgentView:
    deck.start(StartRequest(name=name, argv=("sh", "-c", script), base=base))
    view = deck.wait(name)
    assert view.state is State.DONE, view.reason
    return view


def land(deck: Deck, name: str, **options: object) -> Entry:
    entry = deck.land(LandRequest((name,), **options)).entry(name)  # type: ignore[arg-type]
    assert entry.stage is Stage.LANDED, entry
    return entry


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_life(bench: Bench, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "kinds"
    folder.mkdir()
    root = LAYOUTS[kind](bench, folder)
    if root != bench.root:
        shutil.copy(bench.root / "dev.sqlite3", root)
    deck = Deck.find(root)
    run(deck, "one", "echo 1 > one.txt; git add -A; git commit -qm one")
    assert "+1" in deck.review.text("one")
    land(deck, "one", gate=("test -f one.txt && git status --porcelain",))
    view = run(deck, "two", "test -f one.txt; echo 2 > two.txt; echo 22 >> README.md; echo a > 'ä b'")
    assert set(deck.radar.look().agents) >= {"two"}
    land(deck, "two", commit="Two", gate=("test -f two.txt",), remove=True)
    git = ["git", "-C", str(root)]
    listed = subprocess.run([*git, "ls-tree", "-z", "--name-only", "main"], capture_output=True, text=True, check=True)
    assert {"one.txt", "two.txt", "ä b"} <= set(listed.stdout.split("\0"))
    assert view.worktree is not None
    assert not view.worktree.exists()
    deck.undo()
    assert (view.worktree / "two.txt").read_text().strip() == "2"
    run(deck, "three", "echo 3 > three.txt; echo x >> README.md")
    third = deck.agent("three").worktree
    assert third is not None
    before = {path.name: path.read_bytes() for path in third.iterdir() if path.is_file() and path.name != ".git"}
    deck.remove("three")
    deck.undo()
    after = {path.name: path.read_bytes() for path in third.iterdir() if path.is_file() and path.name != ".git"}
    assert after == before


@pytest.mark.parametrize("bare", [False, True])
def test_a_merge_driver_of_the_attributes_merges(bench: Bench, tmp_path: Path, bare: bool) -> None:
    bench.write("docs/.gitattributes", "*.lst merge=union\n")
    bench.write("docs/names.lst", "one\n")
    bench.commit("Names")
    root = bench.root
    if bare:
        sh('git clone -q --bare "$1" bare.git', tmp_path, str(bench.root))
        root = tmp_path / "bare.git"
    deck = Deck.find(root)
    for name in ("first", "second"):
        run(deck, name, f"echo {name} >> docs/names.lst; git commit -qam {name}")
    assert all(pair.verdict != "conflicts" for pair in deck.radar.look().pairs)
    land(deck, "first")
    land(deck, "second")
    assert bench.git("show", "main:docs/names.lst", cwd=root).split() == ["one", "first", "second"]
    deck.undo()
    land(deck, "second", method="rebase")


def test_a_name_for_a_folder_holds_for_all_that_is_committed_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name)
    bench.git("config", "--global", "user.name", "Somebody")
    bench.git("config", "--global", "user.email", "home@example.org")
    bench.git("config", "--global", f"includeIf.gitdir:{bench.root}/.path", str(bench.home / "work"))
    bench.git("config", "--file", str(bench.home / "work"), "user.email", "work@example.org")
    deck = bench.deck()
    run(deck, "one", "echo 1 > one.txt; git add -A; git commit -qm one")
    run(deck, "two", "echo 2 > two.txt")
    land(deck, "one")
    land(deck, "two", commit="Two")
    assert set(bench.git("log", "--format=%ae %ce", "main^..main").splitlines()) == {
        "work@example.org work@example.org"
    }
    assert "home@example.org" not in bench.git("log", "--format=%ae %ce", "main")


def test_a_clone_that_is_too_shallow_says_how_to_deepen_it(bench: Bench, tmp_path: Path) -> None:
    bench.git("switch", "-q", "-c", "other")
    for branch in ("other", "main"):
        bench.git("switch", "-q", branch)
        bench.write(f"{branch}.txt", "x\n")
        bench.commit(f"On {branch}")
    sh('git clone -q --depth=1 "file://$1" clone; cd clone; git fetch -q --depth=1 origin other:other', tmp_path,
       str(bench.root))  # fmt: skip
    root = tmp_path / "clone"
    shutil.copy(bench.root / "dev.sqlite3", root)
    deck = Deck.find(root)
    run(deck, "one", "echo 1 > one.txt; git add -A; git commit -qm one", base="other")
    entry = deck.land(LandRequest(("one",), into="main")).entry("one")
    assert entry.stage is Stage.SET_ASIDE
    assert "unshallow" in entry.hint, entry
    command = entry.hint.partition(": ")[2]
    subprocess.run(command, shell=True, cwd=root, check=True)
    sh("git fetch -q origin other", root)
    assert deck.land(LandRequest(("one",), into="main")).entry("one").stage is Stage.LANDED


HUSKY = """#!/bin/sh
git diff --cached --name-only | grep -q forbidden && { echo no forbidden files; exit 1; }
exit 0
"""


@pytest.fixture
def husky(bench: Bench) -> Bench:
    """Hooks in a folder of the checkout that git ignores, as “npm install” makes it."""
    bench.write("a/.husky [x]/_/pre-commit", HUSKY).chmod(0o755)
    bench.write("a/.husky [x]/_/.gitignore", "*\n")
    bench.git("config", "core.hooksPath", "a/.husky [x]/_")
    return bench


def test_ignored_hooks_of_the_checkout_run_for_agents_and_what_is_committed_for_them(husky: Bench) -> None:
    deck = husky.deck()
    run(deck, "one", "echo 1 > forbidden; git add forbidden; git commit -qm one && exit 1; exit 0")
    entry = deck.land(LandRequest(("one",), commit="One")).entry("one")
    assert entry.stage is Stage.SET_ASIDE
    assert "no forbidden files" in entry.detail
    run(deck, "two", "rm -r 'a/.husky [x]'; echo 2 > forbidden")
    entry = deck.land(LandRequest(("two",), commit="Two")).entry("two")
    assert entry.stage is Stage.SET_ASIDE, entry
    run(deck, "three", "echo 3 > fine")
    land(deck, "three", commit="Three", gate=("test -x 'a/.husky [x]/_/pre-commit'",))
    assert husky.git("status", "--porcelain") == ""


def test_hooks_that_stay_behind_are_told(husky: Bench) -> None:
    (husky.root / "a/.husky [x]/_/.gitignore").unlink()
    deck = husky.deck()
    run(deck, "one", "echo 1 > forbidden; git add forbidden; git commit -qm one")
    assert any("run none of them" in event.text for event in deck.store.events("one"))


@pytest.mark.skipif(shutil.which("git-crypt") is None, reason="git-crypt is not installed")
def test_files_that_git_crypt_keeps_are_readable_for_agents_and_gates(bench: Bench) -> None:
    subprocess.run(["git-crypt", "init"], cwd=bench.root, check=True, capture_output=True)
    bench.write(".gitattributes", "*.secret filter=git-crypt diff=git-crypt\n")
    bench.write("a.secret", "hush\n")
    bench.commit("Secret")
    deck = bench.deck()
    run(deck, "one", "grep -q hush a.secret && echo more >> a.secret && git commit -qam one")
    land(deck, "one", gate=("grep -q more a.secret",))
    view = run(deck, "two", "echo dirty >> a.secret")
    assert deck.radar.look().problems == {}
    deck.remove("two")
    deck.undo()
    assert view.worktree is not None
    assert (view.worktree / "a.secret").read_text() == "hush\nmore\ndirty\n"
    kept = [line for ref in bench.trash_refs() for line in bench.git("ls-tree", "-r", "--name-only", ref).splitlines()]
    assert not [name for name in kept if "git-crypt" in name]
    land(deck, "two", commit="Two")
    assert (bench.root / "a.secret").read_text() == "hush\nmore\ndirty\n"
    shown = subprocess.run(
        ["git", "cat-file", "blob", "main:a.secret"], cwd=bench.root, capture_output=True, check=True
    )
    assert shown.stdout.startswith(b"\0GITCRYPT\0")


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_large_files_are_there_for_agents_and_gates(bench: Bench) -> None:
    bench.git("lfs", "install", "--local")
    bench.git("lfs", "track", "*.bin")
    (bench.root / "x.bin").write_bytes(b"x" * 5000)
    bench.commit("Large")
    deck = bench.deck()
    run(deck, "one", "test $(wc -c < x.bin) = 5000 && head -c 3000 x.bin > y.bin && git add -A && git commit -qm one")
    land(deck, "one", gate=("test $(wc -c < y.bin) = 3000",))
    assert (bench.root / "y.bin").read_bytes() == b"x" * 3000
    run(deck, "two", "head -c 10 x.bin > y.bin")
    land(deck, "two", commit="Two")
    assert (bench.root / "y.bin").read_bytes() == b"x" * 10
    assert bench.git("show", "main:y.bin").startswith("version https://git-lfs")
    assert bench.git("lfs", "fsck") == "Git LFS fsck OK"
