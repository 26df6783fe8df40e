"""Redis: a numbered database of its own, or a prefix for its keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from agentdeck.core.config import DatabaseConfig
from agentdeck.errors import DatabaseError
from agentdeck.system.databases import database_name, expand, filled
from agentdeck.system.registry import Registry

_BATCH = 500


class RedisDatabase:
    def __init__(self, config: DatabaseConfig, state_home: Path) -> None:
        self._config = config
        self._url = config.url or "redis://127.0.0.1:6379"
        self._registry = Registry(state_home / "redis.json")

    def plan(self, deck_id: str, agent: str, worktree: Path) -> dict[str, Any]:
        name = database_name(deck_id, agent)
        prefix = f"agentdeck:{deck_id}:{agent}:" if self._config.mode == "prefix" else ""
        return {"engine": "redis", "mode": self._config.mode, "name": name, "prefix": prefix}

    def create(self, plan: dict[str, Any]) -> None:
        """Lease a numbered database that is empty and that no other agent has; a prefix needs no making."""
        if plan["prefix"]:
            self._client(0).ping()
            return
        with self._registry.changing() as records:
            mine = [each for each in records if each["name"] == plan["name"]]
            if mine:
                return
            taken = {each["index"] for each in records if each["server"] == self._server}
            count = int(self._client(0).config_get("databases").get("databases", 16))
            # 0 is what everything that names no number uses.
            for index in range(1, count):
                if index not in taken and self._client(index).dbsize() == 0:
                    records.append({"name": plan["name"], "server": self._server, "index": index})
                    return
        raise DatabaseError(
            f"None of the {count} databases of {self._server} is free and empty.",
            hint="Set database.mode = “prefix” in agentdeck.toml, or raise “databases” in redis.conf.",
        )

    def exists(self, plan: dict[str, Any]) -> bool:
        return bool(plan["prefix"]) or self._index(plan) is not None

    def dump(self, plan: dict[str, Any], stem: Path) -> Path | None:
        client = self._client(self._index(plan) or 0)
        half, target = stem.with_name(f".{stem.name}.half"), stem.with_name(f"{stem.name}.jsonl")
        with half.open("w", encoding="ascii") as file:
            for key in self._keys(client, plan):
                value, left = client.dump(key), client.pttl(key)
                if value is not None:
                    words = [base64.b64encode(each).decode() for each in (key, value)]
                    file.write(json.dumps([*words, max(0, left)]) + "\n")
        half.replace(target)
        return target

    def restore(self, plan: dict[str, Any], dump: Path) -> None:
        client = self._client(self._index(plan) or 0)
        with dump.open(encoding="ascii") as file:
            for line in file:
                key, value, left = json.loads(line)
                client.restore(base64.b64decode(key), left, base64.b64decode(value), replace=True)

    def drop(self, plan: dict[str, Any]) -> None:
        index = 0 if plan["prefix"] else self._index(plan)
        if index is None:
            return
        client = self._client(index)
        batch: list[bytes] = []
        for key in self._keys(client, plan):
            batch.append(key)
            if len(batch) == _BATCH:
                client.unlink(*batch)
                batch = []
        if batch:
            client.unlink(*batch)
        with self._registry.changing() as records:
            records[:] = [each for each in records if each["name"] != plan["name"]]

    def variables(self, plan: dict[str, Any]) -> dict[str, str]:
        parts = urlsplit(expand(self._url))
        index = self._index(plan) or 0
        url = urlunsplit((parts.scheme, parts.netloc, f"/{index}", parts.query, ""))
        return filled(self._config, {"url": url, "name": str(index), "prefix": plan["prefix"]})

    @property
    def _server(self) -> str:
        """Host and port, which is what tells two servers apart; no password."""
        parts = urlsplit(expand(self._url))
        return f"{parts.hostname or parts.path}:{parts.port or 6379}"

    def _index(self, plan: dict[str, Any]) -> int | None:
        return next((each["index"] for each in self._registry.records() if each["name"] == plan["name"]), None)

    def _keys(self, client: _Guarded, plan: dict[str, Any]) -> Iterator[bytes]:
        escaped = "".join(f"\\{char}" if char in "*?[]\\" else char for char in plan["prefix"])
        yield from client.scan_iter(match=f"{escaped}*", count=_BATCH)

    def _client(self, index: int) -> _Guarded:
        import redis

        return _Guarded(redis.Redis.from_url(expand(self._url), db=index, socket_connect_timeout=5), self._server)


class _Guarded:
    """A client whose errors are DatabaseErrors that name the server."""

    def __init__(self, client: Any, server: str) -> None:
        self._client = client
        self._server = server

    def __getattr__(self, name: str) -> Any:
        import redis

        method = getattr(self._client, name)

        def call(*args: Any, **options: Any) -> Any:
            try:
                return method(*args, **options)
            except redis.RedisError as error:
                raise DatabaseError(
                    f"Redis at {self._server} did not do “{name}”.", detail=str(error), hint="Is it running?"
                ) from error

        return call
