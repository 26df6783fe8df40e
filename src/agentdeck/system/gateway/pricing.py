"""What requests cost: the deck's own prices, and else the published ones.

The published prices take 0.2 s to import, so they are loaded when the first one is asked for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from agentdeck.core.providers.token_usage import Usage

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import Prices, ProviderConfig

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
    units = _units(model, base_url)
    if units is None:
        return None
    if isinstance(units, str):
        return _calculated(usage, model, units)[0]
    counts = (usage.input, usage.cache_read, usage.cache_write, usage.output)
    return sum(count * unit for count, unit in zip(counts, units, strict=True))


@lru_cache(maxsize=256)
def _units(model: str, base_url: str) -> tuple[float, ...] | str | None:
    """What one token costs of those not cached, read from and written to the cache, and answered; where that depends on
    how many there are, the address to look them up by. None where nobody knows.

    A look-up takes a millisecond, which is as much as all else that a request costs us.
    """
    for address in dict.fromkeys((base_url, "")):
        try:
            kinds = (Usage(1), Usage(0, 0, 1), Usage(0, 0, 0, 1), Usage(0, 1))
            found = [_calculated(kind, model, address) for kind in kinds]
        except (LookupError, ValueError):
            continue
        return address if any(tiered for _, tiered in found) else tuple(price for price, _ in found)
    return None


def _calculated(usage: Usage, model: str, address: str) -> tuple[float, bool]:
    """The price, and whether a token's price depends on how many there are."""
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price
    from genai_prices.types import TieredPrices

    tokens = Tokens(
        input_tokens=usage.prompt,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
    )
    found = calc_price(tokens, model, provider_api_url=address or None)
    tiered = any(isinstance(price, TieredPrices) for price in vars(found.model_price).values())
    return float(found.total_price), tiered


@lru_cache(maxsize=256)
def context_of(model: str, base_url: str = "") -> int:
    """How many tokens the model holds as genai-prices knows it; 0 where it does not."""
    from genai_prices.data_snapshot import get_snapshot

    for address in dict.fromkeys((base_url, "")):
        try:
            return get_snapshot().find_provider_model(model, None, None, address or None)[1].context_window or 0
        except (LookupError, ValueError):
            continue
    return 0


def warm_up() -> None:
    """Load the published prices now."""
    published(Usage(), "")
