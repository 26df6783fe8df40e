"""Make and lock worktrees. Every function may be called again after a crash and then completes its work.

Reading is in checkouts.py, branches in branches.py, removing in leaving.py and going.py.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from agentdeck.core.agents.agent import check_name
from agentdeck.core.frozen import replace
from agentdeck.errors import ConfigError, GitError, RefusedError
from agentdeck.system.files.files import home_path, leads_into, locked, text_of, write_atomic
from agentdeck.system.git import hooks
from agentdeck.system.git.branches import BranchPlan, check_free, make_branch
from agentdeck.system.git.checkouts import (
    Worktree,
    enter,
    find_worktree,
    is_bare,
    linked_folders,
    main_folder,
    share_keys,
    side_by_side,
)
from agentdeck.system.git.going import alone
from agentdeck.system.git.identity import mark_ready
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.submodules import check_out
from agentdeck.system.git.treediff import changed

_GIT_OWN = ("agentdeck", "branches", "hooks", "info", "logs", "modules", "objects", "refs", "worktrees")
"""What git, and we, keep in a bare repository."""
_LOCK_WAIT = 60.0
_STATE = ("rebase-merge", "rebase-apply", "sequencer", "BISECT_LOG", "config.worktree", "info/sparse-checkout")
"""What a git folder has of what is not finished, or makes files other than those of a commit."""
_HOOK_TEXT = 2000
"""Characters of a failed hook's output that are passed on."""


def place(repo: Repository, template: str, name: str) -> Path:
    """Where the worktree for `name` goes; raise RefusedError where something else lies there.

    `template` may hold `{name}`, `{repo}` and `~`, and is relative to the main folder.
    """
    base = main_folder(repo)
    filled = template.replace("{name}", check_name(name)).replace("{repo}", base.name.removesuffix(".git"))
    if "{name}" not in template or "{" in filled:
        raise ConfigError(
            f"The worktree path “{template}” can't be used.", hint="It needs {name}, and can contain {repo}."
        )
    path = Path(os.path.normpath(base / home_path(filled)))
    _check_outside_git(repo, path, base)
    _check_link(repo, path, base)
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise RefusedError(f"{path} is in the way: a worktree goes there.", hint="Move it, or choose another name.")
    above = next(folder for folder in path.parents if os.path.lexists(folder))
    if not above.is_dir():
        raise RefusedError(
            f"{above} is not a folder, and worktrees go there.",
            hint="Move it away, or set worktree.path in agentdeck.toml.",
        )
    if path.is_dir() and any(path.iterdir()):
        worktree = find_worktree(repo, path)
        if worktree is None or (worktree.locked is None and not worktree.is_complete):
            raise RefusedError(
                f"{path} already exists and is not AgentDeck's.", hint="Move it, or choose another name."
            )
    return path


def add(repo: Repository, path: Path, plan: BranchPlan, *, reason: str, submodules: bool = True) -> Worktree:
    """Make the planned branch and a worktree of it at `path`, locked with `reason`; complete a half-made one.

    The main worktree's sparse patterns hold in it too. A post-checkout hook that fails, or a submodule that can't be
    had, is told in the worktree's `note` and costs nothing else. Raise RefusedError where the folder or the branch is
    someone else's.
    """
    note = plan.note
    with alone(repo):
        worktree = _ours(repo, path, plan, reason)
        if worktree is not None and worktree.is_complete:
            share_keys(repo, worktree.git_dir)
            return worktree
        if plan.create:
            make_branch(repo, plan)
        if worktree is None:
            note = (check_free(repo, plan.branch) if plan.branch else "") or note
            _register(repo, path, plan, reason, force=bool(note))
    worktree = find_worktree(repo, path)
    if worktree is None:
        raise GitError(f"git made no worktree at {path}.")
    here = enter(repo, worktree)
    share_keys(repo, worktree.git_dir)
    # Filling it apart from registering it lets many worktrees be filled at once, and a lock in the way be waited for.
    _fill(worktree, here)
    notes = [note, _run_hook(here, worktree.head)]
    if submodules:
        notes += check_out(here, repo.common / "modules")
    mark_ready(worktree.path, worktree.git_dir)
    return replace(find_worktree(repo, path) or worktree, note="\n".join(filter(None, notes)))


