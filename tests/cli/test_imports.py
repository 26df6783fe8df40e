from __future__ import annotations

import json
import subprocess
import sys

import pytest

from agentdeck.core.agents.agent import State
from tests.support.cli import agentdeck, put_agent
from tests.support.decks import Bench

HEAVY = {
    "textual",
    "rich",
    "pydantic",
    "git",
    "libtmux",
    "psutil",
    "watchfiles",
    "psycopg",
    "redis",
    "argcomplete",
    "asyncio",
    "inspect",
    "dataclasses",
}
OWN = {"ls": 110, "show one": 165, "logs one": 105, "send one hi": 108}
"""Most modules of the program's own that a verb loads."""
ACTS = {
    "run -n one -- git commit --allow-empty -qm work": 180,
    "merge one": 166,
    "run -n two -- true": 180,
    "rm two": 142,
    "stop --all": 110,
}
SELDOM = {"pydantic", "tarfile", "difflib", "agentdeck.engine.fleet.acts"}
"""What an act loads only where there is a conflict, a host, a mistake, or a configuration that has changed."""
LOADED = """
import atexit, json, os, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from agentdeck.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def loaded_by(bench: Bench, *args: str) -> set[str]:
    return {module.partition(".")[0] for module in modules_of(bench, *args)}


def modules_of(bench: Bench, *args: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args], cwd=bench.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "line", ["--help", "run --help", "ls", "ls --json", "--version", "show one", "show one --json", "ports"]
)
def test_looking_loads_nothing_heavy(bench: Bench, line: str) -> None:
    put_agent(bench.root, "one", state=State.DONE)
    assert not loaded_by(bench, *line.split()) & HEAVY


def test_the_test_would_notice(bench: Bench) -> None:
    assert "pydantic" in loaded_by(bench, "config")


def test_what_changes_agents_loads_what_it_needs_where_the_configuration_is_as_before(bench: Bench) -> None:
    modules_of(bench, "run", "--detach", "-n", "first", "--", "true")
    for line, most in ACTS.items():
        found = modules_of(bench, *line.split())
        assert found & SELDOM == set(), line
        own = [name for name in found if name.startswith("agentdeck")]
        assert 50 < len(own) <= most, (line, sorted(own))


@pytest.mark.parametrize("line", OWN)
def test_what_is_asked_most_loads_little(bench: Bench, line: str) -> None:
    """What a short verb costs is what it imports: a count holds on a machine of which a test knows nothing."""
    put_agent(bench.root, "one", state=State.DONE)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *line.split()], cwd=bench.root, capture_output=True, text=True, check=False
    )
    own = [name for name in json.loads(done.stderr.splitlines()[-1]) if name.startswith("agentdeck")]
    assert 50 < len(own) <= OWN[line], sorted(own)


def test_ls_loads_no_more_for_fifty_agents_than_for_one(bench: Bench) -> None:
    put_agent(bench.root, "agent-0", state=State.FAILED, reason="exit code 3")
    few = modules_of(bench, "ls")
    for number in range(1, 50):
        put_agent(bench.root, f"agent-{number}", state=State.FAILED, reason="exit code 3")
    assert modules_of(bench, "ls") == few
    assert len(agentdeck("ls", cwd=bench.root).stdout.splitlines()) == 51
