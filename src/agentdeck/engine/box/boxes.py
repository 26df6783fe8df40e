"""The box of an agent: what it sees, where its home is, and how what its git writes comes into the repository."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import Agent
from agentdeck.core.box.box import HOME, Box, BoxMode, Mount, NetworkReach, read, write
from agentdeck.core.box.bubblewrap import wrap
from agentdeck.core.box.secrets import without_git_logins, without_secret_lines, without_secrets
from agentdeck.core.frozen import dataclass
from agentdeck.engine.box import networks
from agentdeck.engine.box.programs import NO_PROGRAMS, Programs
from agentdeck.engine.worktrees import identity
from agentdeck.engine.worktrees.boxed import own_git
from agentdeck.engine.world import World
from agentdeck.errors import DeckError, RefusedError
from agentdeck.system.box import views
from agentdeck.system.box.bubblewrap import require_box, syscall_filter
from agentdeck.system.box.careful import make_way
from agentdeck.system.box.own_git import OwnGit
from agentdeck.system.files.files import from_json, home_path, private_folder, write_atomic, write_json
from agentdeck.system.git import untrusted
from agentdeck.system.git.carry import linked
from agentdeck.system.git.checkouts import keeps_refs_in_tables
from agentdeck.system.git.heads import head_at

if TYPE_CHECKING:
    from agentdeck.core.box.network import Network
    from agentdeck.core.config.profile import BoxFiles

_SHARED = ("inbox", "asking")
"""Folders of an agent in the store that its CLI's hooks write to."""
_AWAY = (
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
    *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "DBUS_SESSION_BUS_ADDRESS", "GPG_AGENT_INFO", "DISPLAY", "WAYLAND_DISPLAY"),
    *("XAUTHORITY", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS", "SUDO_ASKPASS"),
)
"""Variables that lead to what is not in the box."""
_SETTINGS = (".json", ".jsonc", ".toml", ".yml", ".yaml", ".env", ".conf", ".ini")
_TOOLS = {
    "RUSTUP_HOME": ".rustup",
    "PYENV_ROOT": ".pyenv",
    "NVM_DIR": ".nvm",
    "VOLTA_HOME": ".volta",
    "RBENV_ROOT": ".rbenv",
}
"""Variables by which tools find their own below the person's home, where the home is another one."""
_GIT_SETTINGS = {"gc.auto": "0", "maintenance.auto": "false", "commit.gpgSign": "false", "tag.gpgSign": "false"}
"""No key is in the box, and what git would tidy up is not its own."""


@dataclass(frozen=True, slots=True)
class Boxed:
    """How the processes of an agent are started in its box."""

    words: tuple[str, ...]
    """To be put before each command line."""
    by_profile: dict[str, tuple[str, ...]]
    """The same for each of several profiles, with its own login alone."""
    environment: dict[str, str]
    network: Network | None
    """What is to be opened in it; None where it has the machine's network, or none."""


def check_can_be(world: World, mode: str) -> None:
    """Raise where no agent of this repository can have a box of that mode."""
    require_box(alone=mode == BoxMode.FULL)
    if keeps_refs_in_tables(world.repo):
        raise RefusedError(
            "This repository keeps its branches in tables (reftable), which a box can't hold apart.",
            hint="“agentdeck run --no-box …” starts the agent without a box.",
        )


def why_no_box(world: World) -> str:
    """Why no agent of this repository can have a full box; empty where it can."""
    try:
        check_can_be(world, BoxMode.FULL)
    except DeckError as error:
        return error.title
    return ""


def shown_in_boxes(world: World, path: Path) -> str:
    """The folder by which agents in boxes see `path`; empty where they don't."""
    person = Path(os.path.realpath(Path.home()))
    config = world.settings.config.box
    shown = [each.source or each.path for each in views.machine(person, os.environ.get("PATH", "")) if each.is_real]
    shown += [str(world.repo.common), *(_place(each, person) for each in (*config.read, *config.write))]
    place = Path(os.path.realpath(path))
    return next((each for each in shown if place.is_relative_to(os.path.realpath(each))), "")


