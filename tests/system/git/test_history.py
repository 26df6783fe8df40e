"""Commits and changes are read the same whatever a person's git configuration says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agentdeck.system.git.history import commits
from agentdeck.system.git.patches import reading
from agentdeck.system.git.repository import Repository
from tests.support.decks import IDENTITY


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name, value in {**IDENTITY, "GIT_CONFIG_GLOBAL": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    run(tmp_path, "init", "-q", "-b", "main")
    run(tmp_path, "commit", "-q", "--allow-empty", "-m", "Start")
    run(tmp_path, "branch", "base")
    return Repository.find(tmp_path)


def run(folder: Path, *words: str, stdin: bytes | None = None) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, input=stdin).stdout.decode()


def test_a_signature_that_is_shown_is_no_part_of_a_commit(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\ntwo\n")
    run(tmp_path, "add", "a")
    tree = run(tmp_path, "write-tree").strip()
    text = f"tree {tree}\nparent {run(tmp_path, 'rev-parse', 'HEAD').strip()}\nauthor A <a@b> 1 +0000\n"
    text += "committer A <a@b> 1 +0000\n"
    text += "gpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\nSigned\n"
    made = run(tmp_path, "hash-object", "-t", "commit", "-w", "--stdin", stdin=text.encode()).strip()
    program = tmp_path / "gpg"
    program.write_text("#!/bin/sh\necho 'gpg: a\tsignature\tof somebody' >&2\nexit 1\n")
    program.chmod(0o755)
    run(tmp_path, "config", "gpg.program", str(program))
    run(tmp_path, "config", "log.showSignature", "true")
    assert "of somebody" in run(tmp_path, "log", made)
    (commit,) = commits(repo, "base", made)
    assert (commit.id, commit.subject, commit.added) == (made, "Signed", 2)


def test_a_submodule_shown_as_a_log_is_a_file_as_any_other(repo: Repository, tmp_path: Path) -> None:
    run(tmp_path, "config", "diff.submodule", "log")
    run(tmp_path, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    (tmp_path / "module").mkdir()
    (tmp_path / "z.txt").write_text("text\n")
    run(tmp_path, "add", "z.txt")
    run(tmp_path, "commit", "-qm", "Both")
    with reading(repo, tmp_path) as source:
        found = {each.path: each for each in source.patch("base", "HEAD")}
    assert found.keys() == {"module", "z.txt"}
    assert found["module"].status == "A"
