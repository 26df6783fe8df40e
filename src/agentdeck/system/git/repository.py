"""Run git, and find the repository one stands in. What reads and writes worktrees, snapshots and merges builds on this.

git is called as a program. GitPython is used in transfers.py, and nowhere else:

- it takes 60 ms to import and 4 to 8 MB, in a verb of 100 ms;
- its `config_writer` drops the comments of a user's file;
- its commits come out unsigned;
- it reads neither refs in tables (reftable) nor SHA-256 repositories.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import IO, TypeVar

from agentdeck.core.frozen import dataclass, replace
from agentdeck.core.text.patterns import late
from agentdeck.errors import DeckError, GitError, NotFoundError
from agentdeck.system.files.files import set_aside, sign
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git import pipes, untrusted
from agentdeck.system.git.looks import Look, Setting
from agentdeck.system.machine.process import Result, run

# Not “cannot lock ref” by itself: that is also what git says where a ref has not the old value it was expected to have.
_LOCK_COMPLAINTS = (b".lock': File exists", b"could not lock config file")
_LOCK_PATIENCE = 20.0
"""Seconds to go on trying while another git holds a lock of the repository."""
_LITTLE_ROOM = 1_000_000
"""Bytes on a disk under which a failure of git's is most likely for want of room."""
ASTRAY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE")
"""Variables that a hook or another git leaves behind, and that would lead git to another repository."""
_KEPT_OUT = ("dubious ownership", "safe.bareRepository")
"""What git says of a repository that is there and that it does not use."""
_CLEAN: dict[str, str | None] = {
    **dict.fromkeys(ASTRAY),
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_FOUND = late(r"(.+)\n(true|false)\n(sha1|sha256)\n(.*)", re.DOTALL)
_SHARED = late(r"refs/(?!bisect/|worktree/|rewritten/).+|[0-9a-f]{40}(?:[0-9a-f]{24})?(?:[\^:].*)?")
"""Revisions that mean the same in every worktree."""
_OF_ONE_WORKTREE = ("includeif.", "extensions.worktreeconfig")
"""Settings by which the configuration may be another one in each worktree."""
Known = TypeVar("Known")
_look: ContextVar[Look | None] = ContextVar("look", default=None)


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository as seen from one of its worktrees, or from its bare folder."""

    folder: Path
    """Where git is run: the worktree's top, or the bare repository."""
    common: Path
    """The git folder that all its worktrees share."""
    bare: bool
    objects: Path | None = None
    """The folder that git writes new objects to instead of the repository's own; see `objects_aside`."""
    git_dir: Path | None = None
    """The git folder of the linked worktree at `folder`, so that git need not look for it; None where git finds it."""

    prefix: str = ""
    """The folder that `find` was asked about, as a path relative to the worktree's top."""
    hash_name: str = ""
    """`sha1` or `sha256`; empty where git was not asked yet."""
    has_main: bool = False
    """Whether it is known to have a main worktree."""

    @classmethod
    def find(cls, cwd: Path | None = None) -> Repository:
        """The repository that `cwd` (default: the current folder) lies in; raise NotFoundError outside of any."""
        cwd = cwd or Path.cwd()
        words = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir", "--is-bare-repository"]
        words.append("--show-object-format")
        # What is outside of a worktree fails at the last two, with the others told.
        top = ["--show-toplevel", "--show-prefix"]
        is_astray = any(name in os.environ for name in ASTRAY)
        answer = run([*words, *([] if is_astray else top)], cwd=cwd, env={"LC_ALL": "C"})
        found = _FOUND.fullmatch(answer.text)
        if found is None:
            raise NotFoundError(
                f"{cwd} is not in a git repository.",
                detail=answer.complaint if any(each in answer.complaint for each in _KEPT_OUT) else "",
                hint="Go to one, or create one with “git init”.",
            )
        common, is_bare, hash_name, rest = found.groups()
        if is_astray:
            rest = run(["git", "rev-parse", *top], cwd=cwd, env=_CLEAN).text
        folder, _, prefix = rest.removesuffix("\n").rpartition("\n")
        place = Path(folder or common)
        has_main = bool(folder) and is_bare == "false" and Path(common) == place / ".git"
        return cls(place, Path(common), is_bare == "true", None, None, prefix.removesuffix("/"), hash_name, has_main)

    def at(self, folder: Path, git_dir: Path | None = None) -> Repository:
        """The same repository with git run in `folder`. For a linked worktree see `identity.inside`."""
        # In the main worktree git is not told of its folder: it would pass that on to hooks, as it does not by itself.
        own = None if git_dir == self.common else git_dir
        if own is not None:
            pipes.clear(own)
        found = replace(self, folder=folder, bare=folder == self.common, git_dir=own, prefix="")
        if own is not None and untrusted.is_marked(self.common, own):
            found._check_index(own)
        return found

    def _check_index(self, git_dir: Path) -> None:
        """Make the index anew from HEAD where it names files outside of the worktree; git would read and write them.
        What it was stays beside it."""
        if mark := untrusted.has_new_index(self.common, git_dir):
            told = self.run("ls-files", "-z")
            if not untrusted.leads_out(told.out):
                untrusted.trust_index(self.common, git_dir, mark)
                return
            set_aside(git_dir / "index")
            self.run("read-tree", "HEAD")

    @property
    def hash_kind(self) -> str:
        return self.hash_name or self.git("rev-parse", "--show-object-format")

    @contextlib.contextmanager
    def one_look(self) -> Iterator[None]:
        """What is asked of the repository in the block is one look at it: see looks.py. A `git cat-file` that waits for
        questions is there until the end of the block."""
        known = _look.get()
        if known is not None and known.common == self.common:
            yield
            return
        merged = {**os.environ, **_CLEAN}
        look = Look(self.common, {name: value for name, value in merged.items() if value is not None})
        token = _look.set(look)
        try:
            yield
        finally:
            _look.reset(token)
            look.close()

    @property
    def look(self) -> Look | None:
        """The look that is under way; None outside of `one_look`."""
        look = _look.get()
        return look if look is not None and look.common == self.common and self.objects is None else None

    @contextlib.contextmanager
    def objects_aside(self) -> Iterator[Repository]:
        """The same repository, for trying things out: what git computes is gone with the block, and nothing is left."""
        with scratch_folder() as folder:
            yield replace(self, objects=folder)

    def once(self, of: Hashable, compute: Callable[[], Known]) -> Known:
        """What `compute` gives, which in one look at the repository is asked once for the same `of`."""
        look = self.look
        if look is None:
            return compute()
        if of not in look.memory:
            look.memory[of] = compute()
        found: Known = look.memory[of]
        return found

    def run(
        self,
        *args: str | Path,
        env: Mapping[str, str | None] | None = None,
        stdin: bytes | IO[bytes] | None = None,
        timeout: float | None = None,
        program: Sequence[str] = ("git",),
    ) -> Result:
        """Run `git ARGS` here, whatever it exits with; wait and try again while another git holds a lock.

        No prompt can stop it, and variables that would point git at another repository are taken away. Raise DeckError
        where it takes longer than `timeout` seconds.
        """
        told = {**self._places(), **(env or {})}
        clean = {**_CLEAN, **self._common_of(told.get("GIT_DIR")), **self._guard(told.get("GIT_DIR")), **told}
        deadline = time.monotonic() + _LOCK_PATIENCE
        pause = 0.02
        while True:
            result = run([*program, *args], cwd=self.folder, env=clean, stdin=stdin, timeout=timeout, slow=self._go_on)
            locked = not result and any(complaint in result.err for complaint in _LOCK_COMPLAINTS)
            if not locked:
                return result
            if self._unlock(result.err):
                continue
            if time.monotonic() > deadline:
                return result
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _unlock(self, complaint: bytes) -> bool:
        """Take away the lock that git complains of where a killed git left it; whether that was so."""
        from agentdeck.system.git.locks import break_if_left_behind

        return break_if_left_behind(self.common, self.folder, complaint)

    def _go_on(self) -> None:
        """Let a git go on that waits for a FIFO."""
        pipes.clear_all(self.common)
        if self.git_dir is not None:
            pipes.clear_worktree(self.folder)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a git that runs here; those in `ASTRAY` are to be taken away."""
        places = self._places()
        clean = {name: value for name, value in _CLEAN.items() if value is not None}
        return clean | self._common_of(places.get("GIT_DIR")) | self._guard(places.get("GIT_DIR")) | places

    def _guard(self, git_dir: str | None) -> dict[str, str]:
        """What keeps git out of repositories inside of a worktree that is not trusted."""
        found = untrusted.marked_at(self.common, self.folder, Path(git_dir) if git_dir else None)
        return untrusted.variables(self.common, self.folder, found) if found is not None else {}

    def _common_of(self, git_dir: str | None) -> dict[str, str]:
        """The common git folder, said for a linked worktree. Git would read it from a file that a sandboxed agent can
        lead to a configuration of its own making, and run what that says."""
        is_linked = git_dir is not None and Path(git_dir).parent == self.common / "worktrees"
        return {"GIT_COMMON_DIR": str(self.common)} if is_linked else {}

    def _places(self) -> dict[str, str]:
        places = {"GIT_CEILING_DIRECTORIES": str(self.folder.parent)}  # a folder without `.git` is no part of another
        if self.git_dir is not None:
            places["GIT_DIR"] = str(self.git_dir)
        elif self.bare:
            # Said, for git looks for no bare repository by itself where safe.bareRepository is “explicit”.
            places["GIT_DIR"] = str(self.common)
        if self.objects is not None:
            # Quoted, for a colon would end it.
            own = str(self.common / "objects").replace("\\", "\\\\").replace('"', '\\"')
            places |= {"GIT_OBJECT_DIRECTORY": str(self.objects), "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{own}"'}
        return places

    def git(self, *args: str | Path, env: Mapping[str, str] | None = None, stdin: bytes | None = None) -> str:
        """As `run`, but return its output without the last newline, and raise GitError where it failed."""
        result = self.run(*args, env=env, stdin=stdin)
        if not result:
            words = " ".join(str(arg) for arg in args[:3])
            raise GitError(f"git {words} failed in {self.folder}.", detail=result.complaint, hint=self._hint())
        return result.text.removesuffix("\n")

    def lines(self, *args: str | Path) -> list[str]:
        """As `git`, but line by line, without empty ones. A subject or a name may hold what `str.splitlines` would take
        for the end of a line too."""
        return [line for line in self.git(*args).split("\n") if line]

    def _hint(self) -> str:
        """What git itself often does not say of a failure: that the disk is full."""
        for folder in (self.folder, self.common):
            with contextlib.suppress(OSError):
                room = os.statvfs(folder)
                if room.f_bavail * room.f_frsize < _LITTLE_ROOM:
                    return f"The disk is full: free some space for {folder}, then try again."
        return ""

    def commit(self, revision: str) -> str | None:
        """The full id of the commit that `revision` names, or None."""
        wanted = f"{revision}^{{commit}}"
        with contextlib.suppress(OSError):
            is_head = revision == "HEAD" and self.has_main and self.folder / ".git" == self.common
            if (look := self.look) is not None and (is_head or _SHARED.fullmatch(revision)):
                found = look.ask(wanted)
                return found[0] if found else None
        result = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
        return result.text.strip() if result else None

    def tips(self, branches: Sequence[str]) -> list[str | None]:
        """The commit at the tip of each branch, None where it has none."""
        with contextlib.suppress(OSError):
            if (look := self.look) is not None:
                told = look.ask_each([f"refs/heads/{each}^{{commit}}" for each in branches])
                return [found[0] if found else None for found in told]
        return [self.commit(f"refs/heads/{each}") for each in branches]

    def kinds(self, ids: Collection[str]) -> dict[str, str]:
        """The kind of each object of those full ids that is there: `commit`, `blob`, …"""
        with contextlib.suppress(OSError):
            if (look := self.look) is not None:
                found = {oid: look.ask(oid) for oid in ids}
                return {oid: told[1] for oid, told in found.items() if told}
        asked = self.git("cat-file", "--batch-check", stdin="".join(f"{oid}\n" for oid in ids).encode())
        return {words[0]: words[1] for line in asked.splitlines() if len(words := line.split()) == 3}

    def tree(self, commit: str) -> str:
        """The id of the tree of `commit`."""
        with contextlib.suppress(OSError):
            look = self.look if _SHARED.fullmatch(commit) else None
            if look is not None and (found := look.ask(f"{commit}^{{tree}}")) is not None:
                return found[0]
        return self.git("rev-parse", f"{commit}^{{tree}}")

    def blob(self, name: str) -> bytes | None:
        """The content of the file that git knows as `name`, such as `COMMIT:PATH`; None where there is none."""
        with contextlib.suppress(OSError):
            if (look := self.look) is not None and _SHARED.fullmatch(name):
                found = look.ask(name, content=True)
                return found[2] if found and found[1] == "blob" else None
        result = self.run("cat-file", "blob", name)
        return result.out if result else None

    def setting(self, key: str, kind: str = "") -> str | None:
        """The value of a key of git's own configuration, or None; `kind` is `bool` or `path` where git is to read it
        as such."""
        if self.look is not None:
            section, _, name = key.rpartition(".")
            first, dot, rest = section.partition(".")
            wanted = f"{first.lower()}{dot}{rest}.{name.lower()}"
            values = [each.value for each in self._settings(self.look) if each.key == wanted]
            if not values or (not kind and values[-1] is not None):
                return values[-1] if values else None
            # How git reads a value is left to git.
        result = self.run("config", *([f"--type={kind}"] if kind else []), "--get", key)
        return result.text.removesuffix("\n") if result else None

    def may_configure(self, section: str) -> bool:
        """Whether git's configuration says anything in `section`; only one look at the repository knows that it does
        not."""
        return (look := self.look) is None or any(each.key.startswith(f"{section}.") for each in self._settings(look))

    def own_settings(self, section: str) -> list[tuple[str, str]]:
        """What the repository's own configuration says in `section`, such as `branch.NAME`: keys and values."""
        begin = f"{section}."
        if (look := self.look) is not None:
            # Those of any worktree are the same.
            signs = [sign(self.common / "config"), sign(self.common / "config.worktree")]
            known = [listed for own, listed in look.settings.values() if own[: len(signs)] == signs]
            listed = known[0] if known else self._settings(look)
            pairs = [(each.key, each.value or "") for each in listed if each.scope == "local"]
        else:
            entries = self.run("config", "--local", "-z", "--list").text.split("\0")
            pairs = [(key, value) for key, _, value in (entry.partition("\n") for entry in entries if entry)]
        own = [(key.removeprefix(begin), value) for key, value in pairs if key.startswith(begin)]
        return [(key, value) for key, value in own if "." not in key]

    def _settings(self, look: Look) -> list[Setting]:
        home = Path(os.environ.get("HOME") or "/")
        xdg = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        own = Path(os.environ.get("GIT_CONFIG_GLOBAL") or home / ".gitconfig")
        files = [self.common / "config", self.common / "config.worktree", own, xdg / "git" / "config"]
        if self.git_dir is not None:
            files.append(self.git_dir / "config.worktree")
        signs = [sign(file) for file in files]
        place = self.git_dir or self.folder
        known = look.settings.get(place)
        if known is None or known[0] != signs:
            known = next((each for each in look.settings.values() if _is_for_all(*each, signs)), None)
        if known is None:
            words = iter(self.run("config", "-z", "--list", "--show-scope").text.split("\0"))
            pairs = [(scope, entry.partition("\n")) for scope, entry in zip(words, words, strict=False)]
            listed = [Setting(scope, key, value if mark else None) for scope, (key, mark, value) in pairs]
            known = (signs, listed)
        look.settings[place] = (signs, known[1])
        return known[1]


def _is_for_all(signs: list[tuple[int, ...]], listed: list[Setting], wanted: list[tuple[int, ...]]) -> bool:
    """Whether what git listed in one worktree is what it would list in another whose files have the `wanted` signs."""
    is_same = all(one == other for one, other in zip(signs, wanted, strict=False))
    return is_same and not any(each.key.startswith(_OF_ONE_WORKTREE) for each in listed)


def git_in(folder: Path | str) -> str:
    """What a person types to run git in the worktree `folder`, from wherever they are now: the begin of a hint."""
    import shlex

    with contextlib.suppress(OSError):
        here = Path(os.environ.get("PWD") or "/")  # the folder of their shell, whatever `-C` said
        top = next((place for place in (here, *here.parents) if (place / ".git").exists()), None)
        if top is not None and top.samefile(folder):
            return "git"
    return f"git -C {shlex.quote(str(folder))}"


def version() -> tuple[int, ...]:
    """git's version as numbers, (2, 39, 5); raise MissingToolError without git."""
    answer = run(["git", "version"])
    told = re.search(r"\d+(?:\.\d+)+", answer.text)
    if not answer or told is None:
        raise DeckError("git doesn't print its version.", detail=answer.complaint)
    return tuple(map(int, told[0].split(".")))
