"""The verbs gateway, models and spend, and what is told and asked of work that a backup did."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentdeck.core.agents.agent import Mode, State
from agentdeck.engine.providers import gateways
from agentdeck.engine.views import StartRequest
from agentdeck.errors import ExitCode
from tests.support.cli import agentdeck, objects, put_agent
from tests.support.decks import Bench, world_of
from tests.support.providers import KEYS, Provider, two_providers
from tests.support.retry import eventually

MORE = """
[landing]
gate_after_failover = true

[budgets]
deep_share = 0.1
"""


@pytest.fixture
def providers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Provider, Provider]]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with two_providers(bench, MORE) as pair:
        yield pair
    gateways.stop(world_of(bench.deck()))


def said(bench: Bench, *words: str) -> dict[str, Any]:
    (found,) = objects(agentdeck(*words, "--json", cwd=bench.root).stdout)
    return found


def think(bench: Bench, name: str, tier: str = "work") -> State:
    deck = bench.deck()
    deck.start(StartRequest(task="Think [think]", profile="demo", name=name, tier=tier, mode=Mode.HEADLESS))
    return deck.wait(name).state


def test_the_gateway_is_started_looked_at_checked_and_stopped(
    bench: Bench, providers: tuple[Provider, Provider]
) -> None:
    main, _ = providers
    assert said(bench, "gateway")["running"] is False
    started = said(bench, "gateway", "start")
    assert (started["running"], started["wanted"]) == (True, True)
    assert [each["state"] for each in started["providers"]] == ["closed", "closed"]
    checked = agentdeck("gateway", "check", cwd=bench.root)
    assert checked.returncode == ExitCode.OK, checked.stdout + checked.stderr
    main.answer_with(503)
    checked = agentdeck("gateway", "check", cwd=bench.root)
    assert checked.returncode == ExitCode.FAILED
    lines = checked.stdout.splitlines()
    assert "✗  work  main:big" in lines[1]
    assert "503" in lines[1]
    assert "✓  work  spare:small" in lines[2]
    assert "agentdeck_requests_in_flight 0\n" in agentdeck("gateway", "metrics", cwd=bench.root).stdout
    (gateway,) = [each for each in said(bench, "doctor")["checks"] if each["name"] == "gateway"]
    assert gateway["ok"] is True
    stale = said(bench, "prune", "--dry-run")["stale"]
    assert [each["kind"] for each in stale] == ["gateway"]
    assert said(bench, "gateway", "stop")["running"] is False
    assert "is not running" in agentdeck("gateway", "status", cwd=bench.root).stdout
    assert "The gateway is not running." in agentdeck("gateway", "metrics", cwd=bench.root).stderr


def test_a_missing_key_is_said(bench: Bench, providers: tuple[Provider, Provider]) -> None:
    env = {"SPARE_KEY": ""}
    done = agentdeck("gateway", "check", cwd=bench.root, env=env)
    assert done.returncode == ExitCode.FAILED
    assert "its key SPARE_KEY is not set" in done.stdout
    hints = objects(agentdeck("doctor", "--json", cwd=bench.root, env=env).stdout)[0]["checks"]
    assert any("SPARE_KEY" in each["hint"] for each in hints if each["name"] == "gateway")


def test_spending_is_told_by_each_group_and_in_each_format(bench: Bench, providers: tuple[Provider, Provider]) -> None:
    main, _ = providers
    assert think(bench, "fox") is State.DONE
    main.answer_with(529)
    assert think(bench, "owl") is State.DONE
    one, two = 8 * (20 * 1000 + 10 * 2000) / 1e6, 8 * (20 * 100 + 10 * 200) / 1e6
    by_agent = said(bench, "spend")
    assert [(each["name"], each["requests"]) for each in by_agent["lines"]] == [("fox", 8), ("owl", 8)]
    assert [each["cost"] for each in by_agent["lines"]] == pytest.approx([one, two])
    assert by_agent["dearest"] == {"model": "big", "cost": pytest.approx(2 * one)}
    assert by_agent["deep"] == {"share": 0.0, "limit": 0.1}
    backups = by_agent["backups"]
    assert (backups["requests"], backups["cost"]) == (8, pytest.approx(two)), "retries and failed attempts cost nothing"
    assert (backups["primary"], backups["saved"]) == (pytest.approx(one), pytest.approx(one - two))
    config = bench.root / "agentdeck.toml"
    as_it_was = config.read_text()
    config.write_text(as_it_was.replace('"main:big", "spare:small"', '"spare:small", "main:big"'))
    assert config.read_text() != as_it_was
    assert said(bench, "spend")["backups"] == backups, "what the tier says today changes nothing of it"
    config.write_text(as_it_was)
    for group, names in (("model", ["big", "small"]), ("provider", ["main", "spare"]), ("tier", ["work"])):
        assert [each["name"] for each in said(bench, "spend", "--by", group)["lines"]] == names
    assert len(said(bench, "spend", "--by", "day", "--since", "7d")["lines"]) == 1
    table = agentdeck("spend", "--by", "model", cwd=bench.root).stdout
    assert f"At big's prices this would have cost ${2 * one:.2f}." in table
    assert "within the limit of 10%" in table
    saved = f"at the first provider's prices ${one:.2f}, so they saved ${one - two:.2f}."
    assert f"Backups served 8 requests for ${two:.4f}; {saved}" in table
    rows = list(csv.DictReader(io.StringIO(agentdeck("spend", "--csv", cwd=bench.root).stdout)))
    assert [row["name"] for row in rows] == ["fox", "owl"]
    assert float(rows[0]["cost"]) == pytest.approx(one)


def test_what_an_agent_reports_of_its_own_counts_and_what_the_gateway_saw_does_not_count_twice(bench: Bench) -> None:
    put_agent(bench.root, "cc")
    logs = bench.root / ".git/agentdeck/logs"
    logs.mkdir(parents=True, exist_ok=True)
    used = {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 3, "costUSD": 0.25}
    result = json.dumps({"type": "result", "total_cost_usd": 0.25, "modelUsage": {"claude-x": used}})
    turn = json.dumps({"type": "turn.completed", "usage": {"input_tokens": 9, "cached_input_tokens": 4}})
    text = f"2026-01-02T03:04:06.000Z {result}\n2026-01-02T03:04:07.000Z {turn}\n2026-01-02T03:04:08.000Z no result\n"
    (logs / "cc-20260102T030405-abcd.log").write_text(text)
    found = said(bench, "spend")
    (line,) = found["lines"]
    assert (line["name"], line["requests"], line["input"], line["cache_read"]) == ("cc", 2, 15, 7)
    assert (line["cost"], line["unpriced"]) == (0.25, 1)
    assert [each["name"] for each in said(bench, "spend", "--by", "provider")["lines"]] == ["own login"]
    assert said(bench, "spend", "--since", "2026-01-03")["lines"] == []
    from agentdeck.system.gateway.ledger import Ledger, LedgerRecord

    with Ledger(gateways.files().state) as ledger:
        at = 1767323046.0  # within that run
        ledger.add(LedgerRecord(at - 0.5, bench.deck().name, "cc", "", "messages", "m", "main", "m", "ok", 200))
    assert [each["name"] for each in said(bench, "spend", "--by", "provider")["lines"]] == ["main"]


def test_work_of_a_backup_is_listed_marked_and_needs_a_gate(bench: Bench, providers: tuple[Provider, Provider]) -> None:
    main, _ = providers
    deck = bench.deck()
    assert think(bench, "always") is State.DONE
    assert said(bench, "show", "--failovers", "always")["failovers"] == []
    deck.start(StartRequest(task="Think [think]", profile="demo", name="fox", tier="work", mode=Mode.HEADLESS))
    thoughts = Path(deck.agent("fox").worktree or "") / "thoughts.txt"
    eventually(lambda: thoughts.exists() and "main" in thoughts.read_text())
    main.answer_with(529)
    assert deck.wait("fox").state is State.DONE
    (over,) = said(bench, "show", "--failovers", "fox")["failovers"]
    assert (over["provider"], over["model"]) == ("spare", "small")
    assert over["end"] >= over["start"]
    subjects = bench.git("log", "--format=%s", "main..agentdeck/fox").splitlines()
    marked = {commit["subject"] for commit in over["commits"]}
    assert {subject for subject in subjects if "of spare" in subject} <= marked
    assert not {subject for subject in subjects if subject.startswith("step 1,") and "of main" in subject} & marked
    assert "spare:small" in agentdeck("show", "--failovers", "fox", cwd=bench.root).stdout

    refused = agentdeck("merge", "fox", cwd=bench.root)
    assert refused.returncode == ExitCode.REFUSED
    assert "was served by spare:small" in refused.stderr
    assert agentdeck("merge", "--dry-run", "always", cwd=bench.root).returncode == ExitCode.OK
    landed = agentdeck("merge", "--gate", "true", "fox", cwd=bench.root)
    assert landed.returncode == ExitCode.OK, landed.stderr
    assert "Agentdeck-Failover: spare:small" in bench.git("log", "-1", "--format=%B")


def test_model_servers_are_asked_for_a_real_completion(bench: Bench, providers: tuple[Provider, Provider]) -> None:
    _, spare = providers
    path = bench.root / "agentdeck.toml"
    path.write_text(
        path.read_text()
        + f'\n[providers.here]\nbase_url = "http://127.0.0.1:{spare.port}/v1"\napis = ["chat"]\nlocal = true\n'
    )
    servers = {each["provider"]: each for each in said(bench, "models")["servers"]}
    assert servers["here"]["ok"] is True
    assert servers["here"]["models"] == ["spare-model"]
    assert servers["here"]["seconds"] > 0
    spare.answer_with(500)
    servers = {each["provider"]: each for each in said(bench, "models")["servers"]}
    assert (servers["here"]["ok"], servers["here"]["text"]) == (False, "no completion: 500")
    assert "spare-model" in agentdeck("models", cwd=bench.root).stdout


def test_what_can_not_be_served_is_refused(bench: Bench) -> None:
    bench.write("no.gguf", "no model")
    for words, code, text in (
        (["models", "serve"], ExitCode.USAGE, "Which model?"),
        (["models", "serve", "nowhere.gguf"], ExitCode.NOT_FOUND, "There is no file"),
        (["models", "serve", "no.gguf"], ExitCode.REFUSED, "GGUF"),
        (["models", "stop"], ExitCode.FAILED, "No model is being served"),
    ):
        done = agentdeck(*words, cwd=bench.root)
        assert (done.returncode, text in done.stderr) == (code, True), done.stderr
