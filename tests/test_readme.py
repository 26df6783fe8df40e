"""What the README shows is true: each command in it is run, in its order, and prints what it says there."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck
from tests.support.decks import Bench, bench_in
from tests.support.retry import eventually

TREE = Path(__file__).parents[1]
README = (TREE / "README.md").read_text("utf-8")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_READING = re.compile(r"agentdeck (ls|show|logs|diff|ports|radar|undo --list|config|spend)\b|cat |git log")
"""Commands that may be given again until what they print has come true."""
_CHANGING = (
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\b[0-9a-f]{7,40}\b", "COMMIT"),
    (r"\b2\d{4}\b", "PORT"),
    (r"\b\d+(?:\.\d+)?(?:s|m|h|d)\b", "AGE"),
    (r"\d+(?:\.\d+)? (?:B|KiB|MiB)\b", "SIZE"),
    (r"[ \t]+", " "),
)
"""What is another each time, and how it is written for the comparison."""


@dataclass
class Command:
    line: str
    output: list[str] = field(default_factory=list)


def blocks(language: str) -> list[str]:
    return [text for kind, text in _FENCE.findall(README) if kind == language]


def commands() -> Iterator[Command]:
    """Of all blocks that show a session, one after the other."""
    for text in blocks("console"):
        found: list[Command] = []
        for line in text.splitlines():
            if line.startswith("$ "):
                found.append(Command(line.removeprefix("$ ")))
            else:
                found[-1].output.append(line)
        yield from found


def settled(text: str) -> list[str]:
    for pattern, word in _CHANGING:
        text = re.sub(pattern, word, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch, config="", trusted=False) as bench:
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        monkeypatch.setenv("COLUMNS", "120")
        yield bench


def printed(line: str, bench: Bench) -> str:
    done = subprocess.run(
        line, shell=True, cwd=bench.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


@dataclass
class Shown:
    """What a line printed when it was last given."""

    line: str
    bench: Bench
    expected: list[str]
    last: list[str] = field(default_factory=list)

    def again(self) -> bool:
        self.last = settled(printed(self.line, self.bench))
        return agrees(self.expected, self.last)


def agrees(expected: list[str], found: list[str]) -> bool:
    """Whether the lines are the same; `…` stands for any others."""
    if not expected:
        return not found
    if expected[0] == "…":
        return any(agrees(expected[1:], found[skip:]) for skip in range(len(found) + 1))
    return bool(found) and expected[0] == found[0] and agrees(expected[1:], found[1:])


@pytest.mark.slow
def test_the_tour_prints_what_the_readme_shows(shop: Bench) -> None:
    tour = list(commands())
    assert len(tour) > 10
    for command in tour:
        expected = settled("\n".join(command.output))
        shown = Shown(command.line, shop, expected)
        if _READING.match(command.line):
            with contextlib.suppress(AssertionError):
                eventually(shown.again, timeout=20, pause=0.2)
        else:
            shown.again()
        assert agrees(expected, shown.last), f"{command.line}\nREADME: {expected}\nprints: {shown.last}"


def test_the_examples_of_files_are_read_by_the_program(shop: Bench) -> None:
    read = set()
    for text in blocks("toml"):
        name = text.splitlines()[0].removeprefix("# ")
        if name == "agentdeck.toml":
            shop.write(name, text)
            done = agentdeck("config", cwd=shop.root)
        elif name.startswith("~/.config/agentdeck/profiles/"):
            profile = shop.write(name.removeprefix("~/"), text, cwd=shop.home)
            done = agentdeck("run", "--agent", profile.stem, "--name", profile.stem, "A task", cwd=shop.root)
            assert done.returncode == ExitCode.UNCHANGED, f"{name}: {done.stderr}"
            read.add(name)
            continue
        elif name == "~/.config/agentdeck/config.toml":
            shop.own(text)
            done = agentdeck("accounts", cwd=shop.root)
            assert "claude@work" in done.stdout
            shop.own()
        elif name == "suite.toml":
            shop.write(name, text)
            done = agentdeck("bench", name, "--tiers", "routine", "-a", "demo", "--no-box", cwd=shop.root)
        else:
            shop.write(name, text.replace('agent = "claude"', 'agent = "demo"'))
            done = agentdeck("run", "-f", name, "-a", "demo", cwd=shop.root)
        assert done.returncode == ExitCode.OK, f"{name}: {done.stderr}"
        (shop.root / "agentdeck.toml").unlink(missing_ok=True)
        read.add(name)
    assert {"agentdeck.toml", "tasks.toml", "suite.toml"} <= read


def test_the_line_for_cron_starts_once(shop: Bench) -> None:
    (line,) = [line for text in blocks("crontab") for line in text.splitlines() if "agentdeck run" in line]
    order = line.split(" ", 5)[5].replace(r"\%", "%").replace("/srv/shop", f"'{shop.root}'") + " --agent demo"
    for _ in range(2):
        done = subprocess.run(order, shell=True, capture_output=True, text=True, check=False)
        assert done.returncode == ExitCode.OK, done.stderr
    assert len(shop.deck().agents()) == 1


def test_every_exit_code_is_in_the_readme() -> None:
    rows = re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)
    assert sorted(map(int, rows)) == sorted(code.value for code in ExitCode)


def test_its_two_commands_are_targets_and_its_links_lead_somewhere() -> None:
    (two,) = [text for text in blocks("sh") if "make demo" in text]
    for line in two.split("\n"):
        if line.startswith("make"):
            assert subprocess.run([*line.split(), "-n"], cwd=TREE, capture_output=True, check=False).returncode == 0
    for target in re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r'(?:src|srcset)="([^"]+)"', README):
        assert (TREE / target).exists(), target
