"""Real Claude Code in a benchmark: in its box, through the gateway; the model is on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdeck.engine.views.trials import BenchRequest
from tests.support.decks import CONFIG, Bench
from tests.support.fake_api import CONTENT, FILE, FakeApi

pytestmark = [pytest.mark.agents, pytest.mark.slow, pytest.mark.timeout(240)]
SUITE = f"""
agent = "claude"
[[task]]
name = "file"
commit = "main"
task = "Make the file"
checks = "checks"
check = ["sh hidden.sh", "test -s {FILE}"]
timeout = "2m"
"""


def test_a_tier_is_measured(bench: Bench, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_KEY", "dummy")
    provider = f'[providers.fake]\nbase_url = "{api.url}"\napis = ["messages"]\nkey_env = "FAKE_KEY"\n'
    prices = '[providers.fake.prices."model-x"]\ninput = 3.0\noutput = 15.0\n'
    bench.own(provider + prices)
    bench.write("agentdeck.toml", f'{CONFIG}\n[tiers]\nroutine = ["fake:model-x"]\n')
    bench.commit("rules")
    bench.write("suite/suite.toml", SUITE, cwd=tmp_path)
    bench.write("suite/checks/hidden.sh", f"grep -q . {FILE}\n", cwd=tmp_path)
    api.commands = (f"printf '{CONTENT.strip()}\\n' > {FILE} && git add -A && git commit -qm 'Make the file'",)
    deck = bench.deck()
    suite = deck.benchmarks.suite(tmp_path / "suite/suite.toml")
    try:
        (found,) = deck.benchmarks.run(BenchRequest(suite, ("routine",), tmp_path / "results.jsonl"))
    finally:
        deck.providers.stop_gateway()
    assert found.passed, found.why
    assert found.model == "fake:model-x" and found.tokens > 0 and found.cost is not None and found.cost > 0
