"""Read which worktrees a repository has, and where its main one lies. What makes and removes them is in worktrees.py.

A worktree is known by its git folder: people move and delete the folders behind git's back.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.text.patterns import late_bytes
from agentdeck.errors import GitError
from agentdeck.system.files.files import sign
from agentdeck.system.git.identity import READY, back_pointer, inside, pointer, read_small
from agentdeck.system.git.looks import Record
from agentdeck.system.git.pipes import cut_head
from agentdeck.system.git.repository import Repository

_CHANGING = ("commondir", "/locked'", "fatal: Invalid path")
"""git lists nothing at all while another git makes, unlocks or removes a worktree, of which a file is missing then."""
_PATIENCE = 5.0
_TABLES = "reftable/tables.list"
_WORKERS, _MOST_WORKERS = "checkout.workers", 8
_THRESHOLD, _MANY = "checkout.thresholdForParallelism", 1000
_COMMIT = late_bytes(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Worktree:
    path: Path
    git_dir: Path
    """The folder that is this worktree's alone: its HEAD, index and unfinished merges."""
    head: str | None
    """The commit checked out; None before the first one."""
    branch: str | None
    """Without `refs/heads/`; None when detached or bare."""
    bare: bool = False
    locked: str | None = None
    """Why it is locked, perhaps “”; None when it is not."""
    prunable: str | None = None
    """Why git takes its record for stale; None when it does not."""
    note: str = ""
    """What a person should hear of how it came about: a hook that failed, a branch that got another name."""
    home: Path | None = None
    """Where it belongs, while `path` is elsewhere because it is being removed."""

    @property
    def is_complete(self) -> bool:
        """Whether agentdeck made it, and came to the end of that."""
        return (self.git_dir / READY).exists()


def list_worktrees(repo: Repository) -> list[Worktree]:
    """All worktrees, the main one (or the bare repository) first; those whose folder is gone too."""
    look = repo.look
    if look is None or keeps_refs_in_tables(repo):
        return _listed(repo)
    now = _records(repo.common)
    known = _as_now(repo, *look.worktrees, now) if look.worktrees else None
    look.worktrees = (now, _listed(repo) if known is None else known)
    return list(look.worktrees[1])


def _records(common: Path) -> dict[Path, Record]:
    return {git_dir: _record(git_dir) for git_dir in (common, *linked_folders(common))}


def _record(git_dir: Path) -> Record:
    head, gitdir, locked = (_content(git_dir / name) for name in ("HEAD", "gitdir", "locked"))
    dot_git = os.fsdecode(gitdir or b"").removesuffix("\n")
    return Record(head, gitdir, locked, os.path.lexists(dot_git), sign(git_dir / "config"))


def _content(file: Path) -> bytes | None:
    try:
        return read_small(file)
    except OSError:
        return None


def _as_now(
    repo: Repository, before: dict[Path, Record], listed: list[Worktree], now: dict[Path, Record]
) -> list[Worktree] | None:
    """The worktrees as they are now, from what git listed before; None where it has to be asked again."""
    trees, found = {tree.git_dir: tree for tree in listed}, []
    for git_dir, record in now.items():
        tree: Worktree | None = trees.get(git_dir)
        if record != before.get(git_dir):
            tree = _from_files(git_dir, record) if git_dir != repo.common and (tree or git_dir not in before) else None
            if tree is None:
                return None
        if tree is not None:
            found.append(tree)
    found = _with_heads(repo, found)
    return [found[0], *sorted(found[1:], key=lambda tree: os.fsencode(tree.path))]


def _with_heads(repo: Repository, trees: Sequence[Worktree]) -> list[Worktree]:
    """The worktrees with the commits at which their branches are now."""
    tips = iter(repo.tips([tree.branch for tree in trees if tree.branch]))
    return [replace(tree, head=next(tips)) if tree.branch else tree for tree in trees]


def _from_files(git_dir: Path, record: Record) -> Worktree | None:
    """A worktree as the files of its git folder tell it; None where they leave anything open."""
    path, head = back_pointer(git_dir), (record.head or b"").removesuffix(b"\n")
    is_branch = head.startswith(b"ref: refs/heads/")
    # Whether it could be pruned is left to git; what is locked can't be.
    is_kept = record.has_folder or record.locked is not None
    if path is None or not is_kept or b"\0" in head or not (is_branch or _COMMIT.fullmatch(head)):
        return None
    return Worktree(
        path=path,
        git_dir=git_dir,
        head=None if is_branch else head.decode(),
        branch=os.fsdecode(head.removeprefix(b"ref: refs/heads/")) if is_branch else None,
        locked=None if record.locked is None else os.fsdecode(record.locked.strip()),
    )


