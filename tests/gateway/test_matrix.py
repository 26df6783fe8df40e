"""Every fault, in every API, streamed and not: what the client got, who was asked how often, the breaker after it."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentdeck.core.providers.apis import Api
from agentdeck.system.gateway.tokens import Bearer
from tests.gateway.upstream import APIS, LONG, TIMES, document_of, playing, stream_of


@dataclass(frozen=True)
class Expected:
    """`served` is who answers in full; `cut`: the main one's beginning and then the API's error event; or a status."""

    served: str
    main: int
    spare: int
    failures: int = 0
    """Counted against the main provider's health."""
    health: str = "closed"
    quota: str = "closed"


_DOWN = Expected("spare", 1, 1, failures=1)
_SLOW = Expected("spare", 1, 1, failures=1, health="open")
_LIMITED = Expected("spare", 2, 1, quota="open")
_HELD = Expected("spare", 1, 1, quota="open")

EITHER = {
    "ok": Expected("main", 1, 0),
    "429": _LIMITED,
    "429 retry-after": _LIMITED,
    "exhausted": _HELD,
    "500": _DOWN,
    "503": _DOWN,
    "529": _DOWN,
    "401": _HELD,
    "400": Expected("400", 1, 0),
    "refused": Expected("spare", 0, 1, failures=1),
    "reset": _DOWN,
    "hang": _SLOW,
    "drip": Expected("main", 1, 0),
    "malformed": _DOWN,
    "html": _DOWN,
    "foreign": _DOWN,
    "other way": _DOWN,
    "404": Expected("spare", 1, 1),
    "error first": _DOWN,
    "error after start": _DOWN,
}
STREAMED = EITHER | {
    "hang mid": Expected("cut", 1, 0, failures=1, health="open"),
    "reset mid": Expected("cut", 1, 0, failures=1),
    "eof mid": Expected("cut", 1, 0, failures=1),
    "error mid": Expected("cut", 1, 0, failures=1),
}
WHOLE = EITHER | {"hang mid": _SLOW, "reset mid": _DOWN, "eof mid": _DOWN, "error mid": _DOWN}
RETRIED_BY_OPENCODE = re.compile(
    r"429|50[0234]|524|rate.limit|too.many.requests|overloaded|unavailable|internal.error|server.error|exhausted|"
    r"connection.(?:error|refused|lost)|terminated|time.?out|timed out|again|at capacity",
    re.IGNORECASE,
)
"""What its version 1.18 looks for in an error before it gives up, whatever the status."""
CASES = [
    pytest.param(api, stream, fault, expected, id=f"{api.value}-{'stream' if stream else 'whole'}-{fault}")
    for api in APIS
    for stream, table in ((True, STREAMED), (False, WHOLE))
    for fault, expected in table.items()
]


def good(api: Api, name: str, model: str, *, stream: bool) -> bytes:
    return b"".join(stream_of(api, name, model)) if stream else document_of(api, name, model)


def ends_in_error(api: Api, body: bytes) -> bool:
    last = [line for line in body.splitlines() if line.startswith(b"data: {")][-1]
    data = json.loads(last.removeprefix(b"data: "))
    if api is Api.CHAT:
        return bool(data["error"]["message"])
    kind: str = data["type"]
    return kind == ("error" if api is Api.MESSAGES else "response.failed")


