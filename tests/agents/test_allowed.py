"""What real agent CLIs may do in their worktrees: commit, and no more than they were allowed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.agents.conftest import PACKAGES, provider
from tests.support.cli import agentdeck
from tests.support.decks import Bench
from tests.support.fake_api import FakeApi
from tests.support.retry import eventually
from tests.support.share import one

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def api(bench: Bench, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """The provider, and Codex in its usual sandbox, to which `/tmp` is closed because the repository is there."""
    opened = bench.home / "opened"
    opened.mkdir()
    settings = (
        'sandbox_mode = "workspace-write"\n'
        f"[sandbox_workspace_write]\nwritable_roots = [{json.dumps(str(opened))}]\n"
        "exclude_slash_tmp = true\nexclude_tmpdir_env_var = true\n"
    )
    with provider(bench, programs, monkeypatch, settings) as served:
        yield served


@pytest.fixture
def sandbox(api: FakeApi, tmp_path: Path) -> None:
    """Skip where Codex' sandbox does not run on this machine."""
    probe = subprocess.run(
        ["codex", "sandbox", "--", "true"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if probe.returncode:
        pytest.skip(f"Codex can't make its sandbox here: {probe.stderr.strip()[-200:]}")


def test_codex_commits_and_merges_inside_of_its_sandbox_and_moves_nothing_else(
    bench: Bench, api: FakeApi, sandbox: None
) -> None:
    bench.git("branch", "other")
    bench.write("late.txt", "late\n")
    main = bench.commit("Late on main")
    git = bench.root / ".git"
    opened = bench.home / "opened" / "file"
    inside = f"'{git}'"
    forbidden = (
        "git update-ref refs/heads/main HEAD",
        "git update-ref refs/heads/other HEAD",
        "git branch new",
        "git tag new",
        f"touch {inside}/hooks/post-commit",
        f"echo >> {inside}/config",
        f"touch {inside}/agentdeck/mine",
    )
    api.commands = (
        "echo one > one.txt && git add -A && git commit -qm One",
        "git commit -q --amend -m 'One, amended'",
        "git merge -q -m Merged main",
        f"touch '{opened}'",
        *(f"{line} && touch forbidden-{number}" for number, line in enumerate(forbidden)),
    )
    deck = bench.deck()
    deck.start(StartRequest(task="Commit it", profile="codex", name="co", mode=Mode.HEADLESS, base="other"))
    view = deck.wait("co")
    log = "\n".join(line.text for line in deck.log_lines("co"))
    assert view.worktree is not None
    subjects = bench.git("log", "--format=%s", view.branch).splitlines()
    assert set(subjects) == {"Merged", "One, amended", "Late on main", "Start"}, log
    assert not list(view.worktree.glob("forbidden-*")), log
    assert opened.exists(), "what the user opened to it stays open"
    assert bench.git("rev-parse", "main") == main
    assert sorted(bench.branches()) == sorted(["main", "other", view.branch])
    assert bench.git("tag") == ""
    assert not (git / "agentdeck" / "mine").exists()
    bench.git("gc", "-q")
    bench.git("fsck", "--strict")
    api.commands = (*api.commands, "echo two > two.txt && git add -A && git commit -qm Two")
    deck.resume("co", "Again")
    deck.wait("co")
    assert bench.git("log", "-1", "--format=%s", view.branch) == "Two"
    deck.remove("co")
    assert not (git / "refs/heads/agentdeck").exists()


@pytest.mark.parametrize("profile", one(PACKAGES, 1))
def test_a_run_from_cron_edits_and_commits_on_the_level_edit(bench: Bench, api: FakeApi, profile: str) -> None:
    api.commands = ("touch note.txt", "git add -A", "git commit -qm Noted", f"touch {bench.home}/outside")
    argv = ("run", "-a", profile, "-n", "cron", "--headless", "--permission", "edit", "--id", "nightly", "Make a note")
    done = agentdeck(*argv, cwd=bench.root)
    log = "\n".join(line.text for line in bench.deck().log_lines("cron"))
    assert bench.git("log", "-1", "--format=%s", "agentdeck/cron") == "Noted", f"{done.stderr}\n{log}"
    assert "nobody to ask" not in done.stderr
    assert not (bench.home / "outside").exists()


def test_claude_code_without_a_terminal_or_a_level_says_beforehand_that_it_will_refuse(
    bench: Bench, api: FakeApi
) -> None:
    api.commands = ("touch note.txt",)
    done = agentdeck("run", "-a", "claude", "-n", "cron", "--headless", "Make a note", cwd=bench.root)
    assert "Claude Code has nobody to ask here, so it refuses to edit files and to commit" in done.stderr
    assert "--permission edit lets it work" in done.stderr
    assert not (bench.root / ".worktrees/cron/note.txt").exists()


def test_a_level_is_kept_for_the_next_start(bench: Bench, api: FakeApi) -> None:
    deck = bench.deck()
    request = StartRequest(
        task="Go", profile="claude", name="it", mode=Mode.HEADLESS, permission="all", box="off", sure=True
    )
    api.commands = (f"touch {bench.home}/outside",)
    deck.start(request)
    deck.wait("it")
    assert (bench.home / "outside").exists()
    words = deck.store.orders("it")["argv"]
    assert words[1:3] == ["--permission-mode", "bypassPermissions"]
    deck.resume("it", "Again")
    deck.wait("it")
    assert deck.store.orders("it")["argv"][1:3] == ["--permission-mode", "bypassPermissions"]


@pytest.mark.parametrize("profile", one(PACKAGES))
def test_a_trusted_repository_is_trusted_in_each_worktree_and_yes_means_yes(
    bench: Bench, api: FakeApi, profile: str
) -> None:
    """Claude Code and Codex ask once for the repository, and keep the answer in their own files, not AgentDeck."""
    bench.write(".claude.json", '{"hasCompletedOnboarding": true, "theme": "dark"}', cwd=bench.home)
    deck = bench.deck()
    asked = {}
    for name in ("one", "two"):
        deck.start(StartRequest(task="Make the file", profile=profile, name=name, mode=Mode.INTERACTIVE))
        seen: set[str] = set()

        def working(name: str = name, seen: set[str] = seen) -> bool:
            view = deck.agent(name)
            is_new = view.state is State.WAITING and view.reason not in seen
            if is_new and "rust" in view.reason:
                deck.answer(name, "yes")
            seen.add(view.reason if view.state is State.WAITING else "")
            return any("Make the file" in str(each["body"]) for each in api.requests)

        eventually(working, 60, pause=0.5)
        api.requests.clear()
        asked[name] = any("rust" in reason for reason in seen)
    assert asked == {"one": True, "two": False}


@pytest.mark.parametrize("profile", one(PACKAGES, 1))
def test_an_agent_is_told_where_it_works_and_no_file_of_the_repository_says_it(
    bench: Bench, api: FakeApi, profile: str
) -> None:
    deck = bench.deck()
    deck.start(StartRequest(task="Make the file", profile=profile, name="it", mode=Mode.HEADLESS))
    view = deck.wait("it")
    asked = json.dumps([each["body"] for each in api.requests], ensure_ascii=False)
    told = ("Other agents work on the same repository", str(view.worktree), f"ports: {view.ports[0]}")
    assert all(text in asked for text in told), api.requests[-1]["body"]
    assert ("It holds back git stash, git rebase" in asked) == (profile == "codex")
    assert bench.git("status", "--porcelain", "-uno", cwd=view.worktree) == ""
    bench.own('[agent]\npreamble = ""\n')
    api.requests.clear()
    bench.deck().start(StartRequest(task="Make the file", profile=profile, name="two", mode=Mode.HEADLESS))
    deck.wait("two")
    assert "Other agents work on the same repository" not in str([each["body"] for each in api.requests])


def test_a_missing_login_is_told_before_anything_is_made(
    bench: Bench, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN")
    done = agentdeck("run", "-a", "claude", "-n", "it", "--headless", "--permission", "edit", "Go", cwd=bench.root)
    told = done.stderr.splitlines()
    at = next(index for index, line in enumerate(told) if "Claude Code seems to have no login here" in line)
    assert at < next(index for index, line in enumerate(told) if "worktree" in line), done.stderr
    assert done.returncode != ExitCode.OK
