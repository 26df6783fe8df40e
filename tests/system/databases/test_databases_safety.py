"""What is not the agent's is never touched, and what was half made is completed or goes away."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from agentdeck.core.config.config import DatabaseConfig
from agentdeck.errors import ConfigError, DatabaseError, DeckError, RefusedError
from agentdeck.system.databases import command, sqlite
from agentdeck.system.databases.pgserver import find_program
from tests.support.databases import Open
from tests.support.retry import eventually
from tests.support.servers import free_port, redis_server
from tests.support.share import EVERY

ONE_IN = 1 if EVERY else 3
"""Statements of which one is the last."""

KILLED_BEFORE_A_STATEMENT = """
import json, os, signal, sys
from pathlib import Path
import psycopg
from agentdeck.core.config.config import DatabaseConfig
from agentdeck.system.databases import open_database

fatal, verb, settings, plan = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
database = open_database(DatabaseConfig(**settings), Path(), Path())
execute, count = psycopg.Connection.execute, 0

def counted(*args, **options):
    global count
    count += 1
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(*args, **options)

psycopg.Connection.execute = counted
getattr(database, verb)(plan)
"""


def killed_before(number: int, verb: str, settings: dict[str, Any], plan: dict[str, Any]) -> bool:
    """Do `verb` in a process that is killed before its statement of that number; False where it has none."""
    words = [str(number), verb, json.dumps(settings), json.dumps(plan)]
    code = subprocess.run([sys.executable, "-c", KILLED_BEFORE_A_STATEMENT, *words], check=False).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


def ours(postgres: str, deck_id: str, settings: dict[str, Any]) -> list[str]:
    """What the server has of the deck, and of what is half made."""
    line = "select datname from pg_database union all select nspname from pg_namespace"
    with psycopg.connect(settings["url"] if settings["mode"] == "schema" else postgres) as connection:
        names = [name for (name,) in connection.execute(line)]
    return [name for name in names if deck_id in name or name.startswith("agentdeck_half")]


@pytest.mark.slow
@pytest.mark.parametrize("after", ["create", "drop"])
@pytest.mark.parametrize("mode", ["database", "schema"])
def test_a_making_that_is_killed_at_any_step_is_completed_or_leaves_nothing(
    mode: str, after: str, open_: Open, postgres: str, template: str, deck_id: str, tmp_path: Path
) -> None:
    settings = {"engine": "postgres", "mode": mode, "url": postgres, "template": template}
    if mode == "schema":
        settings = {"engine": "postgres", "mode": mode, "url": f"{postgres}/{template}"}
    database = open_(**settings)
    number = 1
    while True:
        plan = database.plan(deck_id, f"a{number}", tmp_path)
        if not killed_before(number, "create", settings, plan):
            break
        if after == "create":
            database.create(plan)
            assert ours(postgres, deck_id, settings) == [plan["name"]]
        database.drop(plan)
        assert not database.exists(plan)
        assert ours(postgres, deck_id, settings) == []
        number += ONE_IN
    assert number > 4
    number = 1
    while killed_before(number, "drop", settings, plan):
        number += ONE_IN
    assert number > 3
    assert ours(postgres, deck_id, settings) == []


@pytest.mark.slow
def test_what_the_server_goes_on_making_for_a_killed_client_is_waited_for(
    open_: Open, postgres: str, template: str, deck_id: str, tmp_path: Path
) -> None:
    settings = {"engine": "postgres", "mode": "database", "url": postgres, "template": template}
    database = open_(**settings)
    plan = database.plan(deck_id, "fix", tmp_path)
    words = ["0", "create", json.dumps(settings), json.dumps(plan)]
    with psycopg.connect(f"{postgres}/{template}"), psycopg.connect(postgres, autocommit=True) as watcher:
        # The server waits for the template's user to leave before it copies.
        child = subprocess.Popen([sys.executable, "-c", KILLED_BEFORE_A_STATEMENT, *words])
        line = "select 1 from pg_stat_activity where state = 'active' and query like 'create database%'"
        eventually(lambda: watcher.execute(line).fetchone())
        child.kill()
        child.wait()
    assert database.exists(plan)
    database.drop(plan)
    assert ours(postgres, deck_id, settings) == []


@pytest.mark.parametrize("mode", ["database", "schema"])
def test_one_of_that_name_without_our_mark_is_left_alone(
    mode: str, open_: Open, postgres: str, deck_id: str, tmp_path: Path
) -> None:
    database = open_(engine="postgres", mode=mode, url=postgres)
    plan = database.plan(deck_id, "fix", tmp_path)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"create {mode} {plan['name']}")
        assert not database.exists(plan)
        for verb in (database.create, database.drop):
            with pytest.raises(RefusedError, match="is not this agent's"):
                verb(plan)
        with pytest.raises(RefusedError, match="is not this agent's"):
            database.plan(deck_id, "fix", tmp_path)
        connection.execute(f"drop {mode} {plan['name']}")


@pytest.mark.slow
def test_a_dump_comes_back_although_the_template_has_changed(
    open_: Open, postgres: str, template: str, deck_id: str, tmp_path: Path
) -> None:
    database = open_(engine="postgres", url=postgres, template=template)
    plan = database.plan(deck_id, "fix", tmp_path)
    database.create(plan)
    url = database.variables(plan)["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("alter table note add primary key (text)")
    dump = database.dump(plan, tmp_path / "database")
    assert dump is not None
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    database.drop(plan)
    with psycopg.connect(f"{postgres}/{template}") as connection:
        connection.execute("alter table note add primary key (text)")
        connection.execute("create table later(text text references note)")
    database.create(plan)
    database.restore(plan, dump)
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('note'), to_regclass('later')").fetchall() == [("note", None)]
    (tmp_path / "broken.dump").write_bytes(dump.read_bytes()[:-200])
    with pytest.raises(DatabaseError, match="pg_restore failed"):
        database.restore(plan, tmp_path / "broken.dump")
    with psycopg.connect(url) as connection:
        assert connection.execute("select text from note").fetchall() == [("from the template",)]
    database.drop(plan)


def test_a_server_that_is_found_by_the_environment_and_a_socket(
    open_: Open, postgres: str, deck_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgres) as connection:
        (folder,) = connection.execute("show unix_socket_directories").fetchone() or ("",)
    monkeypatch.setenv("PGHOST", folder)
    monkeypatch.setenv("PGPORT", postgres.rpartition(":")[2])
    monkeypatch.setenv("PGUSER", "postgres")
    database = open_(engine="postgres", variables={"PLACE": "{user} {host} {name}"})
    plan = database.plan(deck_id, "fix", tmp_path)
    database.create(plan)
    found = database.variables(plan)
    assert found["PLACE"] == f"postgres {folder} {plan['name']}"
    for name in ("PGHOST", "PGPORT", "PGUSER"):
        monkeypatch.delenv(name)
    with psycopg.connect(found["DATABASE_URL"]) as connection:
        assert connection.info.dbname == plan["name"]
    with pytest.raises(RefusedError, match=r"agentdeck\.toml now means localhost:5432"):
        open_(engine="postgres").drop(plan)
    monkeypatch.setenv("PGHOST", folder)
    monkeypatch.setenv("PGPORT", postgres.rpartition(":")[2])
    monkeypatch.setenv("PGUSER", "postgres")
    open_(engine="postgres").drop(plan)


def test_no_password_is_on_a_command_line(
    open_: Open, postgres: str, deck_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, spy = find_program("pg_dump"), tmp_path / "bin" / "pg_dump"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/argv"\nexec "{real}" "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    database = open_(engine="postgres", url=postgres)
    plan = database.plan(deck_id, "fix", tmp_path)
    database.create(plan)
    assert database.dump(plan, tmp_path / "database")
    assert plan["name"] in (tmp_path / "argv").read_text()
    assert postgres.split(":")[2].partition("@")[0] not in (tmp_path / "argv").read_text()
    database.drop(plan)


def test_a_schema_has_no_template_and_a_url_that_is_none_is_not_repeated(open_: Open, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="template"):
        open_(engine="postgres", mode="schema", template="dev")
    with pytest.raises(ConfigError) as caught:
        open_(engine="postgres", url="postgresql://u:se%cret@h/x").plan("d", "fix", tmp_path)
    assert "cret" not in str(caught.value)


def test_the_number_in_the_users_own_redis_url_is_never_handed_out_or_emptied(
    open_: Open, redis_url: str, deck_id: str, tmp_path: Path
) -> None:
    database = open_(engine="redis", url=f"{redis_url}/1")
    plan = database.plan(deck_id, "fix", tmp_path)
    database.create(plan)
    with redis.Redis.from_url(f"{redis_url}/1") as client:
        client.set(f"own-{deck_id}", "mine")
        assert database.variables(plan)["DATABASE_URL"] != f"{redis_url}/1"
        assert database.dump(plan, tmp_path / "database") is not None
        assert (tmp_path / "database.jsonl").read_text() == ""
        database.drop(plan)
        assert client.get(f"own-{deck_id}") == b"mine"
        client.delete(f"own-{deck_id}")
    assert database.variables(plan) == {}
    assert database.dump(plan, tmp_path / "none") is None


def test_an_agents_number_is_not_looked_for_on_another_redis(
    open_: Open, redis_url: str, deck_id: str, tmp_path: Path
) -> None:
    database = open_(engine="redis", url=redis_url)
    plan = database.plan(deck_id, "fix", tmp_path)
    database.create(plan)
    number = database.variables(plan)["DATABASE_URL"].rpartition("/")[2]
    with redis_server("--databases", "3") as other, redis.Redis.from_url(f"{other}/{number}") as client:
        client.set("someone", "else's")
        for verb in (open_(engine="redis", url=other).drop, open_(engine="sqlite").drop):
            with pytest.raises(RefusedError, match=r"Restore \[database\] as it was"):
                verb(plan)
        assert client.get("someone") == b"else's"
        client.flushall()
        agents = open_(engine="redis", url=other)
        for name in ("one", "two"):
            agents.create(agents.plan(deck_id, name, tmp_path))
        with pytest.raises(DatabaseError, match="None of the 3 databases"):
            agents.create(agents.plan(deck_id, "three", tmp_path))
    database.drop(plan)


def test_a_prefix_reaches_the_agent_in_the_users_own_number(
    open_: Open, redis_url: str, deck_id: str, tmp_path: Path
) -> None:
    database = open_(engine="redis", mode="prefix", url=f"{redis_url}/4")
    plan = database.plan(deck_id, "fix", tmp_path)
    database.create(plan)
    found = database.variables(plan)
    assert found == {"DATABASE_URL": f"{redis_url}/4", "REDIS_PREFIX": f"agentdeck:{deck_id}:fix:"}


@pytest.mark.parametrize(
    "settings", [{"engine": "postgres"}, {"engine": "postgres", "mode": "schema"}, {"engine": "redis"}]
)
def test_nothing_is_planned_on_a_server_that_is_down(settings: dict[str, Any], open_: Open, tmp_path: Path) -> None:
    kind = "redis" if settings["engine"] == "redis" else "postgresql"
    url = f"{kind}://someone:secret@127.0.0.1:{free_port()}"
    with pytest.raises(DatabaseError, match="can't be reached") as caught:
        open_(url=url, **settings).plan("d", "fix", tmp_path)
    assert caught.value.hint.startswith("Start it")
    assert "secret" not in str(caught.value)


def test_a_wrong_redis_password_is_a_clear_error(open_: Open, redis_url: str, deck_id: str, tmp_path: Path) -> None:
    wrong = redis_url.replace("redis://", "redis://someone:wrong@")
    database = open_(engine="redis", mode="prefix", url=wrong)
    with pytest.raises(DatabaseError, match="refused the login"):
        database.create(database.plan(deck_id, "fix", tmp_path))


@pytest.mark.parametrize("absolute", [True, False])
def test_a_file_that_was_there_before_the_agent_is_left_alone(absolute: bool, open_: Open, tmp_path: Path) -> None:
    worktree = tmp_path / "worktree"
    worktree.mkdir()
    own = worktree / "dev.db"
    own.write_text("mine")
    with pytest.raises(RefusedError, match=r"dev\.db already exists"):
        open_(engine="sqlite", path=str(own) if absolute else "dev.db").plan("d", "fix", worktree)
    assert own.read_text() == "mine"


def test_nothing_is_left_beside_a_template_at_rest_and_dumps_are_private(open_: Open, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "dev.db")) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("create table note(text)")
    worktree = tmp_path / "worktree"
    (worktree / "..agentdeck.half").mkdir(parents=True)  # left by a start that was cut short
    database = open_(template="dev.db")
    plan = database.plan("d", "fix", worktree)
    database.create(plan)
    dump = database.dump(plan, tmp_path / "saved" / "database")
    assert dump is not None
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("dev.db*")] == ["dev.db"]
    assert sorted(path.name for path in (worktree / ".agentdeck").iterdir()) == [".gitignore", "db.sqlite3"]
    assert [path.name for path in worktree.iterdir()] == [".agentdeck"]


def test_a_template_that_stays_locked_is_a_clear_error(
    open_: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_PATIENCE", 0.2)
    database = open_(template="dev.db")
    with closing(sqlite3.connect(tmp_path / "dev.db", isolation_level=None)) as connection:
        connection.execute("create table note(text)")
        connection.execute("begin exclusive")
        plan = database.plan("d", "fix", tmp_path)
        with pytest.raises(DatabaseError, match="locked"):
            database.create(plan)
        assert not database.exists(plan)
        connection.execute("rollback")
        monkeypatch.setattr(sqlite, "_PATIENCE", 20.0)
        connection.execute("begin exclusive")
        other = threading.Thread(target=database.create, args=(plan,))
        other.start()
        connection.execute("rollback")
        other.join(20)
    assert database.exists(plan)


def test_a_create_line_that_failed_is_followed_by_drop(open_: Open, tmp_path: Path) -> None:
    flaky = 'mkdir "$AGENTDECK_DATABASE" && test -e ready && echo "x://$AGENTDECK_DECK"'
    database = open_(engine="command", create=flaky, drop='rmdir "$AGENTDECK_DATABASE"')
    plan = database.plan("d", "fix", tmp_path)
    database.drop(plan)  # never made: the line is not run
    with pytest.raises(DatabaseError, match="failed with 1"):
        database.create(plan)
    assert database.exists(plan)
    assert database.dump(plan, tmp_path / "database") is None
    (tmp_path / "ready").touch()
    database.create(plan)
    assert database.variables(plan) == {"DATABASE_URL": "x://d"}
    database.drop(plan)
    assert not (tmp_path / plan["name"]).exists()
    with pytest.raises(DatabaseError, match=r"database\.restore is not set"):
        database.restore(plan, tmp_path / "dump")


def test_the_url_is_private_and_the_users_own_reaches_the_create_line(
    open_: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "admin")
    database = open_(engine="command", create='echo "[not: a url $DATABASE_URL"', variables={"HOST": "{host}"})
    plan = database.plan("d", "fix", tmp_path)
    database.create(plan)
    assert database.variables(plan) == {"DATABASE_URL": "[not: a url admin", "HOST": ""}
    assert "admin" not in str(plan)
    (kept,) = (tmp_path / "state" / "databases").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_what_a_line_that_hangs_has_started_ends_with_it(
    open_: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_TIMEOUT", 0.5)
    database = open_(engine="command", create="sleep 300 & echo $! > pid; wait")
    with pytest.raises(DeckError, match="did not finish"):
        database.create(database.plan("d", "fix", tmp_path))
    pid = int((tmp_path / "pid").read_text())
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_a_folder_of_the_users_whose_gitignore_is_no_text_is_left_as_it_is(tmp_path: Path) -> None:
    database = sqlite.SqliteDatabase(DatabaseConfig(engine="sqlite", path="data/db.sqlite3"), tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/.gitignore").write_bytes(b"\xff*\n")
    plan = database.plan("deck", "fox", tmp_path)
    database.create(plan)
    database.drop(plan)
    assert (tmp_path / "data/.gitignore").read_bytes() == b"\xff*\n"


def test_a_link_in_the_place_of_a_file_shows_nothing_of_what_it_leads_to(tmp_path: Path) -> None:
    other, worktree = tmp_path / "cookies.sqlite3", tmp_path / "tree"
    with closing(sqlite3.connect(other)) as database:
        database.execute("create table secret(text)")
    worktree.mkdir()
    made = sqlite.SqliteDatabase(DatabaseConfig(path="db.sqlite3"), tmp_path)
    plan = made.plan("0123abcd", "fix", worktree)
    (worktree / "db.sqlite3").symlink_to(other)
    assert made.dump(plan, tmp_path / "dump") is None
    made.drop(plan)
    assert other.exists() and not (worktree / "db.sqlite3").is_symlink()
