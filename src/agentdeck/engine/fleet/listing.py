"""The hosts that this user has: add one, ask what they have, and choose one for a task."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence

from agentdeck import __version__
from agentdeck.core.fleet.placement import HostState, Judgement, Needs, best, place, unfit
from agentdeck.core.frozen import replace
from agentdeck.engine.fleet.hosts import facts_of
from agentdeck.engine.views import Check
from agentdeck.engine.views.fleet import HostView
from agentdeck.errors import BusyError, DeckError, RefusedError, UnreachableError, UsageError
from agentdeck.system.fleet.hostlist import ANY, HERE, HostList, HostSpec, check_destination, check_name
from agentdeck.system.fleet.links import LINKS


def add(name: str, destination: str, folder: str, program: str, labels: Sequence[str], *, install: bool) -> HostView:
    """See DeckHosts.add."""
    from agentdeck.system.fleet import installing

    spec = HostSpec(
        check_name(name),
        destination=check_destination(destination) if destination else "",
        folder=folder,
        program=program,
        labels=tuple(dict.fromkeys(labels)),
    )
    known = next((each for each in HostList().all() if each.name == name), None)
    if known is not None and not install:
        raise RefusedError(f"There is a host “{name}” already.", hint=f"Remove it first: agentdeck hosts rm {name}")
    if install:
        spec = known or spec
        spec = replace(spec, program=installing.install(spec))
    try:
        facts = facts_of(spec)
    except UnreachableError as error:
        if not _lacks_program(error):
            raise
        raise UnreachableError(f"{name} has no agentdeck.", detail=error.title, hint=_install_hint(name)) from error
    installing.check_tools(name, [tool for tool in ("git", "tmux") if not getattr(facts, tool)])
    if known is None:
        HostList().add(spec)
    else:
        HostList().put(spec)
    return HostView(name, spec.reach.shown, spec.labels, facts)


def _lacks_program(error: UnreachableError) -> bool:
    return "not found" in error.title or "No such file" in error.title


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
            found[spec.name] = replace(HostView.of(spec), trouble=trouble)

    threads = [threading.Thread(target=ask, args=(spec,), daemon=True) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[spec.name] for spec in specs]


def _view(spec: HostSpec) -> HostView:
    return HostView.of(spec, facts_of(spec))


def judge(needs: Needs, but: Sequence[str] = ()) -> list[Judgement]:
    """Which host a task with these needs would start on, and why; see core.fleet.placement."""
    return place(needs, _states(but), time.time())


def _states(but: Sequence[str]) -> list[HostState]:
    return [HostState(each.name, each.facts, each.labels, each.trouble) for each in views() if each.name not in but]


def choose(on: str, needs: Needs, but: Sequence[str] = ()) -> str:
    """The host to start on; empty for this machine. Raise RefusedError where none can have it, BusyError where one may
    later."""
    if on in ("", HERE):
        return ""
    if on != ANY:
        if (spec := HostList().get(on)).drained:
            raise RefusedError(
                f"{on} is drained: nothing new starts there.", hint=f"agentdeck hosts undrain {on}, or: --on any"
            )
        return spec.name
    states, now = _states(but), time.time()
    if not states:
        raise RefusedError("You have no hosts.", hint="Add one: agentdeck hosts add NAME")
    if not (name := best(needs, states, now)):
        told = "\n".join(f"{each.host}: {each.text}" for each in place(needs, states, now))
        has_labels = any(set(needs.labels) <= set(spec.labels) and not spec.lost for spec in HostList().all())
        error = BusyError if has_labels else RefusedError
        raise error("No host can have this agent.", detail=told, hint="agentdeck hosts ls")
    return name


def home_argv(home: str, words: Sequence[str], *, tty: bool) -> list[str]:
    """See DeckHosts.home_argv. The host is one of the list, or whatever ssh knows by that name."""
    found = re.fullmatch(r"ssh://([^/]+)(/.+)", home)
    if found is None:
        raise UsageError(f"“{home[:80]}” is no place for --home.", hint="agentdeck --home ssh://HOST/FOLDER")
    name, folder = found[1], found[2].removeprefix("/") if found[2].startswith("/~") else found[2]
    known = next((each for each in HostList().all() if each.name == name), None)
    spec = known or HostSpec(name, destination=f"ssh://{check_destination(name)}")
    return spec.reach.argv(spec.command("-C", folder, *words), tty=tty)


def examine(name: str) -> list[Check]:
    """What is to be said of a host, point by point."""
    spec = HostList().get(name)
    try:
        facts = facts_of(spec)
    except UnreachableError as error:
        hint = f"Try: {' '.join(spec.reach.argv(['true'])[:1])} {spec.destination or spec.name}"
        if _lacks_program(error):
            hint = _install_hint(name)
        return [Check("connection", False, error.title, "" if spec.folder else hint)]
    needs, state = Needs(), HostState(name, facts, spec.labels, spec.trouble)
    wrong = unfit(needs, state, time.time())
    skew = abs(facts.clock - time.time())
    return [
        Check("connection", True, f"{spec.reach.shown}, {_round_trip(spec):.0f} ms"),
        _version_check(name, facts.version),
        Check("git", bool(facts.git), facts.git or "not installed", "" if facts.git else "Install git there."),
        Check("tmux", bool(facts.tmux), facts.tmux or "not installed", "" if facts.tmux else "Install tmux there."),
        Check("clock", skew < 60, f"{skew:.0f} s apart", "" if skew < 60 else "Set its clock."),
        Check(
            "placement",
            not wrong,
            wrong or "agents can start there",
            f"agentdeck hosts undrain {name}" if spec.drained and not spec.lost else "",
        ),
    ]


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
