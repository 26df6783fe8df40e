"""Which names and addresses a box's proxy connects to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.box.network import (
    Door,
    Network,
    is_allowed,
    is_named,
    is_public,
    local_ports,
    servers_in,
    split_rule,
)
from agentdeck.core.box.secrets import without_secrets

PRIVATE = [
    *("127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    *("", "localhost", "2130706433", "0x7f000001", "127.1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_of_this_machine_or_its_network_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "151.101.0.223", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_in_ipv6_clothes(address: ipaddress.IPv4Address) -> None:
    clothes = (f"::ffff:{address}", str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address))))
    assert {is_public(each) for each in clothes} == {is_public(str(address))}


def test_a_name_is_itself_and_a_star_is_all_below_it() -> None:
    rules = ("pypi.org", "*.npmjs.org", "git.example.com:22")
    assert is_allowed("PyPI.org.", 443, rules)
    assert is_allowed("registry.npmjs.org", 80, rules)
    assert is_allowed("git.example.com", 22, rules)
    for host, port in [
        *(("npmjs.org", 443), ("evilnpmjs.org", 443), ("pypi.org.evil.com", 443), ("a.pypi.org", 443)),
        *(("pypi.org", 22), ("git.example.com", 443), ("", 443), ("*.npmjs.org", 22)),
        *(("evil.com:443 HTTP/1.1\r\nX: .npmjs.org", 443), ("evil.com\0.npmjs.org", 443), ("evil.com/.npmjs.org", 443)),
    ]:
        assert not is_allowed(host, port, rules), host


def test_ports_of_this_machine_are_doors_and_not_for_the_proxy() -> None:
    rules = ("localhost:11434", "127.0.0.1:80", "pypi.org:8443")
    assert local_ports(rules) == [80, 11434]
    assert not is_allowed("localhost", 11434, rules)
    assert not is_allowed("127.0.0.1", 80, rules)


def test_a_network_can_be_named() -> None:
    rules = ("nexus.corp", "10.20.0.0/16", "192.168.7.7")
    assert is_named("10.20.3.4", rules)
    assert is_named("192.168.7.7", rules)
    assert not is_named("10.21.0.1", rules)
    assert not is_named("nexus.corp", rules)


@pytest.mark.parametrize("rule", ["", "*", "*.", "https://pypi.org", "a b", "localhost", "x:0", "x:70000", "10.1/8/3"])
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="."):
        split_rule(rule)


def test_servers_are_found_in_urls() -> None:
    values = ["postgresql://u:p@db.corp/x", "redis://127.0.0.1:6380/1", "postgresql:///x?host=/run", "plain", "5432"]
    assert servers_in(values) == [("db.corp", 5432), ("127.0.0.1", 6380)]


def test_a_network_survives_its_json() -> None:
    from dataclasses import asdict

    network = Network(("a.b",), (Door(1, "h", 2),), (3, 4), 5)
    assert Network.from_json(asdict(network)) == network


def test_settings_are_copied_without_what_logs_in() -> None:
    told = {
        "theme": "dark",
        "oauthAccount": {"id": 1},
        "primaryApiKey": "k",
        "env": {"ANTHROPIC_AUTH_TOKEN": "t", "EDITOR": "vi"},
        "mcpServers": {"x": {"env": {"ANY": "k"}}},
        "list": [{"apiKeyHelper": "cat key", "a": 1}],
    }
    assert without_secrets(told) == {"theme": "dark", "env": {"EDITOR": "vi"}, "list": [{"a": 1}]}
