"""The proxy that the environment, or on macOS the system, names for an address."""

from __future__ import annotations

import time
import urllib.request

from yarl import URL

_ASK_AGAIN = 60.0
"""Seconds for which the settings hold once they were read, which takes milliseconds."""


class ProxyUnusable(Exception):
    """Of a kind that we do not speak. As text: what a provider that needs it is told to be."""


class Proxies:
    """One for the whole process; credentials of a .netrc stay out of it."""

    def __init__(self) -> None:
        self._known: dict[URL, tuple[float, str | None]] = {}

    def of(self, url: URL) -> str | None:
        """The proxy for `url`, None where it is asked directly. Raise ProxyUnusable."""
        origin, now = url.origin(), time.monotonic()
        read, proxy = self._known.get(origin, (0.0, None))
        if not read or now > read + _ASK_AGAIN:
            proxy = _found(origin)
            self._known[origin] = now, proxy
        return proxy


def _found(origin: URL) -> str | None:
    if urllib.request.proxy_bypass(f"{origin.raw_host}:{origin.port}"):
        return None
    named = urllib.request.getproxies().get(origin.scheme)
    if not named:
        return None
    proxy = named if "://" in named else f"http://{named}"
    kind = proxy.partition(":")[0].lower()
    if kind not in ("http", "https"):
        raise ProxyUnusable(f"is behind a proxy of the kind {kind}, which the gateway does not speak")
    return proxy
