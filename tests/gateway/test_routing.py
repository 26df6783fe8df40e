from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agentdeck.core.config.config import Config
from agentdeck.core.config.gateway import GatewayConfig, Plan
from agentdeck.core.providers import tiers
from agentdeck.core.providers.apis import Api
from agentdeck.core.providers.faults import FaultKind, ProviderFault
from agentdeck.core.providers.tiers import Target
from agentdeck.gateway import routing
from agentdeck.gateway.routing import Breaker, BreakerPhase, GiveUp, Try, Wait, Walk

RULES = GatewayConfig()
DOWN = ProviderFault(FaultKind.TRANSIENT, "500")
SLOW = ProviderFault(FaultKind.TRANSIENT, "no first byte", slow=True)

kinds = st.sampled_from(list(FaultKind))
waits = st.none() | st.floats(0, 40)
any_fault = st.builds(ProviderFault, kinds, st.just("x"), waits, st.booleans())


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(RULES.breaker_failures):
        breaker = routing.failed(breaker, DOWN, now, RULES)
    return breaker


def test_breaker_opens_after_failures_in_a_row_and_a_success_starts_the_count_anew() -> None:
    breaker = routing.failed(routing.failed(Breaker(), DOWN, 0, RULES), DOWN, 0, RULES)
    assert breaker.phase(0) is BreakerPhase.CLOSED
    assert routing.succeeded(breaker, 0) == Breaker()
    assert routing.failed(breaker, DOWN, 0, RULES).phase(0) is BreakerPhase.OPEN


def test_one_time_out_opens_it() -> None:
    assert routing.failed(Breaker(), SLOW, 0, RULES).phase(0) is BreakerPhase.OPEN


def test_half_open_lets_one_probe_through_and_a_good_beginning_lets_all() -> None:
    breaker = opened()
    assert breaker.opens_at(5) == 10
    assert breaker.opens_at(10) is None
    probed = routing.claimed(breaker, 10)
    assert probed.opens_at(10) is not None
    assert routing.abandoned(probed).opens_at(11) is None
    recovered = routing.began(probed, 12, RULES)
    assert recovered.phase(12) is BreakerPhase.CLOSED
    assert recovered.opens_at(12) is None
    assert routing.failed(recovered, DOWN, 13, RULES).phase(13) is BreakerPhase.OPEN
    assert routing.succeeded(recovered, 13) == Breaker()


def test_a_failed_probe_doubles_the_pause_up_to_its_limit() -> None:
    breaker, now = opened(), 0.0
    pauses = []
    for _ in range(8):
        assert breaker.until is not None
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker = routing.failed(routing.claimed(breaker, now), DOWN, now, RULES)
    assert pauses == [10, 20, 40, 80, 120, 120, 120, 120]


def test_late_news_of_old_requests_changes_nothing_while_open() -> None:
    breaker = opened()
    assert routing.failed(breaker, DOWN, 9, RULES) == breaker
    assert routing.succeeded(breaker, 9) == breaker


def test_a_hold_lasts_until_the_reset_that_was_named() -> None:
    spent = ProviderFault(FaultKind.EXHAUSTED, "spent", 7200.0)
    assert routing.held(Breaker(), spent, 100, RULES).until == 7300
    nameless = ProviderFault(FaultKind.EXHAUSTED, "spent")
    assert routing.held(Breaker(), nameless, 100, RULES).until == 100 + RULES.exhausted_seconds


@given(st.lists(st.tuples(st.sampled_from(["claim", "fail", "slow", "begin", "succeed", "abandon"]), st.floats(0, 50))))
def test_breaker_never_lets_two_probes_through_and_never_stays_shut(steps: list[tuple[str, float]]) -> None:
    breaker, now, probes = Breaker(), 0.0, 0
    for step, pause in steps:
        now += pause
        if step == "claim" and breaker.opens_at(now) is None:
            if breaker.phase(now) is BreakerPhase.HALF_OPEN:
                assert breaker.probe is None or now >= breaker.probe + routing.PROBE_LOST
                probes += 1
            breaker = routing.claimed(breaker, now)
        elif step in ("fail", "slow"):
            breaker = routing.failed(breaker, SLOW if step == "slow" else DOWN, now, RULES)
        elif step == "begin":
            breaker = routing.began(breaker, now, RULES)
        elif step == "succeed":
            breaker = routing.succeeded(breaker, now)
        elif step == "abandon":
            breaker = routing.abandoned(breaker)
        assert breaker.until is None or breaker.until <= now + RULES.breaker_seconds_max
    assert breaker.opens_at(now + RULES.breaker_seconds_max + routing.PROBE_LOST) is None


