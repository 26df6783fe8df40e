"""Whether a folder is the very worktree that git's record is of.

A worktree and its record point at each other: the folder's `.git` file names the git folder, and the git folder's
`gitdir` file names the folder. Where both agree, and no link lies in the folder's place, it is that worktree. A folder
that lost its `.git` file is still known by its device and inode, which were written to the git folder at its making.

Nothing here runs git: a git in a folder without `.git` looks for a repository in the folders above it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import stat
from enum import StrEnum
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.core.text.patterns import late_bytes
from agentdeck.errors import NotFoundError, RefusedError
from agentdeck.system.files.files import opened, write_atomic
from agentdeck.system.git.pipes import LONGEST
from agentdeck.system.git.repository import Repository

READY = "agentdeck-ready"
"""The file in a worktree's git folder that says: made by agentdeck, and complete. It holds what tells
the folder from any other."""
_HEAD = late_bytes(rb"ref:[ \t]*refs/|(?!0{40})[0-9a-f]{40}")
"""A null commit is what a git that was killed while it made a worktree leaves there."""
_GET_GENERATION = 0x80087601
"""FS_IOC_GETVERSION of Linux: a number that an inode gets each time it is used for a new file."""


class Standing(StrEnum):
    """What lies at a worktree's path."""

    OWN = "own"
    """The worktree."""
    LINKED = "linked"
    """A link to the worktree: someone moved it and linked it back. It can be worked in, but never deleted by its path:
    only the link is ours."""
    CUT_OFF = "cut off"
    """The worktree's folder without a usable `.git` file. It can be saved and deleted, but git can't be run in it."""
    FOREIGN = "foreign"
    """Something else. It is neither read, written nor deleted."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Identity:
    path: Path
    standing: Standing
    why: str = ""
    """What is wrong, as the end of a sentence about the worktree; empty where nothing is."""
    repair: str = ""
    """The shell command that mends it."""

    @property
    def is_usable(self) -> bool:
        """Whether git can be run in it."""
        return self.standing in (Standing.OWN, Standing.LINKED)

    @property
    def is_ours(self) -> bool:
        """Whether the files at the path are the worktree's."""
        return self.is_usable or self.standing is Standing.CUT_OFF

    @property
    def is_deletable(self) -> bool:
        return self.standing in (Standing.OWN, Standing.CUT_OFF)


class ForeignError(RefusedError):
    """What lies at the worktree's path is not the worktree."""


def identify(path: Path, git_dir: Path | None, home: Path | None = None) -> Identity:
    """What lies at `path`, where the worktree with that git folder should be; None for one whose record is gone.

    `home` is where the worktree belongs, while it is moved to `path` for its removal.
    """
    try:
        facts = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Identity(path, Standing.GONE, "its folder is gone")
    if not (stat.S_ISDIR(facts.st_mode) or stat.S_ISLNK(facts.st_mode)):
        return _foreign(path, "a file is in its place")
    if git_dir is None or not git_dir.is_dir():
        return _foreign(path, "git's record of it is gone")
    is_linked = git_dir.parent.name == "worktrees" and git_dir.name != ".git"
    if is_linked and not _is_same(pointer(path), git_dir):
        return _without_pointer(path, git_dir, facts, home or path)
    if is_linked and (wrong := _wrong_record(path, git_dir, home or path)):
        return wrong
    return Identity(path, Standing.LINKED if stat.S_ISLNK(facts.st_mode) else Standing.OWN)


def point_at_each_other(path: str, git_dir: str) -> bool:
    """Whether folder and git folder do, as git writes it. Nearly always enough, and ten times as fast as `identify`."""
    try:
        is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
        files = [read_small(f"{path}/.git"), read_small(f"{git_dir}/gitdir"), read_small(f"{git_dir}/commondir")]
    except OSError:
        return False
    told = (f"gitdir: {git_dir}\n", f"{path}/.git\n", "../..\n")
    return is_folder and files == [os.fsencode(text) for text in told] and has_head(Path(git_dir))


