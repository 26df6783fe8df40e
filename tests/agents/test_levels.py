"""What each real CLI does without a screen on each permission level: no more than the level says, and no less."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentdeck.errors import ExitCode
from tests.agents.conftest import EVERY, programs_of
from tests.agents.setups import modelled
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.scripted_model import Block, run, say, write
from tests.support.share import diagonal

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]
CODEX = (
    'sandbox_mode = "read-only"\n[sandbox_workspace_write]\nexclude_slash_tmp = true\nexclude_tmpdir_env_var = true\n'
)
"""What a new Codex is set to; and `/tmp` is closed to it, because the repository is there."""
WORKING = {"opencode": ("", "edit", "all"), "aider": ("", "edit")}
"""The levels on which a CLI can work with nobody to ask."""


def answers(cli: str, tree: Path, outside: Path) -> list[list[Block]]:
    if cli == "aider":  # it has no tools, and commits by itself
        return [[say("note.txt\n```\nnote\n```\n")]]
    note = run("echo note > note.txt") if cli == "codex" else write(str(tree / "note.txt"), "note\n")
    lines = ("git add -A", "git commit -qm Noted", f"touch '{outside}'")
    return [[note], *([run(line)] for line in lines), [say("All is done.")]]


@pytest.mark.parametrize(("cli", "level"), diagonal(EVERY, ["", "ask", "edit", "all"]))
def test_a_run_from_cron(
    bench: Bench, cli: str, level: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, outside = bench.root / ".worktrees/cron", bench.home / "outside"
    asked = {"": (), "all": (*("--permission", level) * 2, "--no-box")}.get(level, ("--permission", level))
    with modelled(bench, cli, programs_of(request, cli), monkeypatch, *answers(cli, tree, outside)):
        if cli == "codex":
            own = bench.home / ".codex/config.toml"
            own.write_text(own.read_text().replace("\n\n", f"\n{CODEX}\n", 1))
        argv = ("run", "-a", cli, "-n", "cron", "--headless", *asked, "Make a note")
        done = agentdeck(*argv, cwd=bench.root, timeout=200)
    if cli == "aider" and level in ("ask", "all"):
        assert done.returncode == ExitCode.USAGE, done.stderr
        assert "It has: edit." in done.stderr
        return
    shown = json.loads(agentdeck("show", "cron", "--json", cwd=bench.root).stdout)
    works = level in WORKING.get(cli, ("edit", "all"))
    told = [line for line in done.stderr.splitlines() if "nobody to ask" in line]
    assert bool(told) != works, f"{shown}\n{done.stderr}"
    assert (tree / "note.txt").exists() == works, shown
    assert outside.exists() == (level == "all"), shown
    if works:
        assert (done.returncode, shown["state"], shown["result"]) == (ExitCode.OK, "done", ""), shown
        assert bench.git("log", "-1", "--format=%s", "agentdeck/cron") != "Start"
        assert bench.git("status", "--porcelain", cwd=tree) == ""
    else:
        assert done.returncode in (ExitCode.DENIED, ExitCode.UNCHANGED), shown
        lines = done.stderr.splitlines()
        assert lines.index(told[0]) < next(at for at, line in enumerate(lines) if "worktree" in line), lines
