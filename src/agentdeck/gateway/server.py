"""The gateway's HTTP face: who may ask, what for, and in which words it is refused.

Below `/TOKEN` it serves `/v1/messages`, `/v1/messages/count_tokens`, `/v1/chat/completions`, `/v1/responses` and
`/v1/models`, each also without `/v1`; the token may be in a header instead (`BEARER_HEADER`). With the operator's token
it serves the paths of `gateway.operator`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections import ChainMap
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from agentdeck.core.agents.agent import Fault
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.providers import tiers
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.tiers import Target
from agentdeck.errors import DeckError, StoreError
from agentdeck.gateway import answers, incoming
from agentdeck.gateway.answers import Refused
from agentdeck.gateway.board import Board
from agentdeck.gateway.budgets import Budgets, most_of
from agentdeck.gateway.calls import ProviderCall
from agentdeck.gateway.keycommands import KeyCommands
from agentdeck.gateway.local import LocalServers
from agentdeck.gateway.metrics import Metrics
from agentdeck.gateway.operator import Operator
from agentdeck.gateway.plans import Plans
from agentdeck.gateway.relay import Relay
from agentdeck.gateway.relayed import RelayedRequest
from agentdeck.gateway.telling import Runners
from agentdeck.gateway.traces import Traces
from agentdeck.gateway.unserved import Unserved
from agentdeck.gateway.upstream import ProviderClient
from agentdeck.system.files.files import append_line, write_json
from agentdeck.system.gateway import pricing, tokens
from agentdeck.system.gateway.files import BOARD, GatewayFiles
from agentdeck.system.gateway.ledger import Ledger, LedgerRecord
from agentdeck.system.gateway.tokens import Bearer
from agentdeck.system.state.meters import METERS, Meters
from agentdeck.system.state.store import Store

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import Plan

EVENTS_FILE = "events.jsonl"
REFRESH_SECONDS = 1.0
SAVE_SECONDS = 0.05
"""Until a change of the board is written down, with those that follow at once."""
KEEP_SECONDS = 400 * 86_400.0
"""How long a request stays in the ledger: a year can be compared with the one before it, day by day."""
EVENTS_MAX = 5_000_000
"""Bytes of events.jsonl; a longer one is put aside, in place of the one before, when a gateway starts."""
NAME_MAX = 200
"""Characters of a model's name that are noted: it is the agent's text."""
_RELAY = web.AppKey("relay", Relay)
_OPERATOR = web.AppKey("operator", Operator)


class Gateway:
    """Everything that one process serves. `environ` is its environment; `state` its folder; `keys` those that decks
    handed over to the process before it. Changed ones are written to the descriptor `told`, if it is one."""

    def __init__(
        self,
        state: Path,
        plans: Plans,
        environ: Mapping[str, str],
        keys: Mapping[str, dict[str, str]] | None = None,
        told: int = -1,
    ) -> None:
        self._secret = tokens.secret(state)
        self._files = GatewayFiles(state)
        self._plans = plans
        self._environ = dict(environ)
        self._keys: dict[str, dict[str, str]] = dict(keys or {})
        self._told = told
        if told >= 0:
            os.set_blocking(told, False)
        self._ledger = Ledger(state, writes=True)
        self._traces = Traces()
        self._forget_old()
        self._metrics = Metrics()
        self._meters = Meters(self._files.state.parent / METERS)
        self._budgets = Budgets(self._ledger, self._tell)
        self._refreshed = time.monotonic()
        self._local = LocalServers()
        self._saving: asyncio.TimerHandle | None = None
        self.board = Board(self._tell, self._board_changed)
        self.board.restore(self._files.board())
        refused = {bearer: Fault.PROVIDER for bearer, told in self.board.serving.items() if not told.provider}
        self._runners = Runners(plans.store, refused)

    def _forget_old(self) -> None:
        events = self._files.state / EVENTS_FILE
        with contextlib.suppress(OSError, DeckError):  # a full disk is no reason not to start
            self._ledger.forget(time.time() - KEEP_SECONDS)
            if events.stat().st_size > EVENTS_MAX:
                events.replace(events.with_suffix(".old.jsonl"))

    def runner(self, grace: float) -> web.AppRunner:
        """What serves it; at its end requests under way have `grace` seconds."""
        # The access log would hold the tokens: they are part of the URL.
        return web.AppRunner(
            self._app(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=grace,
            keepalive_timeout=300.0,
            auto_decompress=False,
        )

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", r"/{path:[\s\S]*}", self._serve)
        app.cleanup_ctx.append(self._resources)
        return app

    async def _resources(self, app: web.Application) -> AsyncIterator[None]:
        upstream, commands = ProviderClient(), KeyCommands()
        app[_RELAY] = relay = Relay(upstream, self.board, self._meters, self._ended, self._note_served, commands)
        app[_OPERATOR] = Operator(
            upstream, self._plans, self.board, self._metrics, self.keys_of, self._take_keys, commands
        )
        warming = asyncio.create_task(asyncio.to_thread(pricing.warm_up))
        yield
        await warming
        await relay.close()
        await upstream.close()
        if self._saving is not None:
            self._saving.cancel()
            self._save_board()
        self._ledger.close()
        self._traces.close()

    def keys_of(self, deck: str) -> Mapping[str, str]:
        """The variables that the deck's `key_env` name: those it handed over, else this process's own."""
        return ChainMap(self._keys.get(deck, {}), self._environ)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        token, path = incoming.token_and_path(request)
        api = incoming.api_of(request, path)
        try:
            bearer = tokens.verify(self._secret, token)
            if bearer is None:
                raise Refused(answers.refused(api, 401, "This token belongs to no agent of AgentDeck."))
            if path == "/" and bearer != tokens.OPERATOR:
                return web.Response()  # some clients look whether anybody is there before their first request
            if bearer == tokens.OPERATOR:
                self._refresh(at_once=True)
                return await request.app[_OPERATOR].serve(request, path)
            incoming.check_served(request, path, api)
            job = await self._job(request, bearer, api, path)
            await self._admit(job)
            answer = await request.app[_RELAY].serve(job)
        except Refused as refusal:
            answer = refusal.answer.response()
        if bearer is not None:
            await self._runners.heard(bearer)
        return answer

    async def _job(self, request: web.Request, bearer: Bearer, api: Api, path: str) -> RelayedRequest:
        self._refresh()
        self.board.meet(bearer)
        plan = self._plans.of(bearer.deck)
        body, document = await incoming.body_of(request, api, plan.gateway.max_body_mb * 1024 * 1024)
        call = ProviderCall(
            api, request.method, path, request.rel_url.raw_query_string, request.headers, body, document
        )
        tier = call.model if call.model in plan.tiers else bearer.tier
        targets = await self._targets(plan, tier, api)
        record = LedgerRecord(time.time(), bearer.deck, bearer.agent, tier, api.value, call.model[:NAME_MAX])
        return RelayedRequest(request, call, bearer, plan, targets, targets[0], record, self.keys_of(bearer.deck))

    async def _admit(self, job: RelayedRequest) -> None:
        """See that its budgets have room for the request; raise Refused where they have none."""
        if not job.call.is_inference:
            return
        if not job.plan.budgets.any:
            self._runners.note(job.bearer, "", Fault.BUDGET)
            return
        most = most_of(job.call.body, job.call.document, job.targets, job.plan, job.call.model)
        reason = await self._budgets.admit(
            job.bearer, job.record.at, lambda: self._plans.of(job.bearer.deck).budgets, most
        )
        if not reason:
            job.most = most
            self._runners.note(job.bearer, "", Fault.BUDGET)
            return
        job.why = reason
        if job.plan.budgets.at_limit == "local":
            with contextlib.suppress(Refused):
                job.targets = await self._targets(job.plan, tiers.LOCAL, job.call.api)
                return
        if job.plan.budgets.at_limit == "stop":
            self._runners.stop(job.bearer)
        self._runners.note(job.bearer, reason, Fault.BUDGET)
        self.board.gave_up(job.bearer, job.primary, reason)
        job.record.outcome, job.record.status = "exhausted", 429
        self._ended(job)
        raise Refused(answers.out_of_budget(job.call.api, reason))

    def _note_served(self, job: RelayedRequest, unserved: Unserved | None) -> None:
        if job.call.is_inference:
            self._runners.note_served(job.bearer, unserved)

    async def _targets(self, plan: Plan, tier: str, api: Api) -> list[Target]:
        try:
            wanted = tiers.needs_discovery(plan.tiers, tier)
            found = await self._local.targets(plan.providers) if wanted else []
            targets = tiers.chain(plan.tiers, tier, api, found)
        except KeyError:
            raise Refused(answers.refused(api, 400, f"There is no tier “{tier}” in the configuration.")) from None
        except ValueError:
            targets = ()
        reason = tiers.why_not(plan.tiers, tier, plan.providers, api, found)
        if not (reason or targets):
            reason = "the chain is empty"
        if reason:
            raise Refused(answers.refused(api, 400, f"The tier “{tier}” can't serve this agent: {reason}."))
        return list(targets)

    def _refresh(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now > self._refreshed + REFRESH_SECONDS:
            self._refreshed = now
            if self._plans.refresh():
                self._local.forget()
                self._tell(Event(EventKind.GATEWAY_CONFIGURED, "", "loaded its changed configuration"))

    def _take_keys(self, deck: str, keys: dict[str, str]) -> None:
        # Who lacks a key takes none away: an agent that starts an agent was not given them.
        known = self._keys.get(deck, {}) | keys
        if known == self._keys.get(deck):
            return
        self._keys[deck] = known
        if self._told >= 0:
            with contextlib.suppress(OSError):  # its guardian was killed
                os.write(self._told, (json.dumps(self._keys) + "\n").encode("utf-8", "replace"))

    def _tell(self, event: Event) -> None:
        """Write it down, and to the agent's own events where it has an agent. On a full disk it is not told, for the
        request that it is about goes on."""
        with contextlib.suppress(OSError, DeckError):
            append_line(self._files.state / EVENTS_FILE, json.dumps(event.to_json(), ensure_ascii=False))
        folder = self._plans.store(str(event.data.get("deck", "")))
        if event.agent and folder is not None:
            with contextlib.suppress(OSError, DeckError):  # the agent may just be removed
                Store(folder).append(event)

    def _ended(self, job: RelayedRequest) -> None:
        if not job.call.is_inference:
            return  # lists of models and counts of tokens cost nothing
        record = job.record
        provider = job.plan.providers.get(record.provider)
        if record.provider:
            record.cost = pricing.cost(record.usage, record.model, provider)
            first = job.primary
            if first.provider != record.provider or first.model not in ("", record.model):
                record.first, model = str(first), first.model or record.asked
                record.first_cost = pricing.cost(record.usage, model, job.plan.providers.get(first.provider))
        self._metrics.add(record)
        self._traces.add(record)
        self._budgets.add(record, job.plan.budgets)
        if job.most is not None:
            self._budgets.ended(job.bearer, record.at, job.most)
        with contextlib.suppress(StoreError):  # a full disk; what is spent is counted until this process ends
            self._ledger.add(record)

    def tell_restart(self, died: str) -> None:
        self._tell(Event(EventKind.GATEWAY_RESTARTED, "", f"the gateway had died ({died}); it was restarted"))

    def _board_changed(self) -> None:
        if self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(SAVE_SECONDS, self._save_board)

    def _save_board(self) -> None:
        self._saving = None
        with contextlib.suppress(OSError):
            write_json(self._files.state / BOARD, self.board.report(time.monotonic()))
