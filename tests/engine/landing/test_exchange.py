"""Pull, push and pull requests, against a real remote repository; of the forge's program only its call is seen."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.records.landings import LandRequest, Stage
from agentdeck.errors import DeckError, ExitCode, NotFoundError, RefusedError
from agentdeck.system.git.forges import host_of
from agentdeck.system.git.merges import Method
from tests.support.decks import Bench
from tests.support.finished import finished
from tests.support.programs import path_without


@pytest.fixture
def remote(bench: Bench) -> Path:
    """A bare repository that `main` comes from, one commit ahead of it."""
    folder = bench.root.parent / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder)], check=True)
    bench.git("remote", "add", "origin", str(folder))
    bench.git("push", "-q", "--set-upstream", "origin", "main")
    other = bench.root.parent / "other"
    subprocess.run(["git", "clone", "-q", str(folder), str(other)], check=True)
    bench.write("theirs.txt", "theirs\n", cwd=other)
    bench.commit("Theirs", cwd=other)
    bench.git("push", "-q", cwd=other)
    return folder


def test_pull_fast_forwards_the_base_and_can_be_undone(bench: Bench, remote: Path) -> None:
    before = bench.git("rev-parse", "main")
    assert bench.deck().landings.pull() == "1 commit from origin pulled into main."
    assert (bench.root / "theirs.txt").exists()
    assert bench.deck().landings.pull() == "main is up to date with origin."
    bench.deck().undo()
    assert bench.git("rev-parse", "main") == before
    assert not (bench.root / "theirs.txt").exists()


def test_pull_refuses_what_is_no_fast_forward(bench: Bench, remote: Path) -> None:
    bench.write("mine.txt", "mine\n")
    tip = bench.commit("Mine")
    with pytest.raises(RefusedError, match="have diverged"):
        bench.deck().landings.pull()
    assert bench.git("rev-parse", "main") == tip


def test_a_landing_pulls_first_and_pushes_afterwards(bench: Bench, remote: Path) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    landing = bench.deck().land(LandRequest(("fix",), pull=True, push=True))
    assert landing.entry("fix").stage is Stage.LANDED
    assert landing.pushed == "main was pushed to origin/main."
    assert bench.git("rev-parse", "main", cwd=remote) == bench.git("rev-parse", "main")
    assert (bench.root / "theirs.txt").exists()


def test_a_gate_that_comes_with_the_pull_is_not_skipped(bench: Bench, remote: Path) -> None:
    other = bench.root.parent / "other"
    bench.write("agentdeck.toml", "[landing]\ngate = ['false']\n", cwd=other)
    bench.commit("A gate", cwd=other)
    bench.git("push", "-q", cwd=other)
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    entry = bench.deck().land(LandRequest(("fix",), pull=True)).entry("fix")
    assert (entry.stage, entry.reason) == (Stage.SET_ASIDE, "its gate failed: false (exit 1)")
    assert not (bench.root / "fix.txt").exists()


def test_without_a_remote_it_says_so(bench: Bench) -> None:
    with pytest.raises(NotFoundError, match="no remote"):
        bench.deck().landings.pull()


@dataclass
class Forge:
    """A remote that git reaches by a stand-in of ssh, with stand-ins of gh and glab that note what they are asked."""

    bench: Bench
    folder: Path
    tools: Path

    def is_at(self, host: str) -> None:
        self.bench.git("remote", "set-url", "origin", f"git@{host}:{self.folder}")

    def install(self, program: str, *, login: str = "*", script: str = "echo https://example.org/pr/7") -> None:
        """Put `program` on PATH, logged in at the hosts that match the pattern `login`."""
        asked = f"printf '%s\\n' \"$@\" > '{self.tools}/{program}.asked'"
        status = f'case "$1 $4" in "auth "{login}) exit 0 ;; auth*) exit 1 ;; esac'
        self.bench.write(program, f"#!/bin/sh\n{status}\n{asked}\n{script}\n", cwd=self.tools).chmod(0o755)

    def asked(self, program: str) -> list[str]:
        file = self.tools / f"{program}.asked"
        return file.read_text().splitlines() if file.exists() else []

    def branches(self) -> list[str]:
        return self.bench.git("for-each-ref", "--format=%(refname:short)", "refs/heads", cwd=self.folder).splitlines()


@pytest.fixture
def forge(bench: Bench, remote: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    tools = bench.home / "bin"
    ssh = bench.write("ssh", '#!/bin/sh\nfor word; do last=$word; done\nexec sh -c "$last"\n', cwd=tools)
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", shlex.quote(str(ssh)))
    monkeypatch.setenv("PATH", f"{tools}:{path_without(bench.home / 'system', 'gh', 'glab')}")
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    return Forge(bench, remote, tools)


def by_hand(bench: Bench, line: str) -> None:
    """Type a hint as a person does."""
    program = f'agentdeck() {{ {shlex.quote(sys.executable)} -m agentdeck "$@"; }}'
    subprocess.run(f"set -e; {program}; {line}", shell=True, check=True, cwd=bench.root, capture_output=True)


def test_a_pull_request_pushes_the_branch_and_calls_the_forges_program(bench: Bench, forge: Forge) -> None:
    forge.is_at("github.com")
    forge.install("gh")
    forge.install("glab")
    assert bench.deck().landings.propose(LandRequest(("fix",)), draft=True) == "https://example.org/pr/7"
    words = forge.asked("gh")
    assert words[:6] == ["pr", "create", "--head", "agentdeck/fix", "--base", "main"]
    assert words[words.index("--title") + 1] == "fix: write"
    assert "--draft" in words
    assert bench.git("rev-parse", "agentdeck/fix", cwd=forge.folder) == bench.git("rev-parse", "agentdeck/fix")
    forge.is_at("gitlab.example.org")
    bench.deck().landings.propose(LandRequest(("fix",)))
    assert forge.asked("glab")[:2] == ["mr", "create"]


@pytest.mark.parametrize(
    ("host", "logins", "says", "hint"),
    [
        ("github.com", {}, "gh is not installed", "https://cli.github.com"),
        ("ssh.github.com", {"glab": "*"}, "gh is not installed", "https://cli.github.com"),
        ("gitlab.com", {"gh": "*"}, "glab is not installed", "https://gitlab.com/gitlab-org/cli"),
        ("github.com", {"gh": "else"}, "gh is not logged in at github.com", "gh auth login --hostname github.com"),
        ("git.example.org", {}, "Neither gh nor glab is installed", "https://cli.github.com, https://gitlab.com"),
        ("git.example.org", {"gh": "*", "glab": "*"}, "whether gh or glab", "agentdeck pr --with gh fix"),
        ("git.example.org", {"gh": "no", "glab": "no"}, "whether gh or glab", "agentdeck pr --with gh fix"),
    ],
)
def test_nothing_is_pushed_for_which_no_program_is_there(
    bench: Bench, forge: Forge, host: str, logins: dict[str, str], says: str, hint: str
) -> None:
    forge.is_at(host)
    for program, login in logins.items():
        forge.install(program, login=login)
    with pytest.raises(DeckError, match=says) as raised:
        bench.deck().landings.propose(LandRequest(("fix",)))
    assert hint in raised.value.hint
    assert (forge.branches(), forge.asked("gh"), forge.asked("glab")) == (["main"], [], [])


def test_at_an_unknown_host_the_login_tells_or_a_person(bench: Bench, forge: Forge) -> None:
    forge.is_at("git.example.org")
    forge.install("gh", login="github.com")
    bench.deck().landings.propose(LandRequest(("fix",)))
    assert forge.asked("gh"), "the only one that is installed"
    forge.install("glab", login="git.example.org")
    bench.deck().landings.propose(LandRequest(("fix",)))
    assert forge.asked("glab")
    forge.install("glab", login="no", script="echo https://example.org/mr/8")
    assert bench.deck().landings.propose(LandRequest(("fix",)), program="glab") == "https://example.org/mr/8"


def test_what_is_not_committed_is_committed_by_the_hint_and_does_not_land(bench: Bench, forge: Forge) -> None:
    forge.is_at("github.com")
    view = bench.deck().agent("fix")
    assert view.worktree is not None
    bench.write("more.txt", "x\n", cwd=view.worktree)
    main = bench.git("rev-parse", "main")
    with pytest.raises(RefusedError, match="uncommitted work") as caught:
        bench.deck().landings.propose(LandRequest(("fix",)))
    by_hand(bench, caught.value.hint.removeprefix("Commit it first: "))
    assert bench.git("show", f"{view.branch}:more.txt") == "x"
    assert bench.git("rev-parse", "main") == main
    assert bench.git("status", "--porcelain", cwd=view.worktree) == ""


def test_a_base_that_the_remote_lacks_is_told_before_the_push(bench: Bench, forge: Forge) -> None:
    forge.is_at("github.com")
    forge.install("gh")
    bench.git("branch", "next")
    with pytest.raises(NotFoundError, match="origin has no branch next") as raised:
        bench.deck().landings.propose(LandRequest(("fix",), into="next"))
    assert forge.branches() == ["main"]
    by_hand(bench, raised.value.hint)
    bench.deck().landings.propose(LandRequest(("fix",), into="next"))


def test_a_branch_that_someone_pushed_to_is_brought_up_to_date_by_the_hint(bench: Bench, forge: Forge) -> None:
    forge.is_at("github.com")
    forge.install("gh")
    bench.deck().landings.propose(LandRequest(("fix",)))
    other = bench.root.parent / "other"
    bench.git("fetch", "-q", cwd=other)
    bench.git("switch", "-q", "agentdeck/fix", cwd=other)
    bench.write("review.txt", "1\n", cwd=other)
    bench.commit("Reviewed", cwd=other)
    bench.git("push", "-q", cwd=other)
    tree = bench.deck().agent("fix").worktree
    assert tree is not None
    bench.write("more.txt", "1\n", cwd=tree)
    bench.commit("More", cwd=tree)
    with pytest.raises(RefusedError, match="origin rejected agentdeck/fix") as raised:
        bench.deck().landings.propose(LandRequest(("fix",)))
    by_hand(bench, raised.value.hint)
    bench.deck().landings.propose(LandRequest(("fix",)))
    assert (tree / "review.txt").exists()
    assert bench.git("rev-parse", "agentdeck/fix", cwd=forge.folder) == bench.git("rev-parse", "HEAD", cwd=tree)


def test_what_the_program_refuses_after_the_push_says_that_it_was_pushed(bench: Bench, forge: Forge) -> None:
    forge.is_at("github.com")
    forge.install("gh", script="echo it rains >&2; exit 1")
    with pytest.raises(DeckError, match="agentdeck/fix was pushed, but gh") as raised:
        bench.deck().landings.propose(LandRequest(("fix",)))
    assert (raised.value.exit_code, raised.value.detail) == (ExitCode.FAILED, "it rains")
    assert forge.branches() == ["agentdeck/fix", "main"]
    forge.install("gh", script="echo 'one already exists: https://example.org/pr/3' >&2; exit 1")
    assert bench.deck().landings.propose(LandRequest(("fix",))) == "https://example.org/pr/3"
    by_hand(bench, raised.value.hint.replace("gh ", "echo ", 1))


def test_a_base_that_can_not_be_pushed_lands_again_by_the_hint(bench: Bench, forge: Forge) -> None:
    finished(bench, "more", {"more.txt": "more\n"})
    landing = bench.deck().land(LandRequest(("fix", "more"), method=Method.SQUASH, push=True))
    assert [entry.stage for entry in landing.entries] == [Stage.LANDED, Stage.LANDED]
    assert "rejected main" in landing.unpushed
    by_hand(bench, landing.unpushed_hint)
    assert bench.git("rev-parse", "main", cwd=forge.folder) == bench.git("rev-parse", "main")
    assert all((bench.root / name).exists() for name in ("fix.txt", "more.txt", "theirs.txt"))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("git@github.com:a/b.git", "github.com"),
        ("GitHub.com:a/b", "github.com"),
        ("ssh://git@ssh.github.com:443/a/b", "github.com"),
        ("https://user:word@gitlab.example.org:8443/a", "gitlab.example.org"),
        ("git@altssh.gitlab.com:a/b", "gitlab.com"),
        ("/srv/git/a.git", ""),
        ("../a:b/c.git", ""),
        ("file:///srv/a.git", ""),
        ("https://[::1]:3000/a", "::1"),
    ],
)
def test_the_host_of_an_address(url: str, host: str) -> None:
    assert host_of(url) == host


def test_it_tells_how_far_a_push_and_a_pull_are_and_keeps_nothing_of_that(bench: Bench, remote: Path) -> None:
    told: list[Event] = []
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    bench.deck().land(LandRequest(("fix",), pull=True, push=True), told.append)
    words = [event.text for event in told if event.kind is EventKind.REMOTE_PROGRESS]
    assert any(text.startswith("origin: counting objects") for text in words), words
    assert "remote.progress" not in "".join(
        path.read_text() for path in (bench.root / ".git/agentdeck").rglob("*.jsonl")
    )
