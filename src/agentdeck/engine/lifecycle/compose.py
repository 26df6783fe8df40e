"""A project name of its own for Docker Compose: where two agents have the same one, “docker compose up” of one replaces
the containers of the other."""

from __future__ import annotations

import os

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.world import World
from agentdeck.system.files.files import sign
from agentdeck.system.git.repository import Repository

PROJECT = "COMPOSE_PROJECT_NAME"
_FILES = ("compose.y*ml", "compose.*.y*ml", "docker-compose.y*ml", "docker-compose.*.y*ml")


def project(world: World, agent: Agent, repo: Repository) -> str:
    """The name for `agent`; empty where no file of Compose is under version control in its worktree `repo`."""
    name = world.settings.config.env_file.path
    env_file = os.path.normpath(name) if name else ""
    return f"{world.deck}-{agent.name}".lower() if _versioned(repo, env_file) - {env_file} else ""


def has_env_file(repo: Repository, path: str) -> bool:
    """Whether the env file at `path` in the worktree `repo` is under version control."""
    return path in _versioned(repo, path)


def _versioned(repo: Repository, env_file: str) -> frozenset[str]:
    """Of that file and the files of Compose those that are under version control: a start asks for both at once."""
    wanted = [*(f":(glob)**/{name}" for name in _FILES), *([f":(literal){env_file}"] if env_file else [])]

    def ask() -> frozenset[str]:
        told = repo.run("ls-files", "-z", "--", *wanted)
        return frozenset(told.text.split("\0")[:-1] if told else ())

    index = sign(repo.git_dir / "index") if repo.git_dir else ()
    return repo.once(("versioned", repo.folder, index, env_file), ask) if index else ask()


def variables(world: World, agent: Agent, name: str) -> dict[str, str]:
    """Those for the project `name`; {} where a person has chosen another one."""
    config = world.settings.config.agent
    return {PROJECT: name} if name and PROJECT not in {*config.env, *config.pass_env, *agent.env} else {}
