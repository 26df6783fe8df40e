"""The command line: its verbs and their options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from agentdeck.cli import completers, manual
from agentdeck.cli.output import columns_here
from agentdeck.cli.values import count, duration, filled, number, port, share, size, variable
from agentdeck.core.agents.permission import LEVELS
from agentdeck.core.box.box import MODES
from agentdeck.errors import UsageError

MODULES = {
    "run": "run",
    "ls": "reading",
    "show": "reading",
    "logs": "reading",
    "attach": "control",
    "grid": "control",
    "send": "messages",
    "messages": "messages",
    "asks": "asking",
    "answer": "asking",
    "stop": "control",
    "resume": "run",
    "failover": "control",
    "diff": "reading",
    "search": "reviewing",
    "comment": "reviewing",
    "review": "reviewing",
    "rm": "control",
    "radar": "radar",
    "race": "race",
    "bench": "bench",
    "route": "bench",
    "merge": "landing",
    "queue": "queue",
    "undo": "landing",
    "prune": "landing",
    "pull": "landing",
    "pr": "pulls",
    "ports": "reading",
    "gateway": "gateway",
    "models": "gateway",
    "spend": "gateway",
    "lint": "lint",
    "audit": "audit",
    "digest": "digest",
    "notify": "digest",
    "schedule": "schedule",
    "accounts": "accounts",
    "mcp": "mcp",
    "skill": "mcp",
    "hosts": "hosts",
    "host": "host",
    "trust": "trust",
    "config": "machine",
    "doctor": "machine",
    "version": "machine",
    "completion": "machine",
}
"""Each verb, and the module of agentdeck.cli whose function of that name does it."""

_METHODS = {
    "merge": "make a merge commit (default, see config)",
    "squash": "make one commit",
    "rebase": "replay its commits one by one",
    "ff-only": "only if the base has no new commits",
}
_QUEUE = {
    "drop": "take NAME out of the queue",
    "first": "land NAME next",
    "earlier": "land NAME before the one above it",
    "later": "land NAME after the one below it",
}


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of printing to standard error and exiting."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", hint=f"{self.prog} --help")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps each verb and its summary on one line: argparse does not count the indent of the verbs. One is made
    for each option that is added, and would load much to ask how wide the terminal is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=columns_here() - 2)

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        if action.nargs == argparse.PARSER:
            self._action_max_length += self._indent_increment


class _Verbs:
    """The verbs that are wanted. One that isn't takes its options and makes nothing of them: there are hundreds."""

    def __init__(self, verbs: Any, only: str | None) -> None:
        self._verbs, self._only = verbs, only

    def add_parser(self, name: str, **how: Any) -> Any:
        return self._verbs.add_parser(name, **how) if self._only in (None, name) else _Unwanted()


class _Unwanted:
    def __getattr__(self, name: str) -> _Unwanted:
        return self

    def __call__(self, *args: Any, **named: Any) -> _Unwanted:
        return self


