"""What the gateway costs against a direct connection, both measured in the same run.

    python bench/gateway.py [STREAMS]

The model server, the gateway and this client are three processes. Latencies of chunks are from the server's write to
the client's read, on the machine's one monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web
from common import milli, row, tell

from agentdeck.system.gateway import tokens
from agentdeck.system.gateway.tokens import Bearer

CHUNKS = 100
PAUSE = 0.002
"""Seconds between two chunks of a paced stream."""
ROUNDS = 40
PATH = "/chat/completions"
LAST = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve())
        return
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory(prefix="agentdeck bench ") as folder:
        children: list[subprocess.Popen[str]] = []
        try:
            upstream = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
            children.append(upstream)
            assert upstream.stdout is not None
            port = int(upstream.stdout.readline())
            gateway = start_gateway(Path(folder), port)
            children.append(gateway)
            asyncio.run(measure(Path(folder), port, gateway.pid, streams))
        finally:
            for child in children:
                child.terminate()
                child.wait()


async def serve() -> None:
    """A model server: the request's `pause` and `chunks` say how it streams; `/broken` answers 503."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(asked["chunks"]):
            content = f"{time.monotonic():.6f}"
            data = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": content}}]}
            await response.write(b"data: " + json.dumps(data).encode() + b"\n\n")
            if asked["pause"]:
                await asyncio.sleep(asked["pause"])
        await response.write(LAST)
        return response

    async def broken(_request: web.Request) -> web.Response:
        return web.json_response({"error": {"type": "server_error", "message": "no"}}, status=503)

    app = web.Application()
    app.router.add_post("/v1" + PATH, answer)
    app.router.add_post("/broken" + PATH, broken)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def start_gateway(folder: Path, port: int) -> subprocess.Popen[str]:
    def table(path: str, at: int = port) -> dict[str, Any]:
        return {"base_url": f"http://127.0.0.1:{at}{path}", "apis": ["chat"], "local": True}

    plan = {
        "providers": {"good": table("/v1"), "broken": table("/broken"), "gone": table("/v1", 9)},
        "tiers": {"good": ["good:m"], "broken": ["broken:m", "good:m"], "gone": ["gone:m", "good:m"]},
        "gateway": {"breaker_failures": 1_000_000},
    }
    config = folder / "config.json"
    config.write_text(json.dumps({"decks": {"": plan}}))
    argv = [sys.executable, "-m", "agentdeck.gateway", "--state", str(folder / "state"), "--config", str(config)]
    return subprocess.Popen(argv, stderr=subprocess.DEVNULL, text=True)


async def measure(folder: Path, port: int, pid: int, streams: int) -> None:
    state = folder / "state"
    while not (state / "gateway.json").exists():
        await asyncio.sleep(0.02)
    own = json.loads((state / "gateway.json").read_text())["port"]
    key = tokens.secret(state)
    direct = f"http://127.0.0.1:{port}/v1{PATH}"
    ways = {"direct": direct}
    for tier in ("good", "broken", "gone"):
        ways[tier] = f"http://127.0.0.1:{own}/{tokens.mint(key, Bearer('deck', 'bench', tier))}/v1{PATH}"
    process = psutil.Process(pid)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        memory = {"when it has started": process.memory_info().rss}
        await paced(session, ways)
        for count in (streams // 10, streams, 2 * streams):
            await crowded(session, ways, count)
            memory[f"after {count} streams at once"] = process.memory_info().rss
    for when, size in memory.items():
        tell(f"gateway's memory, {when}", f"{size / 1e6:.0f} MB")
    tell("gateway's processor time, all of this", f"{sum(process.cpu_times()[:2]):.1f} s")


async def paced(session: aiohttp.ClientSession, ways: dict[str, str]) -> None:
    """One stream at a time, the ways in turn."""
    firsts: dict[str, list[float]] = {way: [] for way in ways}
    lags: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, url in ways.items():
            first, arrivals = await stream(session, url, 20, PAUSE)
            firsts[way].append(first)
            lags[way] += arrivals
    row("gateway, to the first byte", firsts["good"], "direct", firsts["direct"])
    row("gateway, a chunk on its way", lags["good"], "direct", lags["direct"])
    tell("gateway, a chunk on its way, 99 % within", milli(percentile(lags["good"], 99)), "direct",
         milli(percentile(lags["direct"], 99)))  # fmt: skip
    row("first byte where the primary answers 503", firsts["broken"], "gateway without a fault", firsts["good"])
    row("first byte where the primary refuses", firsts["gone"], "gateway without a fault", firsts["good"])


async def crowded(session: aiohttp.ClientSession, ways: dict[str, str], streams: int) -> None:
    rates: dict[str, float] = {}
    firsts: dict[str, list[float]] = {}
    for way in ("direct", "good"):
        began = time.monotonic()
        results = await asyncio.gather(*(stream(session, ways[way], CHUNKS, 0.0) for _ in range(streams)))
        count = sum(len(arrivals) for _, arrivals in results)
        rates[way] = count / (time.monotonic() - began)
        assert count == streams * CHUNKS, f"{streams * CHUNKS - count} chunks were lost"
        firsts[way] = [first for first, _ in results]
    tell(f"gateway, {streams} streams at once", f"{rates['good']:,.0f} chunks/s", "direct",
         f"{rates['direct']:,.0f} chunks/s", f"{rates['good'] / rates['direct']:.2f} x")  # fmt: skip
    row(f"gateway, first byte of {streams} at once", firsts["good"], "direct", firsts["direct"])


async def stream(session: aiohttp.ClientSession, url: str, chunks: int, pause: float) -> tuple[float, list[float]]:
    """Seconds to the first byte, and from the writing of each chunk to its arrival."""
    began = time.monotonic()
    first = 0.0
    arrivals = []
    body = {"model": "m", "stream": True, "chunks": chunks, "pause": pause, "messages": []}
    async with session.post(url, json=body) as answer:
        assert answer.status == 200
        async for line in answer.content:
            now = time.monotonic()
            first = first or now - began
            if b'"content": "' in line:
                arrivals.append(now - float(line.split(b'"content": "')[1].split(b'"')[0]))
    return first, arrivals


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


if __name__ == "__main__":
    main()
