"""The gateway tells the accounts of one CLI from each other by their tokens, and reads their meters from answers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import web

from agentdeck.core.providers.apis import Api
from agentdeck.system.gateway import tokens
from agentdeck.system.gateway.tokens import Bearer
from agentdeck.system.state.meters import METERS, Meters
from tests.gateway import upstream
from tests.gateway.upstream import Play, Server, playing

LOGIN = {"authorization": "Bearer sk-ant-oat01-the-users-own-login"}


@pytest.fixture(autouse=True)
def meters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer tells how much is used."""
    plain = upstream.app_of

    async def tell(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["anthropic-ratelimit-unified-5h-utilization"] = "0.25"
        response.headers["Anthropic-Ratelimit-Unified-5h-Reset"] = f"{time.time() + 3600:.0f}"

    def app_of(server: Server) -> web.Application:
        app = plain(server)
        app.on_response_prepare.append(tell)
        return app

    monkeypatch.setattr(upstream, "app_of", app_of)


async def ask(play: Play, account: str, *beside: str) -> int:
    token = tokens.mint(tokens.secret(play.state), Bearer("deck", "fox", "work", account=account, beside=beside))
    body = {"model": "m", "max_tokens": 10, "messages": []}
    async with play.client.post(play.url(Api.MESSAGES, token), json=body, headers=LOGIN) as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize("fault", ["ok", "429 retry-after"])
def test_the_meter_of_a_login_is_read_from_its_answers(tmp_path: Path, fault: str) -> None:
    async def check() -> None:
        state = tmp_path / "gateway"
        state.mkdir()
        async with playing(state, fault, key_env="") as play:
            assert await ask(play, "claude@work") == 200
        (window,) = Meters(tmp_path / METERS).read("claude@work").windows
        assert (window.name, window.used) == ("5h", 0.25)
        assert list(Meters(tmp_path / METERS).all()) == ["claude@work"]

    asyncio.run(check())


def test_what_a_key_has_used_is_no_account_of_the_persons(tmp_path: Path) -> None:
    async def check() -> None:
        state = tmp_path / "gateway"
        state.mkdir()
        async with playing(state) as play:
            assert await ask(play, "claude@work") == 200
        assert not (tmp_path / METERS).exists()

    asyncio.run(check())


def test_the_limit_of_one_account_does_not_keep_another_from_its_provider(tmp_path: Path) -> None:
    async def check() -> None:
        async with playing(tmp_path, "exhausted", key_env="") as play:
            assert await ask(play, "claude") == 200
            assert (len(play.main.requests), len(play.spare.requests)) == (1, 1)
            play.main.fault = "ok"
            assert await ask(play, "claude") == 200
            assert (len(play.main.requests), len(play.spare.requests)) == (1, 2), "its limit is remembered"
            assert await ask(play, "claude@work") == 200
            assert (len(play.main.requests), len(play.spare.requests)) == (2, 2)

    asyncio.run(check())


def test_another_account_goes_on_before_another_provider_does(tmp_path: Path) -> None:
    """The CLI gets the provider's own refusal, also the next time, and its runner changes the account."""

    async def check() -> None:
        state = tmp_path / "gateway"
        state.mkdir()
        async with playing(state, "exhausted", key_env="") as play:
            for _ in range(2):
                assert await ask(play, "claude", "claude@work") == 400
            assert (len(play.main.requests), len(play.spare.requests)) == (1, 0)
            assert await ask(play, "claude@work", "claude") == 200, "no account is left, so the next provider serves"
            assert (len(play.main.requests), len(play.spare.requests)) == (2, 1)
            play.main.fault = "429 retry-after"
            assert await ask(play, "claude@home", "claude@new") == 200, "for a short limit nothing is changed"

    asyncio.run(check())


def test_a_token_says_whose_login_it_goes_with() -> None:
    whole = Bearer("d", "a", "t", "p", 1.5, "claude", ("claude@work",))
    for bearer in (Bearer("d", "a", "t", account="claude@work"), whole, Bearer("d", "a")):
        found = tokens.verify(b"k" * 32, tokens.mint(b"k" * 32, bearer))
        assert found is not None
        assert (found.account, found.purse, found.made) == (bearer.account, bearer.purse, bearer.made)
        assert found.beside == bearer.beside
