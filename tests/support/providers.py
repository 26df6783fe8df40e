"""The demo's providers, started for a test, and a configuration that names them."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.support.decks import CONFIG, Bench

KEYS = {"MAIN_KEY": "sk-main-0123456789abcdef", "SPARE_KEY": "sk-spare-fedcba9876543210"}

_CHAINS = """
[tiers]
work = ["main:big", "spare:small"]
[gateway]
backoff = 0.05
retry_budget = 2.0
breaker_seconds = 0.3
breaker_seconds_max = 0.3
"""


@dataclass(frozen=True)
class Provider:
    name: str
    port: int

    def answer_with(self, status: int) -> None:
        url = f"http://127.0.0.1:{self.port}/fault"
        urllib.request.urlopen(urllib.request.Request(url, str(status).encode()), timeout=10).close()


@contextmanager
def provider(name: str) -> Iterator[Provider]:
    argv = [sys.executable, "-m", "agentdeck.demo.provider", name]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield Provider(name, int(child.stdout.readline()))
        finally:
            child.kill()


@contextmanager
def two_providers(bench: Bench, more: str = "") -> Iterator[tuple[Provider, Provider]]:
    """`main` and `spare`, and the tier `work` of both; their keys are in the environment."""
    with ExitStack() as stack:
        main, spare = (stack.enter_context(provider(name)) for name in ("main", "spare"))
        bench.own("\n".join(map(table_of, (main, spare))))
        bench.write("agentdeck.toml", f"{CONFIG}\n{_CHAINS}{more}")
        yield main, spare


def table_of(provider: Provider) -> str:
    return (
        f'[providers.{provider.name}]\nbase_url = "http://127.0.0.1:{provider.port}/v1"\napis = ["chat"]\n'
        f'key_env = "{provider.name.upper()}_KEY"\n'
        'prices = { "big" = { input = 1000.0, output = 2000.0 }, "small" = { input = 100.0, output = 200.0 } }\n'
    )
