"""The verb that gives advice on what agents are told."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from agentdeck.cli.deck import open_deck
from agentdeck.cli.output import DIM, YELLOW, Output
from agentdeck.core.frozen import asdict
from agentdeck.core.prompts.lint import Advice, Level
from agentdeck.core.prompts.lint import lint as advice_on
from agentdeck.core.text.text import plain
from agentdeck.errors import ExitCode, NotFoundError

_FILES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")
_TASKS = (".toml", ".txt")


def lint(args: Namespace, out: Output) -> ExitCode:
    deck = open_deck(out, looks=True)
    tier = args.tier or deck.config.agent.tier
    found: list[tuple[str, Advice]] = []
    for name, text, is_task in _texts(args, deck.root):
        told = advice_on(text, is_task=is_task, tier=tier, exists=lambda path: (deck.root / path).exists())
        found += [(name, advice) for advice in told]
    if out.json:
        out.emit("lint", advice=[{"where": name, **asdict(advice)} for name, advice in found])
    else:
        for name, advice in found:
            level = out.styled(advice.level, YELLOW if advice.level is Level.WARN else DIM)
            out.line(f"{plain(name)}:{advice.line}: {level} {plain(advice.text)} {out.styled(f'[{advice.rule}]', DIM)}")
        if not found:
            out.narrate("No advice.")
    return ExitCode.FAILED if args.strict and any(each.level is Level.WARN for _, each in found) else ExitCode.OK


def _texts(args: Namespace, root: Path) -> list[tuple[str, str, bool]]:
    """What is to be read: its name, its text, and whether it is a task, as words are that are no files."""
    from agentdeck.engine.deck import Deck

    if not args.words:
        found = [(name, root / name) for name in _FILES if (root / name).is_file()]
        if not found:
            raise NotFoundError(f"There is no {', '.join(_FILES)} here.", hint='agentdeck lint "the task"')
        return [(name, _read(path), False) for name, path in found]
    files = [Path(word) for word in args.words]
    if not all(path.is_file() for path in files):
        return [("task", " ".join(args.words), True)]
    texts = []
    for path in files:
        if path.suffix == ".toml":
            texts += [(f"{path} {entry.name}", entry.task, True) for entry in Deck.tasks_in(path) if entry.task]
        else:
            texts.append((str(path), _read(path), path.suffix in _TASKS))
    return texts


def _read(path: Path) -> str:
    return path.read_text("utf-8", "replace")
