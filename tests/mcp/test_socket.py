"""An agent's own socket: who calls is known by it, and nobody else gets in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from tests.support.decks import CONFIG, bench_in
from tests.support.programs import python_program
from tests.support.retry import eventually

pytest.importorskip("fastmcp", reason="the extra agentdeck[mcp] is not installed")

PROGRAM = """
import asyncio, json, os, sys
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
words = json.loads(sys.argv[sys.argv.index("--tools") + 1])
words = [words[0], *words[1]]
async def main():
    async with Client(StdioTransport(words[0], words[1:], env=dict(os.environ)), timeout=60) as client:
        listed = await client.call_tool("list_agents")
        print("I am", listed.structured_content["you"], flush=True)
asyncio.run(main())
"""


def test_the_agents_own_program_is_known_and_others_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench_in(tmp_path, monkeypatch, config=f"{CONFIG}\n[mcp]\nagents = true\n") as bench:
        program = python_program(bench.home / "caller", PROGRAM)
        start = json.dumps([str(program), "{prompt}"])
        bench.write(
            ".config/agentdeck/profiles/caller.toml",
            f'title = "Caller"\ncommand = {json.dumps(str(program))}\ninstall = "-"\njudged = false\n'
            f"[headless]\nprompt = {start}\n"
            "[tools]\nargv = ['--tools', '[{command}, {args}]']\n",
            cwd=bench.home,
        )
        deck = bench.deck()
        deck.start(StartRequest(name="fox", task="[hold]", profile="demo"))
        deck.start(StartRequest(name="owl", task="who am I", profile="caller", mode=Mode.HEADLESS))
        folder = deck.store.agent_folder("owl")
        eventually(lambda: (folder / "deck.sock").exists() or not deck.agent("owl").state.is_live, timeout=20)
        argv = [sys.executable, "-I", "-m", "agentdeck.mcp.connect", str(folder)]
        stranger = subprocess.run(argv, input=b"hello\n", capture_output=True, timeout=20, check=False)
        assert stranger.stdout == b""
        eventually(lambda: deck.agent("owl").state is State.DONE, timeout=40)
        assert "I am owl" in [line.text for line in deck.log_lines("owl")]
