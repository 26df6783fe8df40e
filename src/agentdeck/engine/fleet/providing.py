"""Hosts that providers give: ask for one, let the person's list follow what there is, give one back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.fleet.placement import Needs
from agentdeck.core.frozen import replace
from agentdeck.core.text.durations import short_duration
from agentdeck.engine.fleet.hosts import facts_of
from agentdeck.engine.views.fleet import HostView
from agentdeck.engine.world import Note, silent
from agentdeck.errors import DeckError, RefusedError, UnreachableError
from agentdeck.system.files.files import locked, private_folder, state_home
from agentdeck.system.fleet import providers
from agentdeck.system.fleet.hostlist import HostList, HostSpec
from agentdeck.system.fleet.providers import Provider
from agentdeck.system.machine.process import check_cancelled
from agentdeck.system.state import decks
from agentdeck.system.state.store import Store, new_id

_ASK = 1.0
"""Seconds between two questions whether a host is there by now."""
_PATIENCE = 120.0
"""Seconds to wait for another process that asks for a host."""
_FIRST_ANSWER = 60.0
"""Seconds that a host which has just begun may take to answer."""

_starting: Counter[str] = Counter()
"""How many starts of this process are on their way to each host: its facts do not say so yet."""
_ended: dict[str, list[float]] = {}
"""When the last of them were over, on the monotonic clock: older facts do not tell of them either."""
_LAST = 60
_counting = threading.Lock()


def follow(name: str) -> list[HostSpec]:
    """Let the list of hosts follow the provider: add what is new, note when each one's time ends. What is gone is
    marked as lost while a deck has agents there, and else forgotten; return the lost ones that this found. Raise
    UnreachableError where the provider does not answer: then nothing is known to be gone."""
    found = {each.spec.name: each.spec for each in providers.provider(name).hosts() if each.ready}
    hosts, gone = HostList(), []
    known = {spec.name: spec for spec in hosts.all() if spec.provider == name}
    for spec in found.values():
        old = known.get(spec.name)
        if old is None:
            with suppress(RefusedError):  # another process has just added it
                hosts.add(spec)
        elif abs(old.ends - spec.ends) > 5 or old.words != spec.words:
            hosts.put(replace(spec, added=old.added, lost=old.lost))
    for spec in known.values():
        if spec.name in found:
            continue
        if not any(agents_on(spec.name)):
            hosts.remove(spec.name)
        elif not spec.lost:
            hosts.put(lost := replace(spec, lost=time.time()))
            gone.append(lost)
    return gone


def follow_all(note: Note = silent) -> None:
    """Let the list follow every provider that answers; `note` is told of the others."""
    for name in providers.names():
        try:
            follow(name)
        except DeckError as error:
            note(Event(EventKind.WARNING, "", error.title))


def agents_on(host: str) -> Iterator[tuple[Path, list[str]]]:
    """The decks of this user that have agents there, with these agents' names."""
    for root in map(Path, decks.known()):
        stores = [Store(folder / "agentdeck") for folder in (root / ".git", root) if (folder / "agentdeck").is_dir()]
        names = [agent.name for store in stores for agent in store.agents() if agent.host == host]
        if names:
            yield root, names


def full(view: HostView, now: float, coming: int) -> str:
    """Why a provider's host takes no further agent, with those that are coming, as the end of a sentence; empty where
    it does, and for a host that a person added."""
    if not view.provider or view.facts is None:
        return ""
    try:
        limits = providers.provider(view.provider).limits
    except DeckError:
        return ""
    if view.ends and view.ends - now < limits.drain:
        return f"its time ends in {short_duration(max(0.0, view.ends - now))}"
    running = sum(each.alive for each in view.facts.agents) + coming
    return f"it runs {running} agents, as many as it takes" if running >= limits.agents else ""


def ask(provider: Provider, name: str, needs: Needs) -> str:
    """A host that has room, and is not ready yet: one that was asked for and is on its way, or a new one. Raise
    RefusedError where there can be no more."""
    given = provider.hosts()
    on_their_way = [each.spec.name for each in given if not each.ready]
    if needs == Needs() and (
        host := next((each for each in on_their_way if _starting[each] < provider.limits.agents), "")
    ):
        return host
    if len(given) >= provider.limits.hosts:
        raise RefusedError(
            f"All {len(given)} hosts of {name} are in use.",
            hint=f"Wait for one, or ask for more: [fleet.{name}] hosts = {len(given) + 1}",
        )
    return provider.acquire(needs, new_id())


def await_host(provider: Provider, name: str, host: str, note: Note) -> None:
    """Return when that host answers, and is in the list. Raise RefusedError where it does not in time: then it is not
    asked for any more."""
    try:
        spec = _awaited(provider, name, host, note)
    except BaseException:
        with suppress(DeckError):
            provider.release(host)
        raise
    with suppress(RefusedError):  # who waited for it too has added it
        HostList().add(spec)


def _awaited(provider: Provider, name: str, host: str, note: Note) -> HostSpec:
    deadline, told, ready_since = time.monotonic() + provider.limits.wait, "", 0.0
    while True:
        check_cancelled()
        found = next((each for each in provider.hosts() if each.spec.name == host), None)
        if found is None:
            raise RefusedError(f"{name} ended {host} before it was ready.", hint=_log_of(host))
        if found.ready:
            ready_since = ready_since or time.monotonic()
            try:
                facts_of(found.spec)
                return found.spec
            except UnreachableError:
                if time.monotonic() - ready_since > _FIRST_ANSWER:
                    raise
        elif found.waits != told:
            told = found.waits
            note(Event(EventKind.HOST_AWAITED, "", f"waits for {host}: {told}", {"host": host}))
        if time.monotonic() > deadline:
            why = found.waits or "it does not answer"
            raise RefusedError(
                f"{name} gave no host in {short_duration(provider.limits.wait)}: {why}.",
                hint=f"Wait longer: [fleet.{name}] wait",
            )
        time.sleep(_ASK)


def _log_of(host: str) -> str:
    path = state_home() / "hosts" / f"{host}.log"
    with suppress(OSError, IndexError):
        return f"It said: {path.read_text('utf-8', 'replace').strip().splitlines()[-1][:200]}"
    return ""


def release(spec: HostSpec) -> None:
    """Give a provider's host back, and forget it."""
    providers.provider(spec.provider).release(spec.name)
    HostList().remove(spec.name)


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Two who need a host at the same moment share one."""
    lock = private_folder(state_home() / "hosts") / f"{name}.lock"
    with locked(lock, wait=_PATIENCE, what=f"the hosts of {name}"):
        yield


def expect(host: str, count: int) -> None:
    """Count starts on their way to a host, until its facts do."""
    with _counting:
        _starting[host] += count
        if count < 0:
            _ended[host] = [*_ended.get(host, [])[-_LAST:], time.monotonic()]


def coming(host: str, asked: float) -> int:
    """How many starts of this process the facts of a host do not tell of that was asked for them then."""
    with _counting:
        return _starting[host] + sum(at > asked for at in _ended.get(host, ()))