@pytest.mark.parametrize(("api", "stream", "fault", "expected"), CASES)
def test_fault(tmp_path: Path, api: Api, stream: bool, fault: str, expected: Expected) -> None:
    async def check() -> None:
        # Where nothing hangs, no limit of time is met either, however busy the machine is.
        async with playing(tmp_path, fault, timeouts=TIMES if "hang" in fault else LONG) as play:
            status, body = await play.ask(api, stream=stream)
            models = {"main": "big-model", "spare": "small-model"}
            if expected.served in models:
                assert status == 200
                assert body == good(api, expected.served, models[expected.served], stream=stream)
            elif expected.served == "cut":
                start = b"".join(stream_of(api, "main", "big-model")[:3])
                assert status == 200
                assert body.startswith(start)
                assert b"spare" not in body
                assert ends_in_error(api, body)
            else:
                assert status == int(expected.served)
                assert json.loads(body)["error"]["type"] == "invalid_request_error"
            assert (len(play.main.requests), len(play.spare.requests)) == (expected.main, expected.spare)
            health = play.breakers().get(("main", "health"), {"failures": 0, "phase": "closed"})
            quota = play.breakers().get(("main", "quota"), {"phase": "closed"})
            assert (health["failures"], health["phase"]) == (expected.failures, expected.health)
            assert quota["phase"] == expected.quota
            assert ("spare", "health") not in play.breakers()
            if expected.served == "cut":
                # The client's own retry goes down the chain.
                status, body = await play.ask(api, stream=stream)
                assert body == good(api, "spare", "small-model", stream=stream)
                assert (len(play.main.requests), len(play.spare.requests)) == (1, 1)

    asyncio.run(check())


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("fault", ["429", "exhausted", "500", "refused", "reset", "hang", "error first"])
@pytest.mark.parametrize("stream", [True, False])
def test_exhausted_chain_stops_the_clients_own_retries(tmp_path: Path, api: Api, fault: str, stream: bool) -> None:
    async def check() -> None:
        async with (
            playing(tmp_path, fault, fault) as play,
            play.client.post(play.url(api), json={"model": "m", "stream": stream}) as answer,
        ):
            error = (await answer.json())["error"]
            assert answer.status == (400 if api is Api.CHAT or fault == "exhausted" else 429)
            assert answer.headers["x-should-retry"] == "false"
            assert "retry-after" not in answer.headers
            assert "main:big-model" in error["message"]
            assert "spare:small-model" in error["message"]
            if api is Api.CHAT:
                assert not RETRIED_BY_OPENCODE.search(await answer.text())
            most = 2 if fault in ("429", "500", "refused", "reset", "error first") else 1
            assert len(play.main.requests) <= most
            assert len(play.spare.requests) <= most

    asyncio.run(check())


@pytest.mark.parametrize("api", APIS)
def test_what_a_backup_refuses_does_not_hide_the_limit_of_the_first(tmp_path: Path, api: Api) -> None:
    """A client that is told 400 gives up for good; one that is told of a limit can come back."""

    async def check() -> None:
        async with playing(tmp_path, "429", "400") as play:
            for _ in range(2):  # the second time the first provider is paused
                status, body = await play.ask(api, stream=True)
                assert json.loads(body)["error"]["message"].startswith("AgentDeck: no provider of the chain")
                assert status == (400 if api is Api.CHAT else 429)
            serving = play.gateway.board.serving[Bearer("deck", "fox", "work")]
            assert "main:big-model: rate limit (429" in serving.reason
            assert "spare:small-model: request refused (400" in serving.reason

    asyncio.run(check())


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(("first", "second"), [("401", "402"), ("402", "401"), ("404", "401"), ("401", "no key")])
def test_a_chain_that_only_a_person_can_mend_promises_no_better_time(
    tmp_path: Path, api: Api, first: str, second: str
) -> None:
    async def check() -> None:
        key = "UNSET_KEY" if second == "no key" else "SPARE_KEY"
        async with playing(tmp_path, first, second if second != "no key" else "ok", spare_key=key) as play:
            status, body = await play.ask(api, stream=True)
            assert status == (401 if second == "no key" else 400)
            assert json.loads(body)["error"]["message"]

    asyncio.run(check())


@pytest.mark.parametrize("api", APIS)
def test_a_client_that_leaves_at_an_error_in_a_stream_does_not_undo_it(tmp_path: Path, api: Api) -> None:
    async def check() -> None:
        async with playing(tmp_path, "error mid") as play:
            body = {"model": "m", "stream": True}
            async with play.client.post(play.url(api), json=body) as answer:
                while b"error" not in (await answer.content.readany()):
                    pass
            async with asyncio.timeout(5.0):
                while not play.records():
                    await asyncio.sleep(0.01)
            assert play.records()[0].outcome == "broken"
            assert play.breakers()[("main", "health")]["failures"] == 1
            _, answer_body = await play.ask(api, stream=True)
            assert answer_body == good(api, "spare", "small-model", stream=True)

    asyncio.run(check())


@pytest.mark.parametrize("fault", ["hang mid", "reset mid", "eof mid", "error mid"])
@pytest.mark.parametrize("form", ["chat", "messages", "responses"])
def test_qwen_gets_no_error_in_a_stream_but_an_end_without_a_reason(tmp_path: Path, fault: str, form: str) -> None:
    """It gives up at the one, and asks again after the other."""

    async def check() -> None:
        async with playing(tmp_path, fault, apis=[form]) as play:
            headers = {"user-agent": "QwenCode/0.15.10 (linux; x64)"}
            body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
            async with play.client.post(play.url(Api.CHAT), json=body, headers=headers) as answer:
                text = await answer.read()
            assert b"main-" in text
            assert not [word for word in (b'"error"', b"[DONE]", b'"finish_reason": "') if word in text]
            assert play.records()[0].outcome == "broken"
            async with play.client.post(play.url(Api.CHAT), json=body, headers=headers) as answer:
                assert b"spare-" in await answer.read()

    asyncio.run(check())
