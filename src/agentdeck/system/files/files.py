"""Files that survive a crash and a crowd: atomic writes and locks that the kernel frees when their holder dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import json
import os
import shlex
import stat
import time
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, Generic, TypeVar

from agentdeck.errors import BusyError, FileError, StoreError
from agentdeck.system.files.lockfile import try_lock

Note = TypeVar("Note")
Made = TypeVar("Made")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_LEAST = 0.1
"""Seconds for which a lock is tried at least."""
_LOOKED_AT = 10.0
"""Seconds for which it is tried while nobody has it, but some look whether it is held (`is_locked`): they share it for
an instant, which on a busy machine may last, and must not keep anybody out."""
_REFUSALS = _FULL | _FORBIDDEN | {errno.EIO, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}


def refusal(error: OSError, path: Path | None = None) -> FileError | None:
    """What a person is told where the machine refused a file; None for an error that is not of that kind."""
    if isinstance(error, FileError):
        return error
    if error.errno not in _REFUSALS:
        return None
    name = path or error.filename or "A file"
    if error.errno in _FULL:
        title, hint = f"The disk is full: {name} can't be written.", "Free some space on it, then try again."
    elif error.errno == errno.EISDIR:
        title, hint = f"{name} can't be written.", f"mv {shlex.quote(str(name))} {shlex.quote(f'{name}.old')}"
    else:
        title, hint = f"{name} can't be written.", "Make it writable for you, then try again."
    return FileError(title, detail=os.strerror(error.errno), hint=hint)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        refused = refusal(error, path)
        if refused is None:
            raise
        raise refused from error


def state_home() -> Path:
    """This user's folder for what all decks share: the ports handed out, above all."""
    base = os.environ.get("XDG_STATE_HOME") or ""
    if Path(base).is_absolute():
        return Path(base) / "agentdeck"
    try:
        return Path.home() / ".local" / "state" / "agentdeck"
    except RuntimeError as error:
        raise StoreError(
            "There is no folder for the shared state: this user has no home.",
            hint="Set HOME, or XDG_STATE_HOME to a folder of yours.",
        ) from error


def inside(top: Path, folder: str) -> Path | None:
    """The `folder` in `top`; None where there is none, or where it is elsewhere by a link."""
    path = top / folder
    return path if path.is_dir() and path.resolve().is_relative_to(top.resolve()) else None


def leads_into(path: Path, folder: Path) -> bool:
    """Whether what is written at `path` comes to lie in `folder`, whatever links are on the way."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def private_folder(path: Path) -> Path:
    """Make `path`, and what leads to it, readable by this user only; raise FileError where that can't be."""
    with _writing(path):
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except FileNotFoundError:
            # One by one, for `parents` makes those in between as the umask has it.
            private_folder(path.parent)
            path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_atomic(path: Path, text: str, mode: int = 0o600, *, durable: bool = True) -> None:
    """Put `text` at `path` so that a reader, or a crash, sees the old text or the new one and nothing between; where
    it need not be `durable`, a machine that goes down may lose it.

    Raise FileError where that can't be; then the old text is there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    with _writing(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def opened(path: Path | str, flags: int = 0, inside: int | None = None) -> BufferedReader:
    """The file at `path`, in the folder that is open as `inside`, to be read; raise OSError where a FIFO or the like is
    in its place, which could keep a reader waiting for ever. For all that an agent can write to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags, dir_fd=inside)
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        code = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
        raise OSError(code, os.strerror(code), os.fspath(path))
    return os.fdopen(descriptor, "rb")


def copy_with_time(source: Path, target: Path) -> None:
    """Copy a file's content, and when that was written; OSError as of `opened`."""
    with opened(source) as file:
        written = os.fstat(file.fileno()).st_mtime_ns
        target.write_bytes(file.read())
    os.utime(target, ns=(written, written))


_LARGEST = 2**29
"""Bytes."""


def bytes_of(path: Path | str, flags: int = 0) -> bytes:
    """All of the file at `path`, as `opened` opens it; raise OSError for one that is too large to be what we read."""
    with opened(path, flags) as file:
        if os.fstat(file.fileno()).st_size > _LARGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(path))
        return file.read()


def text_of(path: Path | str) -> str:
    """As `bytes_of`; bytes that are not UTF-8 are kept as surrogates."""
    return bytes_of(path).decode("utf-8", "surrogateescape")


def from_json(text: str | bytes) -> Any:
    """As `json.loads`; whatever is wrong with `text` is a ValueError, its depth too."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def clear_abandoned(path: Path) -> None:
    """Take away what a `write_atomic` of `path` left beside it whose process was killed."""
    for found in path.parent.glob(f".{glob.escape(path.name)}.*"):
        pid, _, rest = found.name.removeprefix(f".{path.name}.").partition(".")
        if pid.isdigit() and rest.isdigit() and not is_alive(int(pid)):
            found.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    write_atomic(path, json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", durable=durable)


def read_json(path: Path) -> Any:
    """What `write_json` put there; a ValueError where that can't be read."""
    return from_json(text_of(path))


