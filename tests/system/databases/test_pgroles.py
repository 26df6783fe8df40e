"""An agent's own PostgreSQL role owns its database or schema, and has no right to anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from agentdeck.core.config.config import DatabaseConfig
from agentdeck.errors import DatabaseError, RefusedError
from agentdeck.system.databases import Database, open_database


def opened(url: str, tmp_path: Path, **more: Any) -> Database:
    found = open_database(DatabaseConfig(engine="postgres", url=url, **more), tmp_path, tmp_path / "state")
    assert found is not None
    return found


def made(database: Database, name: str, tmp_path: Path) -> dict[str, Any]:
    plan = database.plan("0123abcd", name, tmp_path)
    plan["role"] = plan["name"]
    database.create(plan)
    database.create(plan)
    return plan


def refused(url: str, line: str) -> bool:
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(line)
    except psycopg.Error:
        return True
    return False


def roles(url: str) -> set[str]:
    with psycopg.connect(f"{url}/postgres") as connection:
        return {name for (name,) in connection.execute("select rolname from pg_roles where rolname like 'agentdeck%'")}


def at(url: str, database: str) -> str:
    """The address of another database with the same login."""
    return f"{url.rpartition('/')[0]}/{database}"


def test_it_owns_a_copy_of_the_template_and_nothing_else(postgres: str, template: str, tmp_path: Path) -> None:
    database = opened(postgres, tmp_path, template=template)
    one, two = made(database, "one", tmp_path), made(database, "two", tmp_path)
    url, other = (database.variables(plan)["DATABASE_URL"] for plan in (one, two))
    assert "postgres:" not in url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("alter table note add column more text")
        connection.execute("create table mine(id serial primary key)")
        connection.execute("create schema extra")
        assert connection.execute("select text from note").fetchall() == [("from the template",)]
    for line in ("create role evil", "create database evil", "copy note to program 'true'", "set role postgres"):
        assert refused(url, line), line
    for line in ("select pg_read_file('/etc/passwd')", f"drop role {two['role']}", f"drop database {two['name']}"):
        assert refused(url, line), line
    assert refused(at(url, two["name"]), "select 1"), "another agent's database"
    assert refused(at(url, template), "select * from note")
    assert not refused(other, "select 1")
    for plan in (one, two):
        database.drop(plan)
        database.drop(plan)
        assert not database.exists(plan)
    assert not roles(postgres) & {one["role"], two["role"]}


@pytest.mark.parametrize("mode", ["database", "schema"])
def test_it_comes_back_with_its_dump(postgres: str, tmp_path: Path, mode: str) -> None:
    database = opened(f"{postgres}/postgres", tmp_path, mode=mode)
    plan = made(database, f"kept-{mode}", tmp_path)
    url = database.variables(plan)["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table mine(id serial primary key, text text)")
        connection.execute("insert into mine(text) values ('kept')")
    dump = database.dump(plan, tmp_path / "dump")
    assert dump is not None
    database.drop(plan)
    assert plan["role"] not in roles(postgres)
    database.create(plan)
    database.restore(plan, dump)
    assert database.variables(plan)["DATABASE_URL"] == url
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("select text from mine").fetchall() == [("kept",)]
        connection.execute("alter table mine add column more text")
    database.drop(plan)


def test_a_role_of_that_name_that_is_not_ours_stays(postgres: str, tmp_path: Path) -> None:
    database = opened(postgres, tmp_path)
    plan = database.plan("0123abcd", "theirs", tmp_path)
    plan["role"] = plan["name"]
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute(f"create role {plan['role']}")
    with pytest.raises(RefusedError, match="is not this agent's"):
        database.create(plan)
    database.drop(plan)
    assert plan["role"] in roles(postgres)


def test_a_login_that_may_make_no_roles_says_what_to_do(postgres: str, tmp_path: Path) -> None:
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute("create role weak login createdb password 'weak'")
    address = postgres.rpartition("@")[2]
    database = opened(f"postgresql://weak:weak@{address}/postgres", tmp_path)
    plan = database.plan("0123abcd", "weak", tmp_path)
    plan["role"] = plan["name"]
    with pytest.raises(DatabaseError, match="no role") as raised:
        database.create(plan)
    assert "CREATEROLE" in raised.value.hint
    database.drop(plan)


def test_a_login_that_is_no_superuser_can_give_roles(postgres: str, tmp_path: Path) -> None:
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute("create role maker login createdb createrole password 'maker'")
    address = postgres.rpartition("@")[2]
    database = opened(f"postgresql://maker:maker@{address}/postgres", tmp_path)
    plan = made(database, "maker", tmp_path)
    assert not refused(database.variables(plan)["DATABASE_URL"], "create table mine(id int)")
    database.drop(plan)
    assert plan["role"] not in roles(postgres)
