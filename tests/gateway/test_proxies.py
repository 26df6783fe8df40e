"""The proxy that the environment names: what is meant by it, and whose fault it is where it does not serve."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.request import getproxies

import pytest
from yarl import URL

from agentdeck.core.providers.apis import Api
from agentdeck.gateway.proxies import Proxies, ProxyUnusable
from tests.gateway.upstream import Server, app_of, free_port, playing, served


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://p:3128"}, None),
        ({"http_proxy": "http://p:3128"}, "http://p:3128"),
        ({"HTTP_PROXY": "p:3128"}, "http://p:3128"),
        ({"http_proxy": "http://p:3128", "no_proxy": "a.example"}, None),
        ({"http_proxy": "http://p:3128", "no_proxy": "a.example:8080"}, None),
        ({"http_proxy": "http://p:3128", "no_proxy": "a.example:80"}, "http://p:3128"),
    ],
)
def test_what_the_variables_mean(variables: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Proxies().of(URL("http://a.example:8080/v1/messages")) == proxy


def test_the_settings_are_read_once_for_many_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[dict[str, str]] = []

    def counted() -> dict[str, str]:
        read.append(getproxies())
        return read[-1]

    monkeypatch.setattr("urllib.request.getproxies", counted)
    found = Proxies()
    for path in ("/a", "/b", "/c"):
        found.of(URL(f"https://a.example{path}"))
    found.of(URL("https://b.example/"))
    assert len(read) == 2


def test_a_kind_that_is_not_spoken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://p:1080")
    with pytest.raises(ProxyUnusable, match="kind socks5"):
        Proxies().of(URL("https://a.example/"))


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks5://127.0.0.1:{port}", "is behind a proxy of the kind socks5, which the gateway does not speak"),
        ("127.0.0.1:{port}", "is behind a proxy that refused the connection"),
        ("http://no-such-host.invalid:1", "is behind a proxy that has no address: the name can't be resolved"),
    ],
)
def test_a_proxy_that_is_down_is_not_called_the_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str, said: str
) -> None:
    async def check() -> None:
        async with playing(tmp_path, base_url="http://models.example/v1") as play:
            monkeypatch.setenv("http_proxy", proxy.format(port=free_port()))
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            status, _ = await play.ask(Api.CHAT, stream=True)
            assert status == 200, "the other provider needs none"
            (record,) = list(play.gateway._ledger.records())
            assert record.faults[0] == f"main:big-model: {said}"

    asyncio.run(check())


def test_a_proxy_passes_the_request_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        through = Server("proxy", "ok")
        async with served(app_of(through)) as port, playing(tmp_path, base_url="http://models.example/v1") as play:
            monkeypatch.setenv("http_proxy", f"127.0.0.1:{port}")
            monkeypatch.setenv("no_proxy", "127.0.0.1")
            status, _ = await play.ask(Api.CHAT, stream=True)
            assert status == 200
            assert [each.headers["Host"] for each in through.requests] == ["models.example"]

    asyncio.run(check())
