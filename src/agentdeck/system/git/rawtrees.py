"""git trees of files' bytes exactly as they lie on disk.

`git add` and `git checkout` pass files through filters (line ends, LFS, `ident`, encodings), which lose the original
bytes. Here git works through a throw-away git folder that shares the repository's objects, and whose own attributes,
which outrank every `.gitattributes`, switch all filters off.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agentdeck.core.frozen import dataclass, field
from agentdeck.errors import GitError, RefusedError
from agentdeck.system.files.files import copy_with_time
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git.checkouts import side_by_side
from agentdeck.system.git.repository import Repository

_CONFIG = """[core]
\trepositoryformatversion = 1
\tbare = false
\tfileMode = true
\tautocrlf = false
\tignoreCase = false
\tprotectNTFS = false
\tprotectHFS = false
\tprecomposeUnicode = false
\tfsmonitor = false
\tuntrackedCache = false
\tsplitIndex = false
\thooksPath = /dev/null
\tattributesFile = /dev/null
\tsparseCheckout = false
\tcompression = 1
[extensions]
\tobjectFormat = {format}
"""
_ATTRIBUTES = "* -text !eol -crlf -filter -ident -working-tree-encoding\n"


@dataclass
class TreeListing:
    """What lies in a folder. Paths are relative to it and use `/`."""

    files: list[str] = field(default_factory=list)
    """Regular files and symlinks."""
    empty: list[str] = field(default_factory=list)
    """Folders that no listed file lies in."""
    modes: dict[str, int] = field(default_factory=dict)
    """Permission bits of the regular files."""
    folders: dict[str, int] = field(default_factory=dict)
    """Permission bits of the folders, those of repositories among them."""
    repositories: list[str] = field(default_factory=list)
    """Folders below with a `.git` of their own; what is in them is not listed."""


_LARGE = 2**30
"""Bytes from which on it is looked whether there is room for a file."""
_BLOCK, _HOLES = 512, 64
"""Bytes of a disk's block, and how much more than it takes on the disk a file may say to hold."""


def listing(folder: Path, skip: Iterable[str] = ()) -> TreeListing:
    """List `folder` without its own `.git`, the paths in `skip`, sockets, pipes and devices. Raise RefusedError where
    git could not keep a file."""
    found = TreeListing()
    _scan(os.fspath(folder), "", frozenset(skip), found)
    return found


def _scan(folder: str, prefix: str, skip: frozenset[str], found: TreeListing) -> bool:
    """Add what lies in `folder` to `found`; return whether anything did."""
    anything = False
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = prefix + entry.name
            if path in skip or (entry.name == ".git" and not prefix):
                continue
            if entry.is_symlink():
                found.files.append(path)
            elif entry.is_dir():
                found.folders[path] = entry.stat().st_mode & 0o7777
                if os.path.lexists(os.path.join(entry.path, ".git")):  # noqa: PTH118 - once a folder, in a hot loop
                    found.repositories.append(path)
                elif not _scan(entry.path, f"{path}/", skip, found):
                    found.empty.append(path)
            elif entry.is_file():
                told = entry.stat()
                if told.st_size > _LARGE:
                    _check_room(entry.path, told)
                found.modes[path] = told.st_mode & 0o7777
                found.files.append(path)
            else:
                continue
            anything = True
    return anything


def _check_room(path: str, told: os.stat_result) -> None:
    """Raise for a file that git would read for hours, to keep what fits on no disk: anybody can make one of a terabyte
    that is empty."""
    disk = os.statvfs(path)
    if told.st_size > disk.f_bavail * disk.f_frsize or told.st_size > told.st_blocks * _BLOCK * _HOLES:
        raise RefusedError(
            f"{path} says that it holds {told.st_size / 2**30:,.0f} GiB, so the worktree can't be saved.",
            hint="Delete it, or let git ignore it.",
        )


_SETTLED = 3.0
"""Seconds since a folder's last change after which a further one shows in its time stamps, on any file system."""


def repositories_in(folder: Path, paths: Iterable[str], known: dict[tuple[int, ...], list[str]]) -> list[str]:
    """The repositories at or below those paths of `folder`; what is in them is not looked at. What can't be read is
    left out. `known` keeps what folders lie in a folder by its time stamps, so that one of 100,000 files is read
    once."""
    found: list[str] = []
    left = sorted(paths, reverse=True)
    while left:
        path = left.pop()
        place = os.path.join(folder, path)  # noqa: PTH118 - once a folder, in a hot loop
        if os.path.lexists(os.path.join(place, ".git")):  # noqa: PTH118 - the same
            found.append(path)
            continue
        with contextlib.suppress(OSError):  # a file, most often
            told = os.stat(place)  # noqa: PTH116 - the same
            sign = (told.st_dev, told.st_ino, told.st_mtime_ns, told.st_ctime_ns)
            if (names := known.get(sign)) is None:
                with os.scandir(place) as entries:
                    names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
                if time.time() - told.st_ctime > _SETTLED:
                    known[sign] = names
            left += [f"{path}/{name}" for name in names]
    return sorted(found)


