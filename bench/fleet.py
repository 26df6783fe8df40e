"""A simulation of home with many hosts: `python bench/fleet.py [--hosts 40] [--agents 500 5000] [--seconds 10]`.

The placement, the frames and the channels are the real ones. A host is a process that speaks the protocol and makes its
agents up: each says a line a second. Printed are how long placing takes, how long a line is on its way, what home
costs meanwhile, and what the loss of a quarter of the hosts does.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from typing import Any

from agentdeck.core.fleet.facts import PROTOCOL, Facts, HeldAgent
from agentdeck.core.fleet.placement import HostState, Needs, best
from agentdeck.errors import UnreachableError
from agentdeck.system.fleet.channel import Channel
from agentdeck.system.fleet.frames import FrameReader, encode


def be_a_host(agents: int) -> None:
    """Answer pings and facts; push a line of each agent every second, spread over it."""
    import select

    def say(frame: dict[str, Any]) -> None:
        data = encode(frame)
        while data:
            data = data[os.write(1, data) :]

    say({"hello": {"protocol": PROTOCOL, "version": "0"}})
    frames, number, begun = FrameReader(), 0, time.monotonic()
    while True:
        due = begun + number / max(1, agents) - time.monotonic()
        if select.select([0], [], [], max(0.0, due))[0]:
            if not (data := os.read(0, 1 << 16)):
                return
            for frame in frames.feed(data):
                say({"id": frame["id"], "result": "pong"})
        if due <= 0 and agents:
            say({"push": "line", "agent": f"bot-{number % agents}", "at": time.time(), "text": "x" * 120})
            number += 1


def facts(number: int, agents: tuple[HeldAgent, ...]) -> Facts:
    size = 64 << 30
    return Facts(
        f"h{number}", "b", "0", PROTOCOL, "2", "3", 64, 0.0, size, size, size, time.time(), agents=agents
    )  # fmt: skip


def place_all(hosts: int, agents: int) -> tuple[list[int], float]:
    """How many each host gets, and the seconds that all placements took; after each one the host's facts are new."""
    states = [HostState(f"h{number}", facts(number, ())) for number in range(hosts)]
    held: list[tuple[HeldAgent, ...]] = [()] * hosts
    spent = 0.0
    for index in range(agents):
        begun = time.perf_counter()
        chosen = int(best(Needs(), states, time.time()).host[1:])
        spent += time.perf_counter() - begun
        held[chosen] = (*held[chosen], HeldAgent("deck", f"bot-{index}", 1, "working", True))
        states[chosen] = HostState(f"h{chosen}", facts(chosen, held[chosen]))
    return [len(each) for each in held], spent


class Home:
    def __init__(self, counts: list[int]) -> None:
        self.late: list[float] = []
        words = [sys.executable, __file__, "--be-a-host"]
        self.channels = [
            Channel([*words, str(count)], f"h{number}", self._pushed) for number, count in enumerate(counts)
        ]

    def _pushed(self, frame: dict[str, Any]) -> None:
        self.late.append(time.time() - frame["at"])

    def listen(self, seconds: float) -> dict[str, float]:
        self.late.clear()
        begun, cpu = time.monotonic(), _cpu()
        pings = []
        while time.monotonic() - begun < seconds:
            for channel in self.channels:
                if channel.is_open:
                    asked = time.perf_counter()
                    channel.ping()
                    pings.append(time.perf_counter() - asked)
            time.sleep(0.2)
        spent, took = _cpu() - cpu, time.monotonic() - begun
        late = sorted(self.late) or [0.0]
        return {
            "lines/s": len(self.late) / took,
            "p50 ms": statistics.median(late) * 1000,
            "p99 ms": late[int(len(late) * 0.99)] * 1000,
            "core %": 100 * spent / took,
            "ping p99 ms": sorted(pings)[int(len(pings) * 0.99)] * 1000,
            "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }

    def lose(self, count: int) -> float:
        """Kill the connections of so many hosts; return after how many seconds all of them are known to be gone."""
        gone, begun = self.channels[:count], time.perf_counter()
        for channel in gone:
            channel._child.kill()
        while any(channel.is_open for channel in gone):
            time.sleep(0.001)
        took = time.perf_counter() - begun
        for channel in gone:
            try:
                channel.ping()
            except UnreachableError:
                continue
            raise AssertionError("a host that is gone has answered")
        return took

    def close(self) -> None:
        for channel in self.channels:
            channel.close()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--agents", type=int, nargs="*", default=[0, 500, 5000])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--be-a-host", type=int)
    args = parser.parse_args()
    if args.be_a_host is not None:
        be_a_host(args.be_a_host)
        return
    for agents in args.agents:
        counts, spent = place_all(args.hosts, agents)
        home = Home(counts)
        whole = home.listen(args.seconds)
        gone = home.lose(args.hosts // 4)
        rest = home.listen(args.seconds / 2)
        home.close()
        print(f"{agents} agents on {args.hosts} hosts, {min(counts)} to {max(counts)} each")
        print(f"  placing all: {spent * 1000:.0f} ms, {spent * 1e6 / max(1, agents):.0f} µs each")
        print("  with all hosts: " + ", ".join(f"{name} {value:.2f}" for name, value in whole.items()))
        print(f"  a quarter gone: noticed after {gone * 1000:.0f} ms")
        print("  with the others: " + ", ".join(f"{name} {value:.2f}" for name, value in rest.items()))


if __name__ == "__main__":
    main()