def boxed(
    world: World,
    agent: Agent,
    environment: Mapping[str, str],
    programs: Programs = NO_PROGRAMS,
    *,
    reach: NetworkReach | None = None,
) -> Boxed:
    """The box of `agent` for its own `environment`; `programs` are those that may take over."""
    own, git_dir = own_git(world, agent), identity.git_dir(world.repo.common, agent)
    assert own is not None and agent.worktree is not None
    reach = reach or networks.reach_of(world, agent)
    program = require_box(alone=reach is not NetworkReach.OPEN)
    if git_dir is None:
        raise RefusedError(f"git has no record of {agent.name}'s worktree, so it can't have a box.")
    _prepare(world, own, git_dir)
    person = Path(os.path.realpath(environment.get("HOME") or Path.home()))
    folder = world.store.agent_folder(agent.name)
    home = private_folder(folder / HOME)
    files = [profile.box for profile in programs.profiles.values()]
    accounts = _accounts_of(world, programs)
    if agent.box == BoxMode.FULL:
        environment = networks.without_logins(environment, world, agent, programs)
    _copy_settings(person, home, programs, agent.box)
    mounts = (
        *views.machine(person, environment.get("PATH", "")),
        *views.repository(own, agent.worktree.path, str(git_dir), _links(world, Path(agent.worktree.path))),
        *_git_settings(world, folder, git_dir, person),
        *_store(folder, home),
        *_lent(world, agent, person),
    )
    variables = _variables(environment, person, home, files, _identity(world, environment))
    # The usual login's place is another one in a box; an account's is not.
    variables |= {name: str(place) for name, place in accounts if environment.get(name) == str(place)}
    network = None
    if reach is NetworkReach.JOINED:
        network = networks.network_of(world, agent, programs)
        mounts = (*mounts, *networks.names(programs, folder))
        variables = networks.networked(variables, network)

    def words(own: Programs) -> tuple[str, ...]:
        logins = (*_logins(own, person, home), *_of_accounts(place for _, place in _accounts_of(world, own)))
        return wrap(Box((*mounts, *logins), reach), program, syscall_filter())

    names = programs.profiles if len(programs.profiles) > 1 else ()
    return Boxed(words(programs), {name: words(programs.only(name)) for name in names}, variables, network)


def _accounts_of(world: World, programs: Programs) -> list[tuple[str, Path]]:
    """The variable that names the folder of each account whose login is in the box, and the folder."""
    found = [(profile, world.lanes.get(profile.name)) for profile in programs.with_login]
    return [(profile.account.folder, lane.folder) for profile, lane in found if lane is not None and lane.folder]


def _prepare(world: World, own: OwnGit, git_dir: Path) -> None:
    untrusted.mark(world.repo.common, git_dir)
    head = head_at(git_dir)
    branch = head.branch if head else ""
    own.prepare(world.repo, branch if branch.rpartition("/")[0] == own.branches else "")
    # What is there is shown, and can't be made. Git reads it as soon as anybody has `extensions.worktreeConfig` on.
    (git_dir / "config.worktree").touch()


def _copy_settings(person: Path, home: Path, programs: Programs, mode: str) -> None:
    import shutil

    logins = {name for each in programs.with_login for name in each.box.copies}
    for name in {name for each in programs.profiles.values() for name in each.box.copies}:
        source = person / name.removeprefix("~/")
        if not source.exists():
            continue
        copy = make_way(home, name.removeprefix("~/"))
        if copy.exists():
            continue
        with suppress(OSError, shutil.Error, ValueError):
            copied = shutil.copy2 if name in logins or mode != BoxMode.FULL else _copy_without_secrets
            if source.is_dir():
                shutil.copytree(source, copy, symlinks=True, copy_function=copied)
            else:
                copied(source, copy)


def _copy_without_secrets(source: str | Path, copy: str | Path) -> None:
    import shutil

    path, to = Path(source), Path(copy)
    if path.suffix not in _SETTINGS:
        shutil.copy2(path, to)
        return
    text = path.read_text("utf-8")
    with suppress(ValueError):
        write_json(to, without_secrets(from_json(text)))
        return
    write_atomic(to, without_secret_lines(text))


