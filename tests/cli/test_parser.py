from __future__ import annotations

import pytest

from agentdeck.cli import machine, manual
from agentdeck.cli.parser import MODULES, build_parser, parse, split_command, verb_of
from agentdeck.errors import ExitCode, UsageError


def test_every_verb_has_a_function_and_a_manual() -> None:
    import importlib

    for verb, module in MODULES.items():
        assert callable(getattr(importlib.import_module(f"agentdeck.cli.{module}"), verb))
        assert isinstance(getattr(manual, verb.upper()), str)
    assert callable(machine.version)


def test_the_manual_names_every_exit_code() -> None:
    codes = manual.PROGRAM.partition("exit codes:")[2].partition("environment:")[0].split()
    assert {int(word) for word in codes if word.isdigit()} == {int(code) for code in ExitCode}


def test_the_help_lists_the_verbs() -> None:
    text = build_parser().format_help()
    for verb in MODULES:
        assert f"\n    {verb}" in text


@pytest.mark.parametrize(
    "argv", [["--json", "-C", "x", "ls"], ["ls", "--json", "-C", "x"], ["-C", "x", "ls", "--json"]]
)
def test_common_options_stand_before_and_after_the_verb(argv: list[str]) -> None:
    args = parse(argv)
    assert (args.verb, args.json, args.folder, args.quiet) == ("ls", True, "x", False)


def test_run_takes_its_options() -> None:
    line = "run -a codex -n x -b fix --base main --tier deep --timeout 15m --env A=1 --env B=x=y --id 7 -d -q task"
    args = parse(line.split())
    assert (args.agent, args.name, args.branch, args.base, args.tier) == ("codex", "x", "fix", "main", "deep")
    assert (args.timeout, args.env, args.id, args.detach) == (900, [("A", "1"), ("B", "x=y")], "7", True)
    assert args.task == ["task"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run --timeout soon x", "not a length of time"),
        ("run --timeout 0 x", "more than 0"),
        ("run --env A x", "not NAME=VALUE"),
        ("run --env 1A=x x", "not NAME=VALUE"),
        ("run -j 0 -f x", "not a number of 1 or more"),
        ("run --interactive --headless x", "not allowed with"),
        ("show --screen --failovers x", "not allowed with"),
        ("undo --list --step 1", "not allowed with"),
        ("models serve x --port 70000", "not a port"),
        ("resume", "required: NAME."),
        ("send", "required: NAME."),
        ("ls --wrong", "Unrecognized arguments: --wrong"),
        ("show", "required: NAME"),
        ("rm", "required: NAME"),
        ("ls --js", "Unrecognized arguments: --js"),
        ("ls more", "Unrecognized arguments: more"),
        ("send bot --no-enter x --wrong y", "Unrecognized arguments: --wrong"),
        ("--wrong ls", "Unrecognized arguments: --wrong"),
    ],
)
def test_a_wrong_line_is_one_sentence_and_where_to_read_more(line: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line.split())
    assert words in caught.value.title
    assert "\n" not in caught.value.title
    assert caught.value.hint.endswith("--help")


@pytest.mark.parametrize(
    "option", ["--agent", "--name", "--branch", "--base", "--tier", "--id", "--task-file", "--file"]
)
def test_a_variable_that_a_script_forgot_to_set_is_not_taken_for_nothing(option: str) -> None:
    with pytest.raises(UsageError, match="it is empty"):
        parse(["run", option, "", "task"])


def test_the_hint_is_the_help_of_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse(["undo", "more"])
    assert caught.value.hint == "agentdeck undo --help"
    with pytest.raises(SystemExit):
        parse(["undo", "--help"])
    assert capsys.readouterr().out.startswith("usage: agentdeck undo [-h]")


@pytest.mark.parametrize(
    ("line", "own", "command"),
    [
        ("run -n x -- sh -c y -- z", "run -n x", "sh -c y -- z"),
        ("-C run run -- ls --json", "-C run run", "ls --json"),
        ("--json run --", "--json run", ""),
        ("run task", "run task", ""),
        ("show -- -x", "show -- -x", ""),
        ("send run -- -x", "send run -- -x", ""),
    ],
)
def test_the_command_after_two_dashes_is_left_alone(line: str, own: str, command: str) -> None:
    assert split_command(line.split()) == (own.split(), command.split())


def test_names_with_a_leading_dash_go_after_two_dashes() -> None:
    assert parse(["show", "--", "-x"]).name == "-x"


@pytest.mark.parametrize(("line", "verb"), [("", None), ("--json", None), ("-C ls", None), ("-q -C x show y", "show")])
def test_the_verb_is_found(line: str, verb: str | None) -> None:
    assert verb_of(line.split()) == verb


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("send bot a b", "a b"),
        ("send bot --no-enter a b", "a b"),
        ("send bot a --no-enter b --quiet c", "a b c"),
        ("send --keys x bot -", "-"),
        ("send bot --no-enter -- -a -- b", "-a -- b"),
        ("send bot -- -a b", "-a b"),
    ],
)
def test_words_and_options_may_stand_in_any_order(line: str, words: str) -> None:
    args = parse(line.split())
    assert (args.name, " ".join(args.text)) == ("bot", words)