def _listed(repo: Repository) -> list[Worktree]:
    deadline = time.monotonic() + _PATIENCE
    while True:
        for folder in linked_folders(repo.common):
            cut_head(folder)  # git would read all of it, into memory
        result = repo.run("worktree", "list", "--porcelain", "-z")
        if result:
            break
        if not any(name in result.complaint for name in _CHANGING) or time.monotonic() > deadline:
            raise GitError(f"The worktrees of {repo.common} can't be listed.", detail=result.complaint)
        time.sleep(0.02)
    records = [record.split("\0") for record in result.text.split("\0\0") if record.strip("\0")]
    folders = _git_folders(repo.common)
    found = []
    for number, record in enumerate(records):
        values = dict(line.partition(" ")[::2] for line in record if line)
        head = values.get("HEAD")
        branch = values.get("branch")
        if number == 0:
            path, git_dir = Path(values["worktree"]) if "bare" in values else _top_of(repo), repo.common
        else:
            named = folders.get(os.path.realpath(values["worktree"]), {})
            own = named.get(values["worktree"]) or next(iter(named.values()), None)
            if own is None:
                continue
            path, git_dir = back_pointer(own) or Path(values["worktree"]), own
        found.append(
            Worktree(
                path=path,
                git_dir=git_dir,
                head=head if head and head.strip("0") else None,
                branch=branch.removeprefix("refs/heads/") if branch else None,
                bare="bare" in values,
                locked=values.get("locked"),
                prunable=values.get("prunable"),
            )
        )
    return found


def find_worktree(repo: Repository, path_or_git_dir: Path) -> Worktree | None:
    """The worktree with that folder or that git folder, or None. A link at that path stands for itself, not for the
    worktree that it leads to."""
    if (known := _by_files(repo, path_or_git_dir)) is not None:
        return next(iter(known), None)
    wanted = _place(path_or_git_dir)
    for worktree in list_worktrees(repo):
        if wanted in (_place(worktree.git_dir), _place(worktree.path)):
            return worktree
    return None


def _by_files(repo: Repository, path_or_git_dir: Path) -> list[Worktree] | None:
    """The same, at most one, by the files of this worktree alone, which many others do not make slower; None where they
    leave anything open."""
    records = repo.common / "worktrees"
    if repo.look is None or keeps_refs_in_tables(repo) or path_or_git_dir == repo.common:
        return None
    wanted, told = _place(path_or_git_dir), pointer(path_or_git_dir)
    if path_or_git_dir.parent == records:
        named = [path_or_git_dir] if path_or_git_dir.is_dir() else []
    elif told and told.parent == records and (back := back_pointer(told)) and _place(back) == wanted:
        named = [told]
    else:
        named = []
        for git_dir in linked_folders(repo.common):
            place = back_pointer(git_dir)
            if place is None:
                return None
            if place.name == path_or_git_dir.name and _place(place) == wanted:
                named.append(git_dir)
        if not named and (is_bare(repo) or _place(main_folder(repo)) == wanted):
            return None
    found = [_from_files(git_dir, _record(git_dir)) for git_dir in named]
    trees = [tree for tree in found if tree is not None]
    if len(trees) != len(found) or len(found) > 1:
        return None
    return _with_heads(repo, trees)


def worktrees_in(repo: Repository, folder: Path) -> list[Worktree]:
    """The worktrees that lie in `folder`; those whose own is gone too. Many that lie elsewhere cost little."""
    own = os.path.realpath(folder) + "/"
    places = [repo.common, main_folder(repo), *map(back_pointer, linked_folders(repo.common))]
    if all(place is not None and not os.path.realpath(place).startswith(own) for place in places):
        return []
    return [tree for tree in list_worktrees(repo) if os.path.realpath(tree.path).startswith(own)]


def trees_on(repo: Repository, branch: str) -> list[Worktree]:
    """The worktrees that have `branch` checked out; those whose folder is gone too."""
    if repo.look is not None and not keeps_refs_in_tables(repo):
        heads = [_content(git_dir / "HEAD") for git_dir in (repo.common, *linked_folders(repo.common))]
        wanted = os.fsencode(f"refs/heads/{branch}")
        if None not in heads and not any((head or b"").removeprefix(b"ref:").strip() == wanted for head in heads):
            return []
    return [tree for tree in list_worktrees(repo) if tree.branch == branch and not tree.bare]


