"""The command line: its verbs and their options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from agentdeck.cli import completers, manual
from agentdeck.core.text.durations import parse_duration
from agentdeck.errors import UsageError

MODULES = {
    "run": "run",
    "ls": "reading",
    "show": "reading",
    "logs": "reading",
    "attach": "control",
    "send": "control",
    "stop": "control",
    "resume": "run",
    "failover": "control",
    "diff": "reading",
    "rm": "control",
    "radar": "radar",
    "merge": "landing",
    "undo": "landing",
    "prune": "landing",
    "pull": "landing",
    "pr": "landing",
    "ports": "reading",
    "gateway": "gateway",
    "models": "gateway",
    "spend": "gateway",
    "trust": "trust",
    "config": "machine",
    "doctor": "machine",
    "version": "machine",
    "completion": "machine",
}
"""Each verb, and the module of agentdeck.cli whose function of that name does it."""

_METHODS = {
    "merge": "with a merge commit (default, see config)",
    "squash": "as one commit",
    "rebase": "as its commits, one by one",
    "ff-only": "only where the base has not gone on",
}


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of printing to standard error and exiting."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", hint=f"{self.prog} --help")


def build_parser() -> Parser:
    parser = Parser(
        prog="agentdeck",
        usage="agentdeck [options] [VERB …]",
        description=manual.ABOUT,
        epilog=manual.PROGRAM,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    _add_common(parser, top=True)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", prog="agentdeck")
    _add_run(verbs)
    _add_reading(verbs)
    _add_control(verbs)
    _add_landing(verbs)
    _add_serving(verbs)
    _add_machine(verbs)
    return parser


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse what `agentdeck` was called with; raise UsageError, or SystemExit after `--help`."""
    parser = build_parser()
    args, extra = parser.parse_known_args(words)
    parser.prog = " ".join(filter(None, (parser.prog, args.verb)))
    # argparse takes the words before the first option for all of `TEXT…`, and leaves over those that come after it.
    loose = extra.index("--") if "--" in extra else len(extra)
    unknown = [word for word in extra[:loose] if word.startswith("-") and word != "-"]
    if unknown or (extra and not getattr(args, "rest", "")):
        parser.error(f"unrecognized arguments: {' '.join(unknown or extra)}")
    if extra:
        getattr(args, args.rest).extend(extra[:loose] + extra[loose + 1 :])
    return args


def _add_common(parser: argparse.ArgumentParser, *, top: bool = False) -> None:
    """Options that may stand before the verb and after it."""

    def default(value: Any) -> Any:
        # What was said before the verb must not be overwritten by the verb's own defaults.
        return value if top else argparse.SUPPRESS

    group = parser.add_argument_group("common options")
    group.add_argument("--json", action="store_true", default=default(False), help="print JSON, see docs/json.md")
    group.add_argument("-q", "--quiet", action="store_true", default=default(False), help="no narration, only errors")
    group.add_argument("--no-color", action="store_true", default=default(False), help="no colours")
    group.add_argument("-C", dest="folder", metavar="DIR", default=default(None), help="do it as if started in DIR")


