"""Take a worktree away so that a crash never leaves half of it: out of its place, out of git's list, then its files.

    .agentdeck-going-KEY                      the worktree's folder, beside its place; it is whole and can be put back
    <common dir>/agentdeck/going/KEY.delete   the folder, its files being deleted; whoever comes next goes on
    <common dir>/agentdeck/going/KEY.stuck    what of it could not be deleted; `prune` tries again

Beside its place the relative paths from and to it stay right: those of submodules. The file `agentdeck-removing` in a
worktree's git folder holds the key of the removal that it belongs to. Every function may be called again after a crash.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from agentdeck.core.frozen import dataclass
from agentdeck.errors import BusyError, RefusedError
from agentdeck.system.files.files import locked, private_folder, write_atomic
from agentdeck.system.git.checkouts import Worktree
from agentdeck.system.git.identity import back_pointer, free_beside, identify
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import detach

_MARK = "agentdeck-removing"
_DELETE = ".delete"
_STUCK = ".stuck"
_BESIDE = ".agentdeck-going-"
_AT_ONCE = 200
"""Files and folders that are deleted while a person waits."""
_LOCK_WAIT = 60.0
_MOUNTS = Path("/proc/self/mounts")


@dataclass(frozen=True, slots=True)
class Departure:
    """The removal of the worktree at `home`, known by `key`."""

    repo: Repository
    home: Path
    key: str

    @property
    def _beside(self) -> Path:
        return self.home.parent / f"{_BESIDE}{self.key}"

    @property
    def place(self) -> Path | None:
        """Where the worktree's folder lies whole, out of its place; None where it does not."""
        return self._beside if os.path.lexists(self._beside) else None

    def mark(self, worktree: Worktree) -> None:
        """Note in the worktree's git folder that it goes with this removal."""
        write_atomic(worktree.git_dir / _MARK, self.key)

    def has(self, git_dir: Path) -> bool:
        """Whether the worktree with that git folder goes with this removal."""
        return _marked(git_dir) == self.key

    def is_deleted_from(self, worktree: Worktree, saved: str | None) -> bool:
        """Whether an agentdeck of before 0.2 was deleting files of the worktree in its place, after it had saved it."""
        return _marked(worktree.git_dir) == saved

    def move_out(self) -> Path:
        """Move the folder out of its place, so that nobody reaches it by its path, and return where it is."""
        if self.place is None:
            try:
                _rename(self.home, self._beside)
            except OSError as error:
                raise RefusedError(
                    f"{self.home} can't be moved, so it was not removed.",
                    detail=error.strerror or str(error),
                    hint=f"Check its permissions: ls -ld {shlex.quote(str(self.home))}",
                ) from error
        return self._beside

    def put_back(self) -> None:
        """Move the folder back to its place, and forget this removal."""
        place = self.place
        if place is not None:
            if os.path.lexists(self.home):
                self.home.rename(free_beside(self.home))  # someone wrote there by its path meanwhile
            self.home.parent.mkdir(parents=True, exist_ok=True)
            _rename(place, self.home)
        for record in self._records():
            (record / _MARK).unlink(missing_ok=True)

    @property
    def can_be_put_back(self) -> bool:
        return self.place is not None and bool(self._records())

    def let_go(self) -> str:
        """From here on the folder is not put back: take git's records of it away, then mark it for deletion. Return a
        sentence about what was left: what a link in its place leads to, or what is not the worktree after all."""
        left = self._leave_foreign()
        with alone(self.repo):
            for record in self._records():
                record.rename(private_folder(_folder(self.repo)) / f"{self.key}-{record.name}.record{_DELETE}")
            with contextlib.suppress(OSError):  # as git does: no folder where there is no worktree
                (self.repo.common / "worktrees").rmdir()
        place = self.place
        if place is not None and place.is_symlink():
            target = os.path.realpath(place)
            left = f"{self.home} was a link to {target}; only the link was removed; {target} was left unchanged."
        if place is not None:
            private_folder(_folder(self.repo))
            try:
                _rename(place, self._rests[0])
            except OSError:  # another file system, most often
                _rename(place, self._rests[1])
        if os.path.lexists(self._rests[1]):
            _delete(self._rests[1])
        return left

    def _leave_foreign(self) -> str:
        """Put the folder back where it is not the worktree, because it was exchanged in the moment of its move."""
        record = next((each for each in self._records() if back_pointer(each) == self.home), None)
        place = self.place
        if record is None or place is None or place.is_symlink() or identify(place, record, self.home).is_ours:
            return ""
        back = free_beside(self.home) if os.path.lexists(self.home) else self.home
        _rename(place, back)
        return f"{back} was left unchanged: another folder was in the worktree's place."

    @property
    def _rests(self) -> tuple[Path, Path]:
        return _folder(self.repo) / f"{self.key}{_DELETE}", Path(f"{self._beside}{_DELETE}")

    @property
    def _stuck(self) -> Path:
        return _folder(self.repo) / f"{self.key}{_STUCK}"

    @property
    def rest(self) -> Path | None:
        """What of the folder could not be deleted yet; None where nothing is left."""
        return next((path for path in (*self._rests, self._stuck) if os.path.lexists(path)), None)

    def _records(self) -> list[Path]:
        return [record for record in (self.repo.common / "worktrees").glob("*/") if self.has(record)]


