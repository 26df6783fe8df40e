"""A first hour from the dashboard alone, with real Claude Code and Codex: three agents, a question, a conflict and a
landing through a gate, an undo, three removed at once, a search, the grid, a second repository."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.core.question import Question
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import AgentView, StartRequest
from tests.agents.conftest import provider
from tests.agents.test_questions import COLOUR
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi
from tests.support.retry import eventually
from tests.support.terminal import Terminal, dashboard

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(600)]
_PATIENCE = 120.0
_SIZES = [(120, 36), *([(80, 24), (200, 50)] if "AGENTDECK_TEST_MORE_AGENTS" in os.environ else [])]
"""Columns and lines; “make test-agents” takes the walk at all of them."""
_TASKS = {"basket": "Claude Code", "search": "Claude Code", "invoices": "Codex"}
"""Each names its agent."""
_WORK = """\
case $AGENTDECK_AGENT in
    invoices) printf 'def invoice(): return 1\\n' > invoices.py ;;
    *) printf 'total = "%s"\\n' "$AGENTDECK_AGENT" > shop.py ;;
esac
git add -A && git commit -qm "Work of $AGENTDECK_AGENT"
"""
_RESOLVE = """\
git merge -q main
printf 'total = "both"\\n' > shop.py
git add -A && git commit -qm 'Resolve the conflict'
"""


class Walk:
    """What the person does and sees; `AGENTDECK_WALK` names a folder for what the terminal showed."""

    def __init__(self, on: Terminal, bench: Bench) -> None:
        self.on, self.bench, self.seen = on, bench, 0
        self.folder = Path(folder) if (folder := os.environ.get("AGENTDECK_WALK")) else None

    def shot(self, name: str) -> None:
        self.seen += 1
        if self.folder is not None:
            self.folder.mkdir(exist_ok=True)
            shown = self.on.tmux("capture-pane", "-p", "-e", "-t", "it")
            (self.folder / f"{self.seen:02}-{name}.ans").write_text(shown)

    def view(self, name: str) -> AgentView | None:
        return next((view for view in self.bench.deck().agents() if view.name == name), None)

    def start(self, task: str, profile: str) -> None:
        self.on.press("n")
        self.on.sees("New agent", "the current branch", timeout=60)
        self.on.type(task)
        self.on.press("Tab")
        time.sleep(0.5)
        self.on.press("Enter")
        self.on.sees("The first installed")
        if profile == "Codex":  # the one below
            self.on.press("Down")
            time.sleep(0.5)
        self.on.press("Enter")
        self.on.sees_no_more("The first installed")
        if task == "basket":
            self.shot("dialog")
        self.on.press("C-s")
        self.on.sees_no_more("New agent")
        eventually(lambda: self.view(task) is not None, _PATIENCE)

    def answer_until(self, names: tuple[str, ...], state: State) -> None:
        """Go to whoever needs the person, and answer with a number, until all of these stand so."""
        deadline = time.monotonic() + _PATIENCE
        while not all((view := self.view(name)) is not None and view.state is state for name in names):
            assert time.monotonic() < deadline, self.on.screen()
            waiting = [view for name in names if (view := self.view(name)) and view.status.question is not None]
            if not waiting:
                time.sleep(0.3)
                continue
            self.choose(waiting[0].name)
            asked = waiting[0].status.question
            assert asked is not None
            number = "2" if asked.text == COLOUR["question"] or "full access" in asked.text else "1"
            with suppress(AssertionError):  # it may have gone on by itself
                self.on.sees("asks", timeout=10)
            if "asks" not in self.on.screen():
                self.back()
                continue
            self.shot(f"asks-{waiting[0].name}")
            self.on.press(number)
            with suppress(AssertionError):  # it may ask the same once more
                eventually(partial(self.asks_other, waiting[0].name, asked), 10)
            self.back()

    def back(self) -> None:
        """Press escape, and nothing that a terminal would take for a part of the same key."""
        self.on.press("Escape")
        time.sleep(0.7)

    def asks_other(self, name: str, than: Question) -> bool:
        return (view := self.view(name)) is not None and view.status.question != than

    def choose(self, name: str) -> None:
        """Select that agent, by the filter."""
        self.on.press("/")
        self.on.sees("use this filter")
        self.on.press("C-u")
        self.on.type(name)
        self.on.press("Enter")
        self.on.sees_no_more("use this filter")
        self.on.sees(f"{name} · ")


@pytest.fixture
def api(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    with provider(bench, programs, monkeypatch) as served:
        served.asks, served.commands = (COLOUR,), ("sh work.sh",)
        yield served


@pytest.mark.parametrize("size", _SIZES, ids=lambda size: "x".join(map(str, size)))
def test_from_the_dashboard_alone(bench: Bench, api: FakeApi, tmp_path: Path, size: tuple[int, int]) -> None:
    bench.write("work.sh", _WORK)
    bench.write("resolve.sh", _RESOLVE)
    bench.write("shop.py", "total = 0\n")
    bench.own('[landing]\ngate = ["grep -q total shop.py"]\n')
    bench.commit("Begin")
    _second_repository(bench, tmp_path)
    with dashboard(bench.root, size) as on:
        walk = Walk(on, bench)
        on.sees("No agents work on")
        walk.shot("first")
        for task, profile in _TASKS.items():
            walk.start(task, profile)
        walk.answer_until(tuple(_TASKS), State.DONE)
        on.sees("3 to land")
        walk.shot("three-done")
        _a_landing_and_a_conflict(walk, api)
        _a_search_the_grid_and_all_repositories(walk)
        on.press("A")
        on.sees("3 marked")
        on.press("x")
        on.sees("Remove 3 agents?", "basket (landed)", "search (done)", "invoices (done)")
        walk.shot("remove-three")
        on.press("y")
        eventually(lambda: not bench.deck().agents(), 60)
        on.sees("No agents work on")
        on.press("q")
        on.sees("it exited with 0")


def _second_repository(bench: Bench, folder: Path) -> None:
    root = folder / "second"
    root.mkdir()
    bench.git("init", "-q", "-b", "main", cwd=root)
    bench.write("README.md", "# The second one\n", cwd=root)
    bench.commit("Start", cwd=root)
    Deck.find(root).start(StartRequest(name="elsewhere", argv=("sleep", "600")))


def _a_landing_and_a_conflict(walk: Walk, api: FakeApi) -> None:
    on, before = walk.on, walk.bench.git("rev-parse", "main")
    walk.choose("basket")
    on.press("m")
    on.sees("basket → main", "Run the gate first")
    walk.shot("land")
    on.press("y")
    on.sees("⚑ landed", "$ grep -q total shop.py", timeout=60)
    walk.shot("landed")
    walk.back()
    walk.choose("search")
    on.press("v")
    on.sees("Conflicts of search", "H let it resolve", timeout=60)
    walk.shot("conflict")
    api.commands = ("sh work.sh", "sh resolve.sh")
    on.press("H")
    on.sees("Let search resolve its conflict?")
    on.press("y")
    deadline = time.monotonic() + _PATIENCE
    while (view := walk.view("search")) is None or view.state is not State.LANDED:
        assert time.monotonic() < deadline, on.screen()
        if view is not None and view.status.question is not None:
            walk.back()
            walk.answer_until(("search",), State.DONE)
        time.sleep(0.3)
    walk.shot("resolved")
    assert "both" in walk.bench.git("show", "main:shop.py")
    walk.back()
    landed = walk.bench.git("rev-parse", "main")
    on.press("u")
    on.sees("landed search on main?")
    on.press("y")
    eventually(lambda: walk.bench.git("rev-parse", "main") not in (before, landed), 60)


def _a_search_the_grid_and_all_repositories(walk: Walk) -> None:
    on = walk.on
    on.press("C-f")
    on.sees("Search all logs and changes")
    on.type("invoice()")
    on.press("Enter")
    on.sees("invoices.py", timeout=60)
    walk.shot("search")
    walk.back()
    on.press("g")
    on.sees("Grid", "3 running", "I have made")
    walk.shot("grid")
    walk.back()
    on.press("D")
    on.sees("second", "invoices", timeout=60)
    walk.shot("all-repositories")
    walk.back()
