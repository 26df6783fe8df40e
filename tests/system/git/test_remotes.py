from __future__ import annotations

import os
import time
from pathlib import Path

import git
import pytest

from agentdeck.errors import CancelledError, GitError, RefusedError
from agentdeck.system.git import remotes, transfers
from agentdeck.system.git.remotes import BehindError, Upstream
from agentdeck.system.git.repository import Repository
from agentdeck.system.machine.process import cancellable
from tests.support.repos import MakeRepo, Sandbox
from tests.support.retry import eventually

ORIGIN = Upstream("origin", "main")


@pytest.fixture
def pair(repo: MakeRepo) -> tuple[Sandbox, Sandbox]:
    """A repository and its bare remote, which has its main branch."""
    here, there = repo("here"), repo("there.git", commit=False, bare=True)
    here.git("remote", "add", "origin", there.folder)
    here.git("push", "-q", "origin", "main")
    return here, there


def test_a_fetch_tells_how_far_it_is_and_leaves_fetch_head_alone(pair: tuple[Sandbox, Sandbox], repo: MakeRepo) -> None:
    here, there = pair
    other = repo("other")
    other.git("pull", "-q", "--rebase", there.folder, "main")
    other.write("large", os.urandom(1 << 20))
    wanted = other.commit("large")
    other.git("push", "-q", there.folder, "HEAD:main")
    told: list[str] = []
    assert remotes.fetch(here.repo, ORIGIN, told.append) == wanted
    assert "counting objects 100 %" in told
    assert not (here.folder / ".git" / "FETCH_HEAD").exists()
    with git.Repo(here.folder) as seen:
        assert seen.remotes.origin.refs.main.commit.hexsha == wanted


def test_a_push_tells_how_far_it_is_and_follows_the_branch_from_then_on(pair: tuple[Sandbox, Sandbox]) -> None:
    here, there = pair
    here.git("switch", "-q", "-c", "work/it's-mine")
    here.write("large", os.urandom(1 << 20))
    wanted = here.commit()
    told: list[str] = []
    remotes.push(here.repo, "work/it's-mine", Upstream("origin", "theirs"), told.append, track=True)
    assert any(words.startswith("sending 100 %") for words in told), told
    with git.Repo(here.folder) as seen, git.Repo(there.folder) as got:
        tracked = seen.active_branch.tracking_branch()
        assert tracked is not None
        assert tracked.name == "origin/theirs"
        assert got.heads["theirs"].commit.hexsha == wanted


def test_a_push_that_is_behind_and_one_that_a_hook_refuses_are_told_apart(pair: tuple[Sandbox, Sandbox]) -> None:
    here, there = pair
    here.commit("there")
    here.git("push", "-q", "origin", "main")
    here.git("reset", "-q", "--hard", "HEAD~")
    here.commit("here")
    with pytest.raises(BehindError, match="the remote branch has commits that are not here"):
        remotes.push(here.repo, "main", ORIGIN)
    hook = there.write("hooks/pre-receive", "#!/bin/sh\necho 'on Fridays \\377 nobody pushes' >&2\nexit 1\n", 0o755)
    hook.write_bytes(hook.read_bytes().replace(b"\\377", b"\xff"))
    with pytest.raises(RefusedError, match="origin rejected main") as raised:
        remotes.push(here.repo, "main", Upstream("origin", "another"))
    assert not isinstance(raised.value, BehindError)
    assert "on Fridays" in raised.value.detail
    assert "pre-receive hook declined" in raised.value.detail


def test_a_remote_that_can_not_be_reached_is_told_in_git_s_words(pair: tuple[Sandbox, Sandbox]) -> None:
    here, there = pair
    there.folder.rename(there.folder.with_name("elsewhere"))
    with pytest.raises(GitError, match="main can't be fetched from origin") as failed:
        remotes.fetch(here.repo, ORIGIN)
    assert "does not appear to be a git repository" in failed.value.detail
    with pytest.raises(RefusedError) as refused:
        remotes.push(here.repo, "main", ORIGIN)
    assert "does not appear to be a git repository" in refused.value.detail


def test_variables_of_another_repository_lead_nowhere(
    pair: tuple[Sandbox, Sandbox], repo: MakeRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair
    monkeypatch.setenv("GIT_DIR", str(repo("astray").folder / ".git"))
    monkeypatch.setenv("GIT_NAMESPACE", "astray")
    monkeypatch.setenv("GIT_WORK_TREE", "/nowhere")
    place = Repository(here.folder, here.folder / ".git", bare=False)
    wanted = place.commit("HEAD")
    assert remotes.fetch(place, ORIGIN) == wanted
    remotes.push(place, "main", Upstream("origin", "again"))
    monkeypatch.undo()
    assert (there.folder / "refs/heads/again").read_text().strip() == wanted


def waiting_ssh(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ssh that asks for a password and waits; the file that it writes its pid to."""
    ssh, pid = folder / "ssh", folder / "pid"
    ssh.write_text(f"#!/bin/sh\necho $$ >'{pid}'\nexec sleep 600\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"'{ssh}'")
    monkeypatch.setenv("GIT_SSH_VARIANT", "ssh")
    return pid


def lives(pid: Path) -> bool:
    return Path("/proc", pid.read_text().strip(), "stat").exists()


def test_an_ssh_that_waits_for_a_password_is_ended_in_time(
    pair: tuple[Sandbox, Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = pair
    pid = waiting_ssh(tmp_path, monkeypatch)
    here.git("remote", "set-url", "origin", "me@nowhere.invalid:it")
    monkeypatch.setattr(transfers, "SILENCE", 1.0)
    for act, error in ((remotes.fetch, GitError), (lambda repo, at: remotes.push(repo, "main", at), RefusedError)):
        with pytest.raises(error) as raised:
            act(here.repo, ORIGIN)
        assert "git said nothing for 1 s" in raised.value.detail
        eventually(lambda: not lives(pid))


def test_what_waits_can_be_cancelled(
    pair: tuple[Sandbox, Sandbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = pair
    pid = waiting_ssh(tmp_path, monkeypatch)
    here.git("remote", "set-url", "origin", "me@nowhere.invalid:it")
    with cancellable(pid.exists), pytest.raises(CancelledError):
        remotes.fetch(here.repo, ORIGIN)
    begun = time.monotonic()
    eventually(lambda: not lives(pid))
    assert time.monotonic() - begun < 10
