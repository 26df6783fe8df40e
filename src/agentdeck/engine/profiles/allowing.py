"""What an agent's CLI is told of what it may do: the words on its command line and its variables."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.agents.agent import Mode
from agentdeck.core.agents.permission import Level, chosen, usual_commands
from agentdeck.core.agents.preamble import Place, preamble, words
from agentdeck.core.frozen import dataclass, field
from agentdeck.engine.worktrees import identity
from agentdeck.errors import UsageError

if TYPE_CHECKING:
    from agentdeck.core.agents.agent import Agent
    from agentdeck.core.config.profile import Profile
    from agentdeck.engine.views import StartRequest
    from agentdeck.engine.world import World

PLACE = "place"
"""The folder in an agent's own with the files that tell its CLI where it works."""


@dataclass(frozen=True, slots=True)
class Allowance:
    argv: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    """Keys for the settings file that the CLI is given."""


def allowance(world: World, agent: Agent, profile: Profile, variables: Mapping[str, str]) -> Allowance:
    """`variables` is what the CLI finds its own files by."""
    commit, tools = _to_commit(world, agent, profile, variables), _deck_tools(world, agent, profile)
    told, leads = _preamble(world, agent, profile, variables, commits=bool(commit))
    grant = profile.permission.grant(agent.permission)
    trust = _trust(world, profile, variables)
    settings = _status_line(world, agent, profile, variables)
    if grant is None:
        return Allowance((*tools, *commit, *told), trust | leads, settings)
    config = world.settings.config
    commands = usual_commands(config.agent.commands, config.landing.gate)
    rules = "".join(f'{json.dumps(f"{command}*")}:"allow",' for command in commands)
    usual = (
        word.replace("{command}", command).replace("{program}", command.split()[0])
        for command in dict.fromkeys(commands)
        for word in grant.command_argv
    )
    env = trust | leads | {name: value.replace("{rules}", rules) for name, value in grant.env.items()}
    return Allowance((*grant.argv, *usual, *tools, *commit, *told), env, settings | grant.settings)


def _status_line(world: World, agent: Agent, profile: Profile, variables: Mapping[str, str]) -> dict[str, Any]:
    """The status line that the CLI has without us, for ours takes its place."""
    from agentdeck.system.config.clifiles import status_line

    if not profile.files or agent.mode is not Mode.INTERACTIVE:
        return {}
    tree = agent.worktree
    own = status_line(profile.files, variables, Path(tree.path) if tree else world.root)
    return {"statusLine": own} if own else {}


def _trust(world: World, profile: Profile, variables: Mapping[str, str]) -> dict[str, str]:
    """Variables by which the CLI trusts the worktree of a main checkout that it trusts already."""
    if not profile.trust.env:
        return {}
    from agentdeck.system.config.clifiles import trusts

    return dict(profile.trust.env) if trusts(profile.files, variables, world.root) else {}


