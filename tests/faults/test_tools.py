"""tmux or git is not there, or too old: what needs it says so before anything is made, and nothing changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, put_agent
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.verdicts import assert_ok, assert_refused

TRASH = ("for-each-ref", "--format=%(refname)", "refs/agentdeck")


def tools(folder: Path, *names: str, git: str = "") -> dict[str, str]:
    """An environment with these programs alone in PATH, and perhaps a git of other habits."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name) or "")
    if git:
        (folder / "git").write_text(f'#!/bin/sh\n{git}\nexec {shutil.which("git")} "$@"\n')
        (folder / "git").chmod(0o755)
    return {"PATH": str(folder)}


def test_without_tmux_nothing_is_begun(bench: Bench, tmp_path: Path) -> None:
    put_agent(bench.root, "one")
    bare = tools(tmp_path / "bin", "git", "sh")
    assert_refused(
        agentdeck("run", "-d", "-n", "two", "--", "true", cwd=bench.root, env=bare),
        ExitCode.MISSING_TOOL,
        says=["tmux is not installed", "agentdeck doctor"],
    )
    assert_refused(
        agentdeck("resume", "one", cwd=bench.root, env=bare), ExitCode.MISSING_TOOL, says=["tmux is not installed"]
    )
    assert bench.deck().store.names() == ["one"]
    assert bench.deck().agent("one").state is State.DONE
    assert bench.git(*TRASH) == ""
    assert "one" in assert_ok(agentdeck("ls", cwd=bench.root, env=bare))


def test_an_env_file_that_is_not_there_is_told_before_anything_is_made(bench: Bench) -> None:
    put_agent(bench.root, "one", profile="shell")
    bench.write("agentdeck.toml", '[agent]\nenv_file = "keys.env"\n')
    for line in ("run -d -n two -- true", "resume one"):
        done = agentdeck(*line.split(), cwd=bench.root)
        assert_refused(done, ExitCode.CONFIG, says=["keys.env can't be read.", "\n  No such file or directory\n"])
        assert "worktree" not in done.stderr
    assert bench.deck().store.names() == ["one"]
    assert bench.deck().agent("one").state is State.DONE


_NO_MERGE_TREE = """\
for word in "$@"; do
    case $word in
        version) echo "git version 2.20.1"; exit ;;
        merge-tree) echo "usage: git merge-tree <base-tree> <branch1> <branch2>" >&2; exit 129 ;;
    esac
done"""


def test_a_git_that_is_too_old_to_merge_is_told(bench: Bench, tmp_path: Path) -> None:
    finished(bench, "one", {"one.txt": "1\n"})
    finished(bench, "two", {"two.txt": "1\n"})
    bench.write("more.txt", "1\n")
    bench.commit("The base goes on")
    old = tools(tmp_path / "bin", "tmux", "sh", git=_NO_MERGE_TREE)
    for line in ("merge one", "radar"):
        assert_refused(
            agentdeck(*line.split(), cwd=bench.root, env=old),
            ExitCode.MISSING_TOOL,
            says=["git 2.39 or newer is needed to merge; 2.20.1 is installed."],
        )
    assert "git 2.39 or newer is needed" in agentdeck("doctor", "--json", cwd=bench.root, env=old).stdout


@pytest.mark.parametrize("told", ["", "garbage", "git version unknown"])
def test_a_git_that_does_not_tell_its_version(bench: Bench, tmp_path: Path, told: str) -> None:
    odd = tools(tmp_path / "bin", "tmux", "sh", git=f'[ "$1" = version ] && {{ echo "{told}"; exit; }}')
    done = agentdeck("doctor", "--json", cwd=bench.root, env=odd)
    assert "git doesn't print its version" in assert_ok(done)
