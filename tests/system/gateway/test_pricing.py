from __future__ import annotations

import pytest
from genai_prices import Usage as Tokens
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.config.gateway import Prices, ProviderConfig
from agentdeck.core.providers.token_usage import Usage
from agentdeck.system.gateway import pricing

_count = st.integers(0, 2_000_000)


@given(
    st.builds(Usage, _count, _count, _count, _count),
    st.sampled_from(["claude-sonnet-4-5", "claude-sonnet-4-0", "gpt-5-codex", "gemini-2.5-pro", "qwen3-coder"]),
)
def test_prices_are_those_of_the_library_whatever_the_counts(usage: Usage, model: str) -> None:
    tokens = Tokens(
        input_tokens=usage.input + usage.cache_read + usage.cache_write,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
    )
    try:
        expected = float(calc_price(tokens, model).total_price)
    except LookupError:
        assert pricing.published(usage, model) is None
        return
    assert pricing.published(usage, model) == pytest.approx(expected)


def test_own_prices_go_first_local_ones_are_free_and_unknown_ones_are_not_guessed() -> None:
    usage = Usage(1_000_000, 1_000_000)
    own = {"m": Prices(input=1.0, output=2.0)}
    cloud = ProviderConfig(base_url="https://api.anthropic.com/v1", apis=["messages"], prices=own)  # type: ignore[list-item]
    local = ProviderConfig(base_url="http://127.0.0.1:1/v1", apis=["chat"], local=True, prices=own)  # type: ignore[list-item]
    assert pricing.cost(usage, "m", cloud) == 3.0
    assert pricing.cost(usage, "m", local) == 3.0
    assert pricing.cost(usage, "gemma", local) == 0.0
    assert pricing.cost(usage, "no-such-model", cloud) is None
    assert pricing.cost(usage, "claude-haiku-4-5", cloud) == pytest.approx(1.0 + 5.0)