def check_can_move(home: Path) -> None:
    """Raise RefusedError where something is mounted at or below `home`: it would be deleted along."""
    own = os.path.realpath(home)
    for mount in _mounts():
        if mount == own or mount.startswith(own + "/"):
            raise RefusedError(
                f"{mount} is a mount and would be deleted with the worktree.",
                hint=f"Unmount it first: umount {shlex.quote(mount)}",
            )


def _mounts() -> Iterator[str]:
    with contextlib.suppress(OSError):
        for line in _MOUNTS.read_bytes().splitlines():
            place = line.split()[1]
            yield os.fsdecode(place.decode("unicode_escape").encode("latin-1"))


def has_rests(repo: Repository) -> bool:
    """Whether files of removed worktrees are still to be deleted; costs a look at one folder."""
    with contextlib.suppress(OSError):
        return any(name.endswith(_DELETE) for name in os.listdir(_folder(repo)))  # noqa: PTH208 - looked at by each verb
    return False


def delete_rests(repo: Repository, *, stuck: bool = False) -> None:
    """Delete the files of the worktrees that are gone; with `stuck`, also those that could not be deleted before.
    Nothing where another process is at that."""
    folder = _folder(repo)
    with contextlib.suppress(BusyError), locked(folder / "delete.lock", what="the files of removed worktrees"):
        for path in sorted(folder.glob(f"*{_DELETE}")):
            _delete(path)
            if os.path.lexists(path):
                path.rename(path.with_suffix(_STUCK))  # another user's files: not each verb is to try
        for path in folder.glob(f"*{_STUCK}") if stuck else ():
            _delete(path)


def delete_rests_soon(repo: Repository) -> bool:
    """The same, but what takes long is deleted by a process of its own, for which nobody has to wait; return whether
    there is such a one. Where it is killed, the next verb goes on."""
    folder = _folder(repo)
    if not any(_is_large(path) for path in folder.glob(f"*{_DELETE}")):
        delete_rests(repo)
        return False
    detach([sys.executable, "-I", "-m", __name__, str(repo.common)])
    return True


def _is_large(path: Path) -> bool:
    """Whether more lies in it than is deleted in a moment; looks at no more than that."""
    entries = (name for _, folders, files in os.walk(path) for name in (*folders, *files))
    return next(itertools.islice(entries, _AT_ONCE, None), None) is not None


def stuck_rests(repo: Repository) -> list[Path]:
    """What could not be deleted of removed worktrees."""
    return sorted(_folder(repo).glob(f"*{_STUCK}"))


def alone(repo: Repository) -> contextlib.AbstractContextManager[None]:
    """Held while records of worktrees change: git's own commands trip over records that are half made."""
    return locked(repo.common / "agentdeck" / "worktrees.lock", wait=_LOCK_WAIT, what="this repository's worktrees")


def _folder(repo: Repository) -> Path:
    return repo.common / "agentdeck" / "going"


def _marked(git_dir: Path) -> str:
    with contextlib.suppress(OSError):
        return (git_dir / _MARK).read_text("utf-8", "replace")
    return ""


def _rename(source: Path, target: Path) -> None:
    """Rename, also a folder that may not be written: its `..` changes."""
    mode = source.lstat().st_mode
    closed = stat.S_ISDIR(mode) and not mode & stat.S_IWUSR
    if closed:
        source.chmod(stat.S_IMODE(mode) | stat.S_IWUSR)
    try:
        source.rename(target)
    except OSError:
        target = source
        raise
    finally:
        if closed:
            target.chmod(stat.S_IMODE(mode))


def _delete(path: Path) -> None:
    """Delete `path` and all in it, through no link. What can't be deleted stays."""
    import shutil

    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():  # folders that can't be written (module caches), or a file that was made meanwhile
        _open_folder(path)
        for folder, names, _ in os.walk(path):
            for name in names:
                _open_folder(Path(folder, name))
        shutil.rmtree(path, ignore_errors=True)


def _open_folder(path: Path) -> None:
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
            path.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)


if __name__ == "__main__":
    delete_rests(Repository(Path(sys.argv[1]), Path(sys.argv[1]), bare=True))