_LONGEST = 4096
"""Bytes from which on Linux takes no path."""


def unreadable(folder: Path, place: Path) -> RefusedError:
    """For the worktree `folder`, in which `place` can't be read."""
    if len(os.fsencode(place)) >= _LONGEST:
        top = folder / place.relative_to(folder).parts[0]
        return RefusedError(
            f"The folders in {top} lie too deep in one another, so the worktree can't be saved.",
            hint=f"Delete them: {shlex.join(['rm', '-rf', str(top)])}",
        )
    is_own = os.path.lexists(place) and place.lstat().st_uid == os.geteuid()
    words = ["chmod", "-R", "u+rX"] if is_own else ["sudo", "chown", "-R", str(os.geteuid())]
    return RefusedError(
        f"{place} can't be read, so the worktree can't be saved.",
        hint=f"Make it readable: {shlex.join([*words, str(folder)])}",
    )


@dataclass(frozen=True)
class RawTrees:
    """Writes folders as trees and trees as folders, filters off, into and from one repository's objects."""

    repo: Repository
    scratch: Path
    hash_kind: str
    """`sha1` or `sha256`."""

    @classmethod
    @contextmanager
    def of(cls, repo: Repository) -> Iterator[RawTrees]:
        with scratch_folder() as scratch:
            raw = cls(repo, scratch, repo.hash_kind)
            raw._prepare()
            yield raw

    def _prepare(self) -> None:
        for folder in ("info", "objects", "refs"):
            (self.scratch / folder).mkdir()
        (self.scratch / "HEAD").write_text("ref: refs/heads/none\n")
        (self.scratch / "config").write_text(_CONFIG.format(format=self.hash_kind))
        (self.scratch / "info" / "attributes").write_text(_ATTRIBUTES)

    def adopt_index(self, git_dir: Path) -> bytes | None:
        """Start from a copy of the index in `git_dir`, whose record of unchanged files saves reading them. Return it;
        None where there is none."""
        # The copy's time must be the original's: git compares it with the files' to know which it can't trust.
        for source in (git_dir / "index", *git_dir.glob("sharedindex.*")):
            if source.exists():
                copy_with_time(source, self.scratch / source.name)
        return self._index.read_bytes() if self._index.exists() else None

    def forget(self, folder: Path, paths: Iterable[str]) -> None:
        """Take `paths` out of the index, which is one of `folder`."""
        nothing = "0" * (64 if self.hash_kind == "sha256" else 40)
        entries = "".join(f"0 {nothing}\t{path}\0" for path in paths)
        if entries:
            self._git(folder, "update-index", "-z", "--index-info", stdin=os.fsencode(entries))

    def put(self, folder: Path, paths: Iterable[str]) -> None:
        """Put the files `paths` of `folder` into the index; those it knows and that did not change are not read."""
        paths = list(paths)
        names = os.fsencode("".join(f"{path}\0" for path in paths))
        if names:
            try:
                self._git(folder, "update-index", "-z", "--add", "--remove", "--replace", "--stdin", stdin=names)
            except GitError as error:
                for file in (folder / path for path in paths):
                    if not file.is_symlink() and not os.access(file, os.R_OK):
                        raise unreadable(folder, file) from error
                raise

    def tree(self, folder: Path) -> str:
        """Write the index, which is one of `folder`, as a tree and return its id. It must have no unmerged entries."""
        # In that folder, because git writes the index anew here, and looks at the files then to mark those that
        # changed in the second of the last writing. Later nothing would tell them from unchanged ones.
        return self._git(folder, "write-tree", "--missing-ok")

    def tree_of(self, folder: Path, paths: Iterable[str]) -> str:
        """Write the files `paths` of `folder`, and nothing else, as a tree and return its id."""
        self._index.unlink(missing_ok=True)
        self.put(folder, paths)
        return self.tree(folder)

    def unpack(self, tree: str, folder: Path) -> None:
        """Write every file of `tree` into `folder`, over what is there."""
        self._index.unlink(missing_ok=True)
        self._git(folder, "read-tree", tree)
        self._git(folder, "checkout-index", "--all", "--force", "--quiet", before=side_by_side(self.repo))

    @property
    def _index(self) -> Path:
        return self.scratch / "index"

    def _git(self, folder: Path, *words: str, stdin: bytes | None = None, before: Sequence[str] = ()) -> str:
        places = {
            "GIT_DIR": self.scratch,
            "GIT_WORK_TREE": folder,
            "GIT_INDEX_FILE": self._index,
            "GIT_OBJECT_DIRECTORY": self.repo.common / "objects",
        }
        env = {name: str(path) for name, path in places.items()}
        done = self.repo.at(folder).run(*before, *words, env=env, stdin=stdin)
        if not done:
            raise GitError(f"git {words[0]} failed on the files in {folder}.", detail=done.complaint)
        return done.text.removesuffix("\n")
