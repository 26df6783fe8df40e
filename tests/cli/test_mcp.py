from __future__ import annotations

import re
import subprocess
import sys

from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck
from tests.support.decks import Bench


def test_the_skill_goes_to_the_programs_that_are_set_up_and_back(bench: Bench) -> None:
    assert agentdeck("skill", "install", cwd=bench.root).returncode == ExitCode.NOT_FOUND
    for folder in (".claude", ".codex"):
        (bench.home / folder).mkdir()
    files = [bench.home / folder / "skills/agentdeck/SKILL.md" for folder in (".claude", ".codex")]
    for _ in range(2):
        assert agentdeck("skill", "install", cwd=bench.root).returncode == ExitCode.OK
        assert [file.read_text() for file in files] == [agentdeck("skill", cwd=bench.root).stdout] * 2
    assert agentdeck("skill", "remove", cwd=bench.root).returncode == ExitCode.OK
    assert not any(file.parent.exists() for file in files)


def test_another_skill_of_that_name_is_left_alone(bench: Bench) -> None:
    own = bench.write(".claude/skills/agentdeck/SKILL.md", "---\nname: mine\n---\n", cwd=bench.home)
    for action in ("install", "remove"):
        assert agentdeck("skill", action, cwd=bench.root).returncode == ExitCode.REFUSED
    assert "mine" in own.read_text()


def test_every_verb_that_the_skill_names_is_one(bench: Bench) -> None:
    text = agentdeck("skill", cwd=bench.root).stdout
    for verb in set(re.findall(r"`agentdeck ([a-z]+)", text)):
        assert agentdeck(verb, "--help", cwd=bench.root).returncode == ExitCode.OK, verb


def test_without_the_extra_it_says_what_to_install(bench: Bench) -> None:
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'fastmcp' else find(name, *more)\n"
        "from agentdeck.cli.main import main; sys.exit(main(['mcp']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=bench.root, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.MISSING_TOOL and "agentdeck[mcp]" in done.stderr


def test_what_an_agent_starts_is_its_child(bench: Bench) -> None:
    """Its own shell says who it is; a second generation is refused there, too."""
    deck = bench.deck()
    assert agentdeck("run", "-d", "-a", "demo", "-n", "fox", "[hold]", cwd=bench.root).returncode == ExitCode.OK
    inside = {"AGENTDECK_AGENT": "fox", "AGENTDECK_DECK": deck.name}
    done = agentdeck("run", "-d", "-a", "demo", "-n", "cub", "[hold]", cwd=bench.root, env=inside)
    assert done.returncode == ExitCode.OK, done.stderr
    assert deck.agent("cub").agent.parents == ("fox",)
    more = agentdeck("run", "-d", "-a", "demo", "[hold]", cwd=bench.root, env={**inside, "AGENTDECK_AGENT": "cub"})
    assert more.returncode == ExitCode.REFUSED and "started by an agent itself" in more.stderr
    command = agentdeck("run", "-d", "--", "true", cwd=bench.root, env=inside)
    assert command.returncode == ExitCode.REFUSED and "no commands" in command.stderr