def read_small(path: str | Path) -> bytes:
    """The content of a file of git's; raise OSError for a link, and for what could keep us waiting for ever."""
    with opened(path, os.O_NOFOLLOW) as file:
        return file.read(LONGEST)


def has_head(git_dir: Path) -> bool:
    """Whether git would take its HEAD for one; without, it takes the folder for no git folder."""
    head = git_dir / "HEAD"
    with contextlib.suppress(OSError):
        if head.is_symlink():
            return str(head.readlink()).startswith("refs/")
        return _HEAD.match(read_small(head)) is not None
    return False


def _wrong_record(path: Path, git_dir: Path, home: Path) -> Identity | None:
    """What is wrong with the record that the folder's `.git` file points to; None where nothing is."""
    where, common = back_pointer(git_dir), _path_in(git_dir / "commondir")
    if not _is_same(where, home):
        why = f"git's record of it names the path {where or 'no place'}"
        return Identity(path, Standing.FOREIGN, why, _line(f"{path}/.git", git_dir / "gitdir"))
    if not _is_same(common, git_dir.parent.parent):
        why = f"git's record of it leads to another repository, {common or 'none'}"
        return Identity(path, Standing.FOREIGN, why, _line("../..", git_dir / "commondir"))
    return None if has_head(git_dir) else Identity(path, Standing.CUT_OFF, "its HEAD is damaged")


def _without_pointer(path: Path, git_dir: Path, facts: os.stat_result, home: Path) -> Identity:
    """A folder, or a link to one, whose `.git` does not point to the git folder."""
    dot_git, target = path / ".git", pointer(path)
    if stat.S_ISLNK(facts.st_mode):
        why = f"a link to {os.path.realpath(path)} is in its place"
        return Identity(path, Standing.FOREIGN, why, f"rm {_quoted(path)}")
    is_closed = not os.access(path, os.R_OK | os.X_OK)
    if is_closed or not (_is_same(back_pointer(git_dir), home) and _recorded(git_dir) == mark_of(path) != ""):
        closed = Identity(path, Standing.FOREIGN, "its folder can't be read", f"chmod u+rwx {_quoted(path)}")
        return closed if is_closed else _foreign(path, "another folder is in its place")
    repair = _line(f"gitdir: {git_dir}", dot_git)
    if not os.path.lexists(dot_git):
        return Identity(path, Standing.CUT_OFF, "its .git file is gone", repair)
    aside = f"mv {_quoted(dot_git)} {_quoted(free_beside(dot_git))} && {repair}"
    if target is not None and target.is_dir():
        return Identity(path, Standing.FOREIGN, f"its .git file points to {target}", aside)
    if dot_git.is_dir() or dot_git.is_symlink():
        return Identity(path, Standing.FOREIGN, "its .git file was replaced by a repository of its own", aside)
    return Identity(path, Standing.CUT_OFF, "its .git file is broken", repair if dot_git.is_file() else aside)


def _foreign(path: Path, why: str) -> Identity:
    aside = f"mv {_quoted(path)} {_quoted(free_beside(path))}" if path.name else ""
    return Identity(path, Standing.FOREIGN, why, aside)


def inside(repo: Repository, path: Path, git_dir: Path | None = None) -> Repository:
    """The repository as seen from its worktree at `path`, with its git folder named, so that git looks for no other.

    Raise ForeignError where what lies there is not that worktree. Without `git_dir` it is the one whose record names
    `path`.
    """
    git_dir = git_dir or git_dir_of(repo.common, path)
    check_usable(identify(path, git_dir))
    return repo.at(path, git_dir)


