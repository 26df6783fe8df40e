"""What an agent in a box leaves behind for those outside to follow: links, hooks, and what its children get."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.records.landings import LandRequest
from agentdeck.engine.views import StartRequest
from agentdeck.errors import RefusedError
from agentdeck.system.box.careful import make_way, make_ways
from tests.support.boxes import skip_without_box
from tests.support.decks import CONFIG, Bench
from tests.support.retry import eventually

PLANT = """
set -e
G=$(git rev-parse --git-dir)
cat left/secret.env >> seen.txt 2>&1 || true
git config --list >> seen.txt
cat {home}/.config/git/credentials >> seen.txt 2>&1 || true
test ! -e left || exit 0
echo work > work.txt; git add work.txt; git commit -qm work; echo more > more.txt
ln -s {root} left
rm {folder}/inbox/.poke; ln -s {home}/.profile {folder}/inbox/.poke
ln -s {home} "$HOME/.codex"
printf '#!/bin/sh\\necho hooked >> hooked.txt\\ntouch {home}/ran; exit 0\\n' > .hooks/pre-commit
{plant}
"""
PLANTS = {
    "index": "mv $G/index $TMPDIR/index; ln -s {home}/new $G/index",
    "log": "rm $G/logs/HEAD; ln -s {home}/.profile $G/logs/HEAD",
    "logs": "rm -r $G/logs; ln -s {home} $G/logs",
}


def files_of(home: Path) -> dict[str, str]:
    """The person's own, by their names."""
    return {path.name: path.read_text() for path in home.iterdir() if path.is_file()}


@pytest.mark.parametrize("plant", PLANTS)
def test_nobody_outside_follows_what_it_has_planted(bench: Bench, plant: str) -> None:
    skip_without_box()
    home = bench.home
    bench.write(".profile", "mine\n", cwd=home)
    bench.write(".config/git/credentials", "https://me:sesame@example.org\n", cwd=home)
    bench.write(".codex/config.toml", "model = 'x'\n", cwd=home)
    bench.write("agentdeck.toml", CONFIG.replace("[queue]", "[worktree]\ncopy = []\n\n[queue]"))
    bench.write(".gitignore", "*.sqlite3\nsecret.env\n")
    bench.write("secret.env", "sesame\n")
    bench.write(".hooks/pre-commit", "#!/bin/sh\nexit 0\n").chmod(0o755)
    bench.commit("Add hooks")
    bench.git("config", "core.hooksPath", ".hooks")
    bench.git("remote", "add", "origin", "https://x:sesame@example.org/a.git")
    deck = bench.deck()
    places = {"home": home, "root": f"'{bench.root}'", "folder": f"'{deck.store.agent_folder('one')}'"}
    script = PLANT.format(plant=PLANTS[plant].format(**places), **places)
    before = files_of(home)
    deck.start(StartRequest(name="one", argv=("sh", "-c", script), box="files"))
    eventually(lambda: not deck.agent("one").alive, 30)
    deck.store.wake_runner("one")
    deck.resume("one")
    eventually(lambda: not deck.agent("one").alive, 30)
    view = deck.agent("one")
    assert view.state is State.DONE, [line.text for line in deck.log_lines("one")]
    assert view.worktree is not None
    seen = (view.worktree / "seen.txt").read_text()
    assert "remote.origin.url=https://example.org/a.git" in seen and "sesame" not in seen
    deck.land(LandRequest(("one",), commit=""))
    assert files_of(home) == before
    assert bench.git("show", "main:more.txt") == "more"
    assert "hooked" in (view.worktree / "hooked.txt").read_text()  # it ran, in the box


