"""PostgreSQL restarts, stops, or loses a database under agents that have one of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdeck.errors import ExitCode, MissingToolError
from agentdeck.system.databases.pgserver import find_program
from tests.support.cli import agentdeck
from tests.support.decks import CONFIG, Bench, bench_in
from tests.support.retry import eventually
from tests.support.servers import postgres_server
from tests.support.verdicts import assert_no_bug, assert_ok, assert_refused

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
START = ("run", "--detach", "--name", "fix", "--", "sleep", "600")


@pytest.fixture
def server() -> Iterator[str]:
    try:
        find_program("initdb")
    except MissingToolError as error:
        pytest.skip(error.title)
    with postgres_server() as url:
        yield url


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> Iterator[Bench]:
    import psycopg

    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("create database shop_dev")
    config = CONFIG.split("[database]")[0]
    config += f'[database]\nengine = "postgres"\ntemplate = "shop_dev"\nurl = "{server}/postgres"\n'
    with bench_in(tmp_path, monkeypatch, config=config) as made:
        yield made


def database_of(bench: Bench) -> str:
    lease = bench.deck().agent("fix").agent.lease("database")
    assert lease is not None
    return str(lease.data["name"])


def end_connections(server: str) -> None:
    """What a restart does to who is connected."""
    import psycopg

    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")


def server_pid(server: str) -> int:
    import psycopg

    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        row = connection.execute("select pg_read_file('postmaster.pid')").fetchone()
    assert row is not None
    return int(str(row[0]).splitlines()[0])


def test_connections_end_and_the_database_is_dropped_by_hand(bench: Bench, server: str) -> None:
    import psycopg

    assert_ok(agentdeck(*START, cwd=bench.root))
    name = database_of(bench)
    end_connections(server)
    assert "✗" not in assert_ok(agentdeck("ls", cwd=bench.root))
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'drop database "{name}"')
    assert "database is gone" in agentdeck("--json", "doctor", cwd=bench.root).stdout
    assert_ok(agentdeck("stop", "fix", cwd=bench.root))
    assert_ok(agentdeck("resume", "fix", cwd=bench.root))
    assert "database is gone" not in agentdeck("--json", "doctor", cwd=bench.root).stdout, "it is made again"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'drop database "{name}"')
    assert_ok(agentdeck("rm", "--stop", "fix", cwd=bench.root))
    assert bench.deck().agents() == []


def test_the_server_is_gone(bench: Bench, server: str) -> None:
    assert_ok(agentdeck(*START, cwd=bench.root))
    os.kill(server_pid(server), signal.SIGQUIT)
    eventually(lambda: "working" in assert_ok(agentdeck("ls", cwd=bench.root)))
    found = agentdeck("doctor", cwd=bench.root)
    assert_no_bug(found)
    assert found.returncode == ExitCode.FAILED
    done = agentdeck("run", "--detach", "--name", "more", "--", "sleep", "600", cwd=bench.root)
    assert_refused(done, ExitCode.FAILED)
    done = agentdeck("rm", "--stop", "fix", cwd=bench.root)
    assert_refused(done, ExitCode.FAILED, says=["--keep-database"])
    assert_ok(agentdeck("ls", cwd=bench.root))
    assert_ok(agentdeck("rm", "--stop", "--keep-database", "fix", cwd=bench.root))
    assert [view.name for view in bench.deck().agents()] == []
    assert bench.worktrees() == [str(bench.root)]
