"""A project name of its own for Docker Compose: where two agents have the same one, “docker compose up” of one replaces
the containers of the other."""

from __future__ import annotations

from agentdeck.core.agents.agent import Agent
from agentdeck.engine.world import World
from agentdeck.system.git.repository import Repository

PROJECT = "COMPOSE_PROJECT_NAME"
_FILES = ("compose.y*ml", "compose.*.y*ml", "docker-compose.y*ml", "docker-compose.*.y*ml")


def project(world: World, agent: Agent, repo: Repository) -> str:
    """The name for `agent`; empty where no file of Compose is under version control in its worktree `repo`."""
    found = repo.run("ls-files", "--", *(f":(glob)**/{name}" for name in _FILES))
    return f"{world.deck}-{agent.name}".lower() if found and found.out else ""


def variables(world: World, agent: Agent, name: str) -> dict[str, str]:
    """Those for the project `name`; {} where a person has chosen another one."""
    config = world.settings.config.agent
    return {PROJECT: name} if name and PROJECT not in {*config.env, *config.pass_env, *agent.env} else {}
