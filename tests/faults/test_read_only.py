"""Folders that can't be written and settings that can't be read: looking works, and what can't be done says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck
from tests.support.decks import CONFIG, Bench, bench_in
from tests.support.finished import finished
from tests.support.mounts import read_only
from tests.support.verdicts import assert_no_bug, assert_ok, assert_refused

SLEEPER = ("run", "--detach", "--name", "more", "--", "sleep", "600")


def test_a_state_folder_that_cannot_be_written(bench: Bench) -> None:
    view = finished(bench, "fix", {"new.txt": "new\n"})
    base = bench.git("rev-parse", "main")
    with read_only(bench.deck().store.folder):
        assert "fix" in assert_ok(agentdeck("ls", cwd=bench.root))
        for look in (("show", "fix"), ("logs", "fix"), ("diff", "fix"), ("ports",)):
            assert_ok(agentdeck(*look, cwd=bench.root))
        assert_no_bug(agentdeck("doctor", cwd=bench.root))
        for verb in (SLEEPER, ("rm", "fix"), ("resume", "fix"), ("merge", "fix"), ("prune", "--yes")):
            done = agentdeck(*verb, cwd=bench.root)
            if verb[0] == "prune" and done.returncode == 0:
                continue  # there is nothing to prune
            assert_refused(done, ExitCode.FAILED, says=["can't be written", "Read-only"])
    assert view.worktree is not None
    assert (view.worktree / "new.txt").exists()
    assert bench.git("rev-parse", "main") == base
    assert_ok(agentdeck("merge", "fix", cwd=bench.root))
    assert_ok(agentdeck("rm", "fix", cwd=bench.root))


def test_a_repository_that_cannot_be_written_and_was_never_used(bench: Bench) -> None:
    with read_only(bench.root):
        assert assert_ok(agentdeck("ls", cwd=bench.root)) == ""
        assert_ok(agentdeck("config", cwd=bench.root))
        assert_refused(agentdeck(*SLEEPER, cwd=bench.root), ExitCode.FAILED, says=["can't be written"])


def test_a_folder_for_worktrees_that_cannot_be_written(bench: Bench) -> None:
    (bench.root / ".worktrees").mkdir()
    with read_only(bench.root / ".worktrees"):
        done = agentdeck(*SLEEPER, cwd=bench.root)
        assert_refused(done, ExitCode.FAILED, says=[".worktrees", "Read-only"])
        assert assert_ok(agentdeck("ls", cwd=bench.root)) == ""
    assert bench.branches() == ["main"]
    assert_ok(agentdeck(*SLEEPER, cwd=bench.root))


def test_a_home_that_cannot_be_written(bench: Bench) -> None:
    with read_only(bench.home):
        assert assert_ok(agentdeck("ls", cwd=bench.root)) == ""
        done = agentdeck(*SLEEPER, cwd=bench.root)
        assert_refused(done, ExitCode.FAILED, says=["can't be", "XDG_STATE_HOME"])
    assert bench.deck().agents() == []
    assert bench.worktrees() == [str(bench.root)]


def test_no_home_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user without an entry in the system's list, whose home so is nowhere."""
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    nobody = 54321
    # Not among pytest's own folders, which are for one user only.
    folder = Path(tempfile.mkdtemp(prefix="agentdeck-test-"))
    try:
        with bench_in(folder / "all", monkeypatch) as bench:
            for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
                monkeypatch.delenv(name)
            for path in (folder, *folder.rglob("*")):
                os.chown(path, nobody, nobody, follow_symlinks=False)
            become = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
            argv = [*become, sys.executable, "-m", "agentdeck"]
            if not _can_start(argv, bench.root):
                pytest.skip("another user can't run this Python")
            done = subprocess.run([*argv, "ls"], cwd=bench.root, capture_output=True, text=True, check=False)
            assert_ok(done)
            assert "home" not in done.stderr, "what needs no home must not complain of it"
            done = subprocess.run([*argv, *SLEEPER], cwd=bench.root, capture_output=True, text=True, check=False)
            assert_refused(done, ExitCode.FAILED, says=["HOME"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("place", ["new", "src"])
def test_a_folder_in_a_worktree_that_cannot_be_read(bench: Bench, place: str) -> None:
    """The dry run says what the landing will: that not all can be committed."""
    finished(bench, "fix", {"src/app.py": "changed\n", "new/file.txt": "new\n", "more.txt": "more\n"}, commit=False)
    worktree, main = bench.root / ".worktrees" / "fix", bench.git("rev-parse", "main")
    (worktree / place).chmod(0)
    argv = [*_bound_by_permissions(), sys.executable, "-m", "agentdeck", "merge", "--commit", "fix"]
    try:
        for words in (["--dry-run"], []):
            done = subprocess.run([*argv, *words], cwd=bench.root, capture_output=True, text=True, check=False)
            assert done.returncode == ExitCode.REFUSED, done
            assert f"{place}/" in done.stdout + done.stderr, done
    finally:
        (worktree / place).chmod(0o755)
    assert bench.git("rev-parse", "main") == main
    assert_ok(agentdeck("merge", "--commit", "fix", cwd=bench.root))


def _bound_by_permissions() -> list[str]:
    """How to start a program that may read only what its user was given, though that is root."""
    if os.geteuid() != 0:
        return []
    become = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if shutil.which("setpriv") is None or subprocess.run([*become, "true"], check=False).returncode:
        pytest.skip("root can't be bound by permissions here")
    return become


def _can_start(argv: list[str], cwd: Path) -> bool:
    done = subprocess.run([*argv, "--version"], cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("value", ["relative/path", "", "/dev/null/x", "/proc/nowhere"])
def test_odd_xdg_folders(bench: Bench, value: str) -> None:
    env = {"XDG_STATE_HOME": value, "XDG_CONFIG_HOME": value}
    bench.write("agentdeck.toml", CONFIG.partition("[database]")[0])  # nothing in it needs approval
    assert_ok(agentdeck("ls", cwd=bench.root, env=env))
    done = agentdeck(*SLEEPER, cwd=bench.root, env=env)
    if value.startswith("/"):
        assert_refused(done, ExitCode.FAILED, says=["XDG_STATE_HOME"])
        assert bench.worktrees() == [str(bench.root)]
    else:
        # What the specification calls invalid is ignored: the home's own folders do.
        assert_ok(done)
        assert (bench.home / ".local/state/agentdeck/ports.json").exists()


@pytest.mark.parametrize("what", ["a folder", "binary", "no permission"])
def test_settings_that_cannot_be_read(bench: Bench, what: str) -> None:
    path = bench.root / "agentdeck.toml"
    path.unlink()
    if what == "a folder":
        path.mkdir()
    elif what == "binary":
        path.write_bytes(b"\xff\xfe\x00\x01" * 10)
    else:
        path.write_text("[agent]\n")
        path.chmod(0)
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
    assert_no_bug(agentdeck("ls", cwd=bench.root))
    done = agentdeck(*SLEEPER, cwd=bench.root)
    assert_refused(done, ExitCode.CONFIG, says=["agentdeck.toml"])
    assert "agentdeck.toml" in agentdeck("doctor", cwd=bench.root).stdout
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert_ok(agentdeck(*SLEEPER, cwd=bench.root))
