"""A profile whose program is told what to do a line at a time, and works on each for as long as the test wants."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.decks import Bench

_PROGRAM = """
import os, sys, time, tty
folder = {folder!r}
def said(line):
    with open(folder + "/lines", "a") as file:
        file.write(line + "\\n")
def work():
    print("at work (esc to interrupt)", flush=True)
    while os.path.exists(folder + "/busy"):
        time.sleep(0.02)
    print("\\x1b[2J\\x1b[H", end="")
if len(sys.argv) > 1:
    work()
while True:
    line = input("> ")
    said(line)
    if not os.path.exists(folder + "/deaf"):
        work()
"""
_PROFILE = """
title = "Talker"
command = {python!r}
install = "none"
judged = false

[interactive]
prompt = [{python!r}, {program!r}, "{{prompt}}"]
bare = [{python!r}, {program!r}]
resume_last = [{python!r}, {program!r}]

{more}
[screen]
waiting = ['(?P<reason>Allow .+\\?) \\[y/N\\] *$']
working = ['esc to interrupt']
done = ['^> *$']
"""
REPORTS = '[reports]\nkind = "claude"\n'
"""So that its turns are known, as those of a CLI with hooks."""


@dataclass
class Talker:
    folder: Path

    @property
    def lines(self) -> list[str]:
        path = self.folder / "lines"
        return path.read_text().splitlines() if path.exists() else []

    def hold(self, name: str = "busy") -> None:
        (self.folder / name).touch()

    def go_on(self, name: str = "busy") -> None:
        (self.folder / name).unlink()


def talker(bench: Bench, more: str = "") -> Talker:
    """Make the profile `talker`; it works while `busy` is held, and begins no turn while `deaf` is."""
    folder = bench.home / "talker"
    program = bench.write("talk.py", _PROGRAM.format(folder=str(folder)), cwd=folder)
    text = _PROFILE.format(python=sys.executable, program=str(program), more=more)
    bench.write(".config/agentdeck/profiles/talker.toml", text, cwd=bench.home)
    return Talker(folder)
