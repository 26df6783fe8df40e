"""Redis: a numbered database of its own, or a prefix for its keys."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from agentdeck.errors import ConfigError, DatabaseError
from agentdeck.system.databases import arriving, check_place, database_name, expand, filled
from agentdeck.system.files.files import from_json
from agentdeck.system.files.registry import Registry

if TYPE_CHECKING:
    from agentdeck.core.config.config import DatabaseConfig

_BATCH = 500
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class RedisDatabase:
    def __init__(self, config: DatabaseConfig, state_home: Path) -> None:
        self._config = config
        self._text = config.url or "redis://127.0.0.1:6379"
        self._registry = Registry(state_home / "redis.json", ("name", "server", "index"))

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        name = database_name(deck_id, agent)
        prefix = f"agentdeck:{deck_id}:{agent}:" if self._config.mode == "prefix" else ""
        with self._client(self._own_index) as client:
            client.ping()
        return {"engine": "redis", "server": self._server, "name": name, "prefix": prefix}

    def create(self, plan: dict[str, Any]) -> None:
        """Lease a numbered database that is empty and that no other agent has; a prefix needs no making."""
        check_place(plan, engine="redis", server=self._server)
        if plan["prefix"]:
            return
        with self._registry.changing() as records:
            if not any(each["name"] == plan["name"] for each in records):
                taken = {each["index"] for each in records if each["server"] == self._server}
                records.append({"name": plan["name"], "server": self._server, "index": self._free_index(taken)})

    def _free_index(self, taken: set[int]) -> int:
        import redis

        # 0 is what everything that names no number uses; the one in the configured URL is the user's.
        for index in itertools.count(1):
            if index in taken or index == self._own_index:
                continue
            with self._client(index) as client:
                try:
                    if client.dbsize() == 0:
                        return index
                except redis.ResponseError as error:
                    if "out of range" not in str(error):
                        raise
                    break
        raise DatabaseError(
            f"None of the {index} databases of Redis at {self._server} is free and empty.",
            hint="Set database.mode = “prefix” in agentdeck.toml, or raise “databases” in redis.conf.",
        )

    def exists(self, plan: dict[str, Any]) -> bool:
        index = self._index(plan)
        if index is None:
            return False
        with self._client(index) as client:
            client.ping()
        return True

    def check_dump(self) -> None:
        pass

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        index, target = self._index(plan), stem.with_name(f"{stem.name}.jsonl")
        if index is None:
            return None
        with self._client(index) as client, arriving(target) as half, half.open("w", encoding="ascii") as file:
            for keys in _batches(client, plan):
                asked = client.pipeline(transaction=False)
                for key in keys:
                    asked.dump(key)
                    asked.pttl(key)
                answers = asked.execute()
                for key, value, left in zip(keys, answers[::2], answers[1::2], strict=True):
                    if value is not None:
                        words = [base64.b64encode(each).decode() for each in (key, value)]
                        file.write(json.dumps([*words, max(0, left)]) + "\n")
        return target

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        """Keys with a time to live get what they had left of it when they were dumped."""
        index = self._index(plan)
        if index is None:
            raise DatabaseError(f"{plan['name']} has no Redis database to restore to.", hint="Resume the agent first.")
        with self._client(index) as client, dump.open(encoding="ascii") as file:
            _empty(client, plan)
            for line in file:
                key, value, left = from_json(line)
                client.restore(base64.b64decode(key), left, base64.b64decode(value), replace=True)

    def drop(self, plan: dict[str, Any]) -> None:
        index = self._index(plan)
        if index is None:
            return
        with self._client(index) as client:
            _empty(client, plan)
        with self._registry.changing() as records:
            records[:] = [each for each in records if each["name"] != plan["name"]]

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        index = self._index(plan)
        if index is None:
            return {}
        values = {"url": self._url(index), "name": str(index), "prefix": plan["prefix"]}
        found = filled(self._config, values)
        if plan["prefix"] and not any("{prefix}" in template for template in self._config.variables.values()):
            found.setdefault("REDIS_PREFIX", plan["prefix"])
        return found

    @property
    def _server(self) -> str:
        """What tells two servers apart, the same for every way to write it; no password."""
        parts = urlsplit(expand(self._text))
        try:
            host, port = parts.hostname or "", parts.port or 6379
        except ValueError as error:
            raise ConfigError("database.url has a port that is not a number.") from error
        if parts.scheme == "unix":
            return parts.path
        return f"{'localhost' if host in _LOOPBACK else host}:{port}"

    @property
    def _own_index(self) -> int:
        """The number in the configured URL."""
        parts = urlsplit(expand(self._text))
        number = dict(parse_qsl(parts.query)).get("db") or ("" if parts.scheme == "unix" else parts.path.strip("/"))
        return int(number) if number.isdecimal() else 0

    def _index(self, plan: dict[str, Any]) -> int | None:
        """The numbered database that holds the agent's keys, or None where none is leased to it."""
        check_place(plan, engine="redis", server=self._server)
        if plan["prefix"]:
            return self._own_index
        records = self._registry.records()
        return next((each["index"] for each in records if each["name"] == plan["name"]), None)

    def _url(self, index: int) -> str:
        parts = urlsplit(expand(self._text))
        query = [(name, value) for name, value in parse_qsl(parts.query) if name != "db"]
        path = f"/{index}"
        if parts.scheme == "unix":
            path = parts.path
            query.append(("db", str(index)))
        return f"{parts.scheme}://{parts.netloc}{path}" + (f"?{urlencode(query)}" if query else "")

    @contextlib.contextmanager
    def _client(self, index: int) -> Iterator[Any]:
        import redis

        try:
            client = redis.Redis.from_url(
                self._url(index), socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_ANSWER_SECONDS
            )
        except ValueError as error:
            raise ConfigError("database.url is not the URL of a Redis server.", detail=str(error)) from error
        with client:
            try:
                yield client
            except (redis.AuthenticationError, redis.exceptions.AuthorizationError) as error:
                hint = "Check the user and password in database.url; $NAME takes one from the environment."
                raise DatabaseError(
                    f"Redis at {self._server} refused the login.", detail=str(error), hint=hint
                ) from error
            except (redis.ConnectionError, redis.TimeoutError) as error:
                raise DatabaseError(
                    f"Redis at {self._server} can't be reached.",
                    detail=str(error),
                    hint="Start it, or set database.url in agentdeck.toml.",
                ) from error
            except redis.RedisError as error:
                raise DatabaseError(f"Redis at {self._server} refused a command.", detail=str(error)) from error


def _batches(client: Any, plan: dict[str, Any]) -> Iterator[list[bytes]]:
    """The keys of the agent's own, some at a time."""
    escaped = "".join(f"\\{char}" if char in "*?[]\\" else char for char in plan["prefix"])
    keys = client.scan_iter(match=f"{escaped}*", count=_BATCH)
    while batch := list(itertools.islice(keys, _BATCH)):
        yield batch


def _empty(client: Any, plan: dict[str, Any]) -> None:
    if not plan["prefix"]:
        client.flushdb()
        return
    for keys in _batches(client, plan):
        client.unlink(*keys)
