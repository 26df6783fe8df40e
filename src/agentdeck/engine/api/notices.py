"""`deck.notices`: what a person is to be told of, and what was told already."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentdeck.core.notices.notice import Notice, body_of, key_of, kind_of, title_of
from agentdeck.core.notices.quiet import is_quiet, recent
from agentdeck.core.question import Question
from agentdeck.core.text.durations import short_duration
from agentdeck.engine.api.current import Current
from agentdeck.engine.views import AgentView
from agentdeck.errors import NotFoundError
from agentdeck.system.files.files import locked, private_folder, read_json, state_home, write_json

if TYPE_CHECKING:
    from agentdeck.core.config.notify import NotifyConfig

_OLD = 600.0
"""Seconds after which the end of a run is no news where nothing was ever told here."""


class DeckNotices:
    def __init__(self, current: Current) -> None:
        self._current = current

    @property
    def rules(self) -> NotifyConfig:
        return self._current.world.safe_settings.config.notify

    def urls(self) -> list[str]:
        """Where notices go; they may hold secrets."""
        more = os.environ.get(self.rules.urls_env, "").split() if self.rules.urls_env else []
        return [*self.rules.urls, *more]

    @property
    def wanted(self) -> bool:
        from agentdeck.engine.lifecycle.notifying import is_wanted

        return is_wanted(self._current.world)

    def held(self) -> AbstractContextManager[None]:
        """One process at a time tells of this repository; the next one waits for it."""
        return locked(private_folder(self._path.parent) / f"{self._path.stem}.lock", wait=900, what="the notices")

    def pending(self) -> list[Notice]:
        """What is to be told now, and was not."""
        from agentdeck.engine import roster

        told, rules = self._told(), self.rules
        quiet = is_quiet(rules.quiet, datetime.now().astimezone())
        found = []
        for view in roster.agents(self._current.world):
            notice = self._notice(view)
            if notice is None or notice.kind not in rules.kinds or (quiet and notice.kind not in rules.urgent):
                continue
            is_news = view.state.is_live or view.agent.landing_asked or time.time() - view.since < _OLD
            if told.get(view.name) != notice.key and (told or is_news):
                found.append(notice)
        return found

    def question(self, agent: str, key: str) -> Question | None:
        """What the agent asks, where it still is what the notice with that key has told."""
        with suppress(NotFoundError):
            view = self._current.agent(agent)
            notice = self._notice(view)
            if notice is not None and notice.kind == "waiting" and notice.key == key:
                return view.status.question
        return None

    def may_send(self) -> bool:
        """Whether this hour has room for one more notice of this user's."""
        return len(recent(self._sent(), time.time())) < self.rules.per_hour

    def told(self, notices: Sequence[Notice]) -> None:
        """They were sent as one."""
        names = self._current.store.names()
        kept = {name: key for name, key in self._told().items() if name in names}
        told = {**kept, **{each.agent: each.key for each in notices}}
        write_json(self._path, {"told": told, "digest": self._read(self._path, "digest", "")})
        now = time.time()
        with locked(self._path.parent / "sent.lock", wait=5, what="the notices"):
            write_json(self._path.parent / "sent.json", {"sent": [*recent(self._sent(), now), now]})

    def digest_sent(self) -> bool:
        """Whether today's was sent, by the local calendar."""
        return bool(self._read(self._path, "digest", "") == time.strftime("%Y-%m-%d"))

    def set_digest_sent(self) -> None:
        write_json(self._path, {"told": self._told(), "digest": time.strftime("%Y-%m-%d")})

    def poke(self) -> None:
        """Let what is new be told soon, by a process of its own."""
        from agentdeck.engine.lifecycle.notifying import poke

        poke(self._current.world)

    def _notice(self, view: AgentView) -> Notice | None:
        asked = bool(view.agent.landing_asked or (view.pull is not None and view.pull.needs))
        kind = kind_of(view.state, view.status.fault, landing_asked=asked)
        if not kind:
            return None
        question = view.status.question
        title = title_of(view.name, kind, self._current.root.name)
        key = key_of(kind, view.since, question, view.reason)
        if self.rules.detail == "name":
            return Notice(view.name, kind, key, title)
        age = short_duration(time.time() - view.since)
        facts = f"for {age}, {view.profile}{f', {view.model}' if view.model else ''}"
        return Notice(view.name, kind, key, title, body_of(question, view.reason, facts))

    @property
    def _path(self) -> Path:
        name = hashlib.sha256(str(self._current.root).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return state_home() / "notices" / f"{name}.json"

    def _told(self) -> dict[str, str]:
        return dict(self._read(self._path, "told", {}))

    def _sent(self) -> list[float]:
        return list(self._read(self._path.parent / "sent.json", "sent", []))

    def _read(self, path: Path, key: str, default: Any) -> Any:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = read_json(path)[key]
            return found if isinstance(found, type(default)) else default
        return default
