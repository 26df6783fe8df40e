"""A model on loopback that knows its callers by their logins, and has limits for each."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.decks import Bench
from tests.support.fake_api import FakeApi, fake_api
from tests.support.scripted_model import Block, Script, ScriptedHandler


@dataclass
class Logins:
    limited: dict[str, float] = field(default_factory=dict)
    """When the limit of a login ends, in epoch seconds."""
    limits: dict[str, float] = field(default_factory=dict)
    """For how many seconds a login is limited from its next request on."""
    used: dict[str, float] = field(default_factory=dict)
    """How much of its five hours a login has used, from 0 to 1."""
    asked: list[str] = field(default_factory=list)
    """The login of each request that the model answered."""
    refused: list[str] = field(default_factory=list)


PROFILE = """
title = "Acme"
command = "acme"
install = "true"
session_pattern = 'session (?P<session>[0-9a-f-]+)'
[headless]
prompt = ["acme", "-p", "{prompt}"]
resume = ["acme", "--resume", "{session}", "-p", "{prompt}"]
[transcript]
format = "claude"
roots = ["$ACME_HOME", "~/.acme"]
files = "projects/*/{session}.jsonl"
[login]
how = "run “acme login”"
variables = ["ACME_KEY"]
paths = ["$ACME_HOME/login", "~/.acme/login"]
[account]
folder = "ACME_HOME"
home = "~/.acme"
key = "ACME_KEY"
login = ["acme", "login"]
check = ["acme", "status"]
links = ["settings.json"]
sessions = "all"
[outcome]
limited = ['limit reached, resets at \\d+']
"""
ACME = """#!/bin/sh
# A CLI with logins: it keeps its sessions in the folder of its login, and stops where that has a file “limit”.
home=${ACME_HOME:-$HOME/.acme}
case $1 in
login) mkdir -p "$home" && : >"$home/login"; exit ;;
status) test -f "$home/login"; exit ;;
--resume) session=$2; shift 2; test -f "$home/projects/x/$session.jsonl" || { echo "no such conversation"; exit 1; } ;;
*) session=0b1d-$$ ;;
esac
mkdir -p "$home/projects/x"
echo "session $session"
printf '{"said":"%s","by":"%s"}\\n' "$2" "$(basename "$home")" >>"$home/projects/x/$session.jsonl"
if test -f "$home/limit"; then echo "limit reached, resets at $(cat "$home/limit")"; exit 1; fi
cat "$home/projects/x/$session.jsonl" >conversation
"""


def with_acme(bench: Bench, patch: pytest.MonkeyPatch, config: str = "") -> None:
    """Acme in PATH, logged in, with one account more in the user's own file."""
    bench.write(".config/agentdeck/profiles/acme.toml", PROFILE, cwd=bench.home)
    program = bench.write("bin/acme", ACME, cwd=bench.home)
    program.chmod(0o755)
    patch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    bench.own(config)
    bench.write(".acme/login", "", cwd=bench.home)


@contextmanager
def model_with_logins(*answers: list[Block]) -> Iterator[tuple[FakeApi, Script, Logins]]:
    script, logins = Script(*answers), Logins()

    class Handler(_Handler):
        pass

    Handler.script, Handler.logins = script, logins
    with fake_api(Handler) as api:
        yield api, script, logins


class _Handler(ScriptedHandler):
    logins: Logins

    @property
    def _login(self) -> str:
        found = {name.lower(): value for name, value in self.headers.items()}
        key = found.get("x-api-key") or found.get("x-goog-api-key")
        return key or found.get("authorization", "").removeprefix("Bearer ")

    def do_POST(self) -> None:
        if seconds := self.logins.limits.pop(self._login, 0.0):
            self.logins.limited[self._login] = time.time() + seconds
        super().do_POST()

    def _messages(self, body: dict[str, Any]) -> None:
        if not self._is_limited({"type": "error", "error": {"type": "rate_limit_error", "message": "limit"}}):
            super()._messages(body)

    def _responses(self, body: dict[str, Any]) -> None:
        at = int(self.logins.limited.get(self._login, 0.0))
        error = {"type": "usage_limit_reached", "message": "limit", "plan_type": "pro", "resets_at": at}
        if not self._is_limited({"error": error}):
            super()._responses(body)

    def _chat(self, body: dict[str, Any]) -> None:
        kind = "insufficient_quota"
        error = {"message": "You exceeded your current quota", "type": kind, "code": kind}
        if not self._is_limited({"error": error}, 402):
            super()._chat(body)

    def _gemini(self, body: dict[str, Any], *, stream: bool) -> None:
        violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}
        details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}]
        error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "You exceeded your quota", "details": details}
        if not self._is_limited({"error": error}):
            super()._gemini(body, stream=stream)

    def _is_limited(self, error: dict[str, Any], status: int = 429) -> bool:
        login = self._login
        until = self.logins.limited.get(login, 0.0)
        if until <= time.time():
            self.logins.asked.append(login)
            return False
        self.logins.refused.append(login)
        self._json(status, error, {"x-should-retry": "false"})
        return True

    def end_headers(self) -> None:
        """With the meters of the login, as Anthropic's and OpenAI's servers send them."""
        login = self._login
        until = self.logins.limited.get(login, 0.0)
        rejected = until > time.time()
        used = 1.0 if rejected else self.logins.used.get(login, 0.1)
        resets = int(until if rejected else time.time() + 3600)
        for name, value in {
            "anthropic-ratelimit-unified-status": "rejected" if rejected else "allowed",
            "anthropic-ratelimit-unified-reset": resets,
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
            "anthropic-ratelimit-unified-5h-status": "rejected" if rejected else "allowed",
            "anthropic-ratelimit-unified-5h-utilization": used,
            "anthropic-ratelimit-unified-5h-reset": resets,
            "anthropic-ratelimit-unified-7d-status": "allowed",
            "anthropic-ratelimit-unified-7d-utilization": 0.25,
            "anthropic-ratelimit-unified-7d-reset": int(time.time() + 86400),
            "x-codex-primary-used-percent": used * 100,
            "x-codex-primary-window-minutes": 300,
            "x-codex-primary-reset-at": resets,
            "x-codex-secondary-used-percent": 25,
            "x-codex-secondary-window-minutes": 10080,
            "x-codex-secondary-reset-at": int(time.time() + 86400),
        }.items():
            self.send_header(name, str(value))
        super().end_headers()


def log_in(cli: str, folder: Path, token: str) -> None:
    """Put a login of its own into the folder of an account."""
    folder.mkdir(parents=True, exist_ok=True)
    if cli == "claude":
        oauth = {"accessToken": token, "refreshToken": f"{token}-again", "expiresAt": int(time.time() + 864000) * 1000}
        oauth |= {"scopes": ["user:inference", "user:profile"], "subscriptionType": "max"}
        (folder / ".credentials.json").write_text(json.dumps({"claudeAiOauth": oauth}))
    else:
        (folder / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": token}))