def main_head(repo: Repository) -> tuple[str, str | None]:
    """The branch that the main worktree is on, or “”, and its commit."""
    if repo.look is not None and not keeps_refs_in_tables(repo):
        ref = (_content(repo.common / "HEAD") or b"").removesuffix(b"\n")
        if ref.startswith(b"ref: refs/heads/"):
            branch = os.fsdecode(ref.removeprefix(b"ref: refs/heads/"))
            return branch, repo.commit(f"refs/heads/{branch}")
    tree = list_worktrees(repo)[0]
    return tree.branch or "", tree.head


def linked_folders(common: Path) -> list[Path]:
    """The git folders of the linked worktrees."""
    with contextlib.suppress(OSError), os.scandir(common / "worktrees") as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir()]
    return []


def _place(path: Path) -> str:
    """The real path of what lies at `path`, be it a link."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - a text, as realpath gives


def enter(repo: Repository, worktree: Worktree) -> Repository:
    """The repository as seen from `worktree`; raise ForeignError where its folder is not that worktree any more."""
    return inside(repo, worktree.path, worktree.git_dir)


def side_by_side(repo: Repository) -> tuple[str, ...]:
    """Words after `git` that let it write many files with several processes; none where the user has said how many."""
    workers = min(os.cpu_count() or 1, _MOST_WORKERS)
    if workers == 1 or repo.setting(_WORKERS):
        return ()
    # By itself git does so from 100 files on, which one process has written sooner than two more are started.
    many = () if repo.setting(_THRESHOLD) else ("-c", f"{_THRESHOLD}={_MANY}")
    return ("-c", f"{_WORKERS}={workers}", *many)


def share_keys(repo: Repository, git_dir: Path) -> None:
    """Let git-crypt find in a linked worktree the keys of the repository, which it looks for in each git folder."""
    keys, place = repo.common / "git-crypt", git_dir / "git-crypt"
    if keys.is_dir() and not os.path.lexists(place):
        place.symlink_to(keys)


def main_folder(repo: Repository) -> Path:
    """The main worktree's top; for a bare repository the folder its worktrees are placed from.

    That is the folder around a hidden one (`project/.bare`), where people keep the worktrees side by side, and the
    bare repository itself otherwise (`project.git`): what lies beside it may be of other projects.
    """
    common = repo.common
    if is_bare(repo):
        return common.parent if common.name.startswith(".") else common
    return _top_of(repo)


def _top_of(repo: Repository) -> Path:
    """The main worktree's top, of a repository that has one."""
    common = repo.common
    if common.name == ".git":
        return common.parent
    setting = repo.run("config", "--file", common / "config", "--get", "core.worktree")
    if setting:
        return Path(os.path.normpath(common / setting.text.removesuffix("\n")))
    own = repo.run("rev-parse", "--path-format=absolute", "--git-dir")
    is_main = own and os.path.realpath(own.text.removesuffix("\n")) == os.path.realpath(common)
    return repo.folder if is_main else common.parent


def is_bare(repo: Repository) -> bool:
    """Whether the repository has no main worktree, also when asked from one of its linked worktrees."""
    if repo.has_main:
        return False
    written = (*sign(repo.common / "config"), *sign(repo.common / "config.worktree"))
    return repo.bare or _is_bare(repo.common, written)


@lru_cache(maxsize=8)
def _is_bare(common: Path, config: tuple[int, ...]) -> bool:
    """What git says of that folder, asked again when its `config` has another sign."""
    repo = Repository(common, common, bare=True)
    return repo.git("rev-parse", "--is-bare-repository", env={"GIT_DIR": str(common)}) == "true"


def keeps_refs_in_tables(repo: Repository) -> bool:
    """Whether what is said of a worktree by files elsewhere, as CHERRY_PICK_HEAD, is in the reftable format."""
    return (repo.common / "reftable").is_dir()


def moving_files(git_dir: Path | str, common: Path, *branches: str) -> tuple[str, ...]:
    """The files of which one is written when a worktree's HEAD or index moves, or one of `branches`, in either of the
    two formats that git has for refs."""
    heads = (f"{common}/refs/heads/{branch}" for branch in branches if branch)
    own = (f"{git_dir}/{name}" for name in ("HEAD", "index", "logs/HEAD", _TABLES))
    return (*own, *heads, f"{common}/packed-refs", f"{common}/{_TABLES}")


def _git_folders(common: Path) -> dict[str, dict[str, Path]]:
    """The git folder of each linked worktree by its path as it is recorded, under the real path: a link in place of one
    worktree may lead to another."""
    folders: dict[str, dict[str, Path]] = {}
    for record in (common / "worktrees").glob("*/"):
        if (path := back_pointer(record)) is not None:
            folders.setdefault(os.path.realpath(path), {})[str(path)] = record
    return folders