def _preamble(
    world: World, agent: Agent, profile: Profile, variables: Mapping[str, str], *, commits: bool
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Words and variables that tell the CLI where it works; after the person's own, where there is one place for
    both."""
    tree, way = agent.worktree, profile.preamble
    if not (way.argv or way.env) or tree is None or (way.files and agent.box):
        return (), {}
    from agentdeck.system.config.clifiles import codex_config

    config, ports = world.settings.config, agent.ports
    database = config.database.variable if agent.database is not None else ""
    place = Place(tree.path, tree.branch, ports.ports if ports else (), database)
    sandbox = way.sandbox if commits else way.no_commits
    text = preamble(place, config.agent.preamble, "" if agent.permission in (Level.ASK, Level.ALL) else sandbox)
    own = codex_config(variables).get("developer_instructions") if profile.files == "codex" and text else None
    text = f"{own}\n\n{text}" if isinstance(own, str) else text
    folder = _preamble_files(world, agent, way.files, text)
    env = {name: value.replace("{folder}", folder) for name, value in way.env.items() if not variables.get(name)}
    return words(way.argv, text, folder), env if text else {}


def _preamble_files(world: World, agent: Agent, files: Mapping[str, str], text: str) -> str:
    """Write the files that hold the text; return their folder."""
    folder = world.store.agent_folder(agent.name) / PLACE
    if text and files:
        from agentdeck.system.files.files import private_folder, write_atomic

        for name, content in files.items():
            is_json = name.endswith(".json")
            (filled,) = words([content], text, json.dumps(str(folder))[1:-1] if is_json else str(folder))
            private_folder((folder / name).parent)
            write_atomic(folder / name, filled)
    return str(folder)


def permission_of(world: World, profile: Profile, request: StartRequest, boxed: Callable[[], bool]) -> str:
    """The level of a new agent with that profile. Raise where it is not there, or `all` and not said as it has to;
    `boxed`: whether a full box can be had."""
    config, asked = world.settings.config.agent, request.permission
    usual = world.settings.config.box.mode
    level = chosen(
        asked,
        sure=request.sure,
        profile=profile.permission.level,
        configured=config.permission,
        box=request.box or (usual if usual == "full" else None),
        boxed=boxed,
    )
    if level in profile.permission.levels or not level:
        return level
    if asked is None and not profile.permission.level:
        return ""  # what is configured for all of them is not for one that has no levels
    known = ", ".join(profile.permission.levels)
    raise UsageError(
        f"{profile.title} has no permission level “{level}”.",
        hint=f"It has: {known}." if known else "It runs whatever it is told to run.",
    )


def login_note(world: World, agent: Agent, variables: Mapping[str, str]) -> str:
    """How to log the CLI in, in a sentence; empty where it has a login or a tier, and where that is not known."""
    profile = world.profiles.get(agent.profile)
    if profile is None or not profile.login.how or agent.tier:
        return ""
    from agentdeck.system.config.clifiles import has_login

    if has_login(profile.files, profile.login.variables, profile.login.paths, {**variables, **profile.env}):
        return ""
    return f"{profile.title} seems to have no login here: {profile.login.how}"


def refusals_note(world: World, agent: Agent, variables: Mapping[str, str]) -> str:
    """What an agent without a screen will refuse, in a sentence; empty where it can work."""
    profile = world.profiles.get(agent.profile)
    if profile is None or agent.mode is not Mode.HEADLESS or agent.permission not in ("", Level.ASK):
        return ""
    from agentdeck.system.config.clifiles import allows_edits

    works = profile.permission.unattended == "works" or allows_edits(profile.files, variables, world.root)
    if not agent.permission and works:
        return ""
    more = next((level for level in profile.permission.levels if level != Level.ASK), "")
    way = f"--permission {more} lets it work" if more == Level.EDIT else "it can only look"
    return f"{profile.title} has nobody to ask here, so it refuses to edit files and to commit; {way}"


def commit_note(world: World, agent: Agent) -> str:
    """A sentence about an agent whose sandbox keeps it from committing; empty where it can."""
    profile, git_dir = world.profiles.get(agent.profile), identity.git_dir(world.repo.common, agent)
    if profile is None or not profile.sandbox.argv or git_dir is None:
        return ""
    from agentdeck.system.git.committing import commit_roots, has_own_configuration

    if commit_roots(world.repo, git_dir):
        return ""
    why = "the branch is in no folder such as agentdeck/, so every branch would be open to it"
    if has_own_configuration(world.repo):
        why = "extensions.worktreeConfig is on, so git's configuration would be open to it"
    return f"{profile.title} can't commit in its sandbox here: {why}"


def _to_commit(world: World, agent: Agent, profile: Profile, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Open the git folders that a commit writes to the CLI's sandbox, beside those that the user has opened."""
    git_dir = identity.git_dir(world.repo.common, agent)
    if not profile.sandbox.argv or git_dir is None:
        return ()
    from agentdeck.system.config.clifiles import codex_writable_roots
    from agentdeck.system.git.committing import commit_roots

    roots = [str(root) for root in commit_roots(world.repo, git_dir)]
    if not roots:
        return ()
    opened = codex_writable_roots(variables) if profile.files == "codex" else ()
    told = json.dumps([*opened, *roots], ensure_ascii=False)
    return tuple(word.replace("{roots}", told) for word in profile.sandbox.argv)


def has_tools(world: World, agent: Agent, profile: Profile) -> bool:
    """Whether the agent's CLI is told of the deck's tools."""
    return world.settings.config.mcp.agents and bool(profile.tools.argv) and not agent.landing


def _deck_tools(world: World, agent: Agent, profile: Profile) -> tuple[str, ...]:
    if not has_tools(world, agent, profile):
        return ()
    argv = ("-I", "-m", "agentdeck.mcp.connect", str(world.store.agent_folder(agent.name)))
    command, args = json.dumps(sys.executable), json.dumps(argv, ensure_ascii=False)
    return tuple(word.replace("{command}", command).replace("{args}", args) for word in profile.tools.argv)
