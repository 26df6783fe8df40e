"""The tools over HTTP: nobody gets past the guard without the token, or from a page of another origin."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import aiohttp
import pytest

from tests.support.decks import Bench

pytest.importorskip("fastmcp", reason="the extra agentdeck[mcp] is not installed")

TOKEN = "a-token"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def url(bench: Bench) -> Iterator[str]:
    argv = [sys.executable, "-m", "agentdeck", "mcp", "--http"]
    environment = {**os.environ, "AGENTDECK_MCP_TOKEN": TOKEN}
    with subprocess.Popen(argv, cwd=bench.root, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            told = next(line for line in server.stderr if "http://" in line)
            yield re.findall(r"http://\S+", told)[0]
        finally:
            server.terminate()


def status(url: str, **headers: str) -> int:
    async def ask() -> int:
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return answer.status

    return asyncio.run(ask())


def test_every_route_wants_the_token_and_a_host_and_an_origin_of_this_machine(url: str) -> None:
    health = url.replace("/mcp", "/health")
    for path in (url, health, url.replace("/mcp", "/nothing")):
        assert status(path) == 401
        assert status(path, authorization="Bearer wrong") == 401
        assert status(path, authorization="Bearer wröng".encode().decode("latin-1")) == 401
        assert status(path, **BEARER, origin="https://evil.example") == 403
        assert status(path, **BEARER, host="evil.example") == 403
    assert status(health, **BEARER) == 200
    assert status(health, **BEARER, origin="http://localhost:3000") == 200
    assert status(url.replace("/mcp", "/nothing"), **BEARER) == 404


def test_too_many_requests_are_turned_away(url: str) -> None:
    health = url.replace("/mcp", "/health")

    async def ask() -> list[int]:
        async with aiohttp.ClientSession(headers=BEARER) as session:
            answers = await asyncio.gather(*(session.get(health) for _ in range(150)))
            return [answer.status for answer in answers]

    found = asyncio.run(ask())
    assert set(found) == {200, 429}


def test_fastmcps_client_uses_the_tools(url: str) -> None:
    from fastmcp import Client
    from fastmcp.client.auth import BearerAuth
    from fastmcp.client.transports import StreamableHttpTransport

    async def ask() -> object:
        async with Client(StreamableHttpTransport(url, auth=BearerAuth(TOKEN)), timeout=30) as client:
            assert "ask_person" not in {tool.name for tool in await client.list_tools()}
            return (await client.call_tool("list_agents")).structured_content

    assert asyncio.run(ask()) == {
        "you": "",
        "agents": [],
        "budget": {"spent": 0.0, "limit": None, "repository_spent": 0.0, "repository_limit": None},
    }
