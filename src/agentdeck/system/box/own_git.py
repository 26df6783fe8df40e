"""An agent's own part of a repository's git folder, and how it comes into the repository.

In its box an agent writes objects and branches into folders of its own. They are copied from there into the repository
by us: the content of each object is hashed and checked anew, so nothing that it does to its own can hurt the others'
objects, and nothing but its own branches moves.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from agentdeck.core.frozen import asdict, dataclass, replace
from agentdeck.system.box import large_files
from agentdeck.system.box.careful import is_hollow, listed, opened, plain_file
from agentdeck.system.files.files import from_json, private_folder, take_lock, write_atomic, write_json
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git.repository import Repository

HEADS = "refs/heads"
BORROWED = "/run/agentdeck/objects"
"""Where the repository's objects are in the box."""
_FAN = re.compile(r"[0-9a-f]{2}")
_LOOSE = re.compile(r"[0-9a-f]{38}(?:[0-9a-f]{24})?")
_PACK = re.compile(r"pack-[0-9a-f]{40}(?:[0-9a-f]{24})?\.pack")
_OID = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?)\n?")
_LEAF = re.compile(r"[^/\0\n]+")
_FEW = 100
"""Objects up to which they become single files, as git itself does after a fetch (`transfer.unpackLimit`)."""
_LARGEST_REF = 200
_INDEX = ("index-pack", "--stdin", "--strict", "--fix-thin")
_BOUNDED = {"GIT_ALLOC_LIMIT": "2g"}
"""What git takes at once at most, for a small object may say that it becomes a large one. Files are not held whole."""
_BRANCHES = "branches.json"