@given(st.integers(1, 60), st.floats(0, 1))
def test_backoff_grows_and_is_bounded(tries: int, jitter: float) -> None:
    wait = routing.backoff(tries, jitter, RULES)
    assert RULES.backoff / 2 <= wait <= RULES.backoff_max
    assert routing.backoff(tries + 1, jitter, RULES) >= wait


@given(st.data(), st.integers(1, 4), st.floats(0, 30))
def test_a_walk_ends_within_its_budget_and_asks_nobody_too_often(
    data: st.DataObject, count: int, budget: float
) -> None:
    rules = GatewayConfig(retry_budget=budget)
    walk, now, waited, tries = Walk.begin(count, 0.0, rules), 0.0, 0.0, [0] * count
    for _ in range(1000):
        opens = [data.draw(st.none() | st.just(now + 3.0)) for _ in range(count)]
        step = routing.next_step(walk, opens, now)
        if isinstance(step, GiveUp):
            break
        if isinstance(step, Wait):
            assert step.seconds > 0
            waited += step.seconds
            now += step.seconds
            assert now <= budget + 1e-6
            continue
        assert opens[step.index] is None
        assert not walk.tracks[step.index].out
        tries[step.index] += 1
        walk = walk.after(step.index, data.draw(any_fault), now, data.draw(st.floats(0, 1)), rules)
    else:
        raise AssertionError("the walk does not end")
    assert waited <= budget + 1e-6
    assert max(tries) <= 1 + rules.retries


@given(st.integers(1, 5), st.sampled_from([FaultKind.TRANSIENT, FaultKind.EXHAUSTED, FaultKind.NO_MODEL]))
def test_faults_that_no_wait_mends_go_down_the_chain_in_order_at_once(count: int, kind: FaultKind) -> None:
    walk = Walk.begin(count, 0.0, RULES)
    for expected in range(count):
        assert routing.next_step(walk, [None] * count, 0.0) == Try(expected)
        walk = walk.after(expected, ProviderFault(kind, "x"), 0.0, 0.5, RULES)


@given(st.floats(0, 30), st.floats(0, 1))
def test_a_limit_is_never_asked_again_before_its_time(named: float, jitter: float) -> None:
    walk = Walk.begin(2, 0.0, RULES).after(0, ProviderFault(FaultKind.LIMITED, "429", named), 0.0, jitter, RULES)
    step = routing.next_step(walk, [None, None], 0.0)
    if isinstance(step, Wait):
        assert named <= step.seconds <= min(named + 1.0, RULES.retry_budget)
    else:
        assert step == (Try(0) if named == 0 else Try(1))


def test_a_limit_further_away_than_the_budget_goes_to_the_next_at_once() -> None:
    limited = ProviderFault(FaultKind.LIMITED, "429", 3600.0)
    walk = Walk.begin(2, 0.0, RULES).after(0, limited, 0.0, 0.0, RULES)
    assert routing.next_step(walk, [None, None], 0.0) == Try(1)


def test_closed_breakers_are_waited_for_only_within_the_budget() -> None:
    walk = Walk.begin(1, 0.0, RULES)
    assert routing.next_step(walk, [10.0], 0.0) == Wait(10.0)
    assert routing.next_step(walk, [100.0], 0.0) == GiveUp()


def test_chains_expand_local_and_stand_in_for_no_tier() -> None:
    chains = {"deep": ["anthropic:opus", "local"], "local": "auto", "fallback": ["openrouter:x/y:free"]}
    found = [Target("ollama", "qwen3:8b")]
    assert tiers.chain(chains, "deep", Api.MESSAGES, found) == (Target("anthropic", "opus"), *found)
    assert tiers.chain(chains, "local", Api.MESSAGES, found) == tuple(found)
    assert tiers.chain(chains, "", Api.RESPONSES) == (Target("openai"), Target("openrouter", "x/y:free"))
    assert tiers.needs_discovery(chains, "deep")
    assert not tiers.needs_discovery(chains, "")
    with pytest.raises(KeyError):
        tiers.chain(chains, "unheard-of", Api.CHAT)


