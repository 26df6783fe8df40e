"""Check out the submodules of a worktree, without the network where the main checkout has them already."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from agentdeck.system.git import Repository


def listed(top: Repository) -> dict[str, str]:
    """The names of the submodules that `.gitmodules` in worktree `top` tells of, by path."""
    modules = top.run("config", "--file", top.folder / ".gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    entries = (entry.partition("\n") for entry in modules.text.split("\0") if entry)
    return {path: key.removeprefix("submodule.").removesuffix(".path") for key, _, path in entries if _inside(path)}


def check_out(top: Repository, known: Path, only: Collection[str] | None = None) -> list[str]:
    """Check out the submodules of worktree `top` (or `only` those paths of it), and theirs in turn.

    `known` is the `modules` folder of the main checkout's git folder: what lies there is cloned from there, with its
    objects hard-linked, and set to its own remote afterwards. Return a sentence for each one that can't be had.
    """
    complaints: list[str] = []
    for path, name in listed(top).items():
        if only is not None and path not in only:
            continue
        done = _update(top, path, name, known / name) if _inside(name) else None
        if done is not None:
            complaints.append(f"The submodule {path} can't be checked out: {done}")
        elif (top.folder / path / ".gitmodules").exists():
            complaints += check_out(top.at(top.folder / path), known / name / "modules")
    return complaints


def _update(top: Repository, path: str, name: str, local: Path) -> str | None:
    """Check out one submodule; return what git complained of, or None."""
    started = top.run("submodule", "init", "--", path)
    if not started:
        return started.complaint
    if (local / "HEAD").exists():
        # git forbids cloning submodules from local paths, because a .gitmodules may name any. This path git made.
        settings = {f"submodule.{name}.url": str(local), "protocol.file.allow": "always"}
        cloned = top.run("submodule", "update", "--", path, env=_as_environment(settings))
        url = top.run("config", "--get", f"submodule.{name}.url").text.removesuffix("\n")
        inner = top.at(top.folder / path)
        if (inner.folder / ".git").exists() and url:
            inner.run("remote", "set-url", "origin", url)
        if cloned:
            return None
    updated = top.run("submodule", "update", "--", path)
    return None if updated else updated.complaint


def _as_environment(settings: dict[str, str]) -> dict[str, str]:
    """git settings as variables, because `-c NAME=VALUE` can't carry a name with `=` in it."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def _inside(path: str) -> bool:
    """Whether `path` stays in the folder it is relative to: a .gitmodules is anyone's text."""
    return not path.startswith("/") and ".." not in PurePosixPath(path).parts
