from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from agentdeck.core.agents.agent import Fault, Phase, State
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.deck import Deck
from agentdeck.engine.records.landings import LandRequest, Stage
from agentdeck.engine.views import QueuedTask, StartRequest
from agentdeck.errors import ConfigError, DatabaseError, ExitCode, NotFoundError, RefusedError, UsageError
from agentdeck.system.files.files import private_folder
from agentdeck.system.machine.envfile import parse
from tests.support.decks import CONFIG, Bench, world_of
from tests.support.finished import finished
from tests.support.retry import eventually


def shell(line: str, name: str = "fix", **more: object) -> StartRequest:
    return StartRequest(name=name, argv=("sh", "-c", line), **more)  # type: ignore[arg-type]


def test_an_agent_gets_a_world_of_its_own(bench: Bench) -> None:
    deck = bench.deck()
    view = deck.start(shell("env > env.txt; pwd > pwd.txt; exec sleep 100"))
    assert view.worktree is not None
    pwd = view.worktree / "pwd.txt"
    eventually(pwd.exists)
    assert Path(eventually(lambda: pwd.read_text().strip())) == view.worktree
    seen = parse((view.worktree / "env.txt").read_text())
    assert view.branch == "agentdeck/fix"
    assert bench.git("branch", "--show-current", cwd=view.worktree) == "agentdeck/fix"
    assert [int(seen["PORT"]), *(int(seen[f"PORT_{number}"]) for number in (1, 2, 3))] == view.ports
    assert seen["AGENTDECK_AGENT"] == "fix"
    assert seen["DATABASE_URL"].startswith("sqlite:///")
    assert Path(seen["TMPDIR"]).is_dir()
    assert Path(seen["TMPDIR"]) != Path(os.environ.get("TMPDIR", "/tmp"))
    file = parse((view.worktree / ".env.local").read_text())
    assert {key: file[key] for key in ("PORT", "DATABASE_URL")} == {key: seen[key] for key in ("PORT", "DATABASE_URL")}
    assert bench.git("status", "--porcelain") == ""
    status = bench.git("status", "--porcelain", cwd=view.worktree).splitlines()
    assert sorted(status) == ["?? env.txt", "?? pwd.txt"]


@pytest.mark.parametrize(
    ("line", "state", "code", "fault"),
    [
        ("true", State.DONE, ExitCode.OK, Fault.NONE),
        ("exit 3", State.FAILED, ExitCode.FAILED, Fault.CRASHED),
        ("kill -9 $$", State.FAILED, ExitCode.FAILED, Fault.CRASHED),
    ],
)
def test_wait_tells_how_it_ended(bench: Bench, line: str, state: State, code: ExitCode, fault: Fault) -> None:
    deck = bench.deck()
    deck.start(shell(line))
    events: list[Event] = []
    view = deck.wait("fix", events.append)
    assert (view.state, view.outcome, view.status.fault) == (state, code, fault)
    assert [event.data["to"] for event in events if event.kind == EventKind.STATE_CHANGED][-1] == state


