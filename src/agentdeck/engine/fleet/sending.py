"""What a host needs of a repository to work on a commit: commits, large files of git-lfs, commits of submodules."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from agentdeck.core.text.text import listed
from agentdeck.engine.fleet.hosts import Remote, facts_of
from agentdeck.engine.world import World
from agentdeck.errors import RefusedError
from agentdeck.system.files.scratch import scratch_folder
from agentdeck.system.git import bundles, large_files, submodules
from agentdeck.system.git.repository import Repository
from agentdeck.system.state.store import new_id

_TAKE_IN = 300.0
_CHUNK = 1 << 20
_SETTINGS = ("user.name", "user.email", "remote.origin.url", "core.autocrlf")
_IDENT = re.compile(r"(.+) <(.+)> \d")


def check_whole(world: World) -> None:
    """Raise RefusedError where no host can have what is here; no host is asked for that."""
    if bundles.is_shallow(world.repo):
        raise RefusedError(
            f"{world.root} is a shallow clone, which can't be sent to a host.", hint="git fetch --unshallow"
        )


def check_travels(world: World, remote: Remote, commit: str) -> None:
    """Raise RefusedError, with nothing changed, where that host can't have what the commit needs."""
    if large_files.has_any(world.repo, commit) and not facts_of(remote.spec).lfs:
        raise RefusedError(
            f"{remote.spec.name} has no git-lfs, which this repository needs.", hint="Install git-lfs there."
        )


def send_commits(world: World, remote: Remote, commits: list[str]) -> None:
    """Let the host's clone have these commits, and what they need; what it has already is not sent."""
    repo = world.repo
    missing, have = _prepare(repo, remote.call, commits)
    if missing:
        # First what the commits need: where this is cut short, the next try begins with it again.
        _send_large_files(repo, remote, missing)
        for commit in missing:
            _send_submodules(repo, remote, commit, world.root)
        _send_bundle(repo, remote.call, missing, have)


def _prepare(repo: Repository, call: Callable[..., Any], commits: Sequence[str]) -> tuple[list[str], list[str]]:
    """Which of the commits the host lacks, and which of ours it has."""
    known = [*commits, *_tips(repo)]
    told = call("prepare", hash=repo.hash_kind, settings=_settings(repo), commits=known[:200], timeout=60)
    have = [each for each in told["have"] if each in known]
    return [each for each in dict.fromkeys(commits) if each not in have], have


def _send_bundle(repo: Repository, call: Callable[..., Any], missing: list[str], have: list[str]) -> None:
    own = new_id()  # two starts may send the same commits at once
    refs = {f"refs/agentdeck/sent/{own}/{commit}": commit for commit in missing}
    with scratch_folder() as scratch:
        path = scratch / "bundle"
        for ref, commit in refs.items():
            repo.git("update-ref", ref, commit)
        try:
            if not bundles.create(repo, refs, have, path):
                return
        finally:
            for ref in refs:
                repo.git("update-ref", "-d", ref)
        key = f"base-{own}"
        _give(call, key, path)
        call("receive", key=key, refs=list(refs), timeout=_TAKE_IN)


def _give(call: Callable[..., Any], key: str, path: Path) -> None:
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            words = {"key": key, "offset": file.tell() - len(data), "data": base64.b64encode(data).decode()}
            call("give", timeout=60, **words)


def _send_large_files(repo: Repository, remote: Remote, commits: Sequence[str]) -> None:
    """Those that are here. The others the host's git-lfs gets from the remote, as it does here."""
    here = [name for name in large_files.names(repo, commits) if large_files.place(repo.common, name).is_file()]
    if here:
        lacking = remote.call("lacks_large_files", names=here, timeout=60)
        for name in [each for each in here if each in lacking]:
            _give(remote.call, name, large_files.place(repo.common, name))
            remote.call("take_large_file", name=name, timeout=_TAKE_IN)


def _send_submodules(repo: Repository, remote: Remote, commit: str, folder: Path, within: str = "") -> None:
    """Those that are checked out here, and theirs in turn. The others the host gets from their remotes."""
    for path, name, wanted in _modules(repo, commit):
        if not (folder / path / ".git").exists():
            continue
        inner = Repository.find(folder / path)
        if inner.commit(wanted) == wanted:
            module = f"{within}{name}"
            call = partial(remote.call, module=module)
            missing, have = _prepare(inner, call, [wanted])
            if missing:
                _send_submodules(inner, remote, wanted, folder / path, f"{module}/modules/")
                _send_bundle(inner, call, missing, have)


def _modules(repo: Repository, commit: str) -> Iterator[tuple[str, str, str]]:
    """The path, the name and the commit of each submodule that `commit` has."""
    names = submodules.names_in(repo.run, "--blob", f"{commit}:.gitmodules")
    for path, name in names.items():
        mode, _, rest = repo.run("ls-tree", commit, "--", path).text.partition(" commit ")
        if mode == "160000":
            yield path, name, rest.partition("\t")[0]


def check_submodules(world: World, host: str, base: str, tip: str) -> None:
    """Raise RefusedError where `tip` wants commits of submodules that neither is here nor a remote of theirs has."""
    lacking = []
    for link in submodules.changed_links(world.repo, base, tip):
        if link.new.strip("0") and not submodules.can_have(world.repo, link):
            lacking.append(f"{link.path} ({link.new[:12]})")
    if lacking:
        raise RefusedError(
            f"Commits of submodules are only on {host}: {listed(lacking)}.", hint="Push them there, then land it."
        )


def _settings(repo: Repository) -> dict[str, str]:
    """git's configuration that the host's clone gets. Who commits may be told by variables, too."""
    pairs = (line.partition("\n") for line in repo.run("config", "--list", "-z").text.split("\0"))
    found = {key: value for key, _, value in pairs if key in _SETTINGS and value}
    if ident := _IDENT.match(repo.run("var", "GIT_AUTHOR_IDENT").text):
        found |= {"user.name": ident[1], "user.email": ident[2]}
    return found


def _tips(repo: Repository) -> list[str]:
    return list(dict.fromkeys(repo.lines("for-each-ref", "--format=%(objectname)", "--count=100", "refs/heads")))
