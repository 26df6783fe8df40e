"""Repositories inside a worktree: submodules, and those that someone cloned or made there. Save them, bring them back.

A submodule that is exactly what its commit says is only noted. Everything else is saved as raw files, its git folder
among them, so that no commit, stash or unfinished merge in it is lost.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from agentdeck.core.frozen import dataclass, field
from agentdeck.errors import RefusedError
from agentdeck.system.files.files import bytes_of
from agentdeck.system.git import untrusted
from agentdeck.system.git.checkouts import Worktree
from agentdeck.system.git.rawtrees import RawTrees, listing, repositories_in
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import Result


@dataclass
class Nested:
    facts: dict[str, Any]
    """`path`; `kind`: `inside` with a `.git` folder, `attached` to the worktree's own git folder, `pointing` elsewhere,
    or `pristine`; what its `.git` file says; the empty folders of both trees."""
    trees: dict[str, str] = field(default_factory=dict)
    """`files`, and `git` where its git folder goes with the worktree."""


def capture_nested(
    repo: Repository, raw: RawTrees, worktree: Worktree, path: str, *, link: str | None, ignored: bool
) -> list[Nested]:
    """Save the repository at `path` of the worktree and those inside it; `link` is the commit the index has for it."""
    folder = worktree.path / path
    dot_git = folder / ".git"
    facts: dict[str, Any] = {"path": path}
    if dot_git.is_symlink():
        raise RefusedError(f"{dot_git} is a symbolic link, so its repository can't be saved with it.")
    if dot_git.is_dir():
        git_dir, facts["kind"] = dot_git, "inside"
    else:
        facts["pointer"] = os.fsdecode(bytes_of(dot_git))
        git_dir = _git_dir_of(folder)
        own = Path(os.path.normpath(worktree.git_dir)) / "modules"
        facts["kind"] = "attached" if git_dir.is_relative_to(own) and git_dir.is_dir() else "pointing"
    inner = _Inner(repo, worktree, folder, git_dir)
    if facts["kind"] == "attached":
        facts["git"] = os.path.relpath(git_dir, worktree.git_dir)
        if link and inner.is_pristine(link, ignored=ignored):
            return [Nested({"path": path, "kind": "pristine", "commit": link})]
    skipped = () if ignored else inner.ignored()
    found = listing(folder, skipped)
    found.repositories += hidden_work(repo, worktree, folder, skipped)
    files = [name for name in found.files if name != ".git"]
    nested = Nested(facts | {"empty": found.empty}, {"files": raw.tree_of(folder, files)})
    if facts["kind"] != "pointing":
        kept = listing(git_dir)
        if kept.repositories:
            raise RefusedError(f"{git_dir} holds another repository, {kept.repositories[0]}, and can't be saved.")
        nested.trees["git"] = raw.tree_of(git_dir, kept.files)
        nested.facts["git_empty"] = kept.empty
    deeper = (
        capture_nested(repo, raw, worktree, f"{path}/{below}", link=None, ignored=ignored)
        for below in found.repositories
    )
    return [nested, *(inner for group in deeper for inner in group)]


def hidden_work(
    repo: Repository, worktree: Worktree, folder: Path, ignored: Iterable[str], others: Collection[str] = ()
) -> list[str]:
    """The repositories in those ignored paths of `folder`, but for `others`, that hold what is in no other place: they
    are saved, though what is ignored is not."""
    known: dict[tuple[int, ...], list[str]] = repo.once("folders", dict)
    found = [path for path in repositories_in(folder, ignored, known) if path not in others]
    return [path for path in found if _Inner.at(repo, worktree, folder / path).has_work()]


def restore_nested(raw: RawTrees, worktree: Worktree, facts: dict[str, Any], trees: dict[str, str]) -> None:
    """Bring back one that `capture_nested` saved as raw files."""
    folder = worktree.path / facts["path"]
    folder.mkdir(parents=True, exist_ok=True)
    raw.unpack(trees["files"], folder)
    make_folders(folder, facts["empty"])
    if facts["kind"] == "pointing":
        (folder / ".git").write_bytes(os.fsencode(facts["pointer"]))
        return
    git_dir = folder / ".git" if facts["kind"] == "inside" else worktree.git_dir / facts["git"]
    git_dir.mkdir(parents=True, exist_ok=True)
    raw.unpack(trees["git"], git_dir)
    make_folders(git_dir, facts["git_empty"])
    if facts["kind"] == "attached":
        # Both point at each other by paths that change with the name of the worktree's git folder.
        (folder / ".git").write_text(f"gitdir: {os.path.relpath(git_dir, folder)}\n")
        where = os.path.relpath(folder, git_dir)
        raw.repo.git("config", "--file", git_dir / "config", "core.worktree", where)


def make_folders(folder: Path, paths: list[str]) -> None:
    for path in paths:
        (folder / path).mkdir(parents=True, exist_ok=True)


def _git_dir_of(folder: Path) -> Path:
    """The `.git` folder, or where the `.git` file points to."""
    dot_git = folder / ".git"
    if dot_git.is_dir():
        return dot_git
    pointed = os.fsdecode(bytes_of(dot_git)).removeprefix("gitdir:").strip()
    return Path(os.path.normpath(folder / pointed))


@dataclass(frozen=True)
class _Inner:
    repo: Repository
    worktree: Worktree
    folder: Path
    git_dir: Path

    @classmethod
    def at(cls, repo: Repository, worktree: Worktree, folder: Path) -> _Inner:
        return cls(repo, worktree, folder, _git_dir_of(folder))

    def run(self, *words: str) -> Result:
        env = {"GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.folder)}
        here = self.repo.at(self.folder)
        if not untrusted.is_marked(self.repo.common, self.worktree.git_dir):
            return here.run(*words, env=env)
        env |= untrusted.variables(self.repo.common, self.worktree.path, self.worktree.git_dir)
        return here.run(*words, env=env, program=untrusted.BOXED_GIT)

    def ignored(self) -> list[str]:
        """What it ignores; nothing where it is not a sound repository, so that all of it is saved."""
        words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
        return [path.rstrip("/") for path in self.run(*words).text.split("\0")[:-1]]

    def has_work(self) -> bool:
        """Whether it holds a change, or a commit that none of its remotes is known to have."""
        status = self.run("status", "--porcelain", "--untracked-files=all")
        alone = self.run("rev-list", "--max-count=1", "--all", "--reflog", "--not", "--remotes")
        return not (status and alone) or bool(status.out or alone.out)

    def is_pristine(self, link: str, *, ignored: bool) -> bool:
        """Whether checking out the commit `link` again would give all that is here."""
        head = self.run("rev-parse", "--verify", "--quiet", "HEAD").text.strip()
        if head != link or self.run("symbolic-ref", "--quiet", "HEAD") or (self.git_dir / "modules").exists():
            return False
        words = ["status", "--porcelain", "--untracked-files=all", *(["--ignored"] if ignored else [])]
        status = self.run(*words)
        alone = self.run("rev-list", "--max-count=1", "--all", "--reflog", "--not", "--remotes", link)
        return bool(status and alone) and not status.out and not alone.out
