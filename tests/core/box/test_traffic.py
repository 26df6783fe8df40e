"""What a person reads of what left a box."""

from __future__ import annotations

from agentdeck.core.box.traffic import Connection, by_host


def test_connections_are_counted_by_place_and_end() -> None:
    told = [
        Connection(1.0, "pypi.org", 443, "allowed"),
        Connection(2.0, "evil.org", 443, "refused", "it is not in [box] allow_domains"),
        Connection(3.0, "pypi.org", 443, "allowed"),
        Connection(4.0, "pypi.org", 443, "closed", sent=100, received=2048),
        Connection(5.0, "evil.org", 443, "refused"),
    ]
    assert [each.text for each in by_host(told)] == [
        "pypi.org:443, 2 times, 100 B sent, 2.0 KiB received",
        "evil.org:443 refused, 2 times",
    ]
    assert told[1].text == "refused evil.org:443: it is not in [box] allow_domains"
    assert told[3].text == "closed pypi.org:443, 100 B sent, 2.0 KiB received"