def test_a_run_that_takes_too_long_is_stopped_and_what_it_printed_is_kept(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(shell("echo before; trap '' INT TERM; while :; do sleep 1; done", timeout=0.8))
    view = deck.wait("fix")
    assert view.outcome is ExitCode.TIMED_OUT
    assert any("before" in line.text for line in deck.log_lines("fix"))
    log = deck.store.runs_log.read_text()
    assert " START agent=fix " in log
    assert " TIMEOUT agent=fix " in log
    assert "rc=124" in log


def test_stop_resume_and_remove(bench: Bench) -> None:
    deck = bench.deck()
    first = deck.start(shell("echo run >> runs.txt; exec sleep 100"))
    assert first.worktree is not None
    runs = first.worktree / "runs.txt"
    eventually(runs.exists)
    with pytest.raises(RefusedError, match="still running"):
        deck.resume("fix")
    with pytest.raises(RefusedError, match="fix is working"):
        eventually(lambda: deck.agent("fix").state is State.WORKING)
        deck.remove("fix")
    assert deck.stop("fix").state is State.STOPPED
    with pytest.raises(RefusedError, match="not running"):
        deck.send("fix", "hello")
    again = deck.resume("fix")
    assert again.ports == first.ports
    eventually(lambda: runs.read_text() == "run\nrun\n")
    deck.remove("fix", stop=True)
    assert deck.agents() == []
    assert not first.worktree.exists()
    assert bench.branches() == ["main"]
    assert len(bench.trash_refs()) == 1
    assert bench.windows() == []


def test_text_that_is_sent_reaches_the_agent(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(StartRequest(name="fix", argv=("sh", "-c", 'read line; echo "got <$line>"; sleep 100')))
    eventually(lambda: deck.agent("fix").state is State.WORKING)
    deck.send("fix", "it's “me”; $HOME")
    eventually(lambda: "got <it's “me”; $HOME>" in deck.screen("fix"))


def test_a_failed_start_takes_back_what_it_made(bench: Bench) -> None:
    bench.write(
        "agentdeck.toml", '[database]\nengine = "command"\ncreate = "echo no room >&2; exit 1"\ndrop = "true"\n'
    )
    deck = bench.deck()
    with pytest.raises(Exception, match="database") as caught:
        deck.start(shell("sleep 100"))
    assert "no room" in str(caught.value)
    assert deck.agents() == []
    assert bench.worktrees() == [str(bench.root)]
    assert bench.branches() == ["main"]
    assert deck.ports() == []
    assert bench.trash_refs() == []


def test_a_setup_hook_that_fails_is_told_and_the_agent_never_starts(bench: Bench) -> None:
    bench.write("agentdeck.toml", '[hooks]\nsetup = ["echo one > hook.txt", "echo broken >&2; exit 7"]\n')
    deck = bench.deck()
    view = deck.start(shell("touch started"))
    view = deck.wait("fix")
    assert (view.state, view.status.fault) == (State.FAILED, Fault.SETUP)
    assert "exit 7" in view.reason
    assert view.worktree is not None
    assert (view.worktree / "hook.txt").exists()
    assert not (view.worktree / "started").exists()
    assert any("broken" in line.text for line in deck.log_lines("fix"))


def test_the_setup_hooks_run_once_in_each_worktree_and_again_where_they_failed(bench: Bench) -> None:
    """It is deleted by hand and made again by `resume`, or removed and brought back by `undo` without ignored files."""
    trace = bench.home / "trace"
    bench.write("agentdeck.toml", f'[hooks]\nsetup = ["echo >> {trace}", "test -e {bench.home}/ready"]\n')
    deck = bench.deck()

    def runs() -> int:
        assert deck.wait("fix").state is State.DONE
        return len(trace.read_text())

    view = deck.start(shell("true"))
    assert deck.wait("fix").status.fault is Fault.SETUP
    (bench.home / "ready").touch()
    deck.resume("fix")
    assert runs() == 2
    deck.resume("fix")
    assert runs() == 2
    assert view.worktree is not None
    shutil.rmtree(view.worktree)
    deck.resume("fix")
    assert runs() == 3
    deck.remove("fix")
    deck.undo()
    deck.resume("fix")
    assert runs() == 4


def test_what_a_teardown_hook_left_running_ends_with_its_time(bench: Bench) -> None:
    bench.write("agentdeck.toml", f'[hooks]\nteardown = ["sleep 1234 & echo $! > {bench.home}/pid"]\ntimeout = 1\n')
    finished(bench, "fix", {"fix.txt": "x\n"})
    events: list[Event] = []
    bench.deck().remove("fix", note=events.append)
    assert any("failed; the removal continues" in event.text for event in events)
    pid = int((bench.home / "pid").read_text())
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_a_start_that_can_be_neither_finished_nor_taken_back_has_failed(bench: Bench) -> None:
    bench.write("agentdeck.toml", '[database]\nengine = "command"\ncreate = "false"\ndrop = "false"\n')
    deck = bench.deck()
    with pytest.raises(DatabaseError, match=r"database\.create failed"):
        deck.start(shell("true"))
    view = deck.agent("fix")
    assert (view.state, view.reason) == (State.FAILED, "its start failed and is not fully rolled back")
    with pytest.raises(DatabaseError, match=r"database\.drop failed") as caught:
        deck.remove("fix")
    assert "rm --keep-database fix" in caught.value.hint
    deck.remove("fix", keep_database=True)
    assert deck.agents() == []


def test_the_teardown_hook_sees_the_agents_variables_and_its_output_is_logged(bench: Bench) -> None:
    bench.write("agentdeck.toml", f'[hooks]\nteardown = ["echo bye $PORT > {bench.home}/bye", "echo torn; exit 2"]\n')
    deck = bench.deck()
    view = deck.start(shell("sleep 100"))
    events: list[Event] = []
    log = view.log
    deck.remove("fix", events.append, stop=True)
    assert (bench.home / "bye").read_text() == f"bye {view.ports[0]}\n"
    assert [event.kind for event in events].count(EventKind.WARNING) == 1
    assert log is not None
    assert "torn" in log.read_text()


def test_an_id_starts_once_however_often_and_however_concurrently_it_is_asked_for(bench: Bench) -> None:
    def ask(number: int) -> str:
        return bench.deck().start(StartRequest(argv=("sleep", "100"), id="nightly")).name

    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(ask, range(8)))
    assert len(names) == 1
    assert len(bench.deck().agents()) == 1
    name = names.pop()
    bench.deck().remove(name, stop=True)
    after = bench.deck().start(StartRequest(argv=("sleep", "100"), id="nightly"))
    assert (after.name, after.state, after.alive) == (name, State.STOPPED, False)
    assert bench.deck().agents() == []


def test_names_are_made_from_the_task_and_stay_apart(bench: Bench) -> None:
    deck = bench.deck()
    names = [deck.start(StartRequest(task="Fix the login page", argv=("true",))).name for _ in range(3)]
    assert names == ["fix-login-page", "fix-login-page-2", "fix-login-page-3"]
    with pytest.raises(RefusedError, match="already"):
        deck.start(StartRequest(name="fix login page", argv=("true",)))
    assert deck.agent("fix-login-page").name == "fix-login-page"
    with pytest.raises(UsageError, match="matches"):
        deck.agent("fix")
    with pytest.raises(NotFoundError, match="no agent “other”"):
        deck.agent("other")


def test_a_repository_without_a_commit_gets_a_clear_error(bench: Bench, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    bench.git("init", "-q", cwd=empty)
    deck = Deck.find(empty)
    with pytest.raises(RefusedError, match="no commit yet"):
        deck.start(shell("true"))
    assert deck.agents() == []


def test_outside_of_a_repository(bench: Bench) -> None:
    with pytest.raises(NotFoundError, match="not in a git repository"):
        Deck.find(bench.home)


def test_the_deck_is_the_same_from_inside_an_agents_worktree(bench: Bench) -> None:
    deck = bench.deck()
    view = deck.start(shell("sleep 100"))
    assert view.worktree is not None
    inner = Deck.find(view.worktree / "src")
    assert (inner.root, inner.name) == (deck.root, deck.name)
    assert [each.name for each in inner.agents()] == ["fix"]


def test_a_killed_runner_is_told_and_its_agent_ends_with_it(bench: Bench) -> None:
    deck = bench.deck()
    view = deck.start(shell("trap '' HUP TERM INT; echo $$ > pid; while :; do sleep 1; done"))
    assert view.worktree is not None
    path = view.worktree / "pid"
    pid = int(eventually(lambda: path.exists() and path.read_text().strip()))
    runner = eventually(lambda: deck.store.runner_pid("fix"))
    assert runner is not None
    os.kill(runner, 9)

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    eventually(gone, timeout=20)
    deck.repair()
    eventually(lambda: deck.agent("fix").state is State.FAILED)
    view = deck.agent("fix")
    assert view.status.fault is Fault.LOST
    assert view.agent.phase is Phase.HELD


def test_order_and_dependencies_of_many_tasks_hold(bench: Bench) -> None:
    deck = bench.deck()
    trace = bench.home / "trace"

    def task(name: str, line: str, *after: str) -> QueuedTask:
        return QueuedTask(name, shell(f"echo {name} >> {trace}; {line}", name), after)

    tasks = [
        task("last", "true", "second"),
        task("first", "sleep 0.3"),
        task("second", "true", "first"),
        task("bad", "exit 1"),
        task("never", "true", "bad"),
        task("nor-this", "true", "never"),
    ]
    events: list[Event] = []
    views = [end.view for end in deck.start_many(tasks, 2, events.append) if end.view]
    lines = trace.read_text().split()
    assert sorted(lines) == ["bad", "first", "last", "second"]
    assert lines.index("first") < lines.index("second") < lines.index("last")
    assert {view.name: view.state for view in views} == {
        "first": State.DONE,
        "second": State.DONE,
        "last": State.DONE,
        "bad": State.FAILED,
    }
    skipped = {event.agent for event in events if event.kind == EventKind.RUN_SKIPPED}
    assert skipped == {"never", "nor-this"}


def test_no_more_jobs_run_at_once_than_asked(bench: Bench) -> None:
    deck = bench.deck()
    line = f"echo + >> {bench.home}/n; sleep 1.5; echo - >> {bench.home}/n"
    deck.start_many([QueuedTask(f"t{number}", shell(line, f"t{number}")) for number in range(5)], 2)
    depth = high = 0
    for mark in (bench.home / "n").read_text().split():
        depth += 1 if mark == "+" else -1
        high = max(high, depth)
    assert high == 2


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_decks_of_ten_agents_started_at_once_do_not_collide(bench: Bench, tmp_path: Path) -> None:
    other = tmp_path / "other"
    bench.git("clone", "-q", str(bench.root), str(other))
    shutil.copy(bench.root / "dev.sqlite3", other)
    script = (
        "import sys; from pathlib import Path; from agentdeck.engine.deck import Deck;"
        "from agentdeck.engine.views import StartRequest;"
        "Deck.find(Path(sys.argv[1])).start(StartRequest(task='Same task', argv=('sleep', '600')))"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(root)], stderr=subprocess.PIPE, text=True)
        for root in (bench.root, other)
        for _ in range(10)
    ]
    errors = [child.communicate()[1] for child in children]
    assert errors == [""] * 20
    decks = [Deck.find(bench.root), Deck.find(other)]
    views = [view for deck in decks for view in deck.agents()]
    assert [len(deck.agents()) for deck in decks] == [10, 10]
    assert len({(view.worktree) for view in views}) == 20
    ports = [port for view in views for port in view.ports]
    assert len(ports) == len(set(ports)) == 80
    with ThreadPoolExecutor(6) as pool:
        list(
            pool.map(lambda pair: pair[0].remove(pair[1], stop=True), [(d, v.name) for d in decks for v in d.agents()])
        )
    for deck, root in zip(decks, (bench.root, other), strict=True):
        assert deck.agents() == []
        assert bench.git("worktree", "list", "--porcelain", cwd=root).count("worktree ") == 1
        assert bench.git("branch", "--list", "agentdeck/*", cwd=root) == ""
    assert decks[0].ports() == []


