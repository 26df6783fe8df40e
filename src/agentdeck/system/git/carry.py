"""Bring git-ignored files, which `git worktree add` leaves behind, from the main worktree into a new one.

A file is taken when a pattern matches it and git ignores it too: tracked files come with the checkout, and untracked
ones are someone's unfinished work. Patterns are those of a .gitignore, and git itself does the matching.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from agentdeck.errors import DeckError
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git.checkouts import list_worktrees
from agentdeck.system.git.identity import inside
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.worktrees import exclude
from agentdeck.system.machine.process import run

_INSTALLED = frozenset({"node_modules", ".venv", "venv"})
"""Folders that set-up scripts take for complete when they are there: one stray file in them would mislead."""
_STAGE = ".agentdeck-carry-"
_AT_ONCE = 400
"""Paths on one command line, of which a system takes a megabyte or two; a path may have 4,096 bytes."""


def carry_over(repo: Repository, source: Path, target: Path, *, copy: list[str], link: list[str]) -> list[str]:
    """Copy and link ignored files of worktree `source` into worktree `target`; return their relative paths.

    Nothing that is in `target` is overwritten. Copies share their blocks with the original where the file system can.
    A folder of which everything matches is one path. Other worktrees are left out. Called again after a crash, it
    carries what is missing.
    """
    import shutil

    repo = repo.at(source)
    for leftover in target.glob(f"{_STAGE}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    linked = [path for path in _matching(repo, link) if _link(source, target, path)]
    for path in linked:
        _keep_out_of_git(inside(repo, target), path)
    copied = _copy(source, target, _matching(repo, copy))
    return sorted(linked + copied)


def linked(repo: Repository, source: Path, target: Path, patterns: list[str]) -> list[str]:
    """The paths that `carry_over` has linked in `target`, and that lead where it let them lead."""
    found = _matching(repo.at(source), patterns) if patterns else []
    return [path for path in found if (target / path).is_symlink() and (target / path).readlink() == source / path]


def _matching(repo: Repository, patterns: list[str]) -> list[str]:
    """The ignored files and whole folders of `repo`'s worktree that `patterns` choose."""
    if not any(pattern.strip() for pattern in patterns):
        return []
    with scratch_folder() as folder:
        file = folder / "patterns"
        file.write_text("\n".join(patterns) + "\n", "utf-8", "surrogateescape")
        chosen = _listed(repo, f"--exclude-from={file}")
    if not chosen:
        return []
    found = _common(chosen, _listed(repo, "--exclude-standard"))
    others = [os.path.realpath(tree.path) for tree in list_worktrees(repo) if not tree.bare]
    kept = _without(repo.folder, found, others)
    return sorted(path for path in kept if not _INSTALLED.intersection(Path(path).parts[:-1]))


def _listed(repo: Repository, rule: str) -> set[str]:
    """Untracked files that `rule` excludes; a folder that it excludes as such is one entry, with a `/` at its end."""
    words = ("ls-files", "-z", "--others", "--ignored", "--directory", rule)
    names = repo.git(*words).split("\0")[:-1]
    # git also names each folder that it found nothing else in, before the matches inside it.
    inside = {name[: end + 1] for name in names for end in _slashes(name)}
    return {name for name in names if name not in inside}


def _slashes(name: str) -> list[int]:
    return [end for end, char in enumerate(name[:-1]) if char == "/"]


def _common(chosen: set[str], ignored: set[str]) -> set[str]:
    """What lies in both, where an entry that ends with `/` stands for all below it."""

    def covered(name: str, by: set[str]) -> bool:
        return name in by or any(name[: end + 1] in by for end in _slashes(name))

    return {name for name in chosen if covered(name, ignored)} | {name for name in ignored if covered(name, chosen)}


def _without(top: Path, names: Iterable[str], others: list[str]) -> list[str]:
    """`names` without the folders `others`; a folder that holds one is replaced by the rest of what it holds."""
    own = os.path.realpath(top)
    others = [other for other in others if other.startswith(f"{own}/")]
    kept = []
    for name in names:
        path = os.path.join(own, name.rstrip("/"))  # noqa: PTH118 - a name may end in a dot that Path would drop
        if any(path == other or path.startswith(f"{other}/") for other in others):
            continue
        if any(other.startswith(f"{path}/") for other in others):
            children = [f"{name}{entry.name}{'/' if entry.is_dir() else ''}" for entry in Path(path).iterdir()]
            kept += _without(top, children, others)
        else:
            kept.append(name.rstrip("/"))
    return kept


def _link(source: Path, target: Path, path: str) -> bool:
    place = target / path
    if os.path.lexists(place) or not _reachable(target, path):
        return False
    place.symlink_to(source / path)
    return True


def _keep_out_of_git(target: Repository, path: str) -> None:
    """Ignore a link whose pattern was for a folder (`node_modules/`) and does not match a link of that name."""
    if not target.run("check-ignore", "--quiet", "--", path):
        exclude(target, f"/{path}")


def _copy(source: Path, target: Path, paths: list[str]) -> list[str]:
    """Copy what is missing: to a folder beside its place first, so that no half of a file is ever taken for it."""
    pending = list(paths)
    copied: list[str] = []
    missing: dict[str, list[str]] = {}
    while pending:
        path = pending.pop()
        if not os.path.lexists(target / path):
            missing.setdefault(str(Path(path).parent), []).append(path)
        elif _is_folder(target / path) and _is_folder(source / path):
            pending += [f"{path}/{entry.name}" for entry in (source / path).iterdir()]
    for group in missing.values():
        import tempfile

        reachable = [path for path in group if _reachable(target, path)]
        with tempfile.TemporaryDirectory(prefix=_STAGE, dir=target) as stage:
            _clone([source / path for path in reachable], Path(stage))
            for path in reachable:
                staged = Path(stage) / Path(path).name
                if os.path.lexists(staged):
                    staged.rename(target / path)
                    copied.append(path)
    return copied


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _clone(sources: list[Path], folder: Path) -> None:
    """Copy files and folders into `folder`, modes and links kept, sharing blocks where the file system can."""
    flags = ["-c", "-R", "-p", "-P"] if sys.platform == "darwin" else ["-a", "--reflink=auto"]
    for first in range(0, len(sources), _AT_ONCE):
        some = sources[first : first + _AT_ONCE]
        done = run(["cp", *flags, "--", *some, folder])
        if not done and not all(os.path.lexists(folder / source.name) for source in some):
            raise DeckError(f"Ignored files can't be copied to {folder.parent}.", detail=done.complaint)


def _reachable(target: Path, path: str) -> bool:
    """Make the folder that `path` goes into; False where a file or a link out of the worktree is in its way."""
    parent = target
    for part in Path(path).parts[:-1]:
        parent /= part
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            return False
    parent.mkdir(parents=True, exist_ok=True)
    return True
