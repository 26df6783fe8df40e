"""A first provider that fails and a second one that serves, behind our gateway, litellm's proxy, claude-code-router.

    python bench/gatewayfaults.py [FAULT…]

The faults are those of tests/support/faulty_api.py but `400`, which is the caller's own. The first provider speaks
Messages and the second Chat, then the other way round. Each gateway is asked as Claude Code asks (Messages, streamed,
24 tools, a prompt of 100 kB), about each fault for the first time, so that no pause of an earlier fault helps. A client
that is told of an error asks again as the official one does, twice, after 0.5 and 1 s; as Claude Code, it also does so
where a stream ends before its end. It waits 30 s for content.

A fault is survived where the client has the whole answer in the end, text and call. All gateways have 3 s for a silent
provider, as far as they know such a limit. litellm has `fallbacks`, `stream_timeout` and `request_timeout`, and no
retries before the fallback, with which it is faster; claude-code-router has `fallback` and `API_TIMEOUT_MS`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from common import row, tell
from gatewaypeers import CHAT, HEADERS, MESSAGES, PEERS, ROUTER, free_port, start_litellm, start_ours, start_router

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.support.fake_api import CONTENT
from tests.support.faulty_api import BROKEN, CALLERS, EARLY, FAULTS, GOOD, faulty_api

SILENCE = 3.0
"""Seconds that a gateway gives a provider that says nothing."""
PATIENCE = 30.0
"""Seconds that the client waits for content."""
PAUSES = (0.5, 1.0)
"""Seconds before the client asks again."""
WHOLE, CUT = "whole", "taken for whole"
NOT_ITS_FORMAT = ("HTML", "another format", "malformed SSE", "empty stream", "error event first")
SILENT = ("hang before bytes", "start and silence", "pings without end")
KINDS = {
    "no fault": GOOD,
    "refused or down": tuple(each for each in EARLY if each not in (*NOT_ITS_FORMAT, *SILENT)),
    "200 with something else": NOT_ITS_FORMAT,
    "silent": SILENT,
    "broken in the middle": BROKEN,
}
FORMATS = ("messages", "chat")
PATHS = {"messages": MESSAGES, "chat": CHAT}


@dataclass
class Gate:
    """A gateway, and by which address and model it is asked for the provider with each fault."""

    name: str
    doors: dict[str, tuple[str, str]]


@dataclass
class Outcome:
    """What became of a request, with the times in seconds since it was first sent."""

    end: str = ""
    """`WHOLE`, `CUT`, or what the client has instead of an answer."""
    first: float = 0.0
    """When the first content of the last answer came."""
    asked: int = 0
    text: str = ""
    call: str = ""
    events: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return self.end == WHOLE


Case = tuple[str, str]
"""The format of the first provider, and its fault."""
Outcomes = dict[Case, Outcome]


def main() -> None:
    some = {"ok", *sys.argv[1:]} if sys.argv[1:] else set(FAULTS)
    faults = [each for each in FAULTS if each in some - set(CALLERS)]
    found: dict[str, Outcomes] = {}
    with tempfile.TemporaryDirectory(prefix="agentdeck bench ") as folder:
        for first, second in (FORMATS, FORMATS[::-1]):
            (Path(folder) / first).mkdir()
            for name, outcomes in asyncio.run(measure(Path(folder) / first, faults, first, second)).items():
                found.setdefault(name, {}).update(outcomes)
    (_, mine), *peers = found.items()
    for name, theirs in peers:
        compare(mine, name, theirs)


async def measure(folder: Path, faults: list[str], first: str, second: str) -> dict[str, Outcomes]:
    """What became of the request with each fault, by gateway."""
    with ExitStack() as stack:
        urls = {fault: stack.enter_context(faulty_api(fault)).url for fault in faults}
        urls |= {"refused": f"http://127.0.0.1:{free_port()}"} if "refused" in faults else {}
        spare = stack.enter_context(faulty_api("ok")).url
        made = [make(folder, urls, spare, first, second, stack) for make in (ours, litellm, router)]
        gates = [gate for gate in made if gate is not None]
        found: dict[str, Outcomes] = {gate.name: {} for gate in gates}
        async with aiohttp.ClientSession() as session:
            for gate in gates:  # what it does at its first request is no matter here
                await ask(session, *gate.doors["ok"])
            for fault in faults:
                for gate in gates:
                    found[gate.name][first, fault] = await ask(session, *gate.doors[fault])
                outcomes = (each[first, fault] for each in found.values())
                told = (f"{each.end} after {each.asked}, {each.first:.2f} s" for each in outcomes)
                print(f"  {first} {fault:24}", *(f"{each:34}" for each in told), flush=True)
    return found


def compare(mine: Outcomes, name: str, theirs: Outcomes) -> None:
    def count(what: str, cases: list[Case], holds: Callable[[Outcome], bool], goal: str = "") -> None:
        ours, other = (sum(holds(each[case]) for case in cases) for each in (mine, theirs))
        ratio = f"{ours / other:.2f} x" if other else ""
        tell(what, f"{ours} of {len(cases)}", name, f"{other} of {len(cases)}", ratio, goal)

    def survived(outcome: Outcome) -> bool:
        return outcome.is_whole

    count("whole answers", list(mine), survived, f"{len(mine)}")
    for form in FORMATS:
        count(f"of them, first provider in {form.title()}", [each for each in mine if each[0] == form], survived)
    for kind, faults in KINDS.items():
        if cases := [each for each in mine if each[1] in faults]:
            count(f"of them, {kind}", cases, survived)
    count("of them, without asking again", list(mine), lambda each: each.is_whole and each.asked == 1)
    count("an empty or cut answer given as a whole one", list(mine), lambda each: each.end == CUT, "0")
    both = [case for case in mine if mine[case].is_whole and theirs[case].is_whole and case[1] not in GOOD]
    times = [[each[case].first for case in both] for each in (mine, theirs)]
    if both:
        row(f"to the first content, of {len(both)} failures both survived", times[0], name, times[1])
        row("to the first content, the longest of these", [max(times[0])], name, [max(times[1])])


def ours(folder: Path, urls: dict[str, str], spare: str, first: str, second: str, stack: ExitStack) -> Gate:
    kinds = ("connect", "first_byte", "content", "stalled", "answer", "idle")
    times = {"key_env": "BENCH_KEY", "timeouts": dict.fromkeys(kinds, SILENCE)}
    names = {fault: f"p{number}" for number, fault in enumerate(urls)}
    providers = {name: {"base_url": f"{urls[fault]}/v1", "apis": [first], **times} for fault, name in names.items()} | {
        "spare": {"base_url": f"{spare}/v1", "apis": [second], **times}
    }
    tiers = {name: [f"{name}:m", "spare:m"] for name in names.values()}
    ways = start_ours(folder, {"providers": providers, "tiers": tiers}, stack, BENCH_KEY="sk-bench")
    return Gate("gateway", {fault: (ways[name].url, "m") for fault, name in names.items()})


def litellm(folder: Path, urls: dict[str, str], spare: str, first: str, second: str, stack: ExitStack) -> Gate | None:
    def model(name: str, url: str, form: str) -> dict[str, Any]:
        where = {"model": "anthropic/m", "api_base": url}
        if form == "chat":
            where = {"model": "hosted_vllm/m", "api_base": f"{url}/v1"}
        params = {**where, "api_key": "sk-bench", "stream_timeout": SILENCE, "timeout": 60}
        return {"model_name": name, "litellm_params": params}

    names = {fault: f"m{number}" for number, fault in enumerate(urls)}
    models = [model(name, urls[fault], first) for fault, name in names.items()]
    told = {
        "model_list": [*models, model("spare", spare, second)],
        "router_settings": {"fallbacks": [{name: ["spare"]} for name in names.values()], "num_retries": 0},
        "litellm_settings": {"request_timeout": SILENCE, "drop_params": True},
    }
    way = start_litellm(folder, told, stack)
    if way is None:
        return None
    python = PEERS / "litellm" / "bin" / "python"
    tell_version = "import importlib.metadata as m; print(m.version('litellm'))"
    version = subprocess.check_output([python, "-c", tell_version], text=True).strip()
    return Gate(f"litellm {version}", {fault: (way.url, name) for fault, name in names.items()})


def router(folder: Path, urls: dict[str, str], spare: str, first: str, second: str, stack: ExitStack) -> Gate | None:
    def provider(name: str, url: str, form: str) -> dict[str, Any]:
        uses = {"transformer": {"use": ["Anthropic"]}} if form == "messages" else {}
        return {"name": name, "api_base_url": f"{url}{PATHS[form]}", "api_key": "sk-bench", "models": ["m"], **uses}

    names = {fault: f"p{number}" for number, fault in enumerate(urls)}
    providers = [provider(name, urls[fault], first) for fault, name in names.items()]
    cases = ("default", "background", "think", "longContext", "webSearch")
    told = {
        "Providers": [*providers, provider("spare", spare, second)],
        "Router": {"default": "p0,m"},
        "fallback": {case: ["spare,m"] for case in cases},
        "API_TIMEOUT_MS": int(SILENCE * 1000),
    }
    way = start_router(folder, told, stack)
    if way is None:
        return None
    version = json.loads((ROUTER / "package.json").read_text())["version"]
    return Gate(f"claude-code-router {version}", {fault: (way.url, f"{name},m") for fault, name in names.items()})


async def ask(session: aiohttp.ClientSession, url: str, model: str) -> Outcome:
    """Ask as Claude Code does, again where it would."""
    began, outcome = time.monotonic(), Outcome()
    for pause in (*PAUSES, None):
        outcome = Outcome(asked=outcome.asked + 1)
        is_final = False
        try:
            is_final = await ask_once(session, url, model, outcome, began)
        except TimeoutError:
            outcome.end, is_final = "hangs", True
        except (aiohttp.ClientError, ConnectionError) as error:
            outcome.end = type(error).__name__
        if is_final or pause is None:
            break
        await asyncio.sleep(pause)
    return outcome


async def ask_once(session: aiohttp.ClientSession, url: str, model: str, outcome: Outcome, began: float) -> bool:
    """Whether the client would not ask again."""
    async with asyncio.timeout(PATIENCE) as until:
        async with session.post(f"{url}?beta=true", json=request(model), headers=HEADERS) as answer:
            if answer.status != 200:
                outcome.end = f"{answer.status}"
                told = answer.headers.get("x-should-retry")
                return told == "false" or (told != "true" and not is_passing(answer.status))
            async for event in events(answer):
                outcome.events.append(event.get("type", ""))
                if outcome.events[-1] == "content_block_delta":
                    outcome.first = outcome.first or time.monotonic() - began
                    until.reschedule(asyncio.get_running_loop().time() + PATIENCE)
                    outcome.text += event["delta"].get("text", "")
                    outcome.call += event["delta"].get("partial_json", "")
                elif outcome.events[-1] == "error":
                    outcome.end = "error event"
                    return False
    if "message_stop" not in outcome.events:
        outcome.end = "no end" if outcome.events else "no events"
        return False
    is_whole = outcome.text == "I begin." and CONTENT.strip() in outcome.call
    outcome.end = WHOLE if is_whole else CUT
    return True


def is_passing(status: int) -> bool:
    return status in (408, 409, 429) or status >= 500


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.content:
        if line.startswith(b"data:"):
            try:
                yield json.loads(line[5:])
            except ValueError:
                raise aiohttp.ClientPayloadError("no JSON") from None


def request(model: str) -> dict[str, Any]:
    def tool(name: str) -> dict[str, Any]:
        field = {"type": "string", "description": "What it is given. " * 40}
        schema = {"type": "object", "properties": {"command": field, "description": field}, "required": ["command"]}
        return {"name": name, "description": f"{name} does it. " * 60, "input_schema": schema}

    marked = {"cache_control": {"type": "ephemeral"}}
    prompt = "Make the file. " + "Here is what is there already. " * 3300
    return {
        "model": model,
        "stream": True,
        "max_tokens": 8192,
        "system": [{"type": "text", "text": "You are an agent.", **marked}],
        "tools": [tool(name) for name in ("Bash", *(f"Tool{number}" for number in range(23)))],
        "messages": [{"role": "user", "content": [{"type": "text", "text": prompt, **marked}]}],
    }


if __name__ == "__main__":
    main()
