"""What the command line prints on a real terminal is text and colours, whatever an agent, a branch or a file says."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.cli.output import Cell, Output, TableColumn
from agentdeck.core.agents.agent import State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.errors import DeckError
from tests.support.cli import PROGRAM, agentdeck
from tests.support.decks import Bench
from tests.support.harmless import harm_in, printed_on_a_terminal
from tests.support.retry import eventually
from tests.tui.panes.opened import begin

EVIL = (
    b"\x1b]0;OWNED\x07\x1b]52;c;UFdORUQ=\x07\x1b[2J\x1b[9;9Hmoved\xe2\x80\xaegnp.exe \xc2\x9b31;1H \x1bP+q\x1b\\ "
    b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\ \x1b[8mhidden\x1b[0m \xe2\x81\xa6\xe2\x80\x8b\xff "
    b"\x7f\r\x08 end\x1b[31m"
)
ANYTHING = st.one_of(
    st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape")),
    st.text(st.sampled_from("\x1b[]Pm;8K\x07\x9b\x7f\r\n\t\u202e\u2066\u200d\udc9bx"), max_size=60),
    st.text(st.characters(), max_size=30),
)
WAYS: list[Callable[[Output, str], None]] = [
    lambda out, text: out.line(text),
    lambda out, text: out.line(out.styled(text, "31")),
    lambda out, text: out.narrate(text),
    lambda out, text: out.complain(text, "31"),
    lambda out, text: out.tell(Event(EventKind.WARNING, text, text)),
    lambda out, text: out.error(DeckError(text, detail=text, hint=text)),
    lambda out, text: out.table([TableColumn("A", 1), TableColumn("B", 3)], [[Cell(text, "2"), Cell(text)]]),
    lambda out, text: out.emit("event", text=text),
]


@contextmanager
def terminal(encoding: str) -> Iterator[Callable[[], str]]:
    """Standard output and standard error are a terminal; the answer is what it got."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    before = sys.stdout, sys.stderr
    stream = io.TextIOWrapper(os.fdopen(slave, "wb"), encoding=encoding)
    sys.stdout = sys.stderr = stream

    def got() -> str:
        stream.flush()
        # The end is told by a byte of our own, for a terminal has none.
        os.write(slave, b"\0")
        data = b""
        while not data.endswith(b"\0"):
            data += os.read(master, 65536)
        return data[:-1].decode(encoding)

    try:
        yield got
    finally:
        sys.stdout, sys.stderr = before
        stream.close()
        os.close(master)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@given(text=ANYTHING)
def test_no_way_of_printing_passes_more_than_text_and_colours(encoding: str, text: str) -> None:
    with terminal(encoding) as got:
        out = Output(colour=True)
        for print_it in WAYS:
            print_it(out, text)
        assert harm_in(got()) == set()


def test_colours_of_others_end_with_their_line() -> None:
    with terminal("utf-8") as got:
        Output(colour=True).line("\x1b[31mred\nplain")
        assert got() == "\x1b[31mred\x1b[0m\nplain\n"


def evil_agent(bench: Bench) -> Path:
    """An agent whose branch, files, commits and output are hostile; return its worktree."""
    shown = bench.root.parent / "evil.bin"
    shown.write_bytes(EVIL + b"\n")
    view = begin(bench, "evil", f"cat '{shown}'; exit 3", task=EVIL.decode("utf-8", "replace").replace("\r", ""))
    eventually(lambda: bench.deck().agent("evil").state is State.FAILED)
    tree = view.worktree
    assert tree is not None
    bench.git("branch", "-m", "x/\u202eevil\u009b\u2066", cwd=tree)
    (tree / "n\x1b]0;OWNED\x07\u202e\x9b.txt").write_bytes(EVIL + b"\n")
    bench.git("add", "-A", cwd=tree)
    subprocess.run(["git", "commit", "-q", "-F", "-"], input=EVIL.replace(b"\xff", b""), cwd=tree, check=True)
    (tree / "\u202emore\x1b[2J.txt").write_bytes(EVIL)
    return tree


VERBS = [
    "ls",
    "show evil",
    "show --screen evil",
    "logs evil",
    "diff evil",
    "diff --stat evil",
    "radar",
    "merge --dry-run evil",
    "merge --no-gate evil",
    "config",
    "doctor",
    "undo --list",
    "prune --dry-run",
    "show \x1b]0;OWNED\x07",
    "\x1b]0;OWNED\x07",
    "run -a \x1b[2J x",
    "rm -y evil",
    "undo --list",
    "undo",
]


def test_no_verb_passes_what_an_agent_made_on_to_the_terminal(bench: Bench) -> None:
    evil_agent(bench)
    for verb in VERBS:
        said = printed_on_a_terminal([*PROGRAM, *verb.split(" ")], bench.root)
        assert said, verb
        assert harm_in(said) == set(), (verb, said)
    for verb in ("ls", "logs evil", "diff --stat evil", "show evil"):
        done = agentdeck(*verb.split(" "), cwd=bench.root)
        assert harm_in(done.stdout + done.stderr) == set(), verb


def test_a_diff_for_a_program_keeps_every_byte(bench: Bench, tmp_path: Path) -> None:
    tree = evil_agent(bench)
    (tree / "latin.txt").write_bytes(b"caf\xe9\r\n\x1b[31mno newline at the end")
    done = subprocess.run([*PROGRAM, "diff", "evil"], cwd=bench.root, capture_output=True, check=True)
    other = tmp_path / "other"
    bench.git("worktree", "add", "-q", "--detach", str(other), "main")
    subprocess.run(["git", "apply", "--index"], input=done.stdout, cwd=other, check=True)
    for path in tree.iterdir():
        if path.suffix == ".txt":
            assert (other / path.name).read_bytes() == path.read_bytes()