def home_path(text: str) -> Path:
    """`text` as a path, with the user's folder for `~`; a user that is not known is left as a name."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path's own raises for such a user


def delete(path: Path) -> None:
    """Delete a file, a link or a folder with all in it; nothing where it is gone. Of a folder what can't be deleted
    stays."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    try:  # plain files and folders, as a rule, for which `shutil` isn't loaded
        for _, folders, files, descriptor in os.fwalk(path, topdown=False):
            for name in files:
                os.unlink(name, dir_fd=descriptor)
            for name in folders:
                os.rmdir(name, dir_fd=descriptor)
        path.rmdir()
    except OSError:
        import shutil

        shutil.rmtree(path, ignore_errors=True)


def set_aside(path: Path) -> Path:
    """Move a damaged file out of the way, so that it can be written anew, and return where to."""
    return path.rename(path.with_name(f"{path.stem}.damaged-{time.time_ns()}{path.suffix}"))


def read_state(path: Path, parse: Callable[[Any], Note]) -> Note:
    """What `parse` makes of the JSON at `path`; raise StoreError where that can't be read."""
    try:
        return parse(read_json(path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "Move it away, or put back a copy of it."
        raise StoreError(f"{path} can't be read.", detail=str(error), hint=hint) from error


def read_note(path: Path, what: str, parse: Callable[[Any], Note]) -> Note:
    """What `parse` makes of the JSON at `path`, a note of something that is under way. One that can't be read is put
    aside, for nobody can go on with it; then raise StoreError."""
    try:
        return parse(read_json(path))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        aside = set_aside(path)
        raise StoreError(
            f"{what} was interrupted and can't be finished: its record can't be read.",
            detail=str(error),
            hint=f"Look at “git status” and “agentdeck ls”. The record was moved to {aside}.",
        ) from error


def sign(path: Path | str) -> tuple[int, ...]:
    """Another one whenever the file was replaced or written; () where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - as often as this is called, a Path's own takes twice as long
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)


_YOUNG = 50_000_000
"""Nanoseconds: in so short a time a file may be written twice with one time stamp."""


class Kept(Generic[Made]):
    """What was made of files, each of which is read anew only once it was replaced or written."""

    def __init__(self) -> None:
        self._made: dict[Path, tuple[tuple[int, ...], Made]] = {}

    def read(self, path: Path, make: Callable[[Path], Made]) -> Made:
        """What `make` makes of the file, or has made of it as it is still; raise what that raises."""
        seen, known = _settled_sign(path), self._made.get(path)
        if known is not None and known[0] == seen:
            return known[1]
        made = make(path)
        if seen is not None:
            self._made[path] = seen, made
        return made


def _settled_sign(path: Path) -> tuple[int, ...] | None:
    """What another content of the file would change; None where it is too young to tell, or can't be looked at."""
    found = sign(path)
    return found if found and time.time_ns() - found[0] > _YOUNG else None


def append_line(path: Path, line: str) -> None:
    """Add one line in a single write, so that lines of several processes never mix; raise FileError where there is no
    room for all of it."""
    data = (line + "\n").encode("utf-8", "surrogateescape")
    with _writing(path):
        if path.is_fifo():
            set_aside(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            written = os.write(descriptor, data)
            if written < len(data):
                size = os.fstat(descriptor).st_size
                os.ftruncate(descriptor, size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, *, wait: float = 0.0, what: str = "") -> Iterator[None]:
    """Hold the lock file `path`; raise BusyError when another process still holds it after `wait` seconds.

    The lock belongs to the open file description: it ends with this process, however that ends, and a child does not
    inherit it.
    """
    descriptor = take_lock(path, wait=wait, what=what)
    try:
        yield
    finally:
        os.close(descriptor)


def take_lock(path: Path, *, wait: float = 0.0, what: str = "") -> int:
    """As `locked`, but hold it until the returned descriptor is closed or this process ends. Our pid is in the file."""
    begun = time.monotonic()
    pause = 0.002
    while True:
        private_folder(path.parent)
        with contextlib.suppress(FileNotFoundError), _writing(path):  # its holder may take the folder away just now
            if (descriptor := try_lock(path)) is not None:
                return descriptor
        if time.monotonic() >= begun + max(wait, _LEAST if is_locked(path) else _LOOKED_AT):
            raise BusyError(f"Another agentdeck process is using {what or path.name}.", hint="Try again in a moment.")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def is_locked(path: str | Path) -> bool:
    """Whether some process holds the lock file `path` now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _kernels_holder(path: Path) -> int | None:
    """The holder as Linux tells it; None where it does not."""
    with contextlib.suppress(OSError, ValueError):
        inode = str(path.stat().st_ino)
        rows = [line.split() for line in Path("/proc/locks").read_text("ascii").splitlines()]
        pids = {int(row[4]) for row in rows if row[1:2] == ["FLOCK"] and row[5].rpartition(":")[2] == inode}
        if len(pids) == 1 and (pid := pids.pop()) > 0:
            return pid
    return None


def lock_holder(path: Path) -> int | None:
    """The pid of the process that holds the lock file `path` now; None where nobody does, or it took it just now."""
    if not is_locked(path):
        return None
    # What the file says may have been written by anyone; who is named here may be killed.
    signed, taker = _signed(path), _kernels_holder(path)
    return signed if taker is None or (signed is not None and _parent(signed) == taker) else taker


def _signed(path: Path) -> int | None:
    with contextlib.suppress(OSError):  # its folder may just be taken away
        text = path.read_text()
        return int(text) if text.isdigit() else None
    return None


def _parent(pid: int) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None
