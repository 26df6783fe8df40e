"""Check out the submodules of a worktree, without the network where the main checkout has them already."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path, PurePosixPath

from agentdeck.core.frozen import dataclass
from agentdeck.system.git import untrusted
from agentdeck.system.git.repository import Repository
from agentdeck.system.git.treediff import changed
from agentdeck.system.machine.process import Result


def listed(top: Repository) -> dict[str, str]:
    """The names of the submodules that `.gitmodules` in worktree `top` tells of, by path."""
    file = top.folder / ".gitmodules"
    names = names_in(top.run, "--file", file) if os.path.lexists(file) else {}
    return {path: name for path, name in names.items() if _inside(path)}


def names_in(run: Callable[..., Result], *source: str | Path) -> dict[str, str]:
    """The names of all submodules in a `.gitmodules`, by path; `source` tells git where that is."""
    found = run("config", *source, "-z", "--get-regexp", r"^submodule\..*\.path$")
    entries = (entry.partition("\n") for entry in found.text.split("\0") if entry)
    return {path: key.removeprefix("submodule.").removesuffix(".path") for key, _, path in entries}


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


@dataclass(frozen=True, slots=True)
class Link:
    """A submodule of which two commits of the repository around it want different commits."""

    path: str
    name: str
    old: str
    """Zeros where the submodule was not there before."""
    new: str
    """Zeros where it no longer exists."""


def changed_links(repo: Repository, old: str, new: str) -> list[Link]:
    found = [(each.path, *each.links) for each in changed(repo, old, new) if each.is_link]
    if not found:
        return []
    names = names_in(repo.run, "--blob", f"{new}:.gitmodules")
    return [Link(path, names.get(path, ""), before, after) for path, before, after in found]


def can_have(repo: Repository, link: Link) -> bool:
    """Whether the main checkout keeps the commit that the link wants, or a remote of the submodule has it."""
    module = repo.common / "modules" / link.name
    if not (link.name and _inside(link.name) and (module / "HEAD").exists()):
        return not link.old.strip("0")  # nobody checked it out here: it is had from its remote, as any new one
    fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", link.new)
    return _has(repo.run, module, link.new) or bool(repo.run("--git-dir", module, *fetch))


def bring_commits(repo: Repository, git_dir: Path, old: str, new: str) -> list[str]:
    """Copy the submodules' commits that `new` wants and only the worktree with that git folder has to where the main
    checkout keeps its submodules. Return a sentence for each one that no remote has yet."""
    told = []
    for link in changed_links(repo, old, new) if (git_dir / "modules").is_dir() else ():
        if not (link.new.strip("0") and link.name and _inside(link.name)):
            continue
        ours, theirs = repo.common / "modules" / link.name, git_dir / "modules" / link.name
        inner = _of(repo, git_dir)
        if not (theirs / "HEAD").exists() or not _has(inner, theirs, link.new):
            continue
        if (ours / "HEAD").exists() and not _has(repo.run, ours, link.new):
            # A ref keeps it until someone has pushed it, or checked it out there.
            aim = f"{link.new}:refs/agentdeck/landed/{link.new}"
            words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *_served_by(repo, git_dir))
            repo.run("--git-dir", ours, *words, theirs, aim, env=_untrusted(repo, git_dir))
        if not inner("--git-dir", theirs, "branch", "--remotes", "--contains", link.new).out:
            told.append(f"The submodule {link.path} is at {link.new[:12]}, which its remote lacks: push it too.")
    return told


def follow_submodules(here: Repository, old: str, new: str) -> None:
    """Check out in worktree `here`, which went from `old` to `new`, the submodules that were at what `old` wants; those
    that someone set elsewhere, or whose commit is not there, are left to them."""
    for link in changed_links(here, old, new):
        folder = here.folder / link.path
        if (folder / ".git").exists() and link.new.strip("0") and here.at(folder).commit("HEAD") == link.old:
            here.run("submodule", "--quiet", "update", "--no-fetch", "--", link.path)


def _untrusted(repo: Repository, git_dir: Path) -> dict[str, str]:
    if not untrusted.is_marked(repo.common, git_dir):
        return {}
    told = (git_dir / "gitdir").read_text("utf-8", "surrogateescape").removesuffix("\n")
    return untrusted.variables(repo.common, Path(told).parent, git_dir)


def _of(repo: Repository, git_dir: Path) -> Callable[..., Result]:
    """git for the submodules of the worktree with that git folder."""
    env = _untrusted(repo, git_dir)
    return partial(repo.run, env=env, program=untrusted.BOXED_GIT) if env else repo.run


def _served_by(repo: Repository, git_dir: Path) -> tuple[str, ...]:
    is_boxed = untrusted.is_marked(repo.common, git_dir)
    return (f"--upload-pack={shlex.join(untrusted.BOXED_GIT)} upload-pack",) if is_boxed else ()


def _has(run: Callable[..., Result], git_dir: Path, commit: str) -> bool:
    return bool(run("--git-dir", git_dir, "cat-file", "-e", f"{commit}^{{commit}}"))