def test_events_are_json_lines_a_program_can_read(bench: Bench) -> None:
    deck = bench.deck()
    deck.start(shell("true"))
    deck.wait("fix")
    lines = (deck.store.agent_folder("fix") / "events.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds[0] == "agent.created"
    assert kinds.count("resource.acquired") == 5
    assert "state.changed" in kinds


def test_a_start_that_can_be_neither_finished_nor_taken_back_tells_the_first_error(bench: Bench) -> None:
    config = '[database]\nengine = "command"\ncreate = "echo broken >&2; exit 3"\ndrop = "exit 4"\n'
    bench.write("agentdeck.toml", config)
    events: list[Event] = []
    with pytest.raises(DatabaseError) as caught:
        bench.deck().start(shell("true"), events.append)
    assert "broken" in str(caught.value)
    assert [event.kind for event in events if event.kind == EventKind.WARNING] == ["warning"]
    assert bench.deck().agent("fix").agent.phase is Phase.RELEASING
    bench.write("agentdeck.toml", config.replace("exit 4", "true"))
    bench.deck().repair()
    assert bench.deck().agents() == []
    assert bench.worktrees() == [str(bench.root)]


def test_an_agent_whose_database_server_is_gone_can_be_removed(bench: Bench) -> None:
    line = '[database]\nengine = "command"\ncreate = "echo x://db"\ndrop = "%s"\n'
    bench.write("agentdeck.toml", line % "exit 9")
    deck = bench.deck()
    deck.start(shell("true"))
    deck.wait("fix")
    with pytest.raises(DatabaseError):
        deck.remove("fix")
    deck.remove("fix", keep_database=True)
    assert deck.agents() == []


@pytest.mark.parametrize("kind", ["agent", "gate"])
def test_a_worktree_of_someone_elses_that_is_in_the_way_stays(bench: Bench, kind: str) -> None:
    finished(bench, "fix", {"fix.txt": "x\n"})
    name = "gate-fix" if kind == "gate" else "other"
    theirs = bench.root / ".worktrees" / name
    bench.git("worktree", "add", "-q", "--detach", "--lock", "--reason", "mine", str(theirs))
    bench.write("work.txt", "mine\n", cwd=theirs)
    if kind == "gate":
        entry = bench.deck().land(LandRequest(("fix",), gate=("true",))).entry("fix")
        assert "not AgentDeck's" in entry.reason
    else:
        with pytest.raises(RefusedError, match="not AgentDeck's"):
            bench.deck().start(StartRequest(name=name, argv=("true",)))
    assert (theirs / "work.txt").read_text() == "mine\n"
    assert bench.deck().store.names() == ["fix"]


def test_a_start_that_was_killed_before_its_record_leaves_nothing_for_ever(bench: Bench) -> None:
    deck = bench.deck()
    unborn = private_folder(deck.store.open().agent_folder("unborn"))
    (unborn / "operation.lock").touch()
    (unborn / ".agent.json.1.2").touch()
    deck.start(StartRequest(name="fix", argv=("true",)))
    assert not unborn.exists()
    assert deck.store.names() == ["fix"]


def test_each_deed_takes_the_configuration_as_its_files_are_then(bench: Bench) -> None:
    deck = bench.deck()
    finished(bench, "fix", {"fix.txt": "fixed\n"})
    world = world_of(deck)
    assert (world_of(deck), world.settings.config.landing.gate) == (world, []), "nothing is read twice for nothing"
    bench.write("agentdeck.toml", CONFIG + '[landing]\ngate = ["false"]\n')
    landing = deck.land(LandRequest(("fix",)))
    assert landing.gate == ("false",)
    assert "its gate failed" in landing.entry("fix").reason
    assert world.settings.config.landing.gate == [], "what a deed has taken stays as it is"
    bench.write("agentdeck.toml", CONFIG + "[landing]\ngate = 1\n")
    with pytest.raises(ConfigError, match=r"landing\.gate"):
        deck.land(LandRequest(("fix",)))
    (bench.root / "agentdeck.toml").unlink()
    user = bench.write(".config/agentdeck/config.toml", '[landing]\ngate = ["exit 3"]\n', cwd=bench.home)
    assert "exit 3" in deck.land(LandRequest(("fix",))).entry("fix").reason
    user.unlink()
    profile = bench.write(".config/agentdeck/profiles/mine.toml", "[headless]\n", cwd=bench.home)
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        _ = world_of(deck).profiles
    profile.write_text('title = "Mine"\ncommand = "mine"\ninstall = "-"\n[headless]\nprompt = ["{prompt}"]\n')
    assert "mine" in world_of(deck).profiles
    assert deck.land(LandRequest(("fix",))).entry("fix").stage is Stage.LANDED
