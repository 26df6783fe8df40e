"""The gateway's HTTP face: who may ask, what for, and in which words it is refused.

Below `/TOKEN` it serves `/v1/messages`, `/v1/messages/count_tokens`, `/v1/chat/completions`, `/v1/responses` and
`/v1/models`, each also without `/v1`. With the operator's token: `/status` (JSON) and `/metrics` (Prometheus).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from agentdeck.core import routing
from agentdeck.core.apis import Api
from agentdeck.core.events import Event
from agentdeck.core.routing import Target
from agentdeck.gateway import exhausted, local
from agentdeck.gateway.board import Board
from agentdeck.gateway.metrics import Metrics
from agentdeck.gateway.plans import Plans
from agentdeck.gateway.relay import Job, Relay
from agentdeck.gateway.upstream import Call, Upstream
from agentdeck.system import gateway_tokens as tokens
from agentdeck.system.files import append_line
from agentdeck.system.gateway_tokens import Bearer
from agentdeck.system.ledger import Ledger, Record

if TYPE_CHECKING:
    from agentdeck.core.gateway_config import Plan

EVENTS_FILE = "events.jsonl"
REFRESH_SECONDS = 1.0
DISCOVER_SECONDS = 30.0
_APIS = {"/messages": Api.MESSAGES, "/messages/count_tokens": Api.MESSAGES, "/chat/completions": Api.CHAT}
_APIS["/responses"] = Api.RESPONSES
_DECODED = frozenset({"", "identity", "gzip", "deflate", "br", "zstd"})
_RELAY = web.AppKey("relay", Relay)


class _Refused(Exception):
    def __init__(self, answer: exhausted.Answer) -> None:
        super().__init__()
        self.answer = answer


class Gateway:
    """Everything that one process serves. `keys` is its environment; `state` its folder."""

    def __init__(self, state: Path, plans: Plans, keys: Mapping[str, str]) -> None:
        self._secret = tokens.secret(state)
        self._events = state / EVENTS_FILE
        self._plans = plans
        self._keys = keys
        self._ledger = Ledger(state)
        self._metrics = Metrics()
        self._started = time.time()
        self._refreshed = time.monotonic()
        self._discovered: list[Target] = []
        self._discovered_at: float | None = None
        self.board = Board(self._tell)

    def app(self) -> web.Application:
        largest = max((plan.gateway.max_body_mb for plan in self._plans.every()), default=64)
        app = web.Application(client_max_size=largest * 1024 * 1024)
        app.router.add_route("*", "/{token}", self._root)
        app.router.add_route("*", "/{token}/{path:.*}", self._serve)
        app.cleanup_ctx.append(self._resources)
        return app

    async def _resources(self, app: web.Application) -> AsyncIterator[None]:
        upstream = Upstream()
        app[_RELAY] = Relay(upstream, self.board, self._keys, self._ended)
        yield
        await upstream.close()
        self._ledger.close()

    async def _root(self, request: web.Request) -> web.StreamResponse:
        """Some clients look whether anybody is there before their first request."""
        return web.Response() if self._bearer(request) else _web(exhausted.refused(Api.MESSAGES, 401, "No such token."))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = "/" + request.match_info["path"]
        path = path.removeprefix("/v1") or "/"
        api = _APIS.get(path) or (Api.MESSAGES if "anthropic-version" in request.headers else Api.CHAT)
        try:
            bearer = self._bearer(request)
            if bearer is None:
                raise _Refused(exhausted.refused(api, 401, "This is not the token of an agent of AgentDeck."))
            if bearer == tokens.OPERATOR:
                return self._operator(path)
            known = _APIS.get(path) is not None and request.method == "POST"
            if not known and not (path.split("/")[1] == "models" and request.method == "GET"):
                raise _Refused(
                    exhausted.refused(api, 404, f"AgentDeck's gateway does not serve {request.method} {path}.")
                )
            job = await self._job(request, bearer, api, path)
        except _Refused as refusal:
            return _web(refusal.answer)
        return await request.app[_RELAY].serve(job)

    def _bearer(self, request: web.Request) -> Bearer | None:
        return tokens.verify(self._secret, request.match_info["token"])

    def _operator(self, path: str) -> web.Response:
        if path == "/metrics":
            in_flight = sum(self.board.in_flight.values())
            return web.Response(text=self._metrics.text(in_flight), content_type="text/plain")
        if path == "/status":
            report = self.board.report(time.monotonic())
            report |= {"pid": os.getpid(), "started": self._started, "config_error": self._plans.complaint}
            return web.json_response(report | {"local": [str(target) for target in self._discovered]})
        raise _Refused(exhausted.refused(Api.CHAT, 404, "The operator's paths are /status and /metrics."))

    async def _job(self, request: web.Request, bearer: Bearer, api: Api, path: str) -> Job:
        self._refresh()
        plan = self._plans.of(bearer.deck)
        body, document = await _body(request, api)
        call = Call(api, request.method, path, request.rel_url.raw_query_string, request.headers, body, document)
        tier = call.model if call.model in plan.tiers else bearer.tier
        if path.startswith("/models") and api is Api.CHAT:
            api = call.api = await self._openai_api(plan, tier)
        targets = await self._targets(plan, tier, api)
        record = Record(time.time(), bearer.deck, bearer.agent, tier, api.value, call.model)
        return Job(request, call, bearer, plan, targets, targets[0], record)

    async def _openai_api(self, plan: Plan, tier: str) -> Api:
        """Which of its two formats an OpenAI client speaks can't be seen from its asking for models."""
        try:
            await self._targets(plan, tier, Api.CHAT)
        except _Refused:
            return Api.RESPONSES
        return Api.CHAT

    async def _targets(self, plan: Plan, tier: str, api: Api) -> list[Target]:
        try:
            if routing.needs_discovery(plan.tiers, tier):
                await self._discover(plan)
            targets = routing.chain(plan.tiers, tier, api, self._discovered)
        except KeyError:
            raise _Refused(exhausted.refused(api, 400, f"There is no tier “{tier}” in the configuration.")) from None
        if not tier:
            targets = tuple(target for target in targets if not routing.why_not([target], plan.providers, api))
        if reason := routing.why_not(targets, plan.providers, api):
            raise _Refused(exhausted.refused(api, 400, f"The tier “{tier}” can't serve this agent: {reason}."))
        return list(targets)

    async def _discover(self, plan: Plan) -> None:
        now = time.monotonic()
        if self._discovered_at is None or now > self._discovered_at + DISCOVER_SECONDS:
            self._discovered_at = now
            self._discovered = await local.discover(plan.providers)

    def _refresh(self) -> None:
        now = time.monotonic()
        if now > self._refreshed + REFRESH_SECONDS:
            self._refreshed = now
            if self._plans.refresh():
                self._tell(Event("gateway.configured", "", "took up its changed configuration"))

    def _tell(self, event: Event) -> None:
        append_line(self._events, json.dumps(event.to_json(), ensure_ascii=False))

    def _ended(self, record: Record) -> None:
        self._metrics.add(record)
        self._ledger.add(record)


async def _body(request: web.Request, api: Api) -> tuple[bytes, dict[str, Any]]:
    """The request's body as the client meant it, and decoded; `{}` where it is no JSON object."""
    encoding = request.headers.get("Content-Encoding", "").lower()
    if encoding not in _DECODED:
        raise _Refused(exhausted.refused(api, 415, f"AgentDeck's gateway does not know the encoding {encoding[:40]}."))
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _Refused(exhausted.refused(api, 413, f"The request is too large: {error.text}")) from None
    try:
        document = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        document = {}
    return body, document if isinstance(document, dict) else {}


def _web(answer: exhausted.Answer) -> web.Response:
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
