"""What agents on their own login took, of which the gateway knows nothing: from the transcripts that their CLIs write,
and where a CLI has none that is known from what its headless runs printed.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from agentdeck.core.providers.own_results import MARKS, OwnResult, read_result
from agentdeck.core.providers.token_usage import Usage
from agentdeck.engine.world import World
from agentdeck.system.files.files import from_json, sign
from agentdeck.system.gateway import pricing
from agentdeck.system.gateway.ledger import LedgerRecord
from agentdeck.system.state import logs
from agentdeck.system.state.store import usage_file

OWN = "own login"
"""The provider of an agent that the gateway knew nothing of."""
_LATE = 5.0
"""Seconds by which the gateway's clock for a request may be after the transcript's."""
_Served = Callable[[], list[float]]
_Requests = dict[str, tuple[float, bool, OwnResult]]
"""By the key of a request: when, whether its CLI was pointed at the gateway, and what it took."""


class UsageFiles:
    """What the runs' files of usage hold; each is read again only where it has grown."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[object, _Requests]] = {}

    def requests(self, path: Path) -> _Requests:
        kept, seen = self._kept.get(path), sign(path)
        if kept is None or kept[0] != seen:
            kept = self._kept[path] = seen, _requests_in(path)
        return kept[1]


def own_records(
    world: World,
    since: float,
    served: Callable[[str], list[float]],
    only: str = "",
    files: UsageFiles | None = None,
) -> Iterator[LedgerRecord]:
    """What runs took of which the gateway knows nothing; those of one agent where `only` names it. `served` gives the
    times at which the gateway served an agent, in order.

    A request is counted once, in however many transcripts it is: a session that is forked begins with the old one.
    """
    told, files = set[str](), files or UsageFiles()
    for path in sorted((world.store.folder / "logs").glob(f"{only or '*'}-*.log")):
        agent, begun = _run_of(path)
        if not agent or (only and agent != only):
            continue
        usage = usage_file(path)
        if usage.exists():
            found = _in_transcript(files.requests(usage), begun, partial(served, agent), told)
        elif path.stat().st_mtime >= since:
            found = _in_log(path, since, begun, partial(served, agent))
        else:
            continue
        record = world.store.agent(agent)
        tier = record.tier if record else ""
        for at, result in found:
            if at < since:
                continue
            cost = result.cost
            if cost is None and result.model:
                cost = pricing.published(result.usage, result.model)
            yield LedgerRecord(
                at,
                world.deck,
                agent,
                tier,
                "",
                result.model,
                OWN,
                result.model,
                "ok",
                usage=result.usage,
                attempts=1,
                cost=cost,
            )


def _requests_in(path: Path) -> _Requests:
    requests: _Requests = {}
    for line in path.read_bytes().splitlines():
        try:
            fields = from_json(line)
            counts = (int(fields[name]) for name in ("input", "output", "cache_read", "cache_write"))
            result = OwnResult(str(fields["model"]), Usage(*counts), None)
            requests[str(fields["key"])] = (float(fields["at"]), bool(fields["wired"]), result)
        except (ValueError, TypeError, KeyError):
            continue
    return requests


def _in_transcript(
    requests: _Requests, begun: float, served: _Served, told: set[str]
) -> Iterator[tuple[float, OwnResult]]:
    """What the requests of a run took, by what its CLI wrote of them. Where it was pointed at the gateway, they count
    only if the gateway saw none of them: the CLI's own settings led elsewhere."""
    last = max((at for at, _, _ in requests.values()), default=0.0)
    by_gateway = any(wired for _, wired, _ in requests.values()) and _any_between(served(), begun, last + _LATE)
    for key, (at, wired, result) in requests.items():
        if key not in told and not (wired and by_gateway):
            told.add(key)
            yield at, result


def _in_log(path: Path, since: float, begun: float, served: _Served) -> Iterator[tuple[float, OwnResult]]:
    """What a headless run printed of its use, where its CLI has no transcript that is known."""
    for line in logs.read_log(path, since):
        if any(mark in line.text for mark in MARKS) and not _any_between(served(), begun, line.at):
            for result in read_result(line.text):
                yield line.at, result


def _any_between(times: list[float], start: float, end: float) -> bool:
    """Whether one of `times`, which are in order, is among these."""
    import bisect

    at = bisect.bisect_left(times, start)
    return at < len(times) and times[at] <= end


def _run_of(path: Path) -> tuple[str, float]:
    """The agent of a log and when its run began, from the file's name (`Store.new_log`)."""
    agent, _, rest = path.stem.rpartition("-")[0].rpartition("-")
    try:
        return agent, float(calendar.timegm(time.strptime(rest, "%Y%m%dT%H%M%S")))
    except ValueError:
        return "", 0.0