@pytest.mark.parametrize(
    ("chains", "reason"),
    [
        ({"deep": ["nobody:x"]}, "there is no provider “nobody”"),
        ({"deep": ["openai/gpt-4o"]}, "there is no provider “openai/gpt-4o”; write openai:gpt-4o"),
        ({"deep": []}, "has no providers"),
        ({"deep": "auto"}, "only the tier “local” can be “auto”"),
        ({"local": ["local"]}, "contains itself"),
        ({"deep": [":x"]}, "is not provider:model"),
    ],
)
def test_a_chain_that_cannot_work_says_why_and_spoils_no_other(chains: dict[str, Any], reason: str) -> None:
    config = Config.model_validate({"tiers": {**chains, "good": ["openai:gpt-4o", "anthropic:claude", "ollama:m"]}})
    assert reason in tiers.why_not(config.tiers, next(iter(chains)), config.providers)
    for api in Api:
        assert tiers.why_not(config.tiers, "good", config.providers, api) == ""


def test_an_agents_own_login_never_goes_to_two_providers() -> None:
    other = {"base_url": "https://other.example/v1", "apis": ["messages"]}
    plan = Plan.model_validate({"providers": {"other": other}, "tiers": {"deep": ["anthropic:x", "other:y"]}})
    assert "can go to one provider only" in tiers.why_not(plan.tiers, "deep", plan.providers)


def test_a_table_goes_over_its_preset_key_by_key() -> None:
    plan = Plan.model_validate({"providers": {"ollama": {"timeouts": {"idle": 5.0}}, "anthropic": {"key_env": "K"}}})
    assert plan.providers["ollama"].timeouts.idle == 5
    assert plan.providers["ollama"].timeouts.first_byte == 600
    assert plan.providers["anthropic"].base_url == "https://api.anthropic.com/v1"
    assert not plan.providers["anthropic"].uses_own_login
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize("url", ["ftp://x/v1", "https://", "https://user:key@x/v1", "https://x/v1?key=1"])
def test_a_base_url_holds_no_key(url: str) -> None:
    with pytest.raises(ValidationError):
        Plan.model_validate({"providers": {"x": {"base_url": url, "apis": ["chat"]}}})


def test_why_an_agent_cannot_use_a_chain() -> None:
    providers = Plan().providers
    chains = {"bare": ["anthropic"], "named": ["anthropic:claude"]}
    assert tiers.why_not(chains, "bare", providers, Api.MESSAGES) == ""
    assert tiers.why_not(chains, "named", providers, Api.CHAT) == ""
    reason = "anthropic speaks messages, not chat, so its entry has to name a model"
    assert tiers.why_not(chains, "bare", providers, Api.CHAT) == reason


@pytest.mark.parametrize("tier", sorted(tiers.HOME_TIERS))
def test_the_tiers_that_everybody_has_need_no_configuration(tier: str) -> None:
    found = Target("ollama", "m")
    assert tiers.chain({}, tier, Api.MESSAGES) == (Target("anthropic"),)
    assert tiers.chain({}, tier, Api.RESPONSES) == (Target("openai"),)
    assert tiers.chain({"fallback": ["openrouter:x"]}, tier, Api.CHAT) == (
        Target("openai"),
        Target("openrouter", "x"),
    )
    assert tiers.chain({tier: ["ollama:own"]}, tier, Api.CHAT) == (Target("ollama", "own"),)
    assert not tiers.needs_discovery({}, tier)
    assert tiers.needs_discovery({"fallback": ["local"]}, tier)
    for local in ("local", "fallback"):
        assert tiers.chain({}, local, Api.CHAT, [found]) == (found,)
        assert tiers.needs_discovery({}, local)
    assert tiers.chain({"local": ["ollama:own"]}, "fallback", Api.CHAT, [found]) == (Target("ollama", "own"),)
    with pytest.raises(KeyError):
        tiers.chain({}, "unknown", Api.CHAT)
