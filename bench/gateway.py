"""What the gateway costs against a direct connection, both measured in the same run.

    python bench/gateway.py [STREAMS]

The model server, the gateway and this client are three processes. Latencies of chunks are from the server's write to
the client's read, on the machine's one monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web

from agentdeck.system import gateway_tokens as tokens
from agentdeck.system.gateway_tokens import Bearer

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
        await paced(session, ways)
        before = process.memory_info().rss
        await crowded(session, ways, streams)
        after = process.memory_info().rss
        each = max(0, after - before) / streams / 1e3
        print(f"memory of the gateway, which a direct connection does not need: {before / 1e6:.0f} MB before, ", end="")
        print(f"{after / 1e6:.0f} MB after {streams} streams at once ({each:.0f} kB each)")
    print(f"processor time of the gateway: {sum(process.cpu_times()[:2]):.1f} s; load {os.getloadavg()[0]:.1f}")


async def paced(session: aiohttp.ClientSession, ways: dict[str, str]) -> None:
    """One stream at a time, the ways in turn."""
    firsts: dict[str, list[float]] = {way: [] for way in ways}
    lags: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, url in ways.items():
            first, arrivals = await stream(session, url, 20, PAUSE)
            firsts[way].append(first)
            lags[way] += arrivals
    for way in ways:
        name = {"good": "gateway", "broken": "primary says 503", "gone": "primary refuses"}.get(way, way)
        print(
            f"{name:18} first byte {milli(statistics.median(firsts[way]))} ms, "
            f"a chunk {milli(statistics.median(lags[way]))} ms, p99 {milli(percentile(lags[way], 99))} ms"
        )
    added = statistics.median(firsts["good"]) - statistics.median(firsts["direct"])
    chunk = statistics.median(lags["good"]) - statistics.median(lags["direct"])
    print(f"added: first byte {milli(added)} ms, a chunk {milli(chunk)} ms")
    for way in ("broken", "gone"):
        over = statistics.median(firsts[way]) - statistics.median(firsts["good"])
        print(f"fault to first byte of the backup ({way}): {milli(over)} ms more than without a fault")


async def crowded(session: aiohttp.ClientSession, ways: dict[str, str], streams: int) -> None:
    for way in ("direct", "good"):
        began = time.monotonic()
        results = await asyncio.gather(*(stream(session, ways[way], CHUNKS, 0.0) for _ in range(streams)))
        seconds = time.monotonic() - began
        count = sum(len(arrivals) for _, arrivals in results)
        assert count == streams * CHUNKS, f"{streams * CHUNKS - count} chunks were lost"
        firsts = [first for first, _ in results]
        name = "gateway" if way == "good" else way
        print(
            f"{streams} streams, {name:8} {count / seconds:,.0f} chunks/s, "
            f"first byte median {milli(statistics.median(firsts))} ms, p99 {milli(percentile(firsts, 99))} ms"
        )


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


def milli(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


if __name__ == "__main__":
    main()