@dataclass(frozen=True, slots=True)
class OwnGit:
    """`folder` is ours, on the machine; `branches` is the folder of branches that the agent's own is in, such as
    `agentdeck`; empty where it is in none, and None where the agent has no branch."""

    common: Path
    folder: Path
    branches: str | None

    @property
    def objects(self) -> Path:
        return self.folder / "objects"

    @property
    def info(self) -> Path:
        """What git finds in the box as `objects/info`."""
        return self.folder / "info"

    @property
    def heads(self) -> Path:
        """What git finds in the box as the folder of branches."""
        return self.folder / "heads"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def place(self) -> str:
        """The folder of its branches, relative to the git folder; the same below `logs` for what they were."""
        return "/".join(filter(None, (HEADS, self.branches)))

    @property
    def large(self) -> Path:
        """What git-lfs finds in the box as its folder."""
        return self.folder / "lfs"

    def prepare(self, repo: Repository, branch: str) -> None:
        """Make the folders, with the branches as they are in the repository."""
        if (self.common / large_files.FOLDER).is_dir():
            private_folder(self.large)
        for each in (self.objects / "info", self.objects / "pack", self.heads, self.logs, self.info):
            private_folder(each)
        lent = (BORROWED, *(str(path) for path in alternates(self.common)))
        write_atomic(self.info / "alternates", "".join(f"{path}\n" for path in lent))
        if self.branches is None:
            return
        for place in (self._here, self.common / "logs" / self.place):
            place.mkdir(parents=True, exist_ok=True)  # nothing can be mounted where nothing is
        known = self._known()
        if branch and (commit := repo.commit(f"{HEADS}/{branch}")) is not None:
            self._show(known.own, branch.rpartition("/")[2], commit)
        self._lend(known)

    def has_news(self) -> bool:
        """Whether something is to be taken in, or has moved in the repository. No git is run."""
        if any(True for _ in large_files.found_in(self.large)):
            return True
        if self.branches is None:
            return any(True for _ in self._new_files())
        known, here = self._known(), _refs(self._here)
        shown = _refs(self.heads)
        is_lent = all(shown.get(leaf) == oid for leaf, oid in here.items()) and known.lent.keys() <= here.keys()
        return not is_lent or shown.keys() - here.keys() != set() or any(True for _ in self._new_files())

    @property
    def _here(self) -> Path:
        return self.common / self.place

    def _known(self) -> _Branches:
        with contextlib.suppress(OSError, ValueError, TypeError):
            return _Branches(**from_json((self.folder / _BRANCHES).read_text("utf-8")))
        return _Branches({}, {})

    def _show(self, known: dict[str, str], leaf: str, oid: str) -> None:
        write_atomic(self.heads / leaf, f"{oid}\n", durable=False)
        known[leaf] = oid

    def _lend(self, known: _Branches) -> None:
        """Show the branches as they are in the repository, where the agent has not moved its own. What it does to those
        of others is gone then. Packed ones are seen in the box anyway."""
        here, shown = _refs(self._here), _refs(self.heads)
        for leaf, oid in here.items():
            owned = known.own if leaf in known.own else known.lent
            if shown.get(leaf) != oid and (owned is known.lent or shown.get(leaf) == known.own[leaf]):
                self._show(owned, leaf, oid)
        for leaf in known.lent.keys() - here.keys():
            (self.heads / leaf).unlink(missing_ok=True)
            del known.lent[leaf]
        write_json(self.folder / _BRANCHES, asdict(known))

    def take_in(self, repo: Repository) -> str:
        """Bring what the agent has written into the repository. Return what could not come, in a sentence; empty where
        all did. What is damaged stays in its folder, and its branches stay where they were."""
        lock = take_lock(self.folder / "lock", what="an agent's objects", wait=30)
        try:
            known, shown = self._known(), _refs(self.heads)
            large_files.take(self.large, self.common)
            trouble = self._take_objects(repo)
            if self.branches is None:
                return trouble
            for leaf in shown.keys() - known.lent.keys():
                if known.own.get(leaf) != shown[leaf]:
                    trouble = self._take_branch(repo, known, leaf, shown[leaf]) or trouble
            self._lend(known)
            return trouble
        finally:
            os.close(lock)

    def forget_taken(self) -> None:
        """Delete the single objects that are in the repository, where no program of the agent's runs."""
        for name in filter(self._is_there, list(_own_files(self.objects))):
            _remove(self.objects, name)

    def _new_files(self) -> Iterator[str]:
        """Its objects and packs, without the single objects that are in the repository as such: they stay here until
        its next start, for some programs, such as gitdb in aider, look for an object only where they once found it."""
        return (name for name in _own_files(self.objects) if not self._is_there(name))

    def _is_there(self, name: str) -> bool:
        return not name.startswith("pack/") and (self.common / "objects" / name).exists()

    def _take_objects(self, repo: Repository) -> str:
        found = list(self._new_files())
        packs = [name for name in found if name.startswith("pack/")]
        with scratch_folder() as folder:
            loose = list(_copied(self.objects, [name for name in found if name not in packs], folder))
            # A pack may build on single objects, and they on a pack.
            whole = not loose or _unpacked(repo, folder, loose)
            done = [name for name in packs if _indexed(repo, self.objects, name)]
            if whole or (done and _unpacked(repo, folder, loose)):
                done += loose
        for name in done:
            if not self._is_there(name):
                _remove(self.objects, name)
        return "" if len(done) == len(found) else "some of its git objects are damaged"

    def _take_branch(self, repo: Repository, known: _Branches, leaf: str, oid: str) -> str:
        """Move a branch in the repository to where the agent has it, unless it moved there as well."""
        ref = f"{self.place}/{leaf}"
        last, here = known.own.get(leaf, ""), repo.commit(ref) or ""
        if here != oid:
            if here != last:
                return f"{ref} was moved outside of its box as well"
            whole = repo.run("rev-list", "--objects", "--quiet", oid, "--not", "--all")
            if not whole or repo.kinds([oid]).get(oid) != "commit":
                return f"its branch {leaf} names a commit that is damaged or missing"
            moved = repo.run("update-ref", "-m", "agent", ref, oid, last or "0" * len(oid))
            if not moved:
                return f"{ref} can't be moved: {moved.complaint}"
        elif not last:
            return f"{ref} is not its own branch"
        known.own[leaf] = oid
        return ""


@dataclass(frozen=True, slots=True)
class _Branches:
    """The ids of branches as the repository and the box last agreed on them."""

    own: dict[str, str]
    lent: dict[str, str]


