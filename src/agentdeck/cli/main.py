"""Parse, do, and map what went wrong to a message and an exit code: the one place that does."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from agentdeck.cli.output import Output, error_fields, flush, give_up, is_terminal, somebody_answers
from agentdeck.errors import DeckError, ExitCode, FileError, NotFoundError, UsageError

if TYPE_CHECKING:
    from argparse import Namespace

_GARBAGE = 50_000
"""Objects after which a verb looks for garbage. Loading its code makes many, none of which is any."""
Verb = Callable[["Namespace", Output], ExitCode]
Dashboard = Callable[[bool], int]
"""The other face, for a command line without a verb, for one repository or for all; returns what to exit with."""


def main(argv: Sequence[str], dashboard: Dashboard | None = None) -> int:
    """Do what the command line says; return what to exit with. Without a verb, open the dashboard or print the help."""
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    sys.unraisablehook = _interrupt_again
    out = Output(json=_is_json(argv))
    try:
        code = _run(argv, out, dashboard)
        flush()
    except DeckError as error:
        code = _failed(error, out)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        code = _reader_gone()
    except Exception as error:  # noqa: BLE001 - a bug must not end in a traceback on the user's screen
        # pydantic, and Python where it makes a class, make an error of their own of an interrupt that comes meanwhile.
        was_interrupted = "KeyboardInterrupt" in str(error) or isinstance(error.__cause__, KeyboardInterrupt)
        code = ExitCode.INTERRUPTED if was_interrupted else _failed(_refusal_of(error) or _bug(error, argv), out)
    return int(code)


def _interrupt_again(lost: sys.UnraisableHookArgs) -> None:
    """An interrupt that came in a destructor or a callback would be printed there and forgotten: it comes again."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    from agentdeck.system.machine.host import interrupt_soon

    interrupt_soon()


def _refusal_of(error: Exception) -> DeckError | None:
    """The machine's no to a file that nothing nearer has put into words; one without a name is what we print to."""
    from agentdeck.system.machine.host import refusal

    if not isinstance(error, OSError):
        return None
    refused = refusal(error)
    if refused is None or refused is error or error.filename is not None:
        return refused
    give_up()
    return FileError("The output can't be written.", detail=refused.detail)


def _is_json(argv: Sequence[str]) -> bool:
    if "--json" not in argv:
        return False
    from agentdeck.cli.parser import split_command

    return "--json" in split_command(argv)[0]


def _run(argv: Sequence[str], out: Output, dashboard: Dashboard | None) -> int:
    if not argv and dashboard is not None:
        out.home = os.environ.pop("AGENTDECK_HOME", "")
        return _open(dashboard)  # without a parser, for which the first paint would wait
    from agentdeck.cli.parser import MODULES, parse, split_command

    if any(word.startswith("--home") for word in argv):
        from agentdeck.cli.home import run_at, split_home

        home, argv = split_home(argv)
        if home:
            return run_at(home, argv)
    words, command = split_command(argv)
    _check_verb(words)
    try:
        args = parse(words)
    except SystemExit as stop:  # after --help
        return ExitCode.OK if not stop.code else ExitCode.USAGE
    if args.home is not None:
        raise UsageError("--home comes first.", hint="agentdeck --home ssh://HOST/FOLDER VERB …")
    out.json, out.quiet = args.json, args.quiet
    if args.no_color:
        out.colour = False
    out.home = os.environ.pop("AGENTDECK_HOME", "")  # no agent is to have it
    if args.folder is not None and _enter(args.folder):
        out.folder = str(Path.cwd())
    if args.version:
        args.verb = "version"
    if args.verb is None:
        return _without_verb(args, dashboard, out)
    args.command = command
    gc.set_threshold(_GARBAGE)
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    module = importlib.import_module(f"agentdeck.cli.{MODULES[args.verb]}")
    return cast(Verb, getattr(module, args.verb))(args, out)


def _without_verb(args: Namespace, dashboard: Dashboard | None, out: Output) -> ExitCode:
    if dashboard is None:
        from agentdeck.cli.parser import build_parser

        out.line(build_parser().format_help().rstrip("\n"))
        return ExitCode.OK
    if args.json:
        raise UsageError("The dashboard has no JSON to print.", hint="“agentdeck ls --json” lists the agents.")
    if args.no_color:
        os.environ["NO_COLOR"] = "1"
    return _open(dashboard, everywhere=args.all)


def _open(dashboard: Dashboard, *, everywhere: bool = False) -> ExitCode:
    # Textual draws on standard error.
    if not (somebody_answers() and is_terminal()) or os.environ.get("TERM") == "dumb":
        raise UsageError(
            "The dashboard needs a terminal.", hint="“agentdeck ls” lists the agents, “agentdeck --help” all verbs."
        )
    return ExitCode(dashboard(everywhere))


def _check_verb(words: Sequence[str]) -> None:
    from agentdeck.cli.parser import MODULES, verb_of

    verb = verb_of(words)
    if verb is not None and verb not in MODULES:
        import difflib

        close = sorted(difflib.get_close_matches(verb, MODULES, n=3, cutoff=0.5), key=lambda name: _moved(name, verb))
        hint = f"Did you mean “agentdeck {close[0]}”?" if close else "“agentdeck --help” lists the verbs."
        raise UsageError(f"There is no verb “{verb}”.", hint=hint)


def _moved(name: str, verb: str) -> bool:
    """Whether they are of other letters, not the same ones in another order."""
    return sorted(name) != sorted(verb)


def _enter(folder: str) -> bool:
    """Return whether that is not where the person is already."""
    from agentdeck.system.machine.host import home_path

    try:
        here = os.path.realpath(".")
        os.chdir(home_path(folder))
        return os.path.realpath(".") != here
    except OSError as error:
        raise NotFoundError(f"The folder {folder} can't be opened.", detail=error.strerror or str(error)) from error


def _failed(error: DeckError, out: Output) -> ExitCode:
    try:
        out.error(error)
        if out.json:
            out.emit("error", error=error_fields(error))
        flush()
    except BrokenPipeError:
        return _reader_gone()
    except OSError:  # there is nowhere left to say it
        give_up()
    return error.exit_code


def _reader_gone() -> ExitCode:
    """What reads our output went away (`| head`): say nothing."""
    give_up()
    return ExitCode.BROKEN_PIPE


class _Bug(DeckError):
    exit_code = ExitCode.INTERNAL


def _bug(error: Exception, argv: Sequence[str]) -> DeckError:
    """Put the traceback where it can be read and sent, and out of the user's sight."""
    import traceback

    from agentdeck.system.machine.host import keep_crash

    path = keep_crash(f"agentdeck {' '.join(argv)}\n\n{''.join(traceback.format_exception(error))}")
    hint = f"The traceback is in {path}." if path is not None else ""
    return _Bug(f"A bug in AgentDeck: {type(error).__name__}.", detail=str(error), hint=hint)


def _complete() -> None:
    """Answer the shell, and exit."""
    import argcomplete

    from agentdeck.cli.parser import build_parser

    argcomplete.autocomplete(build_parser(), always_complete_options="long")
