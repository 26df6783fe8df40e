from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agentdeck.core.config.config import Config, DatabaseConfig, PortsConfig


def test_no_file_is_needed() -> None:
    config = Config.model_validate({})
    assert config.agent.branch == "agentdeck/{name}"
    assert config.ports.range == (20000, 29999)
    assert Config.model_validate(config.model_dump(by_alias=True)) == config


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({"prots": {}}, ("prots",)),
        ({"worktree": {"copy_files": []}}, ("worktree", "copy_files")),
        ({"ports": {"per_agent": "4"}}, ("ports", "per_agent")),
        ({"ports": {"per_agent": True}}, ("ports", "per_agent")),
        ({"ports": {"per_agent": 4.5}}, ("ports", "per_agent")),
        ({"ports": {"range": [20000, "29999"]}}, ("ports", "range", 1)),
        ({"ports": {"range": [80, 29999]}}, ("ports", "range", 0)),
        ({"agent": {"timeout": float("inf")}}, ("agent", "timeout")),
        ({"agent": {"timeout": 0}}, ("agent", "timeout")),
        ({"agent": {"env": {"PORT": 3000}}}, ("agent", "env", "PORT")),
        ({"worktree": {"submodules": 1}}, ("worktree", "submodules")),
        ({"database": {"engine": "mysql"}}, ("database", "engine")),
    ],
)
def test_unknown_keys_and_wrong_types_are_errors_at_their_place(
    table: dict[str, object], where: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(table)
    assert [error["loc"] for error in caught.value.errors()] == [where]


@given(st.integers(1024, 65535), st.integers(1024, 65535), st.integers(0, 100))
def test_a_range_that_holds_no_agents_ports_is_refused(first: int, last: int, count: int) -> None:
    table = {"range": [first, last], "per_agent": count}
    if last - first + 1 >= count:
        assert PortsConfig.model_validate(table).range == (first, last)
    else:
        with pytest.raises(ValidationError, match="fewer ports"):
            PortsConfig.model_validate(table)


def test_the_names_of_ports_are_names_of_variables() -> None:
    with pytest.raises(ValidationError, match="not the name of a variable"):
        PortsConfig.model_validate({"names": ["API PORT"]})


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"engine": "postgres", "mode": "index"}, "postgres has the modes database and schema, not index"),
        ({"engine": "redis", "mode": "schema"}, "redis has the modes index and prefix, not schema"),
        ({"engine": "command"}, "needs the command"),
    ],
)
def test_an_engine_and_a_mode_that_do_not_go_together_are_refused(table: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        DatabaseConfig.model_validate(table)


def test_redis_without_a_mode_means_an_index() -> None:
    assert DatabaseConfig.model_validate({"engine": "redis"}).mode == "index"
