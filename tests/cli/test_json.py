"""docs/json.md against what the program prints."""

from __future__ import annotations

import re
from pathlib import Path

from agentdeck.cli.output import SCHEMA
from agentdeck.core.agents.agent import Agent, Fault, Mode, State, Status
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.providers.serving import Serving
from agentdeck.engine.views import AgentView
from agentdeck.engine.views.documents import agent_fields
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects, put_agent
from tests.support.decks import Bench

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "json.md").read_text("utf-8")


def section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def table_keys(text: str) -> list[str]:
    cells = re.findall(r"^\| (`[^|]*?) \|", text, re.MULTILINE)
    return [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]


def test_the_page_names_the_schema_and_every_exit_code() -> None:
    assert f"`{SCHEMA}`" in PAGE
    codes = re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)
    assert [int(code) for code in codes] == [int(code) for code in ExitCode]


def test_the_keys_of_an_agent_are_those_of_the_page() -> None:
    view = AgentView(Agent("a", "", "", Mode.HEADLESS, 0.0), Status(State.DONE, 0.0), alive=False)
    text, _, more = section("`agent`").partition("`show` adds:")
    assert table_keys(text) == list(agent_fields(view))
    assert table_keys(more) == ["leases", "usage", "disk_bytes", "cost", "account", "network", "events"]


def test_that_nobody_serves_it_is_said_of_an_agent_at_work_alone() -> None:
    agent, nobody = Agent("a", "", "", Mode.HEADLESS, 0.0), Serving("", "", "main:big", "main:big: overloaded", 1.0)
    for state, alive, said in (
        (State.WORKING, True, "no provider serves (main:big: overloaded)"),
        (State.DONE, False, ""),
    ):
        view = AgentView(agent, Status(state, 0.0), alive=alive, serving=nobody)
        assert (view.served_by, agent_fields(view)["served_by"] is None) == (said, not said)


def test_the_page_names_every_state_and_fault() -> None:
    text = section("`agent`")
    assert all(f"`{word}`" in text for word in (*State, *(fault for fault in Fault if fault), *Mode))


def test_the_page_names_every_kind_of_event_and_the_keys_of_its_data() -> None:
    keys, _, kinds = section("`event`").partition("\n| kind |")
    assert table_keys(keys) == list(Event(EventKind.WARNING, "y").to_json())
    rows = [line.strip("| ").split(" | ") for line in kinds.splitlines() if line.startswith("| `")]
    told = {row[0].strip("`"): tuple(re.findall(r"`([\w…?]+)`", row[2])) if len(row) > 2 else () for row in rows}
    assert told == {str(kind): kind.keys for kind in EventKind}


def test_every_type_that_is_printed_has_its_section(bench: Bench) -> None:
    put_agent(bench.root, "one")
    lines = [
        "ls",
        "show one",
        "diff one",
        "ports",
        "config",
        "doctor",
        "version",
        "completion bash",
        "rm one",
        "ls --wrong",
    ]
    for line in lines:
        (found,) = objects(agentdeck(*line.split(), "--json", cwd=bench.root).stdout)
        keys = set(found) - {"schema", "type"}
        text = section(f"`{found['type']}`")
        assert text, found["type"]
        assert {key for key in keys if f"`{key}`" not in text} == set()


def test_every_type_in_the_code_has_its_section() -> None:
    emitted = set()
    for path in (ROOT / "src/agentdeck/cli").glob("*.py"):
        emitted |= set(re.findall(r"\.emit\(\s*\"(\w+)\"", path.read_text("utf-8")))
    sections = set(re.findall(r"^## `(\w+)`$", PAGE, re.MULTILINE))
    assert emitted == sections
