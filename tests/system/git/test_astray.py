"""A sandboxed agent may write its worktree's own git folder, and one file there names the folder with git's
configuration. Whatever it says, no program that the agent named runs outside of the sandbox."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentdeck.system.git import change, hooks
from agentdeck.system.git.identity import inside
from agentdeck.system.git.repository import Repository
from tests.support.decks import Bench

HOOKS = ("post-checkout", "pre-commit", "post-commit", "post-index-change", "reference-transaction")


@dataclass(frozen=True)
class Attack:
    repo: Repository
    worktree: Path
    git_dir: Path
    here: Repository
    """The worktree, found to be sound before the attack."""
    ran: Path
    """What the agent's program writes when it runs."""

    def lead_astray(self) -> None:
        (self.git_dir / "commondir").write_text(f"{self.ran.parent / 'evil/.git'}\n")


@pytest.fixture
def attack(bench: Bench) -> Attack:
    folder = bench.root.parent
    worktree, evil, ran = folder / "tree", folder / "evil", folder / "ran"
    bench.git("worktree", "add", "-q", "-b", "deck/one", str(worktree))
    bench.git("clone", "-q", str(bench.root), str(evil), cwd=folder)
    program = bench.write("program", f"#!/bin/sh\necho ran >> '{ran}'\ncat\n", cwd=folder)
    program.chmod(stat.S_IRWXU)
    for key in ("core.fsmonitor", "core.pager", "diff.external", "filter.x.clean", "filter.x.smudge", "gpg.program"):
        bench.git("config", key, str(program), cwd=evil)
    bench.git("config", "commit.gpgSign", "true", cwd=evil)
    for name in HOOKS:
        shutil.copy(program, evil / ".git/hooks" / name)
    repo = Repository.find(bench.root)
    git_dir = Path(bench.git("rev-parse", "--absolute-git-dir", cwd=worktree))
    bench.write(".gitattributes", "* filter=x\n", cwd=worktree)
    bench.write("README.md", "changed\n", cwd=worktree)
    return Attack(repo, worktree, git_dir, inside(repo, worktree), ran)


def test_the_attack_works_on_a_git_that_finds_the_worktree_by_itself(bench: Bench, attack: Attack) -> None:
    attack.lead_astray()
    bench.git("status", cwd=attack.worktree)
    assert attack.ran.exists()


LOOKS: dict[str, Callable[[Attack], object]] = {
    "status": lambda it: it.here.run("status"),
    "diff": lambda it: it.here.run("diff"),
    "add": lambda it: it.here.run("add", "-A"),
    "commit": lambda it: it.here.run("commit", "-am", "x"),
    "checkout": lambda it: it.here.run("checkout", "-f", "HEAD", "--", "README.md"),
    "git folder named by the caller": lambda it: it.repo.run(
        "status", env={"GIT_DIR": str(it.git_dir), "GIT_WORK_TREE": str(it.worktree)}
    ),
    "hooks": lambda it: it.here.run("hook", "run", "--ignore-missing", "post-checkout"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_worktree_that_is_led_astray_after_it_was_found_sound_runs_nothing(attack: Attack, look: str) -> None:
    attack.lead_astray()
    LOOKS[look](attack)
    assert not attack.ran.exists()


@pytest.mark.parametrize("sub", ["", "src"])
def test_the_runner_looks_at_the_worktree_that_it_began_in(attack: Attack, sub: str) -> None:
    folder = str(attack.worktree / sub)
    places = change.places(folder)
    before = change.look(folder, {**os.environ, **places})
    attack.lead_astray()
    (attack.worktree / "new").write_text("new\n")
    after = change.look(folder, {**os.environ, **places})
    assert before is not None
    assert after is not None
    assert after.is_dirtier_than(before)
    assert not attack.ran.exists()


def test_a_folder_that_is_no_linked_worktree_is_found_by_git_itself(bench: Bench) -> None:
    assert change.places(str(bench.root)) == {}
    assert change.places(str(bench.home)) == {}


def test_a_hook_that_goes_to_another_repository_is_not_led_back_to_this_one(bench: Bench, attack: Attack) -> None:
    other = bench.root.parent / "other"
    bench.git("init", "-q", str(other))
    told = bench.root.parent / "told"
    hook = bench.write(
        ".git/hooks/post-checkout",
        f"#!/bin/sh\nunset GIT_DIR\ncd '{other}' && git rev-parse --path-format=absolute --git-common-dir > '{told}'\n",
    )
    hook.chmod(stat.S_IRWXU)
    assert hooks.are_there(attack.here)
    hooks.run(attack.here, "post-checkout", "0", "0", "1")
    assert told.read_text().strip() == str(other / ".git")