def _verb(verbs: Any, name: str, summary: str) -> Any:
    parser = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=getattr(manual, name.upper()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_common(parser)
    return parser


def _add_run(verbs: Any) -> None:
    run = _verb(verbs, "run", "start an agent on a task, and wait for it")
    run.add_argument("task", nargs="*", metavar="TASK", help="what to do; - reads it from standard input")
    run.set_defaults(rest="task")
    run.add_argument(
        "-a", "--agent", type=_filled, metavar="PROFILE", help="which profile: claude, codex, aider, …"
    ).completer = completers.profiles
    run.add_argument("-n", "--name", type=_filled, help="the agent's name; else made from the task")
    run.add_argument(
        "-b", "--branch", type=_filled, help="a new branch, an existing one, or a remote one"
    ).completer = completers.branches
    run.add_argument(
        "--base", type=_filled, metavar="BRANCH", help="where a new branch starts from"
    ).completer = completers.branches
    run.add_argument(
        "--tier", type=_filled, help="the chain of providers and models to use"
    ).completer = completers.tiers
    run.add_argument(
        "--failover", metavar="PROFILES", help="go on with these when its provider fails: codex,aider; or none"
    ).completer = completers.profiles
    run.add_argument("--timeout", metavar="TIME", type=_duration, help="stop the agent after this time")
    run.add_argument(
        "--env", metavar="K=V", type=_variable, action="append", default=[], help="a variable for the agent; repeatable"
    )
    run.add_argument("--top", action="store_true", help="begin at the repository's top, not in the folder you are in")
    run.add_argument("--id", type=_filled, help="never start twice under this id; answer with the first run instead")
    run.add_argument("-d", "--detach", action="store_true", help="do not wait for the agent")
    mode = run.add_mutually_exclusive_group()
    mode.add_argument(
        "--interactive", dest="mode", action="store_const", const="interactive", help="with the agent's own screen"
    )
    mode.add_argument("--headless", dest="mode", action="store_const", const="headless", help="once over the task")
    run.add_argument("--task-file", type=_filled, metavar="FILE", help="read the task from FILE")
    run.add_argument("-f", "--file", type=_filled, metavar="TASKS", help="run the tasks of a TOML file")
    run.add_argument("-j", "--jobs", metavar="N", type=_count, help="with -f: how many at once")
    run.usage = "agentdeck run [options] {TASK | -- CMD ARG… | -f TASKS}"

    resume = _verb(verbs, "resume", "start an agent again that has ended")
    _add_name(resume)
    resume.add_argument(
        "prompt", nargs="*", default=[], metavar="PROMPT", help="what to tell it; - reads it from standard input"
    )
    resume.set_defaults(rest="prompt")
    resume.add_argument("-w", "--wait", action="store_true", help="wait for the agent, as run does")


def _add_reading(verbs: Any) -> None:
    _verb(verbs, "ls", "list the agents of this repository")
    show = _verb(verbs, "show", "tell all about one agent")
    _add_name(show)
    part = show.add_mutually_exclusive_group()
    part.add_argument("--screen", action="store_true", help="print what its terminal shows now")
    part.add_argument(
        "--failovers", action="store_true", help="when another provider served it, and the commits made meanwhile"
    )
    logs = _verb(verbs, "logs", "print what an agent has printed")
    _add_name(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the run has ended")
    logs.add_argument("--since", metavar="TIME", help="only what came after TIME")
    logs.add_argument("--grep", metavar="PATTERN", help="only lines that match")
    logs.add_argument("--raw", action="store_true", help="the recorded bytes, escape sequences and all")
    diff = _verb(verbs, "diff", "print what an agent has changed")
    _add_name(diff)
    diff.add_argument("--stat", action="store_true", help="only the files and how much of each")
    _verb(verbs, "ports", "list the ports that agents hold")


def _add_control(verbs: Any) -> None:
    _add_name(_verb(verbs, "attach", "go to an agent's terminal"))
    send = _verb(verbs, "send", "type to an agent")
    _add_name(send)
    send.add_argument(
        "text", nargs="*", default=[], metavar="TEXT", help="what to type; - reads it from standard input"
    )
    send.set_defaults(rest="text")
    send.add_argument("--file", metavar="FILE", help="type what FILE holds")
    send.add_argument("--keys", metavar="KEYS", action="append", default=[], help="keys to press, such as “C-c”")
    send.add_argument("--no-enter", action="store_true", help="do not press Enter after the text")
    stop = _verb(verbs, "stop", "end agents' processes; what they made stays")
    _add_name(stop, many="*")
    stop.add_argument("--all", action="store_true", help="all that run in this repository")
    failover = _verb(verbs, "failover", "let another profile go on with an agent's task")
    _add_name(failover)
    where = failover.add_mutually_exclusive_group()
    where.add_argument(
        "--to", metavar="PROFILE", default="", help="that one; else the next"
    ).completer = completers.profiles
    where.add_argument("--back", action="store_true", help="back to its own")
    rm = _verb(verbs, "rm", "remove agents, after saving what they hold")
    _add_name(rm, many="+")
    rm.add_argument("--stop", action="store_true", help="stop those that run")
    rm.add_argument("--keep-branch", action="store_true", help="leave the branches")
    rm.add_argument("--keep-database", action="store_true", help="leave the database: its server is gone for good")
    rm.add_argument("-y", "--yes", action="store_true", help="do not ask")


def _add_landing(verbs: Any) -> None:
    radar = _verb(verbs, "radar", "tell which agents will collide")
    _add_name(radar, many="*")
    radar.add_argument("-w", "--watch", action="store_true", help="tell it again whenever something changes")
    merge = _verb(verbs, "merge", "land agents' work on their base branch, through the gate")
    _add_name(merge, many="*")
    merge.add_argument("--all", action="store_true", help="all that are done, in the order with the fewest conflicts")
    method = merge.add_mutually_exclusive_group()
    for name, text in _METHODS.items():
        method.add_argument(f"--{name}", dest="method", action="store_const", const=name, help=text)
    merge.add_argument("--into", metavar="BRANCH", help="land on BRANCH").completer = completers.branches
    gate = merge.add_mutually_exclusive_group()
    gate.add_argument("--gate", metavar="CMD", action="append", help="what must pass first; repeatable")
    gate.add_argument("--no-gate", action="store_true", help="land untested")
    after = merge.add_mutually_exclusive_group()
    after.add_argument("--remove", action="store_true", default=None, help="remove agents that landed")
    after.add_argument("--keep", dest="remove", action="store_false", help="keep them (default, see config)")
    merge.add_argument("-n", "--dry-run", action="store_true", help="tell what would land; change nothing")
    merge.add_argument("-m", "--message", metavar="TEXT", help="the commit's message; else made from the task")
    merge.add_argument("--no-trailers", dest="trailers", action="store_false", default=None, help="name no agent in it")
    merge.add_argument("--commit", action="store_true", help="commit what is uncommitted, and land it too")
    merge.add_argument("--commit-message", metavar="TEXT", help="the same, with this message")
    merge.add_argument("--stop", action="store_true", help="stop agents that run")
    merge.add_argument("--batch", action="store_true", help="one gate run for all; search for what fails it")
    conflict = merge.add_mutually_exclusive_group()
    conflict.add_argument("--resolve", action="store_true", help="open a window to resolve a conflict in")
    conflict.add_argument("--hand-back", action="store_true", help="let the agent resolve a conflict, then land it")
    merge.add_argument(
        "--accept-config", action="store_true", help="land work that changes what this repository's configuration runs"
    )
    merge.add_argument("--pull", action="store_true", help="bring the base up to date from its remote first")
    merge.add_argument("--push", action="store_true", help="push the base afterwards")
    undo = _verb(verbs, "undo", "take back a removal, a landing or a prune")
    which = undo.add_mutually_exclusive_group()
    which.add_argument("--list", action="store_true", help="list what can be taken back")
    which.add_argument("--step", metavar="N", type=_count, help="that one; else the latest")
    prune = _verb(verbs, "prune", "clear away what has gone stale")
    prune.add_argument("-n", "--dry-run", action="store_true", help="only tell what, why and how much room")
    prune.add_argument("-y", "--yes", action="store_true", help="do not ask")
    pull = _verb(verbs, "pull", "bring a base branch up to date from its remote")
    pull.add_argument("branch", nargs="?", metavar="BRANCH", help="which; else the one that new agents start from")
    pr = _verb(verbs, "pr", "propose an agent's branch as a pull request")
    _add_name(pr)
    pr.add_argument("--into", metavar="BRANCH", help="to be merged into BRANCH").completer = completers.branches
    pr.add_argument("-m", "--message", metavar="TEXT", help="its title, and after a line break its text")
    pr.add_argument("--draft", action="store_true", help="as a draft")
    pr.add_argument("--with", dest="program", choices=("gh", "glab"), default="", help="which program opens it")


def _add_serving(verbs: Any) -> None:
    gateway = _verb(verbs, "gateway", "start, stop or look at the gateway between agents and providers")
    gateway.add_argument("action", nargs="?", choices=("start", "stop", "status", "check", "metrics"), default="status")
    models = _verb(verbs, "models", "list the model servers on this machine, or serve a model")
    models.add_argument("action", nargs="?", choices=("list", "serve", "stop"), default="list")
    models.add_argument("file", nargs="?", metavar="FILE.gguf", help="with serve: the model")
    models.add_argument("--port", metavar="N", type=_port, help="with serve: where to listen")
    models.add_argument("--context", metavar="N", type=_count, default=32768, help="with serve: tokens it can see")
    spend = _verb(verbs, "spend", "tell what agents spent")
    groups = ("agent", "model", "tier", "day", "provider")
    spend.add_argument("--by", choices=groups, default="agent", help="what to sum up by (default: agent)")
    spend.add_argument("--since", metavar="TIME", help="only what came after TIME: 7d, 2026-01-31")
    spend.add_argument("--csv", action="store_true", help="print comma-separated values")


def _add_machine(verbs: Any) -> None:
    trust = _verb(verbs, "trust", "approve what this repository's configuration runs, reaches and loosens")
    what = trust.add_mutually_exclusive_group()
    what.add_argument("-y", "--yes", action="store_true", help="approve without asking")
    what.add_argument("--show", action="store_true", help="only print what is approved and what is not, in full")
    what.add_argument("--forget", action="store_true", help="take the approval back")
    _verb(verbs, "config", "print the configuration and where each value comes from")
    _verb(verbs, "doctor", "find out what is missing or broken")
    _verb(verbs, "version", "print the version")
    completion = _verb(verbs, "completion", "print the script that completes agentdeck in a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="{bash,zsh,fish}")


def _add_name(parser: Any, many: str = "") -> None:
    if many:
        argument = parser.add_argument("names", nargs=many, metavar="NAME", help="the agents")
        parser.set_defaults(rest="names")
    else:
        argument = parser.add_argument("name", metavar="NAME", help="the agent, or as much of its name as is unique")
    argument.completer = completers.agents


def _duration(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if seconds <= 0:
        raise argparse.ArgumentTypeError("a time-out must be more than 0 seconds")
    return seconds


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or not name.isascii():
        raise argparse.ArgumentTypeError(f"“{text}” is not NAME=VALUE")
    return name, value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number of 1 or more")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"“{text}” is not a port, a number from 1 to 65535")
    return int(text)


def _filled(text: str) -> str:
    """Not empty: what a script meant to say with a variable that was not set is not ours to guess."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def split_command(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What `run` reads itself, and the command after `--`; for other verbs `--` means what it always does."""
    if verb_of(argv) != "run" or "--" not in argv:
        return list(argv), []
    at = list(argv).index("--")
    return list(argv[:at]), list(argv[at + 1 :])


def verb_of(argv: Sequence[str]) -> str | None:
    """The first word that is neither an option nor the folder of -C."""
    words = iter(argv)
    for word in words:
        if word == "-C":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None
