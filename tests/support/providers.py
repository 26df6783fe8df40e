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
        bench.write("agentdeck.toml", CONFIG + config_of(main, spare) + more)
        yield main, spare


def config_of(main: Provider, spare: Provider) -> str:
    tables = [
        f'[providers.{each.name}]\nbase_url = "http://127.0.0.1:{each.port}/v1"\napis = ["chat"]\n'
        f'key_env = "{each.name.upper()}_KEY"\n'
        f'prices = {{ "big" = {{ input = 1000.0, output = 2000.0 }}, "small" = {{ input = 100.0, output = 200.0 }} }}\n'
        for each in (main, spare)
    ]
    chain = '[tiers]\nwork = ["main:big", "spare:small"]\n'
    rules = "[gateway]\nbackoff = 0.05\nretry_budget = 2.0\nbreaker_seconds = 0.3\nbreaker_seconds_max = 0.3\n"
    return "\n" + "\n".join([*tables, chain, rules])
