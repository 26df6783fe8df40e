"""What an agent's box shows of the machine and of the repository."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from agentdeck.core.box.box import Mount, View, empty, read, write
from agentdeck.system.box import large_files
from agentdeck.system.box.own_git import BORROWED, OwnGit, alternates
from agentdeck.system.files.files import private_folder, state_home

_PROGRAMS = tuple(map(Path, ("/usr", "/opt", "/etc", "/nix", "/gnu")))
_MERGED = tuple(map(Path, ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")))
_SCRATCH = tuple(map(Path, ("/tmp", "/run", "/var/tmp")))  # noqa: S108 - they are made empty
_NAMES = tuple(map(Path, ("/etc/resolv.conf", "/etc/hosts", "/etc/localtime")))
"""Files of /etc that may be links to what is not shown."""
_KERNEL = ("sys", "sysrq-trigger", "fs", "irq", "bus", "acpi", "scsi")
"""What of /proc sets something in the kernel. Root may write there without any privilege, and bubblewrap covers only
folders that it may write to itself."""
_REDIRECTS = ("commondir", "gitdir", "locked", "config.worktree")
"""Files by which a worktree's git folder could lead git elsewhere."""


def machine(home: Path, path: str) -> Iterator[Mount]:
    """The machine's programs, which can't be changed, and empty folders where people's files are.

    `home` is the person's, and `path` the agent's PATH: where its programs lie below `home` they are shown.
    """
    if os.geteuid() == 0:
        yield from (read(f"/proc/{name}", optional=True) for name in _KERNEL)
    for place in _PROGRAMS:
        yield read(str(place), optional=True)
    if os.geteuid() == 0:
        yield from _hidden("/etc", private_folder(state_home() / "boxes" / "empty"))
    for place in _MERGED:
        if place.is_symlink():
            yield Mount(View.LINK, str(place), str(place.readlink()))
        elif place.is_dir():
            yield read(str(place))
    for place in (*_SCRATCH, home):
        yield empty(str(place))
    for name in _NAMES:
        if (found := name.resolve()) != name and found.exists() and not _is_system(found):
            yield read(str(found))
    for tool in toolchains(home, path):
        yield read(str(tool))


def _hidden(folder: Path | str, nothing: Path) -> Iterator[Mount]:
    """What only root reads there, such as passwords and keys of the machine: root is root in the box as well. What is
    seen instead of a folder is `nothing`."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                continue
            is_folder, is_public = entry.is_dir(), bool(entry.stat().st_mode & 0o004)
            if is_folder and is_public:
                yield from _hidden(entry.path, nothing)
            elif not is_public:
                yield read(entry.path, str(nothing) if is_folder else os.devnull)


def toolchains(home: Path, path: str) -> list[Path]:
    """Folders outside of the machine's own that hold what PATH and our own Python need."""
    wanted = [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2]]
    for entry in map(Path, path.split(os.pathsep)):
        if entry.is_absolute() and entry.is_dir() and not _is_system(entry):
            wanted += _roots_of(entry, home)
    wanted += [base for each in dict.fromkeys(wanted) for base in _base_of(each)]
    found = sorted({*wanted, *(each.resolve() for each in wanted)})
    kept = [each for each in found if each.is_dir() and not _is_system(each) and not _holds_people(each, home)]
    return [each for each in kept if not any(each != other and each.is_relative_to(other) for other in kept)]


def _roots_of(entry: Path, home: Path) -> Iterator[Path]:
    """The folder of programs, and those that its links lead into: `~/.local/bin/claude` leads to a folder of versions,
    and node finds its modules beside its `bin`."""
    yield entry
    if entry.name in ("bin", "sbin", ".bin", "shims") and entry.parent != home / ".local":
        yield entry.parent
    for program in entry.iterdir():
        if program.is_symlink() and not (target := program.resolve()).is_relative_to(entry):
            yield target.parent.parent if target.parent.name == "bin" else target.parent


def _base_of(folder: Path) -> Iterator[Path]:
    """The installation that a virtual environment of Python's was made from, such as one of pipx or uv."""
    try:
        lines = (folder / "pyvenv.cfg").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        name, _, value = line.partition("=")
        if name.strip() == "home":
            yield Path(value.strip()).parent


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(each) for each in (*_PROGRAMS, *_MERGED))


def _holds_people(path: Path, home: Path) -> bool:
    """Whether showing the folder would show a home, or all of the machine."""
    return home.is_relative_to(path) or path in (*_SCRATCH, Path("/home"))


def repository(own: OwnGit, worktree: str, git_dir: str, common: Iterable[str] = ()) -> Iterator[Mount]:
    """The worktree, which can be written, and of the git folder what work in it needs.

    Nothing of it but the index, HEAD and the like of this worktree, and the agent's own objects and branches, can be
    written. `common` are more files and folders that its links lead to.
    """
    git = str(own.common)
    yield read(git)
    yield empty(f"{git}/agentdeck")
    yield read(BORROWED, f"{git}/objects")
    yield empty(f"{BORROWED}/info")
    for path in alternates(own.common):
        yield read(str(path))
    yield write(f"{git}/objects", str(own.objects))
    yield read(f"{git}/objects/info", str(own.info))
    if own.large.is_dir():
        # git-lfs looks there too, beside the objects that are borrowed.
        yield read(str(Path(BORROWED).parent / large_files.FOLDER), f"{git}/{large_files.FOLDER}", optional=True)
        yield write(f"{git}/{large_files.FOLDER}", str(own.large))
    if own.branches is not None:
        yield write(f"{git}/{own.place}", str(own.heads))
        yield write(f"{git}/logs/{own.place}", str(own.logs))
        folders = [each for each in (own.common / own.place).iterdir() if each.is_dir()]
        yield from (read(str(each), optional=True) for each in folders)
    yield write(git_dir)
    yield from (read(f"{git_dir}/{name}", optional=True) for name in _REDIRECTS)
    yield from (read(path, optional=True) for path in common)
    yield write(worktree)
    yield read(f"{worktree}/.git")
