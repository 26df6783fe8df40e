"""The whole of home with many hosts that make their agents up: `python bench/fleethome.py [--hosts 40] [--agents 500]`.

The queue, the placement, the starts with their git, the mirror on disk, the followers and the dashboard are the real
ones; see bench/fleet.py for the channels alone. Each agent says a line a second. `--queued` agents are started by the
queue; of the others, the records are written, and their hosts are told.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import resource
import select
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import milli, repository, tell

from agentdeck.core.agents.agent import Phase, State, Status
from agentdeck.core.fleet.facts import PROTOCOL, Facts, HeldAgent
from agentdeck.core.frozen import replace
from agentdeck.engine.deck import Deck
from agentdeck.engine.fleet.hosts import Remote
from agentdeck.engine.views import QueuedTask, StartRequest
from agentdeck.system.fleet.frames import FrameReader, encode
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.links import LINKS

LINE = "a line of what an agent says, as long as such lines are on the whole, which is some eighty characters\n"


class Host:
    """It answers all that home asks, and remembers its agents for as long as its folder is there."""

    def __init__(self) -> None:
        self.book = Path(os.environ["HOME"]) / "agents.json"
        self.begun: dict[str, tuple[float, float]] = json.loads(self.book.read_text()) if self.book.exists() else {}
        self.deck = ""

    def answer(self, verb: str, words: dict[str, Any]) -> Any:
        self.deck = str(words.get("deck", self.deck))
        found: Callable[[dict[str, Any]], Any] | None = getattr(self, f"do_{verb}", None)
        return found(words) if found else None

    def do_ping(self, words: dict[str, Any]) -> str:
        return "pong"

    def do_facts(self, words: dict[str, Any]) -> Any:
        size, number = 1 << 40, self.book.parent.name
        held = tuple(HeldAgent(self.deck or "deck", name, 1, "working", True) for name in self.begun)
        return Facts(
            number, "boot", "0", PROTOCOL, "2.50", "3.5", 64, 0.0, size, size, size, time.time(), agents=held
        ).to_json()

    def do_prepare(self, words: dict[str, Any]) -> Any:
        return {"have": words["commits"]}

    def do_start(self, words: dict[str, Any]) -> Any:
        order = words["order"]
        self.begun[order["agent"]] = (time.time(), float(order["request"]["argv"][1]))
        self.book.write_text(json.dumps(self.begun))
        return {"epoch": order["epoch"], **self._receipt(order["agent"])}

    def do_take(self, words: dict[str, Any]) -> None:
        self.begun |= {name: (time.time(), 1e9) for name in words["names"]}
        self.book.write_text(json.dumps(self.begun))

    def do_pull(self, words: dict[str, Any]) -> Any:
        return {"tip": words["have"][0], "live": words["have"][0], "size": 0}

    def do_sync(self, words: dict[str, Any]) -> Any:
        return {name: self._told(name, asked) for name, asked in words["agents"].items()}

    def _receipt(self, name: str) -> dict[str, Any]:
        told = {"profile": "command", "mode": "headless", "tier": "", "model": "", "permission": "", "box": ""}
        return {**told, "worktree": f"/x/{name}", "base_commit": "", "ports": [], "runs": 1}

    def _told(self, name: str, asked: dict[str, Any]) -> Any:
        begun, lasts = self.begun[name]
        is_over = time.time() - begun > lasts
        state = Status(State.DONE if is_over else State.WORKING, begun + lasts if is_over else begun, started=begun)
        lines, offset = int(min(time.time() - begun, lasts)), int(asked.get("log", ["", 0])[1])
        data = (LINE * lines).encode()[offset : offset + 65536]
        log = {"path": f"/x/{name}.log", "offset": offset, "data": base64.b64encode(data).decode(), "more": False}
        told = {
            "activity": None,
            "head": "",
            "trouble": "",
            "landing_asked": None,
            "messages": [],
            "alive": not is_over,
        }
        if is_over:
            state = replace(state, ended=begun + lasts)
        return {"epoch": 1, **self._receipt(name), **told, "status": state.to_json(), "files": {"log": log}}


def be_a_host() -> None:
    host, frames, watched, due = Host(), FrameReader(), False, time.monotonic()

    def say(frame: dict[str, Any]) -> None:
        data = encode(frame)
        while data:
            data = data[os.write(1, data) :]

    say({"hello": {"protocol": PROTOCOL, "version": "0"}})
    while True:
        if select.select([0], [], [], max(0.0, due - time.monotonic()))[0]:
            if not (data := os.read(0, 1 << 16)):
                return
            for frame in frames.feed(data):
                watched = watched or frame["verb"] == "watch"
                say({"id": frame["id"], "result": host.answer(frame["verb"], frame.get("words", {}))})
        if time.monotonic() >= due:
            due = time.monotonic() + 1
            if watched:
                say({"push": "changed", "deck": host.deck})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--agents", type=int, default=500)
    parser.add_argument("--queued", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    with repository(300) as root:
        program = root.parent / "host"
        program.write_text(f"#!/bin/sh\nexec {shlex.join([sys.executable, str(Path(__file__).resolve())])} be-a-host\n")
        program.chmod(0o755)
        for number in range(args.hosts):
            folder = root.parent / f"h{number}"
            (folder / "tmp").mkdir(parents=True)
            HostList().add(HostSpec(f"h{number}", folder=str(folder), program=str(program)))
        deck = Deck.find(root)
        deck.fleet.refresh()
        queued(deck, args.queued)
        crowd(deck, args.hosts, args.agents)
        mirror(deck, args.agents, args.seconds)
        LINKS.close()
        dashboard(root, args.agents, args.seconds)


def queued(deck: Deck, count: int) -> None:
    """A batch on any host, its agents two seconds long: from the first start to the last end."""
    tasks = [QueuedTask(f"q{n}", StartRequest(name=f"q{n}", argv=("sleep", "2"), on="any")) for n in range(count)]
    cpu, begun = used(), time.perf_counter()
    ends = deck.start_many(tasks, count)
    took = time.perf_counter() - begun
    if (done := sum(end.view is not None and end.view.state is State.DONE for end in ends)) != count:
        raise SystemExit(f"{done} of {count} tasks are done: {[str(end.error) for end in ends if end.error][:3]}")
    tell(f"the queue works off {count} tasks of 2 s, all at once", f"{took:.1f} s")
    tell("… home's processor time for each, with git's", milli((used() - cpu) / count))
    for view in deck.agents():
        deck.store.delete_agent(view.name)


def crowd(deck: Deck, hosts: int, count: int) -> None:
    """Let each host have its share of the agents, and home their records."""
    request = StartRequest(name="pattern", argv=("sleep", "1000000000"), on="h0")
    deck.start(request)
    agent = deck.agent("pattern").agent
    for number in range(hosts):
        names = [f"bot-{each}" for each in range(number, count, hosts)]
        Remote.of(deck._world, f"h{number}").call("take", names=names)
        for name in names:
            deck.store.save(replace(agent, name=name, id="", host=f"h{number}", phase=Phase.HELD))


def mirror(deck: Deck, agents: int, seconds: float) -> None:
    cpu, begun = used(), time.perf_counter()
    deck.fleet.refresh()
    tell(
        f"the first copy of {agents} agents", milli(time.perf_counter() - begun), "processor time", milli(used() - cpu)
    )
    cpu, begun = used(), time.perf_counter()
    with deck.fleet.following():
        time.sleep(seconds)
        took, spent = time.perf_counter() - begun, used() - cpu
        late = sorted(time.time() - Path(deck.agent(f"bot-{n}").log or "").stat().st_mtime for n in range(0, agents, 7))
    tell(f"following {agents} agents of a line a second: of a core", f"{100 * spent / took:.0f} %")
    tell("… the age of a copied log, p50 / p99", f"{late[len(late) // 2]:.1f} / {late[int(len(late) * 0.99)]:.1f} s")
    views = len(deck.agents())
    cpu, begun = used(), time.perf_counter()
    deck.agents()
    took, spent = time.perf_counter() - begun, used() - cpu
    tell(f"reading all {views} agents", milli(took), "processor time", milli(spent))


def dashboard(root: Path, agents: int, seconds: float) -> None:
    from dashboard import dashboard as opened

    begun = time.perf_counter()
    with opened(root) as screen:
        screen.until(b"bot-", timeout=120)
        tell(f"the dashboard's first paint with {agents} agents", milli(time.perf_counter() - begun))
        screen.drain(5)
        cpu = screen.cpu()
        screen.drain(seconds)
        tell("… its processor time, of a core", f"{100 * (screen.cpu() - cpu) / seconds:.0f} %")
        tell("… its memory", f"{screen.memory():.0f} MB")


def used() -> float:
    """Processor time of this process and of those that it has waited for."""
    found = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in found)


if __name__ == "__main__":
    if sys.argv[1:2] == ["be-a-host"]:
        be_a_host()
    else:
        main()
