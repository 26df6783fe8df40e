"""Whatever a verb is given, it answers with an exit code of its own, and never with a bug."""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from agentdeck.cli.main import main
from agentdeck.cli.parser import MODULES, build_parser
from agentdeck.core.agents.agent import Mode
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode, UsageError
from tests.support.cli import agentdeck
from tests.support.decks import Bench, bench_in
from tests.support.finished import finished
from tests.support.share import examples

_WAITS = {("logs", "--follow"), ("radar", "--watch"), ("resume", "--wait")}
_STARTS = {"run", "resume", "gateway", "models", "attach", "failover", "mcp"}
"""Verbs that start what goes on, which the table below has with the words that they refuse."""
_ODD = [
    "", " ", "\t", "\n", "-", "--", "-1", "0", "1", "9" * 24, "1e999", "nan", "inf", "1.5", "٣", "0x10", "1_000",
    "fix", "fi", "FIX", "main", "HEAD", "HEAD~99", "agentdeck/fix", "refs/heads/main", "@{-1}", "-fix", "a b", "a..b",
    "../..", "/", "/nowhere", "~", "~nobody", ".", "*", "[", "(", "\\", "'", "$(false)", "%s", "{name}", "A=", "=",
    "\x1b[31m", "\u202e", "\u200b", "\udcff", "ünï", "💥", "x" * 300, "x" * 70_000, "10s", "1h30m", "-5m",
    "9" * 400 + "d", "A=1", "2026-13-45", "yesterday", "127.0.0.1:1", "http://[", "gh", "bash", "C-c", "json",
]  # fmt: skip
words = st.sampled_from(_ODD) | st.text(st.characters(exclude_characters="\0"), max_size=8)
names = st.booleans().flatmap(lambda real: st.just("fix") if real else words)


@st.composite
def lines(draw: st.DrawFn, verb: str) -> list[str]:
    """A call of the verb with some of its options, in any order, and odd words for what they take."""
    parser = next(each for each in build_parser()._actions if isinstance(each, argparse._SubParsersAction))
    told: list[list[str]] = []
    for action in parser.choices[verb]._actions:
        if "--help" in action.option_strings or "-C" in action.option_strings:
            continue
        many = draw(st.sampled_from([0, 0, 1, 2])) if action.nargs in ("*", "?") or action.option_strings else 1
        for _ in range(many):
            option = draw(st.sampled_from(action.option_strings)) if action.option_strings else ""
            if any((verb, each) in _WAITS for each in action.option_strings):
                continue
            value = [] if action.nargs == 0 else [draw(words if option else names)]
            told.append([*filter(None, [option]), *value])
    return [verb, *itertools.chain.from_iterable(draw(st.permutations(told)))]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch, bench_in(tmp_path_factory.mktemp("odd"), patch) as bench:
        finished(bench, "fix", {"fix.txt": "1\n"})
        patch.chdir(bench.root)
        patch.setattr("sys.argv", ["agentdeck"])
        yield bench


def call(argv: list[str]) -> tuple[int, str]:
    """What the program exits with, and all that it printed."""
    told, stdin = io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape"), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO())
    try:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = main(argv)
    finally:
        sys.stdin = stdin
    told.seek(0)
    return code, told.read()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("verb", sorted(set(MODULES) - _STARTS))
@settings(max_examples=examples(10), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_words_are_a_bug(shared: Bench, verb: str, data: st.DataObject) -> None:
    argv = data.draw(lines(verb))
    note(" ".join(map(ascii, argv)))
    code, told = call(argv)
    assert code in [*ExitCode], told
    assert code != ExitCode.INTERNAL, told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "line",
    [
        ["run"],
        ["run", ""],
        ["run", " \t"],
        ["run", "-"],
        ["run", "--agent", "demo"],
        ["run", "--agent", "demo", "--headless", " "],
        ["run", "--agent", "aider", "-d", ""],
        ["run", "--agent", "nobody", "x"],
        ["run", "--task-file", "."],
        ["run", "--task-file", "/nowhere"],
        ["run", "--task-file", "/dev/null", "--agent", "demo"],
        ["run", "-f", "."],
        ["run", "-f", "/dev/null"],
        ["run", "--"],
        ["run", "--", " "],
        ["run", "--", "no such program"],
        ["run", "--", "x" * 5000],
        ["run", "-n", "\u200b", "--", "no-such-program"],
        ["run", "-b", "a..b", "--", "true"],
        ["run", "-b", "-x", "--", "true"],
        ["-C", "~nobody", "ls"],
        ["run", "--task-file", "~nobody/task"],
        ["run", "-f", "~nobody/tasks"],
        ["run", "--base", "nowhere", "--", "true"],
        ["run", "--base", "\u202e", "--", "true"],
        ["run", "--tier", "nowhere", "--agent", "demo", "x"],
        ["run", "--failover", ",", "--", "true"],
        ["run", "--failover", "nobody", "--agent", "demo", "x"],
        ["run", "--env", "PATH=", "--", "true"],
        ["run", "--timeout", "1e999", "--", "true"],
        ["resume", ""],
        ["resume", "nobody"],
        ["resume", "fix", "-"],
        ["attach", ""],
        ["attach", "nobody"],
        ["failover", ""],
        ["failover", "fix", "--to", " "],
        ["failover", "fix", "--to", "nobody"],
        ["gateway", "nonsense"],
        ["models", "nonsense"],
        ["models", "serve", "/nowhere"],
    ],
    ids=lambda line: ascii(" ".join(line))[:40],
)
def test_what_can_not_be_started_is_refused_in_one_sentence(shared: Bench, line: list[str]) -> None:
    code, told = call(line)
    refusals = (ExitCode.USAGE, ExitCode.NOT_FOUND, ExitCode.REFUSED, ExitCode.MISSING_TOOL, ExitCode.CONFIG)
    assert code in refusals, told
    assert "agentdeck: " in told
    assert [view.name for view in shared.deck().agents()] == ["fix"]


def test_an_agent_without_a_task_waits_at_its_prompt_or_is_refused(bench: Bench) -> None:
    view = bench.deck().start(StartRequest(profile="shell"))
    assert (view.name, view.agent.task, view.alive) == ("shell", "", True)
    with pytest.raises(UsageError, match="no task"):
        bench.deck().start(StartRequest(profile="shell", task=" ", mode=Mode.HEADLESS))
    done = agentdeck("run", "--agent", "shell", cwd=bench.root)
    assert (done.returncode, "There is no task" in done.stderr) == (ExitCode.USAGE, True)
