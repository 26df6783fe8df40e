"""Render `screenshots/` from the real program: real agents of the demo profile in a throw-away repository.

    make shots

Each picture is what the dashboard shows at that moment, as SVG and as PNG. The PNGs are drawn offline with an installed
monospace font (fonts-dejavu-core), for the SVGs name one that lies on the web.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agentdeck.core.text.text import columns

TARGET = Path(__file__).parents[1] / "screenshots"
FONT = "DejaVu Sans Mono"
_CELL = 12.2
"""The width of a character in Textual's pictures."""
_PATIENCE = 60.0
_BASE = {
    "README.md": "# A small shop\n\nPrices are in cents.\n",
    "shop/basket.py": "def total(items):\n    return sum(item.price for item in items)\n",
    "shop/search.py": "def find(items, words):\n    return [item for item in items if words in item.name]\n",
    "agentdeck.toml": '[landing]\ngate = ["python3 -m compileall -q shop"]\n\n[database]\ntemplate = "dev.sqlite3"\n',
    ".gitattributes": "NOTES.md merge=union\n",
    ".gitignore": "*.sqlite3\n__pycache__/\n",
}
_AGENTS = {
    "search-ranking": "Rank search results by how well they match",
    "basket-totals": "Show the total of the basket with the discount [ask]",
    "invoices": "Print invoices as PDF [fail]",
    "price-import": "Import the supplier's price list",
    "old-experiment": "Try another layout",
    "rounding": "Round prices to whole cents",
}
_WORKS = r"""
n=0
while :; do
    n=$((n + 1))
    printf '\033[32mPASS\033[0m tests/test_part_%s.py \033[33m%s ms\033[0m\n' $n $((n * 7 % 40))
    sleep 0.7
done
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="agentdeck-shots-") as folder:
        surroundings(Path(folder))
        repository = Path(folder) / "shop"
        prepare(repository)
        TARGET.mkdir(exist_ok=True)
        try:
            asyncio.run(first_run(repository))
            fill(repository)
            asyncio.run(dashboards(repository))
            asyncio.run(screens(repository))
        finally:
            leave(repository)


def leave(repository: Path) -> None:
    """End the agents, and the tmux server that was ours."""
    subprocess.run(["agentdeck", "stop", "--all"], cwd=repository, check=False, capture_output=True)
    socket = os.environ["AGENTDECK_TMUX_SOCKET"]
    subprocess.run(["tmux", "-L", socket, "kill-server"], check=False, capture_output=True)
    Path(f"/tmp/tmux-{os.getuid()}", socket).unlink(missing_ok=True)  # noqa: S108 - where tmux leaves it


def surroundings(folder: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("GIT_", "TMUX"))]:
        del os.environ[name]
    os.environ.update(
        HOME=str(folder),
        XDG_STATE_HOME=str(folder / "state"),
        XDG_CONFIG_HOME=str(folder / "config"),
        AGENTDECK_TMUX_SOCKET=f"agentdeck-shots-{os.getpid()}",
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        GIT_CONFIG_GLOBAL="/dev/null",
        GIT_AUTHOR_NAME="Robin",
        GIT_AUTHOR_EMAIL="robin@example.org",
        GIT_COMMITTER_NAME="Robin",
        GIT_COMMITTER_EMAIL="robin@example.org",
        SHELL="/bin/sh",
    )


def run(*argv: str, cwd: Path) -> str:
    return subprocess.run(argv, cwd=cwd, check=True, capture_output=True, text=True).stdout


def prepare(repository: Path) -> None:
    import sqlite3

    for name, text in _BASE.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sqlite3.connect(repository / "dev.sqlite3").close()
    run("git", "init", "-q", "-b", "main", cwd=repository)
    run("git", "add", "-A", cwd=repository)
    run("git", "commit", "-qm", "Start", cwd=repository)
    run("agentdeck", "trust", "--yes", cwd=repository)


def fill(repository: Path) -> None:
    """Start the agents, and bring each to where the pictures want it."""
    for name, task in _AGENTS.items():
        run("agentdeck", "run", "-d", "-a", "demo", "-n", name, task, cwd=repository)
    run("agentdeck", "run", "-d", "-n", "test-watch", "--", "sh", "-c", _WORKS, cwd=repository)
    wanted = {"basket-totals": "waiting", "invoices": "failed"}
    for name in _AGENTS:
        until(lambda name=name: wanted.get(name, "done") in run("agentdeck", "show", name, cwd=repository))  # type: ignore[misc]
    work = repository / ".worktrees" / "search-ranking" / "shop" / "search.py"
    work.write_text(
        "def find(items, words):\n"
        '    """The items that match, the best first."""\n'
        "    scored = [(score(item, words), item) for item in items]\n"
        "    return [item for points, item in sorted(scored, reverse=True) if points]\n\n\n"
        "def score(item, words):\n"
        "    return sum(word in item.name for word in words.split())\n"
    )
    other = repository / ".worktrees" / "price-import" / "shop" / "search.py"
    other.write_text(
        "def find(items, words):\n    return [item for item in items if words.lower() in item.name.lower()]\n"
    )
    run("git", "commit", "-qam", "Search takes no notice of case", cwd=other.parent)
    run("agentdeck", "rm", "-y", "old-experiment", cwd=repository)
    run("agentdeck", "merge", "rounding", cwd=repository)


def until(check: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not check():
        if time.monotonic() > deadline:
            raise SystemExit("The agents did not get to where the pictures want them.")
        time.sleep(0.2)


class Camera:
    """The dashboard at one size, in one theme."""

    def __init__(self, repository: Path, width: int, height: int, theme: str = "dark") -> None:
        from agentdeck.engine.deck import Deck
        from agentdeck.tui.app import DeckApp

        self.app = DeckApp(Deck.find(repository))
        self._size = (width, height)
        self._theme = f"textual-{theme}"

    async def __aenter__(self) -> Camera:
        self._context = self.app.run_test(size=self._size)
        self.pilot = await self._context.__aenter__()
        await self.pilot.pause(1.5)
        self.app.theme = self._theme
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self._context.__aexit__(None, None, None)
        self.app.actions.finish()

    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    async def sees(self, *texts: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not all(text in self.text() for text in texts):
            if time.monotonic() > deadline:
                raise SystemExit(f"{texts} did not come up:\n{self.text()}")
            await self.pilot.pause(0.1)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause(0.3)

    def take(self, name: str) -> None:
        for line in self.app.screen.query("MessageLine"):
            line.clear()
        svg = self.app.export_screenshot(title="AgentDeck")
        (TARGET / f"{name}.svg").write_text(svg)
        draw(svg, TARGET / f"{name}.png")
        sys.stderr.write(f"{name}\n")


def draw(svg: str, path: Path) -> None:
    """The picture without the web: an installed font, and every character put into its own cell."""
    import cairosvg

    offline = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", FONT)
    # The width of a run of text would be rounded to whole pixels a character.
    offline = re.sub(r'(<text[^>]*? )x="([\d.]+)"([^>]*? )textLength="[\d.]+"([^>]*>)([^<]*)<', _in_cells, offline)
    cairosvg.svg2png(bytestring=offline.encode(), write_to=str(path))


def _in_cells(found: re.Match[str]) -> str:
    before, x, between, after, text = found.groups()
    places = _places(html.unescape(text), float(x))
    return f'{before}x="{places}"{between}{after}{text}<'


def _places(text: str, x: float) -> str:
    found = []
    for char in text:
        found.append(f"{x:g}")
        x += _CELL * columns(char)
    return " ".join(found)


async def first_run(repository: Path) -> None:
    async with Camera(repository, 100, 30) as camera:
        await camera.sees("No agents work on")
        camera.take("first-run")
        await camera.press("n")
        await camera.press(*"Fix the rounding of prices", "enter", *"and add a test")
        await camera.pilot.pause(1.5)
        camera.take("new-agent")


async def dashboards(repository: Path) -> None:
    for theme in ("dark", "light"):
        for width, height in ((80, 24), (120, 36), (200, 50)):
            async with Camera(repository, width, height, theme) as camera:
                await camera.sees("waiting", "basket", "Allow this command?")
                await camera.pilot.pause(6)
                camera.take(f"dashboard-{width}x{height}-{theme}")


async def screens(repository: Path) -> None:
    async with Camera(repository, 120, 36) as camera:
        await camera.sees("waiting", "basket")
        camera.app.deck_screen.go_to("search-ranking")
        await camera.press("d", "z")
        await camera.sees("Committed since main", "def score")
        camera.take("diff")
        await camera.press("escape")
        await camera.press("t")
        await camera.press("t", "question_mark")
        camera.take("help")
        await camera.press("escape", "R")
        await camera.sees("WITH BASE")
        camera.take("radar")
        await camera.press("escape", "v")
        await camera.sees("CONFLICT (content)", "land later")
        camera.take("conflict")
        await camera.press("escape", "exclamation_mark")
        await camera.sees("Inbox", "make everything")
        camera.take("inbox")
        await camera.press("escape", "g")
        await camera.sees("Grid", "PASS", "make everything")
        camera.take("grid")
        await camera.press("escape", "Y")
        await camera.sees("waited")
        camera.take("timeline")
        await camera.press("escape", "U")
        await camera.sees("can be undone")
        camera.take("trash")
        await camera.press("escape", "P")
        await camera.sees("it landed")
        camera.take("prune")
        await camera.press("escape")
        camera.app.deck_screen.go_to("price-import")
        await camera.press("m")
        await camera.sees("Run the gate first")
        camera.take("land")
        await camera.press("y")
        await camera.sees("landed  price-import", "Gate output")
        camera.take("landing-queue")


if __name__ == "__main__":
    main()