def alternates(common: Path) -> list[Path]:
    """The folders of objects that the repository borrows from others, as after `git clone --reference`."""
    found: list[Path] = []
    todo = [common / "objects"]
    while todo:
        folder = todo.pop()
        with contextlib.suppress(OSError):
            for line in (folder / "info/alternates").read_text("utf-8", "surrogateescape").splitlines():
                if line and not line.startswith("#"):
                    path = Path(os.path.realpath(folder / line))
                    if path not in found and path.is_dir():
                        found.append(path)
                        todo.append(path)
    return found


def _unpacked(repo: Repository, folder: Path, loose: list[str]) -> bool:
    """Whether the single objects in `folder`, all of them, are in the repository now."""
    names = "".join(f"{name.replace('/', '')}\n" for name in loose).encode()
    words = ("-c", "pack.packSizeLimit=0", "pack-objects", "-q", "--window=0", folder / "all")
    packed = replace(repo, objects=folder).run(*words, stdin=names, env=_BOUNDED)
    if not packed:
        return False
    with (folder / f"all-{packed.text.strip()}.pack").open("rb") as pack:
        if len(loose) > _FEW:
            return bool(repo.run(*_INDEX, stdin=pack, env=_BOUNDED))
        return bool(repo.run("unpack-objects", "--strict", "-q", stdin=pack, env=_BOUNDED))


def _indexed(repo: Repository, objects: Path, name: str) -> bool:
    """Whether the pack is in the repository now. Git reads it as the agent may still write it, and checks what it has
    read; a link is not followed, as it could lead to objects of another repository."""
    fan, _, leaf = name.partition("/")
    with (
        contextlib.suppress(OSError),
        opened(objects) as top,
        opened(fan, top) as folder,
        plain_file(leaf, folder) as pack,
    ):
        return bool(repo.run(*_INDEX, stdin=pack, env=_BOUNDED))
    return False


def _refs(heads: Path) -> dict[str, str]:
    """The branches directly in the folder and their ids; a link or anything odd is none."""
    found = {}
    with contextlib.suppress(OSError), opened(heads) as folder:
        for leaf in listed(folder):
            is_branch = not leaf.endswith(".lock") and _LEAF.fullmatch(leaf)
            if is_branch and (told := _OID.fullmatch(_content(folder, leaf, _LARGEST_REF))):
                found[leaf] = told[1].decode()
    return found


def _own_files(objects: Path) -> Iterator[str]:
    """The paths of objects and packs that the agent's git has finished, relative to the folder."""
    with contextlib.suppress(OSError), opened(objects) as top:
        for fan in listed(top):
            wanted = _PACK if fan == "pack" else _LOOSE if _FAN.fullmatch(fan) else None
            with contextlib.suppress(OSError):
                if wanted is not None:
                    with opened(fan, top) as folder:
                        yield from (f"{fan}/{name}" for name in listed(folder) if wanted.fullmatch(name))


def _copied(objects: Path, names: list[str], into: Path) -> Iterator[str]:
    """Copy each of the objects into our folder, where the agent can't change it any more, and name it. Links are not
    followed."""
    (into / "pack").mkdir()
    for name in names:
        fan, _, leaf = name.partition("/")
        with contextlib.suppress(OSError), opened(objects) as top, opened(fan, top) as folder:
            with plain_file(leaf, folder) as read:
                if is_hollow(read):
                    continue
                (into / fan).mkdir(exist_ok=True)
                with (into / name).open("wb") as copy:
                    shutil.copyfileobj(read, copy)
            yield name


def _remove(objects: Path, name: str) -> None:
    fan, _, leaf = name.partition("/")
    stem = leaf.removesuffix(".pack")
    leaves = [leaf] if stem == leaf else [f"{stem}.idx", f"{stem}.rev", f"{stem}.bitmap", leaf]
    with contextlib.suppress(OSError), opened(objects) as top, opened(fan, top) as folder:
        for each in leaves:
            with contextlib.suppress(OSError):
                os.unlink(each, dir_fd=folder)


def _content(folder: int, leaf: str, most: int) -> bytes:
    """The first `most` bytes of a plain file; empty where it is none."""
    with contextlib.suppress(OSError), plain_file(leaf, folder) as read:
        return read.read(most)
    return b""
