"""Verbs about the program and its surroundings: config, doctor, version, completion."""

from __future__ import annotations

import json
import platform
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from agentdeck import __version__
from agentdeck.cli.output import DIM, Output
from agentdeck.core.text.text import columns, plain
from agentdeck.errors import DeckError, ExitCode

if TYPE_CHECKING:
    from agentdeck.engine.views import Check


def config(args: Namespace, out: Output) -> ExitCode:
    from agentdeck.cli.deck import tell_waiting
    from agentdeck.core.config.tomllines import dotted, leaves
    from agentdeck.engine.deck import Deck

    deck = Deck.find()
    settings = deck.settings
    tell_waiting(deck, out)
    values = settings.values
    if out.json:
        out.emit("config", config=values, origins=settings.origins)
        return ExitCode.OK
    lines = [(f"{dotted(path)} = {_toml(value)}", settings.origins[dotted(path)]) for path, value in leaves(values)]
    width = min(60, max(columns(text) for text, _ in lines))
    for text, origin in lines:
        gap = " " * max(1, width + 2 - columns(text))
        out.line(f"{plain(text)}{gap}{out.styled(f'# {plain(origin)}', DIM)}")
    return ExitCode.OK


def _toml(value: Any) -> str:
    """A value as TOML writes it; `none`, which TOML has no word for, where there is none."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "{}"
    return json.dumps(value, ensure_ascii=False)


def doctor(args: Namespace, out: Output) -> ExitCode:
    checks = _examined(out)
    good = all(check.ok is not False for check in checks)
    if out.json:
        fields = [{"name": each.name, "ok": each.ok, "text": each.text, "hint": each.hint} for each in checks]
        out.emit("checks", ok=good, checks=fields)
        return ExitCode.OK if good else ExitCode.FAILED
    out.checks([(each.name, each) for each in checks])
    return ExitCode.OK if good else ExitCode.FAILED


def _examined(out: Output) -> list[Check]:
    """All that can be looked at here: outside of a repository only the machine."""
    from agentdeck.engine.deck import Deck
    from agentdeck.engine.views import Check

    try:
        deck = Deck.find()
    except DeckError as error:
        return [*Deck.machine_checks(), Check("repository", None, error.title, error.hint)]
    try:
        checks = deck.doctor()
    except DeckError as error:
        return [*Deck.machine_checks(), Check("state", False, error.title, error.hint)]
    try:
        deck.repair(out.tell)
    except DeckError as error:
        checks.append(Check("repair", False, error.title, error.hint))
    return checks


def version(args: Namespace, out: Output) -> ExitCode:
    if out.json:
        out.emit("version", version=__version__, python=platform.python_version())
    else:
        out.line(f"agentdeck {__version__}")
    return ExitCode.OK


def completion(args: Namespace, out: Output) -> ExitCode:
    from argcomplete.shell_integration import shellcode

    script = shellcode(["agentdeck"], shell=args.shell)
    if out.json:
        out.emit("completion", shell=args.shell, script=script)
    else:
        out.line(script)
    return ExitCode.OK
