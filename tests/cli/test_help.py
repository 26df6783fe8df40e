"""Every page of the help fits a terminal of 80 columns, and its examples are commands that the parser takes."""

from __future__ import annotations

import re
import shlex

import pytest

from agentdeck.cli import manual
from agentdeck.cli.parser import MODULES, parse, split_command, verb_of
from agentdeck.core.text.text import columns

WIDE = 80
PAGES = ("", *MODULES)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDE))


def page(verb: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        parse([*filter(None, [verb]), "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def examples(text: str) -> list[str]:
    """The commands below “examples:”, without what is said of them behind two spaces."""
    lines = text.partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    return [re.split(r"\s{2,}", line.strip(), maxsplit=1)[0] for line in lines]


def commands(line: str) -> list[list[str]]:
    """What the shell would call `agentdeck` with."""
    line = re.sub(r'eval "\$\((.*)\)"', r"\1", line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|>")
    lexer.whitespace_split = True
    calls: list[list[str]] = [[]]
    for word in lexer:
        if word in (";", "|", ">"):
            calls.append([])
        else:
            calls[-1].append(word)
    return [call[1:] for call in calls if call[:1] == ["agentdeck"]]


@pytest.mark.parametrize("verb", PAGES)
def test_no_line_is_wider_than_the_terminal(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    too_wide = [line for line in page(verb, capsys).splitlines() if columns(line) > WIDE]
    assert not too_wide


def test_the_list_of_verbs_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    listed = page("", capsys).partition("verbs:")[2].partition("common options:")[0]
    for verb in MODULES:
        summary = page(verb, capsys).partition("\n\n")[2].partition("\n\n")[0]
        first = summary.removesuffix(".")
        assert re.search(rf"^    {verb} +{re.escape(first[:1].lower() + first[1:])}$", listed, re.MULTILINE), verb


def test_no_line_of_the_manual_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in PAGES:
        text = getattr(manual, verb.upper() or "PROGRAM")
        assert text.strip() in page(verb, capsys)


@pytest.mark.parametrize("verb", PAGES)
def test_every_page_has_examples_that_parse(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = examples(page(verb, capsys))
    assert found
    for line in found:
        assert "agentdeck" in line
        for words in commands(line):
            assert verb_of(words) == (verb or verb_of(words)), line
            parse(split_command(words)[0] or ["run"])
