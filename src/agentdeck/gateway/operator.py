"""What the operator's token opens, and no agent's does.

GET  /status    what the board knows, as JSON
GET  /metrics   counters for Prometheus
POST /keys      {"deck", "keys": {VARIABLE: VALUE}}: a deck hands over what its `key_env` name; kept in memory only
POST /check     {"deck"}: one tiny request to each provider of each tier; what came of it, as JSON
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from agentdeck.core.providers import tiers
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.faults import FaultKind
from agentdeck.core.providers.tiers import Target
from agentdeck.gateway import answers, probes
from agentdeck.gateway.answers import Refused
from agentdeck.gateway.board import Board
from agentdeck.gateway.keycommands import KeyCommands
from agentdeck.gateway.local import LocalServers
from agentdeck.gateway.metrics import Metrics
from agentdeck.gateway.plans import Plans
from agentdeck.gateway.unserved import key_words
from agentdeck.gateway.upstream import AttemptFailed, Patience, ProviderClient

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import Plan, ProviderConfig

_CHECK_SECONDS = 120.0


class Operator:
    def __init__(
        self,
        upstream: ProviderClient,
        plans: Plans,
        board: Board,
        metrics: Metrics,
        keys_of: Callable[[str], Mapping[str, str]],
        take_keys: Callable[[str, dict[str, str]], None],
        commands: KeyCommands,
    ) -> None:
        self._upstream, self._plans, self._board, self._metrics = upstream, plans, board, metrics
        self._keys_of, self._take_keys = keys_of, take_keys
        self._commands = commands
        self._started = time.time()

    async def serve(self, request: web.Request, path: str) -> web.Response:
        match request.method, path:
            case "GET", "/metrics":
                in_flight = sum(self._board.in_flight.values())
                return web.Response(text=self._metrics.text(in_flight), content_type="text/plain")
            case "GET", "/status":
                report = self._board.report(time.monotonic())
                report |= {"pid": os.getpid(), "started": self._started, "config_error": self._plans.complaint}
                return web.json_response(report)
            case "POST", "/keys":
                asked = await _object(request)
                self._take_keys(str(asked.get("deck", "")), dict(asked.get("keys", {})))
                return web.json_response({})
            case "POST", "/check":
                asked = await _object(request)
                return web.json_response({"targets": await self._check(str(asked.get("deck", "")))})
        message = "The operator's paths are GET /status, GET /metrics, POST /keys and POST /check."
        raise Refused(answers.refused(Api.CHAT, 404, message))

    async def _check(self, deck: str) -> list[dict[str, Any]]:
        plan = self._plans.of(deck)
        discovered = await LocalServers().targets(plan.providers)
        places: list[tuple[str, Target]] = []
        wrong: list[dict[str, Any]] = []
        for tier in dict.fromkeys([*plan.tiers, tiers.LOCAL]):
            if reason := tiers.why_not(plan.tiers, tier, plan.providers, None, discovered):
                wrong.append({"tier": tier, "provider": "", "model": "", "ok": False, "text": reason, "seconds": None})
                continue
            places += [(tier, target) for target in tiers.chain(plan.tiers, tier, Api.CHAT, discovered)]
        found = await asyncio.gather(*(self._ask(deck, plan, target) for target in dict.fromkeys(t for _, t in places)))
        by_target = dict(zip(dict.fromkeys(target for _, target in places), found, strict=True))
        return wrong + [
            {"tier": tier, "provider": target.provider, "model": target.model, **by_target[target]}
            for tier, target in places
        ]

    async def _ask(self, deck: str, plan: Plan, target: Target) -> dict[str, Any]:
        provider = plan.providers[target.provider]
        unknown = {"ok": None, "seconds": None}
        if provider.uses_own_login:
            return unknown | {"text": "uses each agent's own login; no login to test with"}
        if not target.model:
            return unknown | {"text": "the agent names the model; no model to test with"}
        key = await self._key(deck, provider)
        if not key and (provider.key_env or provider.key_command):
            return unknown | {"ok": False, "text": key_words(provider)}
        began = time.monotonic()
        patience = Patience(_CHECK_SECONDS, _CHECK_SECONDS)
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                reply = await self._upstream.open(
                    probes.tiny(provider.apis[0], target.model), provider, target.model, key, patience
                )
        except AttemptFailed as failure:
            if failure.fault.kind is FaultKind.DENIED:
                self._commands.forget(provider.key_command)
            return {"ok": False, "text": failure.fault.reason, "seconds": time.monotonic() - began}
        except TimeoutError:
            return {"ok": False, "text": f"no answer within {_CHECK_SECONDS:g} s", "seconds": _CHECK_SECONDS}
        reply.response.close()
        return {"ok": True, "text": "answers", "seconds": time.monotonic() - began}

    async def _key(self, deck: str, provider: ProviderConfig) -> str:
        if provider.key_command:
            return await self._commands.fetch(provider.key_command)
        return self._keys_of(deck).get(provider.key_env, "") if provider.key_env else ""


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(answers.refused(Api.CHAT, 400, "The body is not a JSON object."))
    return found
