"""The tools, as FastMCP's own client calls them: over standard input and output, as a person and as an agent."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.core.agents.events import EventKind
from agentdeck.engine.deck import Deck
from agentdeck.engine.views import StartRequest
from agentdeck.engine.views.landings import LandRequest
from agentdeck.errors import RefusedError
from tests.support.decks import CONFIG, Bench, bench_in
from tests.support.retry import eventually
from tests.support.talker import talker

pytest.importorskip("fastmcp", reason="the extra agentdeck[mcp] is not installed")

TOOLS = {
    "list_agents",
    "read_agent",
    "read_log",
    "diff_agent",
    "check_files",
    "start_agent",
    "wait_for_agents",
    "message_agent",
    "request_landing",
    "ask_person",
}
Call = Callable[..., Coroutine[Any, Any, Any]]
WORK = "echo more >> README.md; git commit -qam work; echo did it"


@asynccontextmanager
async def client_of(argv: list[str]) -> AsyncIterator[Any]:
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

    async with Client(StdioTransport(argv[0], argv[1:], env=dict(os.environ), keep_alive=False), timeout=60) as client:
        yield client


def server_argv(bench: Bench, caller: str = "") -> list[str]:
    argv = [sys.executable, "-I", "-m", "agentdeck.mcp", "--root", str(bench.root)]
    return [*argv, "--as", caller] if caller else argv


def play(bench: Bench, act: Callable[[Call], Awaitable[None]], caller: str = "") -> None:
    """Let `act` call tools; what a tool gives is its structured answer, an error its text."""

    async def playing() -> None:
        async with client_of(server_argv(bench, caller)) as client:

            async def call(tool: str, **given: Any) -> Any:
                answer = await client.call_tool(tool, given, raise_on_error=False)
                return answer.content[0].text if answer.is_error else answer.structured_content

            await act(call)

    asyncio.run(playing())


def start(deck: Deck, name: str, line: str = "sleep 60", **more: Any) -> None:
    deck.start(StartRequest(name=name, task=line, profile="shell", mode=Mode.HEADLESS, **more))


def test_it_offers_ten_tools_and_none_that_removes_or_approves(bench: Bench) -> None:
    async def look(caller: str) -> dict[str, Any]:
        async with client_of(server_argv(bench, caller)) as client:
            return {tool.name: tool for tool in await client.list_tools()}

    start(bench.deck(), "fox", "true")
    mine = asyncio.run(look("fox"))
    assert mine.keys() == TOOLS
    assert asyncio.run(look("")).keys() == TOOLS - {"ask_person"}  # a person's own client has the person
    assert mine["list_agents"].annotations.read_only_hint and not mine["start_agent"].annotations.read_only_hint
    assert mine["read_agent"].output_schema["properties"]["changed_files"]


def test_a_client_starts_awaits_and_reads_an_agent(bench: Bench) -> None:
    async def act(call: Call) -> None:
        first = await call("start_agent", task="take notes", id="one", profile="demo", name="helper")
        again = await call("start_agent", task="take notes", id="one", profile="demo")
        assert (first["agent"]["name"], first["already_there"]) == ("helper", False)
        assert (again["agent"]["name"], again["already_there"]) == ("helper", True)
        assert (await call("wait_for_agents", names=["helper"], seconds=40))["agents"][0]["state"] == "done"
        read = await call("read_agent", name="helper")
        assert read["changed_files"] == ["NOTES.md", "helper.txt"]
        assert "Wrote NOTES.md and helper.txt." in read["recent"]
        assert "+- take notes" in (await call("diff_agent", name="helper"))["text"]
        used = await call("check_files", paths=["./NOTES.md", "src/app.py"])
        assert used == {"free": ["src/app.py"], "changed": [{"path": "NOTES.md", "agent": "helper", "lines": ["1"]}]}
        listed = await call("list_agents")
        assert [each["name"] for each in listed["agents"]] == ["helper"]

    play(bench, act)


def test_waiting_ends_with_the_work_or_with_the_time(bench: Bench) -> None:
    deck = bench.deck()
    start(deck, "quick", "true")
    start(deck, "slow")

    async def act(call: Call) -> None:
        done = await call("wait_for_agents", names=["quick"], seconds=20)
        assert done["still_working"] == [] and done["agents"][0]["state"] == "done"
        assert (await call("wait_for_agents", names=["quick", "slow"], seconds=0.5))["still_working"] == ["slow"]
        assert "50" in await call("wait_for_agents", names=["slow"], seconds=51)

    play(bench, act)


def test_arguments_are_checked_before_anything_runs(bench: Bench) -> None:
    async def act(call: Call) -> None:
        assert "id" in await call("start_agent", task="a task")
        assert "at least 1 character" in await call("start_agent", task="", id="one")
        assert "Unexpected" in await call("start_agent", task="t", id="one", permission="all")
        assert "There is no agent “nobody”" in await call("read_agent", name="nobody")
        assert "no profile" in await call("start_agent", task="t", id="one", profile="nonsense")

    play(bench, act)
    assert bench.deck().agents() == []


def test_a_long_log_comes_in_pages(bench: Bench) -> None:
    start(bench.deck(), "fox", "seq 1 9000")

    async def act(call: Call) -> None:
        await call("wait_for_agents", names=["fox"], seconds=30)
        text = ""
        at: int | None = 0
        while at is not None:
            page = await call("read_log", name="fox", start=at)
            assert len(page["text"]) <= 20_000
            text, at = text + page["text"], page["next"]
        assert "\n4711\n" in text and "\n9000\n" in text

    play(bench, act)


class TestAgents:
    """A parent and what it may."""

    def parent(self, bench: Bench, **more: Any) -> Deck:
        deck = bench.deck()
        deck.start(StartRequest(name="fox", task="[hold]", profile="demo", **more))
        return deck

    def test_children_run_out_and_have_none_of_their_own(self, bench: Bench) -> None:
        deck = self.parent(bench)

        async def act(call: Call) -> None:
            for number in range(4):
                assert (await call("start_agent", task="[hold]", id=str(number), profile="demo"))["agent"]
            assert "4 agents at work" in await call("start_agent", task="[hold]", id="5", profile="demo")

        play(bench, act, "fox")
        views = {view.name: view for view in deck.agents()}
        (cub, *_) = [name for name in views if name != "fox"]
        assert views[cub].agent.parents == ("fox",)

        async def grandchild(call: Call) -> None:
            assert "started by an agent itself" in await call("start_agent", task="t", id="x", profile="demo")

        play(bench, grandchild, cub)
        assert len(deck.agents()) == 5

    def test_a_child_has_no_more_than_its_parent(self, bench: Bench) -> None:
        deck = self.parent(bench, permission="ask", env={"ONLY": "mine"}, timeout=500.0)

        async def act(call: Call) -> None:
            await call("start_agent", task="[hold]", id="1", profile="demo", name="cub")

        play(bench, act, "fox")
        cub = deck.agent("cub").agent
        assert (cub.permission, cub.env, cub.timeout) == ("ask", {"ONLY": "mine"}, 500.0)
        for more in ({"tier": "deep"}, {"permission": "edit"}, {"argv": ("true",)}):
            with pytest.raises(RefusedError):
                deck.start(StartRequest(task="t", profile="demo", parent="fox", **more))

    def test_a_landing_is_asked_of_a_person(self, bench: Bench) -> None:
        deck = self.parent(bench)
        start(deck, "other", WORK)

        async def act(call: Call) -> None:
            await call("start_agent", task="[hold]", id="1", profile="demo", name="cub")
            assert "none of your agents" in await call("request_landing", name="other")
            assert "only what is done can land" in await call("request_landing", name="cub")
            await call("start_agent", task="notes", id="2", profile="demo", name="pup")
            await call("wait_for_agents", names=["pup"], seconds=40)
            assert (await call("request_landing", name="pup"))["state"] == "asked"

        play(bench, act, "fox")
        assert deck.agent("pup").reason == "fox asks to land it"
        assert [each.kind for each in deck.events("pup")].count(EventKind.LANDING_REQUESTED) == 1
        deck.land(LandRequest(("pup",)))
        assert deck.agent("pup").state is State.LANDED and "fox" not in deck.agent("pup").reason

    def test_messages_wait_are_marked_and_end_after_three(self, bench: Bench) -> None:
        program = talker(bench)
        program.hold()
        deck = self.parent(bench)
        deck.start(StartRequest(task="Begin", profile="talker", name="owl", mode=Mode.INTERACTIVE))
        eventually(lambda: "at work" in deck.screen("owl"))

        async def act(call: Call) -> None:
            for number in range(3):
                assert await call("message_agent", name="owl", text=f"note {number}") == {
                    "state": "queued",
                    "reason": "",
                }
            fourth = await call("message_agent", name="owl", text="and more")
            assert fourth["state"] == "refused" and "in a row" in fourth["reason"]
            assert "itself" in (await call("message_agent", name="fox", text="me"))["reason"]

        play(bench, act, "fox")
        first, *_ = deck.messages.of("owl")
        assert first.text == "[message from agent fox, not from the user: note 0]"
        deck.send("owl", "from a person")

        async def again(call: Call) -> None:
            assert (await call("message_agent", name="owl", text="now"))["state"] == "queued"

        play(bench, again, "fox")

    def test_an_ended_helper_goes_on_with_a_message(self, bench: Bench) -> None:
        deck = self.parent(bench)

        async def act(call: Call) -> None:
            await call("start_agent", task="notes", id="1", profile="demo", name="pup")
            await call("wait_for_agents", names=["pup"], seconds=40)
            await asyncio.to_thread(eventually, lambda: not deck.agent("pup").alive)
            assert (await call("message_agent", name="pup", text="more notes"))["state"] == "delivered"
            await call("wait_for_agents", names=["pup"], seconds=40)

        play(bench, act, "fox")
        assert deck.agent("pup").agent.runs == 2

    def test_a_person_is_asked_and_answers(self, bench: Bench) -> None:
        deck = self.parent(bench)

        async def act(call: Call) -> None:
            asked = asyncio.create_task(call("ask_person", question="Which colour?", choices=["red", "blue"]))
            await asyncio.to_thread(eventually, lambda: deck.agent("fox").state is State.WAITING)
            view = deck.agent("fox")
            assert view.status.question is not None and view.status.question.choices == "1 red  2 blue"
            with pytest.raises(RefusedError):
                await asyncio.to_thread(deck.send, "fox", "blue")  # a text would be no message now
            assert await asyncio.to_thread(deck.answer, "fox", "2") == "blue"
            assert await asked == {"state": "answered", "answer": "blue"}
            await asyncio.to_thread(eventually, lambda: deck.agent("fox").state is not State.WAITING)
            unanswered = await call("ask_person", question="And now?", seconds=0.5)
            assert unanswered["state"] == "unanswered"
            await asyncio.to_thread(eventually, lambda: not deck.agent("fox").status.questions)

        play(bench, act, "fox")


@pytest.mark.parametrize("gate", ["true", "false"])
def test_the_gate_lands_what_an_agent_asks_to_land_where_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    rules = f'[mcp]\nland = "gate"\n[landing]\ngate = ["{gate}"]\n'
    with bench_in(tmp_path, monkeypatch, config=CONFIG + rules) as bench:
        start(bench.deck(), "fox", WORK)

        async def act(call: Call) -> None:
            await call("wait_for_agents", names=["fox"], seconds=20)
            answer = await call("request_landing", name="fox")
            assert answer["state"] == ("landed" if gate == "true" else "refused"), json.dumps(answer)

        play(bench, act)
        assert ("more" in bench.git("show", "main:README.md")) == (gate == "true")