def exclude(repo: Repository, pattern: str) -> None:
    """Make git ignore `pattern` in all of the repository's worktrees, through no file that is committed."""
    path = (repo.common / "info" / "exclude").resolve()
    with locked(repo.common / "agentdeck" / "exclude.lock", wait=_LOCK_WAIT, what="the list of ignored files"):
        old = path.read_text("utf-8", "surrogateescape") if path.exists() else ""
        if pattern in old.splitlines():
            return
        path.parent.mkdir(exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        separator = "" if not old or old.endswith("\n") else "\n"
        write_atomic(path, f"{old}{separator}{pattern}\n", mode)


def lock(repo: Repository, path: Path, reason: str) -> None:
    """Keep git from pruning or removing the worktree; a lock that is there already gets this reason."""
    worktree = _known(repo, path)
    if worktree.locked == reason:
        return
    unlock(repo, path)
    repo.git("worktree", "lock", "--reason", reason, worktree.path)


def unlock(repo: Repository, path: Path) -> None:
    worktree = _known(repo, path)
    if worktree.locked is not None:
        repo.git("worktree", "unlock", worktree.path)


def _ours(repo: Repository, path: Path, plan: BranchPlan, reason: str) -> Worktree | None:
    """The worktree that an earlier `add` left at `path`, complete or not; None where there is nothing to keep."""
    _clear_broken(repo, path, reason)
    worktree = find_worktree(repo, path)
    if worktree is None:
        return None
    if worktree.locked != reason and not worktree.is_complete:
        raise RefusedError(f"The worktree at {path} is not AgentDeck's.")
    if not os.path.lexists(path):
        _rebuild(repo, worktree)
    if not worktree.is_complete and (worktree.branch or "") != plan.branch:
        raise RefusedError(f"The worktree at {path} is on {worktree.branch or 'no branch'}, not on {plan.branch}.")
    return worktree


def _register(repo: Repository, path: Path, plan: BranchPlan, reason: str, *, force: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # git takes the sparse patterns from the worktree that it is run in.
    start = repo if is_bare(repo) else repo.at(main_folder(repo))
    words = ["worktree", "add", "--quiet", "--no-checkout", "--lock", "--reason", reason]
    words += ["--force"] if force else []
    words += [] if plan.branch else ["--detach"]
    made = start.run(*words, "--", path, plan.branch or plan.base_commit)
    if not made:
        raise GitError(f"The worktree {path} can't be created.", detail=made.complaint)


def _clear_broken(repo: Repository, path: Path, reason: str) -> None:
    """Forget a worktree whose making was cut off inside git itself: it has our lock but no branch yet."""
    import shutil

    for record in linked_folders(repo.common):
        with contextlib.suppress(OSError):
            if text_of(record / "locked").rstrip("\n") != reason or (record / "index").exists():
                continue
            head = text_of(record / "HEAD") if (record / "HEAD").exists() else ""
            pointer = text_of(record / "gitdir") if (record / "gitdir").exists() else ""
            if pointer and os.path.realpath(Path(pointer.strip()).parent) != os.path.realpath(path):
                continue
            if pointer and (record / "commondir").exists() and (head.startswith("ref:") or head.strip("0\n")):
                continue
            shutil.rmtree(record)
            if path.is_dir() and [entry.name for entry in path.iterdir()] == [".git"]:
                (path / ".git").unlink()


def _rebuild(repo: Repository, worktree: Worktree) -> None:
    """Make the folder of a worktree again, as its index has it: what was staged outlives a folder that was deleted."""
    worktree.path.mkdir(parents=True)  # fails where anything lies there, so that the folder is this worktree's
    (worktree.path / ".git").write_text(f"gitdir: {worktree.git_dir}\n")
    if worktree.is_complete:
        mark_ready(worktree.path, worktree.git_dir)
    if (worktree.git_dir / "index").exists():
        here = enter(repo, worktree)
        here.git(*side_by_side(here), "checkout-index", "--all", "--quiet")


def refill(repo: Repository, worktree: Worktree, before: str, commit: str) -> bool:
    """Let the worktree, which was made at the commit `before` and may have been changed by anything since, have what a
    new one of `commit` would have. Return False, with files missing, where that would not be sure."""
    if any((worktree.git_dir / name).exists() for name in _STATE) or repo.blob(f"{commit}:.gitmodules") is not None:
        return False
    if any(change.path.rpartition("/")[2] == ".gitattributes" for change in changed(repo, before, commit)):
        return False  # git would leave files as they are whose content is written in another way now
    here = enter(repo, worktree)
    marked = here.run("ls-files", "-v", "-z")
    if not marked or any(not line.startswith("H ") for line in marked.text.split("\0")[:-1]):
        return False  # files that git was told not to look at
    head = here.run("update-ref", "--no-deref", "HEAD", commit)
    if not head or not here.run("clean", "-ffdxq"):
        return False
    _fill(worktree, here)
    _run_hook(here, commit)
    return True


def _fill(worktree: Worktree, here: Repository) -> None:
    words = (*side_by_side(here), "reset", "--quiet", "--hard", "--no-recurse-submodules")
    if here.run(*words):
        return
    # A git that was killed while it filled this worktree leaves its lock; any other would have ended by now.
    (worktree.git_dir / "index.lock").unlink(missing_ok=True)
    here.git(*words)


def _run_hook(here: Repository, commit: str | None) -> str:
    """Run the repository's post-checkout hook as git does for a new worktree; return what it complained of."""
    head = commit or here.git("rev-parse", "HEAD")
    ran = hooks.run(here, "post-checkout", "0" * len(head), head, "1")
    if ran is None or ran:
        return ""
    return f"The repository's post-checkout hook failed with {ran.code}: {ran.complaint[-_HOOK_TEXT:]}"


def _check_outside_git(repo: Repository, path: Path, base: Path) -> None:
    """Raise RefusedError where `path` is, holds, or lies in what git keeps for itself."""
    common = repo.common
    # In a bare repository that is not hidden in a project's folder, worktrees beside git's own folders are usual.
    own = [common / entry for entry in _GIT_OWN] if base == common else [common]
    real = Path(os.path.realpath(path))
    for folder in own:
        if real.is_relative_to(os.path.realpath(folder)):
            raise RefusedError(f"A worktree can't be inside git's own folder: {path}")
    if Path(os.path.realpath(base)).is_relative_to(real):
        raise RefusedError(f"A worktree can't be the repository's own folder, or contain it: {path}")


def _check_link(repo: Repository, path: Path, base: Path) -> None:
    """Raise RefusedError where a link that came with the repository leads a path in it elsewhere; one that a person
    made, such as to a larger disk, is theirs."""
    if not path.is_relative_to(base) or leads_into(path.parent, base):
        return
    for parent in reversed(path.parents):
        if (
            parent.is_relative_to(base)
            and parent.is_symlink()
            and repo.run("ls-files", "--error-unmatch", "--", parent)
        ):
            raise RefusedError(
                f"{parent} is part of the repository and leads out of it, to {os.path.realpath(parent)}.",
                hint="Delete the link, or set worktree.path to another folder.",
            )


def _known(repo: Repository, path: Path) -> Worktree:
    worktree = find_worktree(repo, path)
    if worktree is None:
        raise GitError(f"{path} is not a worktree of this repository.")
    return worktree
