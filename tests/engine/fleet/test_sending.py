"""What a commit needs beside itself reaches the host, or the start is refused with nothing changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.fleet import sending
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.landings import LandRequest
from agentdeck.errors import RefusedError
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.links import LINKS
from agentdeck.system.git import bundles
from tests.support.decks import world_of
from tests.support.hosts import Fleet
from tests.support.share import in_test_fleet


def test_a_shallow_clone_is_refused_before_anything_is_made(fleet: Fleet, tmp_path: Path) -> None:
    fleet.bench.write("another.txt", "another\n")
    fleet.bench.commit("Another")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{fleet.bench.root}", str(shallow)], check=True)
    deck = Deck.find(shallow)
    with pytest.raises(RefusedError, match="is a shallow clone"):
        deck.start(StartRequest(name="bot", argv=("true",), on="dev1"))
    assert not deck.agents() and not (fleet.folder / "dev1/.local").exists()


def test_two_starts_may_send_the_same_commit_at_once(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    repo, create = world_of(fleet.deck()).repo, bundles.create
    commit = fleet.bench.git("rev-parse", "HEAD")
    given, received = dict[str, int](), dict[str, list[str]]()

    def call(verb: str, *, key: str, **words: Any) -> None:
        if verb == "give":
            given[key] = words["offset"]
        else:
            received[key] = words["refs"]

    def beside_another(*words: Any) -> bool:
        monkeypatch.setattr(bundles, "create", create)
        sending._send_bundle(repo, call, [commit], [])  # it ends, and takes its refs away, before this one has begun
        return create(*words)

    monkeypatch.setattr(bundles, "create", beside_another)
    sending._send_bundle(repo, call, [commit], [])
    assert given.keys() == received.keys() and len(received) == 2
    assert not fleet.bench.git("for-each-ref", "refs/agentdeck/sent")


@in_test_fleet
def test_submodules_are_there_without_their_remotes_and_their_commits_land_once_pushed(
    fleet: Fleet, tmp_path: Path
) -> None:
    bench, origin, inner = fleet.bench, tmp_path / "lib.git", tmp_path / "inner.git"
    for bare in (origin, inner):
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    lib = tmp_path / "lib"
    for folder, bare, more in ((tmp_path / "in", inner, ()), (lib, origin, (inner,))):
        subprocess.run(["git", "clone", "-q", str(bare), str(folder)], check=True, stderr=subprocess.DEVNULL)
        (folder / "lib.txt").write_text("lib\n")
        for each in more:
            bench.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(each), "inner", cwd=folder)
        bench.git("add", ".", cwd=folder)
        bench.git("commit", "-qm", "Lib", cwd=folder)
        bench.git("push", "-q", "origin", "HEAD:main", cwd=folder)
    bench.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(origin), "vendor/lib")
    bench.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
    bench.commit("A submodule")
    away = [bare.rename(bare.with_suffix(".away")) for bare in (origin, inner)]

    line = "cd vendor/lib && cat lib.txt inner/lib.txt && echo more >> lib.txt && git commit -qam more && cd ../.."
    fleet.start("bot", f"{line} && git commit -qam 'Newer lib'")
    deck = fleet.deck()
    assert (ended := deck.wait("bot")).state is State.DONE, ended.reason
    with pytest.raises(RefusedError, match=r"Commits of submodules are only on dev1: vendor/lib \("):
        deck.land(LandRequest(("bot",)))
    assert bench.git("log", "-1", "--format=%s", "main") == "A submodule"
    away[0].rename(origin)
    tree = fleet.there("dev1").agent("bot").worktree
    assert tree is not None
    bench.git("push", "-q", str(origin), "HEAD:refs/heads/more", cwd=tree / "vendor/lib")
    assert deck.land(LandRequest(("bot",))).entry("bot").stage == "landed"
    assert (bench.root / "vendor/lib/lib.txt").read_text() == "lib\nmore\n"


@in_test_fleet
@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_large_files_travel_in_both_directions(fleet: Fleet) -> None:
    bench = fleet.bench
    bench.git("lfs", "install", "--local")
    bench.git("lfs", "track", "*.bin")
    (bench.root / "x.bin").write_bytes(b"x" * 3_000_000)
    bench.commit("Large")
    fleet.start("bot", "test $(wc -c < x.bin) = 3000000 && head -c 3000 x.bin > y.bin && git add . && git commit -qm y")
    deck = fleet.deck()
    assert (ended := deck.wait("bot")).state is State.DONE, ended.reason
    assert deck.land(LandRequest(("bot",))).entry("bot").stage == "landed"
    assert (bench.root / "y.bin").read_bytes() == b"x" * 3000
    assert bench.git("show", "main:y.bin").startswith("version https://git-lfs")


def test_a_host_without_git_lfs_is_refused_where_that_is_needed(fleet: Fleet, tmp_path: Path) -> None:
    programs = tmp_path / "without"
    programs.mkdir()
    for folder in map(Path, os.environ["PATH"].split(":")):
        for path in folder.glob("*") if folder.is_dir() else ():
            if path.name != "git-lfs" and not (programs / path.name).is_symlink():
                (programs / path.name).symlink_to(path)
    bench = fleet.bench
    bench.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    bench.commit("Large files")
    LINKS.close()
    HostList().put(HostSpec("dev1", folder=str(fleet.folder / "dev1"), prefix=("/usr/bin/env", f"PATH={programs}")))
    with pytest.raises(RefusedError, match="dev1 has no git-lfs"):
        fleet.start("bot", "true")
    assert not fleet.deck().agents() and bench.branches() == ["main"]
