"""What requests cost: the deck's own prices, and else the published ones.

The published prices take 0.2 s to import, so they are loaded when the first one is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdeck.core.token_usage import Usage

if TYPE_CHECKING:
    from agentdeck.core.gateway_config import Prices, ProviderConfig

_MILLION = 1e6


def cost(usage: Usage, model: str, provider: ProviderConfig | None) -> float | None:
    """US dollars; None where nobody knows the price. What a server on this machine does costs nothing."""
    if provider is not None and (own := provider.prices.get(model)) is not None:
        return of_prices(usage, own)
    if provider is not None and provider.local:
        return 0.0
    return published(usage, model, provider.base_url if provider is not None else "")


def of_prices(usage: Usage, prices: Prices) -> float:
    return (
        usage.input * prices.input
        + usage.output * prices.output
        + usage.cache_read * prices.cache_read
        + usage.cache_write * prices.cache_write
    ) / _MILLION


def published(usage: Usage, model: str, base_url: str = "") -> float | None:
    """What genai-prices knows; by the server's address where that is known, else by the model's name alone."""
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    tokens = Tokens(
        input_tokens=usage.input + usage.cache_read + usage.cache_write,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
    )
    for address in (base_url, None) if base_url else (None,):
        try:
            return float(calc_price(tokens, model, provider_api_url=address).total_price)
        except (LookupError, ValueError):
            continue
    return None


def warm_up() -> None:
    """Load the published prices now."""
    published(Usage(), "")