INDEX = """
import hashlib, struct, subprocess
def git(*words):
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()
def entry(path, oid):
    told = struct.pack(">10I", 0, 0, 0, 0, 0, 0, 0o100644, 0, 0, 0) + bytes.fromhex(oid)
    told += struct.pack(">H", len(path)) + path
    return told + bytes(8 - len(told) % 8)
paths = [{outside!r}, b"README.md"]
body = b"DIRC" + struct.pack(">II", 2, len(paths))
body += b"".join(entry(path, git("rev-parse", "HEAD:README.md")) for path in paths)
with open(git("rev-parse", "--git-dir") + "/index", "wb") as file:
    file.write(body + hashlib.sha1(body).digest())
with open(git("rev-parse", "--git-dir") + "/HEAD", "w") as file:
    file.write("ref: refs/heads/main")
"""


def test_an_index_that_names_files_outside_is_not_used(bench: Bench) -> None:
    skip_without_box()
    outside = bench.write("secret", "sesame\n", cwd=bench.home)
    bench.write("plant.py", INDEX.format(outside=os.path.relpath(outside, bench.root / ".worktrees/one").encode()))
    bench.commit()
    deck = bench.deck()
    config = "$(git rev-parse --git-dir)/config.worktree"
    script = f"{shlex.quote(sys.executable)} plant.py; echo x > {config} || echo refused"
    deck.start(StartRequest(name="one", argv=("sh", "-c", script), box="files"))
    eventually(lambda: not deck.agent("one").alive, 30)
    assert "refused" in [line.text for line in deck.log_lines("one")]
    told = deck.review.text("one")
    assert "plant.py" not in told and "sesame" not in told and "secret" not in told
    assert outside.read_text() == "sesame\n"


HOLLOW = """
objects=$(git rev-parse --git-common-dir)/objects
head=$(git rev-parse --git-dir)/HEAD
mkdir -p "$objects/pack" "$objects/aa"
truncate -s 1T "$objects/pack/pack-$(printf %040d 1).pack" "$objects/aa/$(printf %038d 1)" big "$head"
"""


def test_what_says_to_hold_a_terabyte_is_not_read(bench: Bench) -> None:
    skip_without_box()
    deck = bench.deck()
    deck.start(StartRequest(name="one", argv=("sh", "-ec", HOLLOW), box="files"))
    eventually(lambda: not deck.agent("one").alive, 30)
    told = [line.text for line in deck.log_lines("one")]
    assert [line for line in told if "some of its git objects are damaged" in line] != [], told
    with pytest.raises(RefusedError, match=r"big says that it holds 1,024 GiB"):
        bench.deck().remove("one")
    tree = deck.agent("one").worktree
    assert tree is not None
    (tree / "big").unlink()
    bench.deck().remove("one")
    assert bench.deck().agents() == []
    bench.deck().undo()
    assert bench.git("branch", "--show-current", cwd=tree) == "agentdeck/one"


def test_a_child_has_no_wider_box_than_its_parent(bench: Bench) -> None:
    skip_without_box()
    deck = bench.deck()
    deck.start(StartRequest(task="[hold]", profile="demo", name="parent", box="files"))
    for name, box in (("plain", None), ("wide", "off"), ("narrow", "full")):
        deck.start(StartRequest(task="x", profile="demo", name=name, parent="parent", box=box))
    boxes = {view.name: view.agent.box for view in deck.agents()}
    assert boxes == {"parent": "files", "plain": "files", "wide": "files", "narrow": "full"}
    deck.stop("parent")


def test_ways_into_a_home_are_real_folders(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    (home / ".claude").symlink_to(other)
    (home / ".file").write_text("")
    (home / ".link").symlink_to(other / "new")
    words = ("--bind", "/login", f"{home}/.claude/login", "--ro-bind", "/x", f"{home}/.file/x", "--bind", "/y", "/y")
    make_ways(home, words)
    assert make_way(home, ".link") == home / ".link"
    assert sorted(each.name for each in home.iterdir()) == [".claude", ".file"]
    assert (home / ".claude").is_dir() and not (home / ".claude").is_symlink() and (home / ".file").is_dir()
    assert not list(other.iterdir())
