"""The hosts that this user has: add one, ask what they have, and choose one for a task."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from agentdeck import __version__
from agentdeck.core.fleet.facts import Facts
from agentdeck.core.fleet.placement import HostState, Judgement, Needs, best, place, unfit
from agentdeck.core.frozen import replace
from agentdeck.core.tools import NEEDED, tool_fault, words
from agentdeck.engine.fleet import providing
from agentdeck.engine.fleet.hosts import facts_of
from agentdeck.engine.views import Check
from agentdeck.engine.views.fleet import HostView
from agentdeck.engine.world import Note, silent
from agentdeck.errors import BusyError, DeckError, MissingToolError, RefusedError, UnreachableError, UsageError
from agentdeck.system.fleet import providers
from agentdeck.system.fleet.hostlist import ANY, HERE, HostList, HostSpec, check_destination, check_name
from agentdeck.system.fleet.links import LINKS


def add(spec: HostSpec, *, install: bool = False) -> HostView:
    """See DeckHosts.add."""
    from agentdeck.system.fleet import installing

    check_name(spec.name)
    if spec.destination:
        check_destination(spec.destination)
    known = HostList().find(spec.name)
    if known is not None and not install:
        raise RefusedError(
            f"There is a host “{spec.name}” already.", hint=f"Remove it first: agentdeck hosts rm {spec.name}"
        )
    try:
        if install:
            spec = known or spec
            spec = replace(spec, program=installing.install(spec))
        facts = facts_of(spec)
    except UnreachableError as error:
        if not _lacks_program(error):
            raise UnreachableError(error.title, hint=_by_hand(spec)) from error
        raise UnreachableError(
            f"{spec.name} has no agentdeck.", detail=error.title, hint=_install_hint(spec.name)
        ) from error
    installing.check_tools(spec.name, [tool for tool in ("git", "tmux") if not getattr(facts, tool)])
    if known is None:
        HostList().add(spec)
    else:
        HostList().put(spec)
    return _seen(spec, facts)


def _lacks_program(error: UnreachableError) -> bool:
    return "not found" in error.title or "No such file" in error.title


def _by_hand(spec: HostSpec) -> str:
    """How a person sees what is wrong, and answers what ssh asks."""
    if spec.folder or spec.words:
        return ""
    return f"This must work without a question: ssh {spec.destination or spec.name} true"


def _install_hint(name: str) -> str:
    return f"Install it there: agentdeck hosts add {name} --install"


def views(names: Sequence[str] = ()) -> list[HostView]:
    """These hosts, or all, each asked at the same time."""
    specs = [HostList().get(name) for name in names] or HostList().all()
    found = dict[str, HostView]()

    def ask(spec: HostSpec) -> None:
        try:
            found[spec.name] = _view(spec)
        except DeckError as error:
            trouble = error.title.removeprefix(f"{spec.name} ").rstrip(".")
            found[spec.name] = _seen(spec, None, trouble)

    threads = [threading.Thread(target=ask, args=(spec,), daemon=True) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[spec.name] for spec in specs]


def _view(spec: HostSpec) -> HostView:
    return _seen(spec, facts_of(spec))


def _seen(spec: HostSpec, facts: Facts | None, trouble: str = "") -> HostView:
    view = HostView.of(spec, facts)
    trouble = trouble or view.trouble or providing.full(view, time.time())
    return replace(view, trouble=trouble)


def judge(needs: Needs, but: Sequence[str] = (), provider: str = "") -> list[Judgement]:
    """Which host a task with these needs would start on, and why; see core.fleet.placement."""
    return place(needs, _states(but, provider), time.time())


def _states(but: Sequence[str], provider: str = "") -> list[HostState]:
    names = [each.name for each in HostList().all() if provider in ("", each.provider) and each.name not in but]
    found = views(names) if names else []
    return [HostState(each.name, each.facts, each.labels, each.trouble) for each in found]


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
        yield _best(needs, _states(but))
        return
    given = _provided([on] if on in sources else sources, "" if on == ANY else on, needs, but, note)
    try:
        yield given
    finally:
        providing.expect(given.host, -1)


def _provided(sources: Sequence[str], only: str, needs: Needs, but: Sequence[str], note: Note) -> Judgement:
    """A host of these providers, or another one; it is counted as one that an agent starts on."""
    for name in sources:
        with suppress(UnreachableError):
            providing.follow(name)
    errors = list[DeckError]()
    for name in sources:
        with providing.one_at_a_time(name):
            if (found := best(needs, _states(but, only), time.time())).host:
                providing.expect(found.host, 1)
                return found
            try:
                provider = providers.provider(name)
                host = providing.ask(provider, name, needs)
            except (RefusedError, UnreachableError, MissingToolError) as error:
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


def _best(needs: Needs, states: Sequence[HostState]) -> Judgement:
    now = time.time()
    if not states:
        raise RefusedError("You have no hosts.", hint="Add one: agentdeck hosts add NAME")
    if not (found := best(needs, states, now)).host:
        told = "\n".join(f"{each.host}: {each.text}" for each in place(needs, states, now))
        has_labels = any(set(needs.labels) <= set(spec.labels) and not spec.lost for spec in HostList().all())
        error = BusyError if has_labels else RefusedError
        raise error("No host can have this agent.", detail=told, hint="agentdeck hosts ls")
    return found


def home_argv(home: str, words: Sequence[str], *, tty: bool) -> list[str]:
    """See DeckHosts.home_argv. The host is one of the list, or whatever ssh knows by that name."""
    found = re.fullmatch(r"ssh://([^/]+)(/.+)", home)
    if found is None:
        raise UsageError(f"“{home[:80]}” is no place for --home.", hint="agentdeck --home ssh://HOST/FOLDER")
    name, folder = found[1], found[2].removeprefix("/") if found[2].startswith("/~") else found[2]
    known = HostList().find(name)
    spec = known or HostSpec(name, destination=f"ssh://{check_destination(name)}")
    # Its hints name commands as they work here.
    return spec.reach.argv(["env", f"AGENTDECK_HOME={home}", *spec.command("-C", folder, *words)], tty=tty)


def examine(name: str) -> list[Check]:
    """What is to be said of a host, point by point."""
    spec = HostList().get(name)
    try:
        facts = facts_of(spec)
    except UnreachableError as error:
        hint = _install_hint(name) if _lacks_program(error) else _by_hand(spec)
        return [Check("connection", False, error.title, hint)]
    needs, state = Needs(), HostState(name, facts, spec.labels, spec.trouble)
    wrong = unfit(needs, state, time.time())
    skew = abs(facts.clock - time.time())
    return [
        Check("connection", True, f"{spec.reach.shown}, {_round_trip(spec):.0f} ms"),
        _version_check(name, facts.version),
        _tool_check("git", facts.git),
        _tool_check("tmux", facts.tmux),
        Check("clock", skew < 60, f"{skew:.0f} s apart", "" if skew < 60 else "Set its clock."),
        Check(
            "placement",
            not wrong,
            wrong or "agents can start there",
            f"agentdeck hosts undrain {name}" if spec.drained and not spec.lost else "",
        ),
    ]


def _tool_check(name: str, version: str) -> Check:
    good = not tool_fault(name, version)
    hint = "" if good else f"Install {name} {words(NEEDED[name])} or newer there."
    return Check(name, good, version or "not installed", hint)


def _version_check(name: str, version: str) -> Check:
    if version == __version__:
        return Check("agentdeck", True, version)
    return Check("agentdeck", None, f"{version}, and {__version__} here", _install_hint(name))


def _round_trip(spec: HostSpec) -> float:
    channel, begun = LINKS.get(spec), time.monotonic()
    channel.ping()
    return (time.monotonic() - begun) * 1000


def drain(name: str, *, on: bool) -> None:
    """Let nothing new start on the host, or something again; what runs there goes on."""
    HostList().put(replace(HostList().get(name), drained=time.time() if on else 0.0))
