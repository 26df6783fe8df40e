"""Our gateway beside litellm's proxy and claude-code-router: Claude Code's format in, a Chat provider behind, streamed.

    python bench/gatewaypeers.py [STREAMS]

The peers are installed into build/peers, and left out, with a line that says so, where that can't be. All of them are
asked in turn, beside the provider itself, which speaks Chat: so a ratio to it holds the translation as well.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web
from common import row, run, tell

from agentdeck.system.gateway import tokens
from agentdeck.system.gateway.tokens import Bearer

PEERS = Path(__file__).parent.parent / "build" / "peers"
ROUTER = PEERS / "node" / "node_modules" / "@musistudio" / "claude-code-router"
ROUNDS = 30
CHUNKS = 100
MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
HEADERS = {"x-api-key": "sk-ant-bench", "authorization": "Bearer sk-bench", "anthropic-version": "2023-06-01"}
_STAMP = re.compile(rb'"(?:text|content)": ?"(\d+\.\d+)"')
_UP = 120.0
"""Seconds that a program has to begin; litellm takes twenty where others are at work."""


@dataclass(frozen=True)
class Way:
    name: str
    url: str
    pid: int = 0

    def memory(self) -> int:
        whole = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        return int(sum(each.memory_info().rss for each in whole))


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve())
        return
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory(prefix="agentdeck bench ") as folder, ExitStack() as stack:
        upstream = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
        stack.callback(end, upstream)
        assert upstream.stdout is not None
        port = int(upstream.stdout.readline())
        ways = [Way("direct", f"http://127.0.0.1:{port}{CHAT}"), ours(Path(folder), port, stack)]
        ways += [way for make in (litellm, router) if (way := make(Path(folder), port, stack)) is not None]
        asyncio.run(measure(ways, streams))


async def serve() -> None:
    """A Chat provider: the prompt's `chunks=` and `pause=` say how it streams."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = await request.text()
        count, pause = (re.findall(rf"{name}=([\d.]+)", asked)[-1] for name in ("chunks", "pause"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(int(count)):
            await response.write(piece({"content": f"{time.monotonic():.6f}"}))
            if float(pause):
                await asyncio.sleep(float(pause))
        await response.write(piece({}, "stop") + b"data: [DONE]\n\n")
        return response

    def piece(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        data = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return b"data: " + json.dumps(data).encode() + b"\n\n"

    app = web.Application(client_max_size=2**26)
    app.router.add_post(CHAT, answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def ours(folder: Path, port: int, stack: ExitStack) -> Way:
    provider = {"base_url": f"http://127.0.0.1:{port}/v1", "apis": ["chat"], "local": True, "contexts": {"m": 200_000}}
    plan = {"providers": {"up": provider}, "tiers": {"work": ["up:m"]}}
    return start_ours(folder, plan, stack)["work"]


def start_ours(folder: Path, plan: dict[str, Any], stack: ExitStack, **env: str) -> dict[str, Way]:
    """Our gateway with those providers and tiers: the way to each tier."""
    config, state = folder / "config.json", folder / "state"
    config.write_text(json.dumps({"decks": {"": plan}}))
    argv = [sys.executable, "-m", "agentdeck.gateway", "--state", str(state), "--config", str(config)]
    child = start(argv, stack, **env)
    wait_for((state / "gateway.json").exists, child)
    own = json.loads((state / "gateway.json").read_text())["port"]
    minted = {tier: tokens.mint(tokens.secret(state), Bearer("deck", "bench", tier)) for tier in plan["tiers"]}
    return {t: Way("gateway", f"http://127.0.0.1:{own}/{each}{MESSAGES}", child.pid) for t, each in minted.items()}


def litellm(folder: Path, port: int, stack: ExitStack) -> Way | None:
    provider = {"model": "hosted_vllm/m", "api_base": f"http://127.0.0.1:{port}/v1", "api_key": "x"}
    return start_litellm(folder, {"model_list": [{"model_name": "m", "litellm_params": provider}]}, stack)


def start_litellm(folder: Path, told: dict[str, Any], stack: ExitStack) -> Way | None:
    """Its proxy with that configuration; None where it can't be installed or started."""
    program = PEERS / "litellm" / "bin" / "litellm"
    if not program.exists():
        venv.create(PEERS / "litellm", with_pip=True, symlinks=True)
        run(str(program.with_name("python")), "-m", "pip", "install", "-q", "litellm[proxy]", check=False)
    if not os.access(program, os.X_OK):
        return left_out("litellm")
    at, config = free_port(), folder / "litellm.yaml"
    config.write_text(json.dumps(told))
    argv = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(at), "--telemetry", "False"]
    open_to_all = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    child = start(argv, stack, LITELLM_LOCAL_MODEL_COST_MAP="True", HOME=str(folder), **open_to_all)
    return Way("litellm", f"http://127.0.0.1:{at}{MESSAGES}", child.pid) if is_up(at, child) else left_out("litellm")


def router(folder: Path, port: int, stack: ExitStack) -> Way | None:
    provider = {"name": "up", "api_base_url": f"http://127.0.0.1:{port}{CHAT}", "api_key": "x", "models": ["m"]}
    return start_router(folder, {"Providers": [provider], "Router": {"default": "up,m"}}, stack)


def start_router(folder: Path, told: dict[str, Any], stack: ExitStack) -> Way | None:
    """claude-code-router with that configuration; None where it can't be installed or started."""
    program = ROUTER / "dist" / "cli.js"
    if not program.exists() and shutil.which("npm"):
        run("npm", "install", "--prefix", str(PEERS / "node"), "@musistudio/claude-code-router", check=False)
    if not program.exists() or shutil.which("node") is None:
        return left_out("claude-code-router")
    at, home = free_port(), folder / ".claude-code-router"
    home.mkdir()
    (home / "config.json").write_text(json.dumps({"LOG": False, "HOST": "127.0.0.1", "PORT": at, **told}))
    child = start(["node", str(program), "start"], stack, HOME=str(folder), SERVICE_PORT=str(at))
    return Way("router", f"http://127.0.0.1:{at}{MESSAGES}", child.pid) if is_up(at, child) else left_out("router")


def start(argv: list[str], stack: ExitStack, **env: str) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen(argv, env={**os.environ, **env}, stdin=subprocess.DEVNULL, **quiet)
    stack.callback(end, child)
    return child


def end(child: subprocess.Popen[Any]) -> None:
    family = psutil.Process(child.pid).children(recursive=True) if child.poll() is None else []
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for each in family:
        if each.is_running():
            each.kill()


def wait_for(holds: Any, child: subprocess.Popen[Any]) -> bool:
    until = time.monotonic() + _UP
    while time.monotonic() < until and child.poll() is None:
        if holds():
            return True
        time.sleep(0.1)
    return False


def is_up(port: int, child: subprocess.Popen[Any]) -> bool:
    import socket

    def answers() -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    return wait_for(answers, child)


def free_port() -> int:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def left_out(name: str) -> None:
    print(f"{name} can't be installed or started here: left out", flush=True)


async def measure(ways: list[Way], streams: int) -> None:
    own, peers = ways[1], ways[2:]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        firsts: dict[str, list[float]] = {way.name: [] for way in ways}
        lags: dict[str, list[float]] = {way.name: [] for way in ways}
        for number in range(ROUNDS + 2):
            for way in ways:
                first, arrivals = await stream(session, way, 20, 0.002)
                if number > 1:
                    firsts[way.name].append(first)
                    lags[way.name] += arrivals
        for way in [ways[0], *peers]:
            row("translated, to the first word", firsts[own.name], way.name, firsts[way.name])
            row("translated, a word on its way", lags[own.name], way.name, lags[way.name])
        rates = {}
        for way in ways:
            began = time.monotonic()
            results = await asyncio.gather(*(stream(session, way, CHUNKS, 0.0) for _ in range(streams)))
            rates[way.name] = sum(len(arrivals) for _, arrivals in results) / (time.monotonic() - began)
        for way in [ways[0], *peers]:
            mine, theirs = rates[own.name], rates[way.name]
            told = f"{mine:,.0f} words/s", way.name, f"{theirs:,.0f} words/s", f"{mine / theirs:.2f} x"
            tell(f"translated, {streams} streams at once", *told)
    for way in peers:
        mine, theirs = own.memory(), way.memory()
        tell("memory after that", f"{mine / 1e6:.0f} MB", way.name, f"{theirs / 1e6:.0f} MB", f"{mine / theirs:.2f} x")


async def stream(session: aiohttp.ClientSession, way: Way, chunks: int, pause: float) -> tuple[float, list[float]]:
    """Seconds to the first word, and from the writing of each word to its arrival."""
    asked = [{"role": "user", "content": f"chunks={chunks} pause={pause}"}]
    body = {"model": "m", "stream": True, "max_tokens": 5_000, "messages": asked}
    began, first = time.monotonic(), 0.0
    arrivals: list[float] = []
    async with session.post(way.url, json=body, headers=HEADERS) as answer:
        assert answer.status == 200, f"{way.name}: {answer.status} {await answer.text()}"
        async for line in answer.content:
            now = time.monotonic()
            for stamp in _STAMP.findall(line):
                first = first or now - began
                arrivals.append(now - float(stamp))
    assert len(arrivals) == chunks, f"{way.name}: {len(arrivals)} of {chunks} words came"
    return first, arrivals


if __name__ == "__main__":
    main()
