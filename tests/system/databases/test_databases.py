from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.config.config import DatabaseConfig
from agentdeck.errors import ConfigError, DatabaseError, RefusedError
from agentdeck.system.databases import database_name, open_database
from tests.support.databases import Open
from tests.support.servers import free_port

agent_names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)


@given(st.lists(agent_names, min_size=2, max_size=2, unique=True))
def test_no_two_agents_share_a_database_name(pair: list[str]) -> None:
    one, other = (database_name("0123abcd", name) for name in pair)
    assert one != other
    assert max(len(one), len(other)) <= 63


def test_no_database_is_configured_by_default(tmp_path: Path) -> None:
    assert open_database(DatabaseConfig(), tmp_path, tmp_path) is None


def rows(path: str | Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [text for (text,) in database.execute("select text from note order by rowid")]


def add_row(path: str | Path, text: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table if not exists note(text)")
        database.execute("insert into note values(?)", (text,))


class TestSqlite:
    @pytest.fixture
    def worktree(self, tmp_path: Path) -> Path:
        folder = tmp_path / "wörk tree"
        folder.mkdir()
        return folder

    def test_a_copy_of_the_template_of_its_own(self, open_: Open, tmp_path: Path, worktree: Path) -> None:
        add_row(tmp_path / "dev.db", "template")
        database = open_(template="dev.db")
        plan = database.plan("d", "fix", worktree)
        assert not database.exists(plan)
        database.create(plan)
        add_row(plan["path"], "mine")
        database.create(plan)
        assert rows(plan["path"]) == ["template", "mine"]
        assert rows(tmp_path / "dev.db") == ["template"]
        assert database.variables(plan) == {"DATABASE_URL": f"sqlite:///{worktree}/.agentdeck/db.sqlite3"}

    def test_a_template_that_is_written_to_meanwhile_is_copied_whole(
        self, open_: Open, tmp_path: Path, worktree: Path
    ) -> None:
        with closing(sqlite3.connect(tmp_path / "dev.db")) as busy:
            busy.execute("pragma journal_mode=wal")
            busy.execute("create table note(text)")
            busy.execute("insert into note values('committed')")
            busy.commit()
            busy.execute("insert into note values('not yet')")
            database = open_(template="dev.db")
            plan = database.plan("d", "fix", worktree)
            database.create(plan)
        assert rows(plan["path"]) == ["committed"]

    def test_dump_drop_and_restore(self, open_: Open, tmp_path: Path, worktree: Path) -> None:
        database = open_(engine="sqlite")
        plan = database.plan("d", "fix", worktree)
        database.create(plan)
        add_row(plan["path"], "mine")
        dump = database.dump(plan, tmp_path / "database")
        assert dump is not None
        database.drop(plan)
        database.drop(plan)
        assert list(worktree.iterdir()) == []
        database.create(plan)
        database.restore(plan, dump)
        assert rows(plan["path"]) == ["mine"]

    def test_a_template_that_is_missing_or_no_database_is_a_clear_error(
        self, open_: Open, tmp_path: Path, worktree: Path
    ) -> None:
        database = open_(template="dev.db")
        plan = database.plan("d", "fix", worktree)
        with pytest.raises(DatabaseError, match=r"dev\.db does not exist"):
            database.create(plan)
        (tmp_path / "dev.db").write_text("this is no database, for it is text" * 50)
        with pytest.raises(DatabaseError, match="can't be copied"):
            database.create(plan)
        assert not database.exists(plan)

    def test_other_files_in_its_folder_stay(self, open_: Open, worktree: Path) -> None:
        database = open_(engine="sqlite", path="var/db.sqlite3")
        plan = database.plan("d", "fix", worktree)
        database.create(plan)
        (worktree / "var" / "mine.txt").write_text("x")
        database.drop(plan)
        assert (worktree / "var" / "mine.txt").exists()


def test_more_variables_are_filled_from_the_url(open_: Open, tmp_path: Path) -> None:
    database = open_(engine="sqlite", variable="DB", variables={"DB_FILE": "file:{path}", "DB_NAME": "{name}"})
    plan = database.plan("d", "fix", tmp_path)
    path = plan["path"]
    assert database.variables(plan) == {"DB": f"sqlite:///{path}", "DB_FILE": f"file:{path}", "DB_NAME": "db.sqlite3"}
    with pytest.raises(ConfigError, match="nothing"):
        open_(engine="sqlite", variables={"X": "{nothing}"}).variables(plan)


@pytest.mark.parametrize("mode", ["database", "schema"])
class TestPostgres:
    def settings(self, mode: str, postgres: str, template: str) -> dict[str, Any]:
        if mode == "schema":
            return {"engine": "postgres", "mode": mode, "url": f"{postgres}/{template}"}
        return {"engine": "postgres", "mode": mode, "url": postgres, "template": template}

    def test_two_agents_do_not_see_each_others_tables(
        self, open_: Open, mode: str, postgres: str, template: str, deck_id: str, tmp_path: Path
    ) -> None:
        database = open_(**self.settings(mode, postgres, template))
        plans = [database.plan(deck_id, name, tmp_path) for name in ("one", "other")]
        for plan in plans:
            assert not database.exists(plan)
            database.create(plan)
            database.create(plan)
            assert database.exists(plan)
        one, other = (database.variables(plan)["DATABASE_URL"] for plan in plans)
        with psycopg.connect(one, autocommit=True) as connection:
            connection.execute("create table migrated(x int)")
            if mode == "database":
                assert connection.execute("select text from note").fetchall() == [("from the template",)]
        with psycopg.connect(other, autocommit=True) as connection, pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("select * from migrated")
        for plan in plans:
            database.drop(plan)
            database.drop(plan)
            assert not database.exists(plan)

    def test_dump_drop_and_restore(
        self, open_: Open, mode: str, postgres: str, template: str, deck_id: str, tmp_path: Path
    ) -> None:
        database = open_(**self.settings(mode, postgres, template))
        plan = database.plan(deck_id, "fix", tmp_path)
        database.create(plan)
        url = database.variables(plan)["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table mine(x int)")
            connection.execute("insert into mine values(7)")
        dump = database.dump(plan, tmp_path / "database")
        assert dump is not None
        holder = psycopg.connect(url)  # an agent's forgotten connection must not keep the database
        if mode == "database":
            database.drop(plan)
            holder.close()
        else:
            holder.close()
            database.drop(plan)
        database.create(plan)
        database.restore(plan, dump)
        with psycopg.connect(url) as connection:
            assert connection.execute("select x from mine").fetchall() == [(7,)]
        database.drop(plan)

    def test_what_is_not_ours_is_never_dropped(
        self, open_: Open, mode: str, postgres: str, template: str, deck_id: str, tmp_path: Path
    ) -> None:
        database = open_(**self.settings(mode, postgres, template))
        plan = database.plan(deck_id, "fix", tmp_path)
        database.create(plan)
        stranger = {**plan, "mark": "agentdeck other fix"}
        with pytest.raises(RefusedError, match="not"):
            database.drop(stranger)
        with pytest.raises(RefusedError, match="already"):
            database.create(stranger)
        assert database.exists(plan)
        database.drop(plan)


def test_a_template_in_use_is_waited_for(
    open_: Open, postgres: str, template: str, deck_id: str, tmp_path: Path
) -> None:
    database = open_(engine="postgres", url=postgres, template=template)
    plan = database.plan(deck_id, "fix", tmp_path)
    user = psycopg.connect(f"{postgres}/{template}")
    timer = threading.Timer(0.5, user.close)
    timer.start()
    database.create(plan)
    timer.join()
    assert database.exists(plan)
    database.drop(plan)


def test_a_missing_template_and_a_server_that_is_down_are_clear_errors(
    open_: Open, postgres: str, deck_id: str, tmp_path: Path
) -> None:
    database = open_(engine="postgres", url=postgres, template="no_such_template")
    with pytest.raises(DatabaseError, match="no_such_template"):
        database.create(database.plan(deck_id, "fix", tmp_path))
    down = open_(engine="postgres", url=f"postgresql://postgres@127.0.0.1:{free_port()}")
    with pytest.raises(DatabaseError, match="can't be reached"):
        down.create(down.plan(deck_id, "fix", tmp_path))


def test_a_password_is_read_from_the_environment_and_stays_out_of_the_plan(
    open_: Open, postgres: str, template: str, deck_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"create role r{deck_id} login createdb password 'p@ss/w'")
    monkeypatch.setenv("PG_SECRET", "p@ss/w")
    url = f"postgresql://r{deck_id}:${{PG_SECRET}}@{postgres.rpartition('@')[2]}"
    database = open_(engine="postgres", url=url)
    plan = database.plan(deck_id, "fix", tmp_path)
    database.create(plan)
    assert "p@ss" not in str(plan)
    with psycopg.connect(database.variables(plan)["DATABASE_URL"]) as connection:
        assert connection.info.dbname == plan["name"]
    database.drop(plan)
    monkeypatch.setenv("PG_SECRET", "wrong")
    with pytest.raises(DatabaseError, match=r"refused the login of") as caught:
        open_(engine="postgres", url=url).exists(plan)
    assert "wrong" not in str(caught.value)
    monkeypatch.delenv("PG_SECRET")
    with pytest.raises(ConfigError, match="PG_SECRET"):
        open_(engine="postgres", url=url).exists(plan)


class TestRedis:
    def test_agents_get_numbers_of_their_own(self, open_: Open, redis_url: str, deck_id: str, tmp_path: Path) -> None:
        with redis.Redis.from_url(redis_url, db=1) as client:
            client.set("someone", "else's")
        database = open_(engine="redis", url=redis_url)
        plans = [database.plan(deck_id, name, tmp_path) for name in ("one", "other")]
        for plan in plans:
            database.create(plan)
            database.create(plan)
        urls = [database.variables(plan)["DATABASE_URL"] for plan in plans]
        assert urls == [f"{redis_url}/2", f"{redis_url}/3"]
        for plan in plans:
            database.drop(plan)
            assert not database.exists(plan)
        with redis.Redis.from_url(redis_url, db=1) as client:
            assert client.get("someone") == b"else's"

    @pytest.mark.parametrize("mode", ["index", "prefix"])
    def test_dump_drop_and_restore(self, open_: Open, mode: str, redis_url: str, deck_id: str, tmp_path: Path) -> None:
        database = open_(engine="redis", url=redis_url, mode=mode, variables={"PREFIX": "{prefix}"})
        plan = database.plan(deck_id, "f-x", tmp_path)
        database.create(plan)
        found = database.variables(plan)
        with redis.Redis.from_url(found["DATABASE_URL"]) as client:
            client.set(f"{found['PREFIX']}bytes", b"\x00\xff", ex=1000)
            client.rpush(f"{found['PREFIX']}list", *range(1200))
            for number in range(700):
                client.set(f"{found['PREFIX']}n{number}", number)
            client.set(f"not-{deck_id}", "stays")
        dump = database.dump(plan, tmp_path / "database")
        assert dump is not None
        database.drop(plan)
        database.create(plan)
        database.restore(plan, dump)
        found = database.variables(plan)
        with redis.Redis.from_url(found["DATABASE_URL"]) as client:
            assert client.get(f"{found['PREFIX']}bytes") == b"\x00\xff"
            assert 0 < client.ttl(f"{found['PREFIX']}bytes") <= 1000
            assert client.llen(f"{found['PREFIX']}list") == 1200
            assert client.get(f"{found['PREFIX']}n699") == b"699"
            if mode == "prefix":
                assert client.get(f"not-{deck_id}") == b"stays"
                client.delete(f"not-{deck_id}")
        database.drop(plan)

    def test_a_server_that_is_down_is_a_clear_error(self, open_: Open, deck_id: str, tmp_path: Path) -> None:
        database = open_(engine="redis", url=f"redis://127.0.0.1:{free_port()}")
        with pytest.raises(DatabaseError, match=r"Redis at localhost:.* can't be reached"):
            database.create(database.plan(deck_id, "fix", tmp_path))


class TestCommand:
    def test_the_users_lines_make_and_drop_it(self, open_: Open, tmp_path: Path) -> None:
        database = open_(
            engine="command",
            create='echo making >&2; echo "$AGENTDECK_AGENT" > "db-$AGENTDECK_DATABASE"; echo "x://$AGENTDECK_DATABASE"',
            drop='rm -f "db-$AGENTDECK_DATABASE"; echo "$DATABASE_URL" > dropped',
            dump='cp "db-$AGENTDECK_DATABASE" "$AGENTDECK_DUMP"',
            restore='cp "$AGENTDECK_DUMP" "db-$AGENTDECK_DATABASE"',
        )
        plan = database.plan("d", "fix", tmp_path)
        database.create(plan)
        file = tmp_path / f"db-{plan['name']}"
        assert file.read_text() == "fix\n"
        assert database.variables(plan) == {"DATABASE_URL": f"x://{plan['name']}"}
        dump = database.dump(plan, tmp_path / "database")
        assert dump is not None
        database.drop(plan)
        assert not file.exists()
        assert not database.exists(plan)
        assert (tmp_path / "dropped").read_text() == f"x://{plan['name']}\n"
        database.restore(plan, dump)
        assert file.read_text() == "fix\n"

    @pytest.mark.parametrize(("line", "text"), [("echo sorry >&2; exit 3", "sorry"), ("true", "printed no URL")])
    def test_a_line_that_fails_says_why(self, open_: Open, tmp_path: Path, line: str, text: str) -> None:
        database = open_(engine="command", create=line)
        with pytest.raises(DatabaseError) as caught:
            database.create(database.plan("d", "fix", tmp_path))
        assert text in str(caught.value)