def check_usable(found: Identity, whose: str = "") -> None:
    """Raise ForeignError where git can't be run there, NotFoundError where nothing is."""
    if found.standing is Standing.GONE:
        raise NotFoundError(f"The worktree {found.path} is gone.", hint="“agentdeck doctor” says more.")
    if not found.is_usable:
        name = f"The worktree of {whose}" if whose else "The worktree"
        way_out = f"“agentdeck rm {whose}” saves its files and removes it." if whose else ""
        raise ForeignError(f"{name} at {found.path} can't be used: {found.why}.", hint=found.repair or way_out)


def git_dir_of(common: Path, path: Path) -> Path | None:
    """The git folder of the worktree whose record names `path`; the common one for the main worktree."""
    target = pointer(path)
    records = common / "worktrees"
    if target is not None and _is_same(target.parent, records) and _is_same(back_pointer(target), path):
        return target
    if (path / ".git").is_dir() and _is_same(path / ".git", common):
        return common
    named = [record for record in sorted(records.glob("*/")) if _is_same(back_pointer(record), path)]
    exact = [record for record in named if back_pointer(record) == path]
    return next(iter(exact or named), None)


def pointer(folder: Path) -> Path | None:
    """The git folder that the `.git` file in `folder` names; None without such a file."""
    try:
        text = os.fsdecode(read_small(folder / ".git"))
    except OSError:
        return None
    if not text.startswith("gitdir:"):
        return None
    return Path(os.path.normpath(folder / text.removeprefix("gitdir:").strip("\n").lstrip(" ")))


def back_pointer(git_dir: Path) -> Path | None:
    """The folder that a worktree's record names."""
    dot_git = _path_in(git_dir / "gitdir")
    return dot_git.parent if dot_git else None


def _path_in(file: Path) -> Path | None:
    """The path that a file of git's names, relative to the file's folder."""
    try:
        text = os.fsdecode(read_small(file)).removesuffix("\n")
    except OSError:
        return None
    return Path(os.path.normpath(file.parent / text)) if text else None


def follow_move(path: Path, old: Path, git_dir: Path) -> bool:
    """Let the worktree at `path` and its git folder, moved from `old` to `git_dir`, point at each other again;
    return whether they do. A folder that did not point to `old` is left as it is."""
    if not identify(path, git_dir).is_usable:
        if path.is_symlink() or pointer(path) != old or not (git_dir / "commondir").exists():
            return False
        write_atomic(path / ".git", f"gitdir: {git_dir}\n", 0o644)
        write_atomic(git_dir / "gitdir", f"{path}/.git\n", 0o644)
    return True


def mark_ready(path: Path, git_dir: Path) -> None:
    """Write down that the worktree is complete, and which folder it is."""
    write_atomic(git_dir / READY, mark_of(path) + "\n")


def mark_of(folder: Path) -> str:
    """What no other folder has: its device and inode, and what tells it from a later one with the same inode."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        facts = os.fstat(descriptor)
        generation = getattr(facts, "st_birthtime", "-")
        with contextlib.suppress(OSError):  # not every file system has one
            generation = fcntl.ioctl(descriptor, _GET_GENERATION, b"\0" * 8).hex()
    finally:
        os.close(descriptor)
    return f"{facts.st_dev} {facts.st_ino} {generation}"


def _recorded(git_dir: Path) -> str:
    try:
        return os.fsdecode(read_small(git_dir / READY)).strip()
    except OSError:
        return ""


def _is_same(one: Path | None, other: Path) -> bool:
    return one is not None and (one == other or os.path.realpath(one) == os.path.realpath(other))


def free_beside(path: Path) -> Path:
    """A path beside `path` at which nothing lies."""
    number = 1
    while os.path.lexists(free := path.with_name(f"{path.name}.aside{number if number > 1 else ''}")):
        number += 1
    return free


def _line(text: str, path: Path) -> str:
    """The shell command that makes `text` the only line of the file at `path`."""
    return f"printf '%s\\n' {shlex.quote(text)} > {_quoted(path)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
