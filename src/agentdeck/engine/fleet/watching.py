"""All hosts at a glance, for somebody who keeps looking: each is asked again and again in a thread of its own, so that
one that is slow, or can't be reached, holds up neither the others nor who looks."""

from __future__ import annotations

import threading
import time

from agentdeck.core.frozen import replace
from agentdeck.engine.fleet import listing
from agentdeck.engine.records.hosts import HostMark
from agentdeck.engine.views.fleet import HostLook, HostView
from agentdeck.errors import DeckError
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.links import LINKS
from agentdeck.system.state.store import Store

_EVERY = 3.0
"""Seconds between two questions to a host."""
_CHECK = 30.0
"""Seconds between two looks at all points of it."""


class HostWatch:
    """Belongs to the thread that calls `now`."""

    def __init__(self, store: Store) -> None:
        self._store, self._ends = store, threading.Event()
        self._looks: dict[str, HostLook] = {}
        self._asking: dict[str, HostSpec] = {}

    def now(self) -> tuple[HostLook, ...]:
        """Every host as it answered last, at once; one that was not asked yet has no facts."""
        specs = HostList().all()
        for spec in specs:
            if self._asking.get(spec.name) != spec:
                self._asking[spec.name] = spec
                self._looks[spec.name] = HostLook(HostView.of(spec), known=False)
                threading.Thread(target=self._ask, args=(spec,), daemon=True, name=f"asks {spec.name}").start()
        for name in self._asking.keys() - {spec.name for spec in specs}:
            del self._asking[name]
        return tuple(self._looks[spec.name] for spec in specs)

    def check(self, name: str) -> None:
        """Look at all points of that host anew."""
        self._asking.pop(name, None)

    def close(self) -> None:
        self._ends.set()

    def _ask(self, spec: HostSpec) -> None:
        look, checked = self._looks[spec.name], 0.0
        while self._asking.get(spec.name) is spec and not self._ends.is_set():
            try:
                new = self._look(spec, look)
                if time.monotonic() - checked > _CHECK or not checked or bool(new.view.facts) != bool(look.view.facts):
                    new, checked = replace(new, checks=tuple(listing.examine(spec.name))), time.monotonic()
            except DeckError as error:  # it was removed, or the list can't be read
                new = replace(look, view=replace(look.view, facts=None, trouble=error.title))
            if self._asking.get(spec.name) is not spec:
                return
            look = self._looks[spec.name] = new
            self._ends.wait(_EVERY)

    def _look(self, spec: HostSpec, before: HostLook) -> HostLook:
        (view,) = listing.views([spec.name])
        latency = None
        if view.facts is not None:
            begun = time.monotonic()
            LINKS.get(spec, patient=False).ping()
            latency = time.monotonic() - begun
        is_same = before.known and bool(before.view.facts) == bool(view.facts)
        since = before.since if is_same else time.time()
        if view.facts is None:
            since = HostMark.read(self._store, spec.name).unreachable or since
        return replace(before, view=view, known=True, since=since, latency=latency)