def build_parser(only: str | None = None) -> Parser:
    """The parser of every verb, or of one."""
    parser = Parser(
        prog="agentdeck",
        usage="agentdeck [options] [VERB …]",
        description=manual.ABOUT,
        epilog=manual.PROGRAM,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument("--all", action="store_true", help="open the dashboard with all your repositories")
    parser.add_argument("--home", metavar="URL", help="run on ssh://HOST/FOLDER, in the repository there")
    _add_common(parser, top=True)
    verbs = _Verbs(parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", prog="agentdeck"), only)
    _add_run(verbs)
    _add_reading(verbs)
    _add_control(verbs)
    _add_landing(verbs)
    _add_pulls(verbs)
    _add_trials(verbs)
    _add_serving(verbs)
    _add_hosts(verbs)
    _add_machine(verbs)
    return parser


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse what `agentdeck` was called with; raise UsageError, or SystemExit after `--help`."""
    verb = verb_of(words)
    # Without a verb none is built, unless the help may be asked for, which names them all.
    may_ask = any("h" in word for word in words)
    parser = build_parser(verb if verb in MODULES else None if verb or may_ask else "")
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
    group.add_argument("-q", "--quiet", action="store_true", default=default(False), help="print errors only")
    group.add_argument("--no-color", action="store_true", default=default(False), help="print without colours")
    group.add_argument("-C", dest="folder", metavar="DIR", default=default(None), help="run as if started in DIR")


def _verb(verbs: Any, name: str, summary: str) -> Any:
    parser = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=getattr(manual, name.upper()),
        formatter_class=_Help,
        allow_abbrev=False,
    )
    _add_common(parser)
    return parser


def _add_run(verbs: Any) -> None:
    run = _verb(verbs, "run", "start an agent on a task and wait for it")
    run.add_argument("task", nargs="*", metavar="TASK", help="the task; - reads it from standard input")
    run.set_defaults(rest="task")
    run.add_argument(
        "-a", "--agent", type=filled, metavar="PROFILE", help="the profile: claude, codex, aider, …"
    ).completer = completers.profiles
    run.add_argument("--account", type=filled, help="the account of its CLI (default: the one with most left)")
    run.add_argument("-n", "--name", type=filled, help="the agent's name (default: made from the task)")
    run.add_argument(
        "-b", "--branch", type=filled, help="a new, existing or remote branch"
    ).completer = completers.branches
    run.add_argument(
        "--base", type=filled, metavar="BRANCH", help="start a new branch from BRANCH"
    ).completer = completers.branches
    run.add_argument("--tier", type=filled, help="use this chain of providers and models").completer = completers.tiers
    run.add_argument("--model", type=filled, help="the model its CLI uses").completer = completers.models
    run.add_argument(
        "--permission",
        choices=LEVELS,
        action="append",
        default=[],
        help="what it may do without asking: ask, edit (files and commits), or all (with --box full)",
    )
    _add_how(run)
    run.usage = "agentdeck run [options] {TASK | -- CMD ARG… | -f TASKS}"

    resume = _verb(verbs, "resume", "resume an agent that has ended")
    _add_name(resume)
    resume.add_argument(
        "prompt", nargs="*", default=[], metavar="PROMPT", help="a prompt for it; - reads it from standard input"
    )
    resume.set_defaults(rest="prompt")
    resume.add_argument("-w", "--wait", action="store_true", help="wait for the agent, as run does")
    resume.add_argument("--now", action="store_true", help="don't wait until this machine has room for it")


def _add_how(run: Any) -> None:
    run.add_argument("--box", choices=MODES, help="what it can reach: off, files or full")
    run.add_argument("--no-box", dest="box", action="store_const", const="off", help="the same as --box off")
    run.add_argument(
        "--failover", metavar="PROFILES", help="profiles that take over if its provider fails: codex,aider; or none"
    ).completer = completers.profiles
    run.add_argument(
        "--on", metavar="HOST", type=filled, help="start it on this host, on any, or on one of slurm's; see hosts"
    ).completer = completers.hosts
    _add_needs(run)
    run.add_argument("--timeout", metavar="TIME", type=duration, help="stop the agent after this time")
    run.add_argument(
        "--env",
        metavar="K=V",
        type=variable,
        action="append",
        default=[],
        help="set a variable for the agent; repeatable",
    )
    run.add_argument("--top", action="store_true", help="start at the top of the repository")
    run.add_argument("--id", type=filled, help="start once only under this id; later calls report the first run")
    run.add_argument("--now", action="store_true", help="don't wait until this machine has room for it")
    run.add_argument("-d", "--detach", action="store_true", help="don't wait for the agent, or for the tasks of -f")
    run.add_argument("--list", metavar="ID", help=argparse.SUPPRESS)  # in the window of `run -f … -d`
    mode = run.add_mutually_exclusive_group()
    mode.add_argument(
        "--interactive", dest="mode", action="store_const", const="interactive", help="show the agent's own screen"
    )
    mode.add_argument(
        "--headless", dest="mode", action="store_const", const="headless", help="run the task once, without a screen"
    )
    run.add_argument("--issue", type=filled, metavar="N|URL", help="work on this issue, read with gh or glab")
    run.add_argument("--race", type=filled, metavar="PROFILES", help="let several do it: claude,codex,claude@TIER")
    run.add_argument("--metric", metavar="CMD", help="with --race: measure the last number that CMD prints")
    run.add_argument("--lower", action="store_true", help="with --race: the lower number is better")
    run.add_argument("--land", type=filled, metavar="best", help="with --race: land the best one")
    run.add_argument("--task-file", type=filled, metavar="FILE", help="read the task from FILE")
    run.add_argument(
        "-f", "--file", type=filled, metavar="TASKS", help="run the tasks of a TOML file; - is standard input"
    )
    run.add_argument("-j", "--jobs", metavar="N", type=count, help="with -f: run N tasks at once")


def _add_reading(verbs: Any) -> None:
    ls = _verb(verbs, "ls", "list the agents of this repository")
    ls.add_argument("--all", action="store_true", help="list the agents of all your repositories")
    show = _verb(verbs, "show", "show everything about one agent")
    _add_name(show)
    part = show.add_mutually_exclusive_group()
    part.add_argument("--brief", action="store_true", help="print what a person has to know who is to help it")
    part.add_argument("--screen", action="store_true", help="print its terminal's current screen")
    part.add_argument(
        "--failovers", action="store_true", help="list the times on a backup provider, with the commits made then"
    )
    logs = _verb(verbs, "logs", "print an agent's output")
    _add_name(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="follow until the run ends")
    logs.add_argument("--since", metavar="TIME", help="only lines after TIME")
    logs.add_argument("--grep", metavar="PATTERN", help="only matching lines")
    logs.add_argument("--raw", action="store_true", help="print the recorded bytes, with escape sequences")
    logs.add_argument("--network", action="store_true", help="print what its box let out to the network and refused")
    diff = _verb(verbs, "diff", "print an agent's changes")
    _add_name(diff)
    diff.add_argument("--stat", action="store_true", help="print only a summary of each file")
    search = _verb(verbs, "search", "search all agents' logs and changes")
    search.add_argument("pattern", metavar="PATTERN", type=filled, help="a regular expression")
    _add_name(search, many="*")
    comment = _verb(verbs, "comment", "comment on a line of an agent's changes")
    _add_name(comment)
    comment.add_argument("place", metavar="FILE:LINE", help="the line; FILE alone is the file as a whole")
    comment.add_argument("text", nargs="+", metavar="TEXT", help="the comment; - reads it from standard input")
    comment.set_defaults(rest="text")
    comment.add_argument("--old", action="store_true", help="a line that was removed, by its old number")
    review = _verb(verbs, "review", "send your comments to an agent, all in one message")
    _add_name(review)
    part = review.add_mutually_exclusive_group()
    part.add_argument("-n", "--dry-run", action="store_true", help="print the comments; send nothing")
    part.add_argument("--delete", metavar="N", type=count, help="delete comment N instead")
    ports = _verb(verbs, "ports", "list the ports that agents hold")
    ports.add_argument(
        "--forward",
        metavar="NAME",
        type=filled,
        help="open the ports of an agent on another host here, until Ctrl-C",
    ).completer = completers.agents


def _add_control(verbs: Any) -> None:
    _add_name(_verb(verbs, "attach", "open an agent's terminal"))
    _add_name(_verb(verbs, "grid", "show up to nine agents' terminals side by side"), many="*")
    send = _verb(verbs, "send", "type to an agent")
    _add_name(send)
    send.add_argument("text", nargs="*", default=[], metavar="TEXT", help="the text; - reads it from standard input")
    send.set_defaults(rest="text")
    send.add_argument("--file", metavar="FILE", help="type the content of FILE")
    send.add_argument("--keys", metavar="KEYS", action="append", default=[], help="press keys, such as “C-c”")
    send.add_argument("--no-enter", action="store_true", help="don't press Enter after the text")
    send.add_argument("--now", action="store_true", help="type it even while the agent works")
    messages = _verb(verbs, "messages", "list the messages that wait for agents")
    messages.add_argument(
        "name", metavar="NAME", nargs="?", default="", help="only those of this agent"
    ).completer = completers.agents
    what = messages.add_mutually_exclusive_group()
    what.add_argument("--take-back", metavar="N", help="delete message N, or all")
    what.add_argument("--again", metavar="N", help="send message N, which may not have arrived, again")
    asks = _verb(verbs, "asks", "list what agents ask")
    answer = _verb(verbs, "answer", "answer an agent's question")
    for verb, does in (
        (asks, "list what agents of batches in Temporal ask"),
        (answer, "send it to a batch in Temporal"),
    ):
        verb.add_argument("--queue", action="store_true", help=does)
    _add_name(answer)
    answer.add_argument("choice", nargs="?", default="", metavar="CHOICE", help="the option's number, yes or no")
    answer.add_argument("--text", default="", metavar="TEXT", help="answer in your own words")
    stop = _verb(verbs, "stop", "stop agents; their work stays")
    _add_name(stop, many="*")
    stop.add_argument("--all", action="store_true", help="stop all running agents of this repository")
    failover = _verb(verbs, "failover", "let another profile continue an agent's task")
    _add_name(failover)
    where = failover.add_mutually_exclusive_group()
    where.add_argument(
        "--to", metavar="PROFILE", default="", help="use this profile (default: the next one)"
    ).completer = completers.profiles
    where.add_argument("--back", action="store_true", help="return to its own profile")
    rm = _verb(verbs, "rm", "remove agents; their work is saved first")
    _add_name(rm, many="+")
    rm.add_argument("--stop", action="store_true", help="stop running agents first")
    rm.add_argument("--keep-branch", action="store_true", help="keep the branches")
    rm.add_argument(
        "--keep-database", action="store_true", help="keep the database, for example if its server is gone for good"
    )
    rm.add_argument("-y", "--yes", action="store_true", help="don't ask")


def _add_landing(verbs: Any) -> None:
    radar = _verb(verbs, "radar", "show which agents will conflict")
    _add_name(radar, many="*")
    way = radar.add_mutually_exclusive_group()
    way.add_argument("-w", "--watch", action="store_true", help="print again when something changes")
    way.add_argument("--sides", action="store_true", help="print both sides of each conflict and who wrote them")
    merge = _verb(verbs, "merge", "land agents' work on their base branch, through the gate")
    _add_name(merge, many="*")
    merge.add_argument(
        "--all", action="store_true", help="land all agents that are done, in the order with the fewest conflicts"
    )
    method = merge.add_mutually_exclusive_group()
    for name, text in _METHODS.items():
        method.add_argument(f"--{name}", dest="method", action="store_const", const=name, help=text)
    merge.add_argument("--into", metavar="BRANCH", help="land on BRANCH").completer = completers.branches
    gate = merge.add_mutually_exclusive_group()
    gate.add_argument("--gate", metavar="CMD", action="append", help="a command that must pass first; repeatable")
    gate.add_argument("--no-gate", action="store_true", help="land without a gate")
    after = merge.add_mutually_exclusive_group()
    after.add_argument("--remove", action="store_true", default=None, help="remove agents that have landed")
    after.add_argument("--keep", dest="remove", action="store_false", help="keep them (default, see config)")
    merge.add_argument("-n", "--dry-run", action="store_true", help="show what would land; change nothing")
    merge.add_argument("-m", "--message", metavar="TEXT", help="the commit message (default: made from the task)")
    merge.add_argument(
        "--no-trailers", dest="trailers", action="store_false", default=None, help="leave agents out of the message"
    )
    merge.add_argument("--commit", action="store_true", help="commit uncommitted changes and land them too")
    merge.add_argument("--commit-message", metavar="TEXT", help="like --commit, with this message")
    merge.add_argument("--stop", action="store_true", help="stop running agents first")
    merge.add_argument("--batch", action="store_true", help="run one gate for all; if it fails, find the cause")
    conflict = merge.add_mutually_exclusive_group()
    conflict.add_argument("--resolve", action="store_true", help="open a window to resolve a conflict in")
    conflict.add_argument("--hand-back", action="store_true", help="let the agent resolve a conflict, then land it")
    merge.add_argument(
        "--accept-config", action="store_true", help="land changes to what this repository's configuration runs"
    )
    merge.add_argument("--pull", action="store_true", help="pull the base from its remote first")
    merge.add_argument("--push", action="store_true", help="push the base afterwards")
    queue = _verb(verbs, "queue", "list landings, tasks and agents that wait; change their order")
    where = queue.add_mutually_exclusive_group()
    queue.usage = "agentdeck queue [options]"
    for option, text in _QUEUE.items():
        where.add_argument(f"--{option}", metavar="NAME", type=filled, help=text).completer = completers.agents
    where.add_argument(
        "--now", metavar="NAME", type=filled, help="start NAME, which waits for this machine to have room"
    ).completer = completers.agents
    undo = _verb(verbs, "undo", "undo a removal, a landing or a prune")
    which = undo.add_mutually_exclusive_group()
    which.add_argument("--list", action="store_true", help="list the steps that can be undone")
    which.add_argument("--step", metavar="N", type=count, help="undo this step (default: the latest)")
    prune = _verb(verbs, "prune", "delete stale items")
    prune.add_argument("-n", "--dry-run", action="store_true", help="list the items, reasons and sizes only")
    prune.add_argument("-y", "--yes", action="store_true", help="don't ask")
    pull = _verb(verbs, "pull", "pull a base branch from its remote")
    pull.add_argument(
        "branch", nargs="?", metavar="BRANCH", help="the branch (default: the one that new agents start from)"
    )


def _add_pulls(verbs: Any) -> None:
    pr = _verb(verbs, "pr", "open a pull request for an agent's branch, or follow them all")
    pr.add_argument(
        "name", nargs="?", default="", metavar="NAME", help="the agent (default: list all pull requests)"
    ).completer = completers.agents
    pr.add_argument("-w", "--watch", action="store_true", help="follow all, and send agents to what fails")
    pr.add_argument("--check", action="store_true", help="the same once")
    pr.add_argument("--no-react", action="store_true", help="with --watch or --check: send nothing to agents")
    pr.add_argument("--into", metavar="BRANCH", help="the branch to merge into").completer = completers.branches
    pr.add_argument("-m", "--message", metavar="TEXT", help="its title; lines below are its description")
    pr.add_argument("--draft", action="store_true", help="open it as a draft")
    pr.add_argument("--with", dest="program", choices=("gh", "glab"), default="", help="open it with this program")


def _add_trials(verbs: Any) -> None:
    race = _verb(verbs, "race", "compare agents that did the same task, and land one")
    race.add_argument("race", nargs="?", default="", metavar="RACE", help="its id or an agent of it (default: latest)")
    what = race.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list all races")
    what.add_argument("--diff", action="store_true", help="print the changes side by side")
    what.add_argument("--land", type=filled, metavar="NAME|best", help="land this one, remove the others")
    race.add_argument("--keep", action="store_true", help="with --land: keep the others")
    bench = _verb(verbs, "bench", "measure tiers on a suite of tasks with hidden checks")
    bench.add_argument("file", metavar="SUITE.toml|RESULTS.jsonl", help="the suite to run, or results to show again")
    bench.add_argument("--tiers", metavar="A,B", default="", help="the tiers to try; the first is the one to tune")
    bench.add_argument("--repeat", metavar="N", type=count, default=1, help="run each task N times in each tier")
    bench.add_argument("-a", "--agent", type=filled, metavar="PROFILE", help="the profile (default: the suite's)")
    bench.add_argument("-o", "--out", type=filled, metavar="FILE", help="add the results to FILE (SUITE.jsonl)")
    bench.add_argument("--id", type=filled, help="go on with the benchmark of this id where it ended")
    bench.add_argument("-j", "--jobs", metavar="N", type=count, help="run N at once")
    bench.add_argument(
        "--no-box", dest="box", action="store_const", const="off", help="without boxes: agents can cheat"
    )
    bench.add_argument("--floor", metavar="SHARE", type=share, help="the pass rate that a model must reach (0.8)")
    bench.add_argument("--min-runs", metavar="N", type=count, help="judge no model on fewer runs (40)")
    route = _verb(verbs, "route", "say which tier a task should get, and why")
    route.add_argument("task", nargs="*", metavar="TASK", help="the task; - reads it from standard input")
    route.set_defaults(rest="task")


def _add_serving(verbs: Any) -> None:
    gateway = _verb(verbs, "gateway", "start, stop or inspect the failover gateway")
    actions = ("start", "stop", "status", "check", "metrics", "presets")
    gateway.add_argument("action", nargs="?", choices=actions, default="status")
    models = _verb(verbs, "models", "list local model servers, or serve a model")
    models.add_argument("action", nargs="?", choices=("list", "serve", "stop"), default="list")
    models.add_argument("file", nargs="?", metavar="FILE.gguf", help="with serve: the model")
    models.add_argument("--port", metavar="N", type=port, help="with serve: the port to listen on")
    models.add_argument("--context", metavar="N", type=count, default=32768, help="with serve: context size in tokens")
    spend = _verb(verbs, "spend", "show what agents spent")
    groups = ("agent", "model", "tier", "day", "provider")
    spend.add_argument("--by", choices=groups, default="agent", help="group by this (default: agent)")
    spend.add_argument("--since", metavar="TIME", help="only requests after TIME: 7d, 2026-01-31")
    spend.add_argument("--csv", action="store_true", help="print comma-separated values")
    lint = _verb(verbs, "lint", "give advice on a task, or on AGENTS.md and CLAUDE.md")
    lint.add_argument("words", nargs="*", default=[], metavar="TASK|FILE", help="a task, or files with tasks or rules")
    lint.set_defaults(rest="words")
    lint.add_argument(
        "--tier", metavar="TIER", default="", help="the tier that will work on it"
    ).completer = completers.tiers
    lint.add_argument("--strict", action="store_true", help="exit with 1 after a warning, for a pre-commit hook")
    audit = _verb(verbs, "audit", "print which models made what landed, and who approved it")
    audit.add_argument("--since", metavar="TIME", help="only landings after TIME: 30d, 2026-01-31")
    form = audit.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    form.add_argument("--inventory", action="store_true", help="print the models in use, as YAML")
    digest = _verb(verbs, "digest", "print what happened, what waits and what it cost")
    digest.add_argument("--since", metavar="TIME", default="", help="since TIME: 12h, 2026-01-31 (default: 24h)")
    notify = _verb(verbs, "notify", "show what you are told of, or send a test notice")
    notify.add_argument("--test", action="store_true", help="send one to every address now")
    digest.add_argument("--send", action="store_true", help="send it as a notice, once a day")
    accounts = _verb(verbs, "accounts", "list, add, check or remove logins of agent CLIs")
    accounts.add_argument("action", nargs="?", choices=("ls", "add", "check", "rm"), default="ls")
    accounts.add_argument("name", nargs="?", metavar="NAME", help="the account")
    accounts.add_argument(
        "-a", "--agent", type=filled, metavar="PROFILE", help="with add: whose CLI it is: claude, codex, …"
    ).completer = completers.profiles
    accounts.add_argument("--key", type=filled, metavar="VAR", help="with add: the variable with its API key")
    accounts.add_argument(
        "--folder",
        dest="place",
        type=filled,
        metavar="PATH",
        help="with add: the CLI's folder that has the login",
    )
    accounts.add_argument("--tier", type=filled, help="with add: the tier that serves it")
    accounts.add_argument("--login", action="store_true", help="with rm: delete the folder with the login as well")

    schedule = _verb(verbs, "schedule", "list, run, install or remove what the clock starts")
    schedule.add_argument("action", nargs="?", choices=("ls", "run", "install", "remove", "tick"), default="ls")
    schedule.add_argument("name", nargs="?", metavar="NAME", help="with run: the schedule")
    mcp = _verb(verbs, "mcp", "serve this deck's tools to an MCP client")
    mcp.add_argument("--http", action="store_true", help="serve HTTP on loopback instead of standard input and output")
    mcp.add_argument("--port", metavar="N", type=port, help="with --http: the port to listen on")
    skill = _verb(verbs, "skill", "teach agent programs when to use AgentDeck")
    skill.add_argument("action", nargs="?", choices=("show", "install", "remove"), default="show")


def _add_hosts(verbs: Any) -> None:
    hosts = _verb(verbs, "hosts", "add, list and check the machines that agents run on")
    actions = ("ls", "add", "check", "drain", "undrain", "rm", "lose", "adopt", "why", "image")
    hosts.add_argument("action", nargs="?", choices=actions, default="ls")
    hosts.add_argument("name", nargs="?", metavar="NAME", help="the host").completer = completers.hosts
    hosts.add_argument("--ssh", metavar="DEST", type=filled, help="with add: what ssh is given (default: NAME)")
    hosts.add_argument(
        "--exec", metavar="CMD", type=filled, help="with add: what runs a command there: “podman exec -i box”"
    )
    hosts.add_argument(
        "--folder",
        dest="folder_host",
        metavar="DIR",
        type=filled,
        help="with add: a folder of this machine, to try",
    )
    hosts.add_argument("--program", metavar="PATH", type=filled, help="with add: where agentdeck is there")
    hosts.add_argument("--install", action="store_true", help="with add: install this version there first")
    _add_needs(hosts)
    host = _verb(verbs, "host", "answer another machine that runs agents here; it calls this")
    host.add_argument("action", choices=("serve", "hold", "attach", "far-end", "tunnel"))
    host.add_argument("deck", nargs="?", metavar="DECK")
    host.add_argument("name", nargs="?", metavar="NAME")
    host.add_argument("--idle", metavar="TIME", type=duration, help="with hold: end when unused for so long (10m)")


def _add_needs(parser: Any) -> None:
    needs = parser.add_argument_group("with --on any, what the host needs" if parser.prog.endswith("run") else "needs")
    needs.add_argument("--cpu", metavar="N", type=number, help="idle cores")
    needs.add_argument("--memory", metavar="SIZE", type=size, help="free memory: 500M, 8G")
    needs.add_argument("--gpu", metavar="N", type=count, help="free GPUs")
    needs.add_argument("--label", metavar="LABEL", type=filled, action="append", default=[], help="a label; repeatable")


def _add_machine(verbs: Any) -> None:
    trust = _verb(verbs, "trust", "approve what this repository's configuration does")
    what = trust.add_mutually_exclusive_group()
    what.add_argument("-y", "--yes", action="store_true", help="approve without asking")
    what.add_argument("--show", action="store_true", help="print all values and whether they are approved")
    what.add_argument("--forget", action="store_true", help="withdraw the approval")
    _verb(verbs, "config", "print the configuration and the source of each value")
    _verb(verbs, "doctor", "check this machine and this repository")
    _verb(verbs, "version", "print the version")
    completion = _verb(verbs, "completion", "print the completion script for a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="{bash,zsh,fish}")


def _add_name(parser: Any, many: str = "") -> None:
    if many:
        argument = parser.add_argument("names", nargs=many, metavar="NAME", help="the agents")
        parser.set_defaults(rest="names")
    else:
        argument = parser.add_argument("name", metavar="NAME", help="the agent's name, or a unique beginning of it")
    argument.completer = completers.agents


def split_command(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What `run` reads itself, and the command after `--`; for other verbs `--` means what it always does."""
    if verb_of(argv) != "run" or "--" not in argv:
        return list(argv), []
    at = list(argv).index("--")
    return list(argv[:at]), list(argv[at + 1 :])


def verb_of(argv: Sequence[str]) -> str | None:
    """The first word that is neither an option nor the value of -C or --home."""
    words = iter(argv)
    for word in words:
        if word == "--home" or (word[:2] != "--" and word[:1] == "-" and word.find("C") == len(word) - 1):
            next(words, None)  # -C, or options of one letter that end in it
        elif not word.startswith("-"):
            return word
    return None
