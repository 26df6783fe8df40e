"""Every command that a hint names does what the hint says, from a path with a quote and a space in it.

A command that is printed and is in no test here, nor in `PROSE` or `ELSEWHERE`, fails `test_every_command_is_tried`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from agentdeck.core.agents.agent import State
from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import Entry, LandRequest
from agentdeck.engine.views import StartRequest
from agentdeck.errors import DeckError
from agentdeck.system.git.merges import Method
from tests.support.cli import agentdeck
from tests.support.decks import Bench, bench_in
from tests.support.finished import finished
from tests.support.hints import commands_in, obey, shell
from tests.support.retry import eventually

SOURCE = Path(__file__).parents[2] / "src" / "agentdeck"
TESTS = Path(__file__).parents[1]
COMMAND = re.compile(r"(?:“|: |→ |^|\(|\{\}|&& )(?:agentdeck|git|less|rm|mv|printf) [a-z'{-]")

PROSE = {
    "No sentence of these is a hint that names a command": {
        "agentdeck agent {}",
        "agentdeck is restoring",
        "agentdeck is restoring {}",
        "agentdeck {}",
        "agentdeck {} {}",
        "git -C {}",
        "git {} failed in {}.",
        "git {} failed on the files in {}.",
        "git {} or newer is needed to merge; {} is installed.",
        "“git am”",
        "Your work is kept in the trash. A file counts as resolved after “git add”.",
        r"agentdeck agent (\S+)|agentdeck is restoring [0-9a-f]+",
        "git can't add the files of the worktree.",
        "git can't compare the index with the last commit.",
        "git can't take repositories out of the index.",
        "git has no name and email to commit with.",
        "git doesn't print its version.",
        "git has a worktree record “{}” again.",
        "git no longer has a record of {}.",
        "git made no worktree at {}.",
        "git can't be read: {}",
        "git does not answer",
        "git has ended",
        "git said nothing for {} s, so it was ended.",
        "git can't read its worktree any more",
        "git has no record of {}'s worktree, so it can't have a box.",
        "git is not installed there",
        "{}: agentdeck {}, {} cores, {}",
        "git status failed in {}",
        "git diff failed in {}.",
        "A shell opens in a worktree of its own, with the merge of {} into {} begun. What {} has not committed is "
        "committed first. Edit and “git add” the files, then type “exit”: the result lands through the gate. To give "
        "up, type “exit” at once: nothing is changed.",
    },
    "What an agent is told": {
        "Rebase your branch onto {} (git rebase {})",
        "Merge {} into your branch (git merge --no-edit {})",
        "Changes since {}, committed or not (git diff {}):",
    },
    "The caller fills in what is meant": {
        "agentdeck models serve FILE.gguf",
        "agentdeck queue [options]",
        "agentdeck host attach DECK NAME",
        "Name the host: agentdeck hosts {} NAME.",
        'agentdeck run --on HOST "what to do"',
        "agentdeck run --on any …",
        "agentdeck run [options] {TASK | -- CMD ARG… | -f TASKS}",
        "git config --global user.name … && git config --global user.email …",
    },
}
FOREIGN = "engine/worktrees/test_foreign_worktrees.py"
RESOLVING = "engine/landing/test_resolving.py"
INSIDE = "engine/landing/test_landing_repositories_inside.py"
LANDING = "engine/landing/test_landing.py"
KINDS = "engine/landing/test_kinds_of_repositories.py"
RACES = "cli/test_race.py"
BENCH = "cli/test_bench.py"
PULLS = "cli/test_pulls.py"
STATES = "agents/test_states.py"
QUEUE = "cli/test_queue.py"
REVIEWING = "cli/test_reviewing.py"
BOXES = "engine/box/test_boxes.py"
HOSTS = "engine/fleet/test_elsewhere.py"
INSTALLED = "agents/test_hosts.py"
SSH = "engine/fleet/test_sshd.py"
HOSTS_SCREEN = "tui/screens/test_hosts.py"
TASKS = "engine/lifecycle/test_task_lists.py"
ADMISSION = "engine/test_starts.py"
PORTS = "engine/fleet/test_elsewhere.py"
LOST_HOSTS = "engine/fleet/test_accidents.py"
ELSEWHERE = {
    "Addresses on {}; “agentdeck ports --forward {}” or the key “ports” opens them here": PORTS,
    "agentdeck asks": STATES,
    "agentdeck queue": QUEUE,
    "agentdeck asks --queue": "engine/temporal/test_queue.py",
    "“agentdeck undo” takes it back.": QUEUE,
    "“agentdeck queue” says how far it is.": QUEUE,
    "Kept. {}; “agentdeck review {}” sends {}.": REVIEWING,
    "“agentdeck ls” lists the agents.": REVIEWING,
    "agentdeck review {} --dry-run": REVIEWING,
    "“agentdeck diff --stat NAME” lists its changes.": REVIEWING,
    "“agentdeck run --no-box …” starts the agent without a box.": BOXES,
    "“agentdeck run --no-box …” starts the agent without one.": BOXES,
    "“agentdeck rm {}” saves its files and removes it.": "engine/worktrees/test_damaged_git_folders.py",
    "agentdeck messages": "cli/test_messages.py",
    "agentdeck messages {}": "cli/test_messages.py",
    "“agentdeck messages {}” lists it.": "cli/test_messages.py",
    "“agentdeck resume {} …” continues it with one once it has ended.": "cli/test_messages.py",
    "agentdeck answer {} 1": STATES,
    'agentdeck answer {} --text "…"': STATES,
    "agentdeck answer {} {}": STATES,
    "agentdeck attach {}": STATES,
    "agentdeck show {}": STATES,
    "agentdeck run {}--permission all --permission all “…”": "cli/test_run.py",
    "agentdeck run --box full --permission all “…”, or say that it may with --no-box.": "cli/test_run.py",
    "Start one with “agentdeck run -d TASK”.": "cli/test_control.py",
    "“agentdeck ls” needs none.": "cli/test_control.py",
    'Start an agent there: agentdeck run --on {} "what to do"': HOSTS,
    "You have no hosts. Add one that ssh knows: agentdeck hosts add NAME": HOSTS,
    "There is no host now. {} can give one: agentdeck run --on {}": "engine/fleet/test_providers.py",
    "Add one: agentdeck hosts add NAME": HOSTS,
    "Add it: agentdeck hosts add {}": HOSTS,
    "agentdeck hosts ls": HOSTS,
    "agentdeck hosts check {}": HOSTS,
    "Install the same version there: agentdeck hosts add {} --install": INSTALLED,
    "Install it there: agentdeck hosts add {} --install": INSTALLED,
    "agentdeck --home ssh://HOST/FOLDER": SSH,
    "agentdeck --home ssh://HOST/FOLDER VERB …": SSH,
    "Nothing new starts on {}; its agents go on. Back: agentdeck hosts undrain {}": HOSTS_SCREEN,
    "agentdeck hosts undrain {}": HOSTS_SCREEN,
    "agentdeck hosts undrain {}, or: --on any": HOSTS_SCREEN,
    "A window of its own starts them. “agentdeck queue” shows how they stand.": TASKS,
    "{} is over: {} (agentdeck queue)": TASKS,
    "“agentdeck queue --now {}” starts it now.": ADMISSION,
    "Remove it first: agentdeck hosts rm {}": HOSTS,
    "Move it away, then add them again: mv {} {}.old": "system/fleet/test_hostlist.py",
    "If it is back, take it in again: agentdeck hosts check {}": LOST_HOSTS,
    "Remove them first, or give the host up: agentdeck hosts lose {}": LOST_HOSTS,
    "agentdeck show {} asks again; nothing starts twice.": LOST_HOSTS,
    "git fetch --unshallow": HOSTS,
    "agentdeck mcp --http --port 7878": "mcp/test_http.py",
    "{} asks to land it; “agentdeck merge {}” does": "mcp/test_server.py",
    "agentdeck audit --json": "cli/test_audit.py",
    "agentdeck race {}": RACES,
    "agentdeck pr --watch": PULLS,
    "agentdeck pr NAME": PULLS,
    "No agent has a pull request: agentdeck pr NAME": PULLS,
    "merged as pull request #{}; “agentdeck rm {}” removes it": "engine/pulls/test_following.py",
    "Nothing was changed. To use it, apply this to the file by hand or with “git apply”.": BENCH,
    "agentdeck bench suite.toml --tiers routine,deep": BENCH,
    'agentdeck route "what to do"': BENCH,
    "the others are removed; “agentdeck undo --list” lists the steps": RACES,
    "agentdeck race --land best --keep": RACES,
    "agentdeck race --land best": RACES,
    "To compare: agentdeck race --diff {}; to land: agentdeck race --land NAME {}": RACES,
    "Pick one: agentdeck race --land {} {}": RACES,
    "Wait for it, or pick one: agentdeck race --land NAME {}": RACES,
    'agentdeck run --race claude,codex "what to do"': RACES,
    "See “agentdeck notify --help”.": "notices/test_telling.py",
    'agentdeck lint "the task"': "cli/test_lint.py",
    **dict.fromkeys(
        (
            "agentdeck accounts {} work",
            "agentdeck accounts check {}",
            "No accounts beside each CLI's usual login. Add one: agentdeck accounts add work --agent claude",
            "agentdeck accounts add {}",
            "Log in: agentdeck accounts add {}",
            "agentdeck failover {} --to {}",
            "agentdeck accounts add {} --agent claude",
            "agentdeck accounts --help",
            "agentdeck run --agent {} --account {} …",
            "agentdeck accounts add {} --agent {}",
            "agentdeck accounts",
            "run “agentdeck accounts add {}”",
        ),
        "cli/test_accounts.py",
    ),
    "They don't run yet: agentdeck schedule install": "cli/test_schedule.py",
    "agentdeck schedule run NAME": "cli/test_schedule.py",
    "several tasks: “agentdeck run -f TASKS” runs them side by side": "test_readme.py",
    "Install cron, or call “agentdeck schedule tick” each minute by other means.": "cli/test_schedule.py",
    **dict.fromkeys(
        (
            "agentdeck diff {}",
            "agentdeck failover {}",
            "agentdeck spend --by agent",
            "agentdeck logs {}",
            "agentdeck resume {} “…”",
            "agentdeck merge {}",
        ),
        "cli/test_digest.py",
    ),
    "agentdeck trust": "cli/test_trust.py",
    "agentdeck -C {} trust": "cli/test_trust.py",
    "{} … {} more characters, see “agentdeck trust --show” … {}": "cli/test_trust.py",
    "agentdeck merge --accept-config {}": "cli/test_trust.py",
    "This clone is shallow, so their common history may be missing: git fetch --unshallow": KINDS,
    "git pull --rebase {}": "engine/landing/test_exchange.py",
    "git push {}": "engine/landing/test_exchange.py",
    "Choose one: agentdeck pr --with gh {}, or --with glab": "engine/landing/test_exchange.py",
    "agentdeck undo --step {}": "cli/test_landing_ends.py",
    "“agentdeck rm {}” removes what belongs to {} and leaves the rest unchanged.": FOREIGN,
    "“agentdeck failover {}” lets another profile continue.": "engine/runner/test_failover.py",
    "Look at it with “agentdeck attach {}”.": "system/terminal/test_tmux.py",
    "Restore [database] as it was, or: agentdeck rm --keep-database {}": "faults/test_postgres_gone.py",
    'agentdeck run --agent {} "what to do"': "cli/test_run.py",
    "Look at “git status” and “agentdeck ls”. The record was moved to {}.": "faults/test_corrupt_store.py",
    "Finish that first: agentdeck rm {}": "engine/lifecycle/test_removal_refused.py",
    "“agentdeck merge {} {}” lets you resolve it{}.": "cli/test_landing_ends.py",
    ", “agentdeck merge {} {}” lets the agent resolve it": "cli/test_landing_ends.py",
    "agentdeck merge --resolve {}": "cli/test_landing_ends.py",
    "waits until you close the window {} with “exit” (agentdeck attach {})": "cli/test_landing_ends.py",
    "its landing was interrupted; close it with “exit” (agentdeck attach {})": RESOLVING,
    "“agentdeck attach {}” shows its terminal.": "cli/test_control.py",
    "“agentdeck failover {} --to {}” starts it.": "engine/runner/test_failover.py",
    "It has ended: “agentdeck resume {}” starts it again.": "engine/runner/test_failover.py",
    "“agentdeck rm --keep-database {}” removes the agent and leaves its database.": "faults/test_postgres_gone.py",
    "“agentdeck models stop” stops it; or use --port N": "local/test_llama.py",
    "The tier “local” includes it as “served”. “agentdeck models stop” stops it.": "local/test_llama.py",
    "agentdeck gateway start": "cli/test_gateway.py",
    " though it should: “agentdeck gateway start”": "cli/test_gateway.py",
    "agentdeck gateway status": "cli/test_gateway.py",
    "{}; tried: {}. “agentdeck gateway status” says why.": "cli/test_gateway.py",
    "~ and {} more pairs; “agentdeck radar NAME” lists those of one agent": "cli/test_radar.py",
    ", {} ago; “agentdeck radar” updates it": "cli/test_radar.py",
    "running its gate: {} (agentdeck logs -f {})": LANDING,
    "{} could not be removed; “agentdeck prune” tries again: {}": "engine/history/test_prune.py",
    "“git status” says how to continue or abort it.": "engine/worktrees/test_heads.py",
    "git rm --cached -- {} && git commit -m 'Leave out repositories'": INSIDE,
    "“agentdeck resume” starts it again": "engine/test_reconcile.py",
    "--gate CMD, or [landing] gate; “agentdeck show --failovers {}” lists its commits": LANDING,
    "Return to it: git switch {}": "engine/worktrees/test_heads.py",
    "Commit it first: git add --all && git commit -m {}": "engine/landing/test_exchange.py",
    "Create it again at its last commit: git branch {} {}": "engine/worktrees/test_heads.py",
    "“agentdeck ls” tries again, “agentdeck rm {}” removes the agent again.": "engine/history/test_undo.py",
}
COVERED: set[str] = set()
Test = TypeVar("Test", bound=Callable[..., object])


def tries(*texts: str) -> Callable[[Test], Test]:
    """Says which texts of the program a test makes it print, and does what they say."""
    COVERED.update(texts)
    return lambda test: test


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench_in(tmp_path, monkeypatch, name="it's a repo") as made:
        yield made


def refused(act: Callable[[], object]) -> str:
    """The hint of the error that `act` ends with."""
    with pytest.raises(DeckError) as caught:
        act()
    return caught.value.hint


def printed(bench: Bench, *words: str) -> str:
    """All that a verb prints."""
    done = agentdeck(*words, cwd=bench.root)
    return done.stdout + done.stderr


def printed_in(folder: Path, *words: str) -> str:
    return agentdeck(*words, cwd=folder).stderr


def land(bench: Bench, *names: str, **options: object) -> Entry:
    return bench.deck().land(LandRequest(names, **options)).entry(names[0])  # type: ignore[arg-type]


def busy(bench: Bench, name: str = "fix") -> None:
    """An agent with a commit that still runs."""
    view = bench.deck().start(StartRequest(name=name, argv=("sleep", "600")))
    assert view.worktree is not None
    bench.write(f"{name}.txt", "x\n", cwd=view.worktree)
    bench.commit("Work", cwd=view.worktree)
    eventually(lambda: bench.deck().agent(name).state is State.WORKING)


# Agents


@tries("Wait for it, or “agentdeck merge --stop {}”.")
def test_stop_and_land(bench: Bench) -> None:
    busy(bench)
    obey(land(bench, "fix").hint, bench.root)
    assert bench.deck().agent("fix").state is State.LANDED


@tries("agentdeck send {} …", "Stop it first, or “agentdeck rm --stop {}”.")
def test_one_that_runs_is_sent_to_or_removed(bench: Bench) -> None:
    busy(bench)
    hint = refused(lambda: bench.deck().resume("fix"))
    obey(hint.replace("…", "hello"), bench.root)
    assert any(event.kind == "input.sent" for event in bench.deck().store.events("fix"))
    obey(refused(lambda: bench.deck().remove("fix")), bench.root)
    assert bench.deck().store.names() == []


@tries("Start it again with “agentdeck resume {}”.", "“agentdeck logs -f {}” needs none.")
def test_one_that_ended_is_resumed(bench: Bench) -> None:
    finished(bench, "fix", {})
    hint = refused(lambda: bench.deck().send("fix", "go on"))
    obey(hint, bench.root)
    assert bench.deck().agent("fix").agent.runs == 2
    obey(printed(bench, "attach", "fix"), bench.root)


@tries("“agentdeck merge --commit {}” commits it, and lands that too.")
def test_uncommitted_work_is_committed_and_lands(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"}, commit=False)
    obey(land(bench, "fix").hint, bench.root)
    assert (bench.root / "fix.txt").exists()


@tries("“git branch” lists them.", "Stop it first: agentdeck stop {}")
def test_the_branch_to_land_on(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert "agentdeck/fix" in obey(land(bench, "fix", into="nowhere").hint, bench.root)
    busy(bench, "other")
    obey(land(bench, "fix", into="agentdeck/other").hint, bench.root)
    assert land(bench, "fix", into="agentdeck/other").stage == "landed"


@tries("agentdeck stop {} && ", "agentdeck resume {}", "agentdeck rm {}{}", "“agentdeck doctor” says more.")
@tries("agentdeck stop {} && agentdeck resume {}")
def test_a_worktree_that_is_gone(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert view.worktree is not None
    view.worktree.rename(bench.root.parent / "away")
    hint = refused(lambda: bench.deck().review.text("fix"))
    done = shell(commands_in(hint)[0], bench.root)
    assert "agent fix" in done.stdout
    told = next(line for line in done.stdout.splitlines() if "creates it again" in line)
    obey(told, bench.root)
    assert (view.worktree / "fix.txt").exists()
    eventually(lambda: not bench.deck().agent("fix").alive)
    obey(told, bench.root, number=1)
    assert bench.deck().store.names() == []


def test_a_hint_works_where_the_person_is(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"}, commit=False)
    elsewhere = bench.root.parent
    refusal = agentdeck("-C", str(bench.root), "merge", "fix", cwd=elsewhere).stderr
    told = next(line for line in obey(refusal, elsewhere).splitlines() if "undoes it" in line)
    assert (bench.root / "fix.txt").exists()
    obey(told, elsewhere)
    assert not (bench.root / "fix.txt").exists()


# Undo


@tries("removed; “agentdeck undo --step {}” restores it", "restored; “agentdeck resume” starts it again")
@tries("“agentdeck undo --step {}” undoes that.", "Remove it first: agentdeck rm {}")
@tries("“agentdeck undo --list” lists the steps.", "“agentdeck undo --list” shows them.")
def test_what_was_removed_comes_back_and_goes_again(bench: Bench) -> None:
    deck = bench.deck()
    assert obey(refused(deck.undo), bench.root) is not None
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    obey(next(line for line in printed(bench, "rm", "fix").splitlines() if "restores it" in line), bench.root)
    assert deck.store.names() == ["fix"]
    obey(refused(lambda: deck.undo(1)), bench.root)
    assert deck.store.names() == []
    finished(bench, "fix", {})
    step = next(step for step in reversed(deck.history.steps()) if not step.undone)
    obey(refused(lambda: deck.undo(step.number)), bench.root)
    deck.undo(step.number)
    assert (bench.root / ".worktrees/fix/fix.txt").exists()
    assert obey(refused(lambda: deck.undo(99)), bench.root)


@tries("landed on {} as {}; “agentdeck undo --step {}” undoes it", "; “agentdeck undo --step {}” undoes it")
def test_a_landing_is_taken_back(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    told = printed(bench, "merge", "fix")
    obey(next(line for line in told.splitlines() if "undoes it" in line), bench.root)
    assert not (bench.root / "fix.txt").exists()


def landing_of_merges(bench: Bench) -> None:
    """A fast-forward brings a branch that has merged its base, and a commit on each side of that."""
    view = finished(bench, "fix", {"one.txt": "1\n"})
    assert view.worktree is not None
    bench.write("base.txt", "base\n")
    bench.commit("Base")
    bench.git("merge", "-q", "--no-edit", "main", cwd=view.worktree)
    bench.write("two.txt", "2\n", cwd=view.worktree)
    bench.commit("Two", cwd=view.worktree)


def landing_of_two(bench: Bench) -> None:
    view = finished(bench, "fix", {"one.txt": "1\n"})
    assert view.worktree is not None
    bench.write("two.txt", "2\n", cwd=view.worktree)
    bench.commit("Two", cwd=view.worktree)


@tries("Undo it with a new commit: {}git revert --no-edit {}")
@tries("Undo it with a new commit: {}{} && git commit -m {}", "git switch {} && ")
@tries("git diff --binary {} {} | git apply --index --3way")
@pytest.mark.parametrize("where", ["root", "worktree", "nowhere"])
@pytest.mark.parametrize(
    ("prepare", "method"),
    [*((landing_of_two, method) for method in Method), (landing_of_merges, Method.FF_ONLY)],
    ids=[*Method, "merges"],
)
def test_a_landing_is_taken_back_by_hand_when_its_base_has_moved_on(
    bench: Bench, prepare: Callable[[Bench], None], method: Method, where: str
) -> None:
    """`where`: the base is checked out in the main worktree, in another one, or in none."""
    prepare(bench)
    before = set(bench.git("ls-tree", "-r", "--name-only", "main").splitlines())
    assert land(bench, "fix", method=method).stage == "landed"
    bench.write("later.txt", "later\n")
    bench.commit("Later")
    cwd = bench.root
    if where != "root":
        bench.git("switch", "-q", "-c", "elsewhere")
        cwd = bench.root / ".worktrees/fix" if where == "nowhere" else bench.root
    if where == "worktree":
        bench.git("worktree", "add", "-q", "../the base's", "main")
    obey(refused(bench.deck().undo), cwd)
    assert set(bench.git("ls-tree", "-r", "--name-only", "main").splitlines()) == {*before, "later.txt"}


@tries("Restore it with a merge: {}git merge --no-edit {}", "“git branch {} {}” restores the branch as it was.")
def test_an_undo_is_taken_back_by_hand_when_its_base_has_moved_on(bench: Bench) -> None:
    landing_of_two(bench)
    land(bench, "fix")
    old = bench.git("rev-parse", "main^1")
    step = bench.deck().undo()
    bench.write("later.txt", "later\n")
    bench.commit("Later")
    obey(refused(lambda: bench.deck().undo(step.number)), bench.root)
    assert {"one.txt", "two.txt", "later.txt"} <= set(bench.git("ls-files").splitlines())
    bench.git("switch", "-q", "--detach")
    bench.git("branch", "-qD", "main")
    obey(refused(lambda: bench.deck().undo(step.number)), bench.root)
    assert bench.git("cat-file", "-t", "main") == "commit"
    assert bench.git("merge-base", "main", old) == old


@tries("Commit it, or unstage it: git restore --staged .", "Return to it first: git switch {}")
def test_a_commit_is_taken_back_when_nothing_is_in_the_way(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "fixed\n"}, commit=False)
    assert view.worktree is not None
    land(bench, "fix", commit="Work")
    bench.write("more.txt", "more\n", cwd=view.worktree)
    bench.git("add", "more.txt", cwd=view.worktree)
    obey(refused(bench.deck().undo), bench.root)
    bench.git("switch", "-q", "-c", "other", cwd=view.worktree)
    obey(refused(bench.deck().undo), bench.root)
    bench.deck().undo()
    assert not (bench.root / "fix.txt").exists()
    assert (view.worktree / "fix.txt").exists()


# Where HEAD is


@tries("“agentdeck pr {}” opens a pull request.", "Create one: git switch --create {}")
def test_a_protected_branch_and_a_detached_head(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = bench.home / "bin"
    bench.write("gh", "#!/bin/sh\necho https://example.org/pr/7\n", cwd=tools).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    remote = bench.root.parent / "remote"
    bench.git("clone", "-q", "--bare", str(bench.root), str(remote))
    bench.git("remote", "add", "origin", str(remote))
    view = finished(bench, "fix", {"fix.txt": "fixed\n"})
    bench.write("agentdeck.toml", '[landing]\nprotected = ["main"]\n')
    bench.git("switch", "-q", "--detach", cwd=view.worktree)
    hint = land(bench, "fix").hint
    assert shell(commands_in(hint)[0], bench.root).returncode == 4
    obey(refused(lambda: bench.deck().landings.propose(LandRequest(("fix",)))), bench.root)
    assert "https://example.org/pr/7" in obey(hint, bench.root)


@tries("“agentdeck merge {}” lands that agent.")
def test_the_branch_of_another_agent(bench: Bench) -> None:
    view, other = finished(bench, "fix", {}), finished(bench, "other", {"other.txt": "x\n"})
    bench.git("switch", "-q", "--ignore-other-worktrees", other.branch, cwd=view.worktree)
    obey(land(bench, "fix").hint, bench.root)
    assert (bench.root / "other.txt").exists()


@tries(
    "Give it a branch of its own: git switch --create {}",
    "Return to the one it left: git switch {}",
    "git status",
)
def test_a_branch_of_a_persons_or_one_without_a_commit(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "fixed\n"})
    bench.git("branch", "person")
    bench.git("worktree", "add", "-q", "../person's", "person")
    bench.git("switch", "-q", "--ignore-other-worktrees", "person", cwd=view.worktree)
    bench.git("merge", "-q", "agentdeck/fix", cwd=view.worktree)
    obey(land(bench, "fix").hint, bench.root)
    assert land(bench, "fix").stage == "landed"
    bench.git("switch", "-q", "--orphan", "empty", cwd=view.worktree)
    entry = land(bench, "fix")
    assert entry.hint, entry.reason
    obey(entry.hint, bench.root)
    assert bench.deck().agent("fix").branch.startswith("agentdeck/fix")


@tries("“git fsck --no-reflogs --lost-found” may find its last commit.")
def test_a_branch_that_is_gone(bench: Bench) -> None:
    view = finished(bench, "fix", {"fix.txt": "fixed\n"})
    tip = bench.git("rev-parse", view.branch)
    bench.git("worktree", "remove", "--force", "--force", str(view.worktree))
    bench.git("branch", "-D", view.branch)
    assert tip in obey(land(bench, "fix").hint, bench.root)


# The repository


@tries("{}  (or “agentdeck rm {}”, which saves the agent's work and removes it)", "printf '%s\\n' {} > {}")
@tries("mv {} {} && {}", "mv {} {}", "rm {}")
@pytest.mark.parametrize("number", [0, 1], ids=["repaired", "removed"])
@pytest.mark.parametrize("how", ["no .git file", "another repository", "another folder", "a link"])
def test_a_worktree_that_is_another(bench: Bench, how: str, number: int) -> None:
    view = finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert view.worktree is not None
    place, pointer = view.worktree, view.worktree / ".git"
    if how == "no .git file":
        pointer.unlink()
    elif how == "another repository":
        pointer.unlink()
        bench.git("init", "-q", cwd=place)
    else:
        place.rename(bench.root.parent / "away")
        other = bench.root.parent / "other's"
        other.mkdir()
        (other / "mine.txt").write_text("mine\n")
        other.rename(place) if how == "another folder" else place.symlink_to(other)
    hint = next(check.hint for check in bench.deck().doctor() if check.name == "agent fix")
    repair, removal = hint.partition("  (or")[0], commands_in(hint)[0]
    done = shell(removal if number else repair, bench.root)
    assert done.returncode == 0, f"{done.args}: {done.stderr}"
    if number:
        assert bench.deck().store.names() == []
    elif "link" not in how and "folder" not in how:
        assert "fix.txt" in bench.deck().review.text("fix")
    else:
        assert not place.is_symlink()
        assert not (place / "mine.txt").exists()


@tries("If it is gone for good: git worktree unlock {} && git worktree prune --expire=now")
def test_a_branch_in_a_locked_worktree_that_is_gone(bench: Bench) -> None:
    place = bench.root.parent / "else's place"
    bench.git("worktree", "add", "-q", "--lock", "-b", "topic", str(place))
    place.rename(bench.root.parent / "away")
    request = StartRequest(name="fix", branch="topic", argv=("true",))
    obey(refused(lambda: bench.deck().start(request)), bench.root)
    assert bench.deck().start(request).branch == "topic"


@tries("If none is, a crash left its lock: rm {}")
def test_a_lock_that_a_crash_left(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    (bench.root / ".git/index.lock").touch()
    obey(land(bench, "fix").hint, bench.root)
    assert land(bench, "fix").stage == "landed"


@tries("Make the first one: git commit --allow-empty -m start")
def test_a_repository_without_a_commit(bench: Bench) -> None:
    bench.git("update-ref", "-d", "HEAD")
    hint = refused(lambda: bench.deck().start(StartRequest(name="fix", argv=("true",))))
    obey(hint, bench.root)
    assert bench.deck().start(StartRequest(name="fix", argv=("true",))).name == "fix"


@tries("Push the first one to it: git push {} HEAD:{}")
def test_a_bare_repository_without_a_commit(bench: Bench) -> None:
    bare = bench.root.parent / "a bare 'one'"
    bench.git("init", "-q", "--bare", "-b", "trunk", str(bare))
    hint = refused(lambda: Deck.find(bare).start(StartRequest(name="fix", argv=("true",))))
    obey(hint, bench.root)
    assert Deck.find(bare).start(StartRequest(name="fix", argv=("true",))).name == "fix"


@tries("{}git pull --rebase {} {}")
@tries("git remote add origin URL", "git config remote.pushDefault NAME")
def test_remotes(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    remote, other = bench.root.parent / "the remote's", bench.root.parent / "other"
    bench.git("clone", "-q", "--bare", str(bench.root), str(remote))
    hint = refused(bench.deck().landings.pull)
    obey(hint.replace("URL", f'"{remote}"'), bench.root)
    assert bench.deck().landings.pull()
    bench.git("clone", "-q", str(remote), str(other))
    bench.write("theirs.txt", "theirs\n", cwd=other)
    bench.commit("Theirs", cwd=other)
    bench.git("push", "-q", cwd=other)
    bench.write("ours.txt", "ours\n")
    bench.commit("Ours")
    obey(refused(bench.deck().landings.pull), bench.root)
    assert (bench.root / "theirs.txt").exists()
    bench.git("remote", "rename", "origin", "one")
    bench.git("remote", "add", "two", str(remote))
    obey(refused(bench.deck().landings.pull).replace("NAME", "one"), bench.root)
    assert bench.deck().landings.pull()


@tries("less {}")
def test_the_log_of_a_gate_that_failed(bench: Bench) -> None:
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    assert "no good" in obey(land(bench, "fix", gate=("echo no good; false",)).hint, bench.root)


# The command line


@tries('“agentdeck send NAME "text"” types it, “agentdeck send NAME --keys C-c” presses keys.')
def test_what_is_sent(bench: Bench) -> None:
    busy(bench)
    for number in range(2):
        obey(printed(bench, "send", "fix").replace("NAME", "fix"), bench.root, number=number)


DOCTOR = (
    "“agentdeck doctor” says how to install it.",
    "“agentdeck doctor” says how to install one; the profile “demo” is a scripted agent to try.",
    "“agentdeck doctor” may say why.",
    "Move it away; “agentdeck doctor” then lists the agents to resume.",
    "Nothing was changed. Move that file away and run “agentdeck doctor”; your branches are safe.",
)


@tries(*DOCTOR, "See “git help check-ref-format”.", "Go to one, or create one with “git init”.")
def test_the_doctor_and_gits_help(bench: Bench) -> None:
    for text in DOCTOR:
        assert "git" in shell(commands_in(text)[0], bench.root).stdout
    assert commands_in(refused(lambda: bench.deck().start(StartRequest(name="x", branch="a..b", argv=("true",)))))
    outside = bench.home / "it's empty"
    outside.mkdir()
    obey(printed_in(outside, "ls"), outside)
    assert (outside / ".git").is_dir()


@tries(
    "“agentdeck --help” lists the verbs.",
    "Did you mean “agentdeck {}”?",
    "“agentdeck ls --json” lists the agents.",
    "See “agentdeck run --help”.",
)
@tries("“agentdeck ls” lists the agents, “agentdeck --help” all verbs.", 'agentdeck run "what to do"')
@tries("agentdeck run -- CMD ARG…", "agentdeck prune --yes", "“agentdeck undo --step {}” restores what it can.")
@tries('No agents here yet. Start one: agentdeck run "what to do"', "rm needs the full name: {}")
@tries("There are no agents; “agentdeck run” starts one.", "agentdeck: “agentdeck ls” shows running agents.")
def test_the_command_line(bench: Bench) -> None:
    (bench.root / "agentdeck.toml").write_text('[agent]\nprofile = "demo"\n')
    told = printed(bench, "ls")
    obey(told.splitlines()[-1], bench.root)
    for words in (("xyzzy",), ("lss",), ("--json",), (), ("run", "-f", "x", "task"), ("run", "--", "")):
        said = printed(bench, *words)
        assert commands_in(said), said
        for command in commands_in(said):
            assert shell(command.replace("CMD ARG…", "true"), bench.root).returncode == 0, said
    for name in bench.deck().store.names():
        bench.deck().land(LandRequest((name,)))
    obey(next(line for line in printed(bench, "prune").splitlines() if "--yes" in line), bench.root)


def spoken() -> dict[str, str]:
    """Every text of the program that names a command, with the file it is in; what it fills in is `{}`."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        if path.parts[-2] == "demo" or path.name in ("manual.py", "welcome.py"):
            continue  # examples, which the tour and the README's test run
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in parts | docs:
                continue
            text = _text(node)
            if COMMAND.search(text) and "\n" not in text.strip():
                found[text] = str(path.relative_to(SOURCE))
    return found


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else _hole(part) for part in node.values)
    return ""


def _hole(part: ast.expr) -> str:
    """`{}`, or `git` where that is how git is called in a folder."""
    shown = ast.unparse(part)
    return "git" if "git_in(" in shown or shown in ("{git}", "f'{git}'") else "{}"


def test_every_command_is_tried() -> None:
    known = COVERED | set(ELSEWHERE) | set().union(*PROSE.values())
    unknown = {text: where for text, where in spoken().items() if text not in known}
    assert unknown == {}
    assert set(ELSEWHERE) - set(spoken()) == set()
    assert [path for path in ELSEWHERE.values() if not (TESTS / path).exists()] == []