def _links(world: World, worktree: Path) -> list[str]:
    """What of the main checkout is linked into the worktree by the configuration, such as `node_modules`. A link that
    the agent has made shows it nothing."""
    found = linked(world.repo, world.root, worktree, world.settings.config.worktree.link)
    return [os.path.realpath(world.root / path) for path in found]


def _git_settings(world: World, folder: Path, git_dir: Path, person: Path) -> Iterator[Mount]:
    """The person's settings of git and the repository's, without logins in them."""
    own = person / ".config/git"
    for found in (person / ".gitconfig", own):
        if found.exists():
            yield read(str(found), os.path.realpath(found))
    common = world.repo.common
    files = [person / ".gitconfig", *(own.iterdir() if own.is_dir() else ())]
    copies = private_folder(folder / "git-settings")
    for number, path in enumerate(
        (*files, common / "config", *(each / "config.worktree" for each in (common, git_dir)))
    ):
        if not path.is_file():
            continue
        if "credential" in path.name:
            yield read(str(path), os.devnull)
            continue
        text = path.read_text("utf-8", "surrogateescape")
        if (shown := without_git_logins(text)) != text:
            write_atomic(copies / str(number), shown)
            yield read(str(path), str(copies / str(number)))


def _store(folder: Path, home: Path) -> Iterator[Mount]:
    for name in _SHARED:
        yield write(str(private_folder(folder / name)))
    for name in ("claude-settings.json", "task.txt"):
        yield read(str(folder / name), optional=True)
    yield write(str(folder / "deck.sock"), optional=True)
    yield write(str(home))


def _logins(programs: Programs, person: Path, home: Path) -> Iterator[Mount]:
    """The person's own logins, each at its place in the home."""
    for name in {name.removeprefix("~/") for each in programs.with_login for name in each.box.share}:
        if (found := person / name).exists():
            place = make_way(home, name)
            place.touch()
            yield write(str(place), os.path.realpath(found))


def _lent(world: World, agent: Agent, person: Path) -> Iterator[Mount]:
    """What is the person's or the configuration's to add."""
    config = world.settings.config.box
    for name in _TOOLS.values():
        if (found := person / name).exists():
            yield read(str(found), os.path.realpath(found))
    if agent.env_file is not None:
        yield write(agent.env_file.tmp)
    for each in (*config.read, *world.shown):
        yield read(_place(each, person), optional=True)
    for each in config.write:
        yield write(_place(each, person), optional=True)


def _of_accounts(folders: Iterable[Path]) -> Iterator[Mount]:
    """The folders of accounts, and the person's settings that links in them lead to."""
    for folder in folders:
        yield write(str(folder))
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_symlink() and path.exists():
                yield read(str(path.readlink()), os.path.realpath(path))


def _place(path: str, person: Path) -> str:
    return os.path.realpath(home_path(path) if not path.startswith("~/") else person / path[2:])


def _identity(world: World, environment: Mapping[str, str]) -> dict[str, str]:
    """As whom it commits, where that is known: a CLI that finds no setting for it makes one, which a box refuses."""
    found = {f"user.{key}": environment.get(f"GIT_AUTHOR_{key.upper()}") for key in ("name", "email")}
    return {key: value for key, given in found.items() if (value := given or world.repo.setting(key))}


def _variables(
    environment: Mapping[str, str], person: Path, home: Path, files: list[BoxFiles], identity: dict[str, str]
) -> dict[str, str]:
    gone = {*_AWAY, *(name for each in files for name in each.unset)}
    found = {name: value for name, value in environment.items() if name not in gone}
    tools = {name: str(person / place) for name, place in _TOOLS.items() if (person / place).is_dir()}
    configs = (person / ".gitconfig", person / ".config/git/config")
    if "GIT_CONFIG_GLOBAL" not in found and (config := next((each for each in configs if each.exists()), None)):
        found["GIT_CONFIG_GLOBAL"] = str(config)
    count = int(found["GIT_CONFIG_COUNT"]) if found.get("GIT_CONFIG_COUNT", "").isdigit() else 0
    settings = _GIT_SETTINGS | identity
    for number, (key, value) in enumerate(settings.items(), count):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    found["GIT_CONFIG_COUNT"] = str(count + len(settings))
    return {**tools, **found, "HOME": str(home)}
