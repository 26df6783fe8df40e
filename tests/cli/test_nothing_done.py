"""Ways in which an agent's program ends well and nothing was done, each through a whole `agentdeck run`.

A program with the name of a CLI prints what the real one prints, and does to its worktree what one has done.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentdeck.errors import ExitCode
from tests.support import share
from tests.support.cli import agentdeck
from tests.support.decks import Bench

pytestmark = pytest.mark.slow

_PROGRAM = """#!{python} -I
import json, os, subprocess, sys
ways = json.load(open({ways!r}))
way = next(ways[each] for each in ways if any(word.endswith("#" + each) for word in sys.argv))
for line in way["does"]:
    subprocess.run(line, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for line in way["prints"]:
    print(line if isinstance(line, str) else json.dumps(line, separators=(",", ":")), flush=True)
sys.exit(way["code"])
"""


@dataclass(frozen=True)
class Way:
    cli: str
    prints: tuple[Any, ...] = ()
    does: tuple[str, ...] = ()
    """Shell lines run in the worktree."""
    code: int = 0
    expected: ExitCode = ExitCode.UNCHANGED


def claude(*blocks: Mapping[str, Any], error: bool = False, result: str = "All done.", **more: Any) -> tuple[Any, ...]:
    init = {"type": "system", "subtype": "init", "cwd": "/w", "session_id": "s1", "model": "m"}
    end = {"type": "result", "subtype": "success", "is_error": error, "result": result, "session_id": "s1", **more}
    return (init, *blocks, *([] if error else [_said(result)]), end)


def _said(text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"type": "assistant", "message": {"id": "m1", "role": "assistant", "content": content}, "session_id": "s1"}


def _called(name: str, **given: Any) -> dict[str, Any]:
    content = [{"type": "tool_use", "id": "t1", "name": name, "input": given}]
    return {"type": "assistant", "message": {"id": "m0", "role": "assistant", "content": content}, "session_id": "s1"}


def _refused(text: str) -> dict[str, Any]:
    content = [{"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": text}]
    return {"type": "user", "message": {"role": "user", "content": content}, "session_id": "s1"}


NOT_GRANTED = "Claude requested permissions to write to /w/a, but you haven't granted it yet."
WRITE = (_called("Write", file_path="a", content="x"), _refused(NOT_GRANTED))
COMMIT = (_called("Bash", command="git commit -qm x"), _refused("This command requires approval"))


def codex(*items: Mapping[str, Any], end: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
    done = ({"type": "item.completed", "item": {"id": f"i{at}", **item}} for at, item in enumerate(items))
    usage = {"input_tokens": 10, "cached_input_tokens": 0, "output_tokens": 5}
    return (
        {"type": "thread.started", "thread_id": "01a22b89-2730-7392-bece-9c2645eb2194"},
        {"type": "turn.started"},
        *done,
        end or {"type": "turn.completed", "usage": usage},
    )


def _ran(command: str, output: str, code: int) -> dict[str, Any]:
    status = "failed" if code else "completed"
    return {
        "type": "command_execution",
        "command": command,
        "aggregated_output": output,
        "exit_code": code,
        "status": status,
    }


SAID = {"type": "agent_message", "text": "All done."}


def opencode(kind: str, **part: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": 1796029628167, "sessionID": "ses_1", **part}


REJECTED = {
    "status": "error",
    "input": {"command": "touch a"},
    "error": "The user rejected permission to use this tool.",
}
WAYS = {
    # What the CLI says of itself.
    "denied-write": Way("claude", claude(*WRITE), expected=ExitCode.DENIED),
    "denied-commit": Way("claude", claude(*COMMIT), ("echo x > a",), expected=ExitCode.DENIED),
    "api-error": Way(
        "claude", claude(error=True, result="API Error: 500 broken", api_error_status=500), expected=ExitCode.TRY_LATER
    ),
    "error-as-answer": Way("claude", claude(result="API Error: Connection error."), expected=ExitCode.TRY_LATER),
    "turn-limit": Way(
        "claude",
        claude(error=True, result="", subtype="error_max_turns", terminal_reason="max_turns"),
        expected=ExitCode.FAILED,
    ),
    "question": Way("claude", claude(result="I can do it.\n\nWhich colour, red or blue?"), expected=ExitCode.ASKED),
    "claims": Way("claude", claude(result="I have written and committed the file.")),
    "silent": Way("claude"),
    "sandbox": Way(
        "codex",
        codex(_ran("touch a", "touch: cannot touch 'a': Read-only file system\n", 1), SAID),
        expected=ExitCode.DENIED,
    ),
    "sandbox-quiet": Way(
        "codex", codex(_ran("touch a || true", "a: Read-only file system\n", 0), SAID), expected=ExitCode.DENIED
    ),
    "sandbox-commit": Way(
        "codex",
        codex(_ran("git commit -am x", "fatal: Unable to create '/w/index.lock': Read-only file system\n", 128), SAID),
        ("echo x > a",),
        expected=ExitCode.DENIED,
    ),
    "turn-failed": Way(
        "codex",
        codex(end={"type": "turn.failed", "error": {"message": "stream disconnected before completion"}}),
        expected=ExitCode.TRY_LATER,
    ),
    "half-a-turn": Way("codex", codex()[:2]),
    "rejected": Way(
        "opencode",
        (opencode("tool_use", part={"type": "tool", "tool": "bash", "callID": "c", "state": REJECTED}),),
        expected=ExitCode.DENIED,
    ),
    "opencode-error": Way(
        "opencode",
        (opencode("error", error={"name": "APIError", "data": {"message": "Overloaded"}}),),
        expected=ExitCode.FAILED,
    ),
    "qwen-error": Way("qwen", claude(error=True, subtype="error_during_execution"), expected=ExitCode.TRY_LATER),
    "gemini-error": Way("gemini", ("[API Error: fetch failed]",), expected=ExitCode.TRY_LATER),
    "aider-error": Way(
        "aider",
        ("litellm.InternalServerError: overloaded", "The API provider's servers are down or overloaded."),
        expected=ExitCode.TRY_LATER,
    ),
    "cursor-error": Way(
        "cursor-agent", ({"type": "result", "is_error": True, "result": "no"},), expected=ExitCode.TRY_LATER
    ),
    # What it has left behind, whatever it says.
    "made-and-deleted": Way("claude", claude(), ("echo x > a", "rm a")),
    "changed-back": Way("claude", claude(), ("cp README.md /tmp/$$ ; echo x > README.md; git checkout README.md",)),
    "touched": Way("codex", codex(SAID), ("touch README.md src/app.py",)),
    "ignored-files": Way("codex", codex(SAID), ("echo x > mine.sqlite3",)),
    "elsewhere": Way("copilot", (), ('echo x > "$HOME/a"',)),
    "main-checkout": Way("claude", claude(), ("cd ../.. && echo x > in-main",)),
    "other-branch": Way(
        "claude",
        claude(),
        ("git switch -qc aside && echo x > a && git add a && git commit -qm x && git switch -q -",),
    ),
    "stashed": Way("claude", claude(), ("echo x > README.md && git stash",)),
    "commit-taken-back": Way(
        "claude", claude(), ("echo x > a && git add a && git commit -qm x && git reset -q --hard HEAD^",)
    ),
    "reverted": Way("claude", claude(), ("echo x > a && git add a && git commit -qm x && git revert --no-edit HEAD",)),
    "empty-commit": Way("claude", claude(), ("git commit -q --allow-empty -m 'All of it'",)),
    "older-commit": Way("codex", codex(SAID), ("git reset -q --hard HEAD^",)),
    "staged": Way("codex", codex(SAID), ("echo x > a && git add a",), expected=ExitCode.UNCOMMITTED),
    "written": Way("aider", ("Applied edit to a",), ("echo x > a",), expected=ExitCode.UNCOMMITTED),
    "half-committed": Way(
        "claude",
        claude(),
        ("echo x > a && git add a && git commit -qm x && echo y > b",),
        expected=ExitCode.UNCOMMITTED,
    ),
    "cut-off": Way("claude", claude(), ("rm .git && echo x > a",), expected=ExitCode.UNCOMMITTED),
    "broken-index": Way("claude", claude(), ('echo x > "$(git rev-parse --git-dir)/index"',), expected=ExitCode.FAILED),
    "folder-gone": Way("claude", claude(), ('rm -rf "$PWD"',), expected=ExitCode.FAILED),
    # What hides it, or puts it where it does not count.
    "commit-on-main": Way("claude", claude(), ("cd ../.. && echo x > a && git add a && git commit -qm x",)),
    "detached-and-back": Way(
        "claude",
        claude(),
        ("git switch -q --detach && echo x > a && git add a && git commit -qm x && git switch -q -",),
    ),
    "emptied-by-amend": Way(
        "claude",
        claude(),
        ("echo x > a && git add a && git commit -qm x && git rm -q a && git commit -q --amend --allow-empty -m x",),
    ),
    "branch-moved-back": Way(
        "codex", codex(SAID), ("echo x > a && git add a && git commit -qm x && git reset -q --keep main",)
    ),
    "tagged": Way("codex", codex(SAID), ("git tag -m done done && git notes add -m done",)),
    "renamed-branch": Way("codex", codex(SAID), ("git branch -m all-done",)),
    "excluded": Way("claude", claude(), ('echo x > a; echo a >> "$(git rev-parse --git-common-dir)/info/exclude"',)),
    "hidden-change": Way("claude", claude(), ("echo x > README.md; git update-index --assume-unchanged README.md",)),
    "nested-repository": Way(
        "claude",
        claude(),
        ("git init -q sub && cd sub && echo x > a && git add a && git commit -qm x",),
        expected=ExitCode.UNCOMMITTED,
    ),
    "merge-begun": Way(
        "codex", codex(SAID), ("git merge -q --no-commit --no-ff later",), expected=ExitCode.UNCOMMITTED
    ),
    "removed-from-index": Way("aider", ("done",), ("git rm -q --cached README.md",), expected=ExitCode.UNCOMMITTED),
    "denied-says-the-end": Way(
        "claude",
        claude(permission_denials=[{"tool_name": "Write", "tool_use_id": "t1", "tool_input": {"file_path": "a"}}]),
        expected=ExitCode.DENIED,
    ),
    "declined": Way(
        "codex",
        codex({**_ran("touch a", "", 1), "exit_code": None, "status": "declined"}, SAID),
        expected=ExitCode.DENIED,
    ),
    "patch-failed": Way(
        "codex",
        codex({"type": "file_change", "changes": [{"path": "/w/a", "kind": "add"}], "status": "failed"}, SAID),
    ),
    "needs-approval": Way(
        "qwen",
        claude(
            _called("write_file", file_path="a"),
            _refused('Tool "write_file" requires permission, but background agents cannot prompt for confirmation.'),
        ),
        expected=ExitCode.DENIED,
    ),
    "question-unasked": Way(
        "qwen",
        claude(_called("ask_user_question"), _refused("Cannot ask user questions in non-interactive mode.")),
        expected=ExitCode.DENIED,
    ),
    "killed": Way("claude", claude(), code=137, expected=ExitCode.FAILED),
}
DONE = {
    "committed": Way("claude", claude(), ("echo x > a && git add a && git commit -qm x",), expected=ExitCode.OK),
    "denied-on-the-way": Way(
        "claude", claude(*WRITE), ("echo x > a && git add a && git commit -qm x",), expected=ExitCode.OK
    ),
    "asks-what-next": Way(
        "codex",
        codex({"type": "agent_message", "text": "Done. Anything else?"}),
        ("echo x > a && git add a && git commit -qm x",),
        expected=ExitCode.OK,
    ),
    "merged": Way("claude", claude(), ("git merge -q later",), expected=ExitCode.OK),
    "deleted": Way("aider", ("done",), ("git rm -q src/app.py && git commit -qm x",), expected=ExitCode.OK),
}


@pytest.fixture
def played(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A repository of two commits and a third on the branch `later`, and programs that play the ways."""
    bench.write("src/app.py", "print('hi')\n")
    bench.commit("Second")
    bench.git("switch", "-qc", "later")
    bench.write("later.txt", "later\n")
    bench.commit("Third")
    bench.git("switch", "-q", "main")
    ways = tmp_path / "ways.json"
    every = {**WAYS, **DONE}
    ways.write_text(
        json.dumps({name: {"prints": way.prints, "does": way.does, "code": way.code} for name, way in every.items()})
    )
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for cli in {way.cli for way in every.values()}:
        program = binaries / cli
        program.write_text(_PROGRAM.format(python=os.path.realpath(sys.executable), ways=str(ways)))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{binaries}:{os.environ['PATH']}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "dummy")
    monkeypatch.setenv("OPENAI_API_KEY", "dummy")
    bench.own("[failover]\nattempts = 0\n")
    yield bench


def play(bench: Bench, name: str, way: Way) -> tuple[int, dict[str, Any]]:
    """The exit code of `run`, and what `ls` says of the agent then."""
    argv = ("run", "-a", way.cli, "-n", name, "--headless", f"Write the file #{name}")
    done = agentdeck(*argv, cwd=bench.root, timeout=100)
    shown = json.loads(agentdeck("show", name, "--json", cwd=bench.root).stdout)
    return done.returncode, shown


EVERY_WAY = {**WAYS, **DONE}
SHARE = [name for at, name in enumerate(EVERY_WAY) if share.EVERY or at % 5 == 0]
"""A list that is held: all of it is played where every crash is."""


@pytest.mark.parametrize("name", SHARE)
def test_no_way_of_doing_nothing_is_done(played: Bench, name: str) -> None:
    way = EVERY_WAY[name]
    code, shown = play(played, name, way)
    assert (code, shown["outcome"]) == (way.expected, way.expected), shown
    is_plain = shown["state"] == "done" and not shown["result"]
    assert is_plain == (way.expected is ExitCode.OK), shown
    assert is_plain or shown["reason"], shown


def test_the_list_is_long_enough() -> None:
    assert len(WAYS) > 30
