"""The hosts that this user has: add one, ask what they have, and choose one for a task."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence

from agentdeck import __version__
from agentdeck.core.fleet.facts import Facts
from agentdeck.core.fleet.placement import HostState, Needs, unfit
from agentdeck.core.frozen import replace
from agentdeck.core.tools import NEEDED, tool_fault, words
from agentdeck.engine.fleet import providing
from agentdeck.engine.fleet.hosts import facts_of
from agentdeck.engine.views import Check
from agentdeck.engine.views.fleet import HostView
from agentdeck.errors import DeckError, RefusedError, UnreachableError, UsageError
from agentdeck.system.fleet.hostlist import HostList, HostSpec, check_destination, check_name
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
    trouble = (
        trouble or view.trouble or providing.full(view, time.time(), providing.coming(spec.name, time.monotonic()))
    )
    return replace(view, trouble=trouble)


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
