"""Choose a host for a task.

All hosts are asked at most every few seconds, and whichever is chosen is asked again before something starts there. So
a start asks one host and not all of them, and none that filled up meanwhile is taken for free.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

from agentdeck.core.fleet.placement import HostState, Judgement, Needs, best, place
from agentdeck.core.frozen import dataclass
from agentdeck.engine.fleet import listing, providing
from agentdeck.engine.views.fleet import HostView
from agentdeck.engine.world import Note, silent
from agentdeck.errors import BusyError, DeckError, RefusedError
from agentdeck.system.fleet import providers
from agentdeck.system.fleet.hostlist import ANY, HERE, HostList, HostSpec

_KEPT = 5.0
"""Seconds in which the other hosts are believed what they said."""


@dataclass(frozen=True, slots=True)
class _Answer:
    spec: HostSpec
    asked: float
    """On the monotonic clock."""
    view: HostView

    def state(self) -> HostState:
        coming = providing.coming(self.spec.name, self.asked)
        trouble = self.view.trouble or providing.full(self.view, time.time(), coming)
        return HostState(self.spec.name, self.view.facts, self.spec.labels, trouble, coming)


_answers: dict[str, _Answer] = {}
_choosing = threading.Lock()


def judge(needs: Needs, but: Sequence[str] = (), provider: str = "") -> list[Judgement]:
    """Which host a task with these needs would start on, and why; see core.fleet.placement."""
    return place(needs, _states(but, provider), time.time())


@contextmanager
def placed(on: str, needs: Needs, but: Sequence[str] = (), note: Note = silent) -> Iterator[Judgement]:
    """The host to start on, and why, in the block; without a name it is this machine. A provider gives one where none
    has room. Raise RefusedError where none can have it, BusyError where one may later."""
    if on in ("", HERE):
        yield Judgement("", True, "")
        return
    if (spec := HostList().find(on)) is not None:
        if spec.drained:
            raise RefusedError(
                f"{on} is drained: nothing new starts there.", hint=f"agentdeck hosts undrain {on}, or: --on any"
            )
        yield Judgement(on, True, "")
        return
    sources = providers.names()
    if on != ANY and on not in sources:
        HostList().get(on)  # which says that there is none
    if on == ANY and not sources:
        given = _choose(needs, but) or _none(needs, _states(but))
    else:
        given = _provided([on] if on in sources else sources, "" if on == ANY else on, needs, but, note)
    try:
        yield given
    finally:
        providing.expect(given.host, -1)


def _provided(sources: Sequence[str], only: str, needs: Needs, but: Sequence[str], note: Note) -> Judgement:
    """A host of these providers, or another one; it is counted as one that an agent starts on."""
    for name in sources:
        with suppress(DeckError):  # it is asked once more where no other one has room
            providing.follow(name)
    errors = list[DeckError]()
    for name in sources:
        with providing.one_at_a_time(name):
            if found := _choose(needs, but, only):
                return found
            try:
                provider = providers.provider(name)
                host = providing.ask(provider, name, needs)
            except DeckError as error:
                errors.append(error)
                continue
            providing.expect(host, 1)
        try:
            providing.await_host(provider, name, host, note)
            return Judgement(host, True, f"{name} gave it, for no other one had room")
        except BaseException:
            providing.expect(host, -1)
            raise
    raise errors[-1]


def _none(needs: Needs, states: Sequence[HostState]) -> NoReturn:
    if not states:
        raise RefusedError("You have no hosts.", hint="Add one: agentdeck hosts add NAME")
    told = "\n".join(f"{each.host}: {each.text}" for each in place(needs, states, time.time()))
    has_labels = any(set(needs.labels) <= set(spec.labels) and not spec.lost for spec in HostList().all())
    error = BusyError if has_labels else RefusedError
    raise error("No host can have this agent.", detail=told, hint="agentdeck hosts ls")


def _states(but: Sequence[str] = (), provider: str = "", *, since: float | None = None) -> list[HostState]:
    """All hosts but these, or those of one provider: as they say now, or have said `since` then."""
    specs = [each for each in HostList().all() if provider in ("", each.provider) and each.name not in but]
    return [each.state() for each in _ask(specs, time.monotonic() if since is None else since)]


def _choose(needs: Needs, but: Sequence[str] = (), provider: str = "") -> Judgement | None:
    """The best host for these needs, with a place there counted as taken, until `providing.expect` gives it back; None
    where none can have it."""
    with _choosing:
        now = time.monotonic()
        found = best(needs, _states(but, provider, since=now - _KEPT), time.time())
        if found.host:  # does it say so still?
            (answer,) = _ask([HostList().get(found.host)], now)
            found = best(needs, [answer.state()], time.time())
        if not found.host:
            found = best(needs, _states(but, provider, since=now), time.time())
        if not found.host:
            return None
        providing.expect(found.host, 1)
        return found


def _ask(specs: Sequence[HostSpec], since: float) -> list[_Answer]:
    """What each host said `since` then; those that have not are asked."""
    known = {name: each for name, each in list(_answers.items()) if each.asked >= since}
    if silent := [spec for spec in specs if spec.name not in known or known[spec.name].spec != spec]:
        asked = time.monotonic()
        for spec, view in zip(silent, listing.views([each.name for each in silent]), strict=True):
            known[spec.name] = _answers[spec.name] = _Answer(spec, asked, view)
    return [known[spec.name] for spec in specs]
