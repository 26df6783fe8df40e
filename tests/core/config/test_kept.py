from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agentdeck.core.agents.agent import Mode
from agentdeck.core.config.config import Config
from agentdeck.core.config.kept import Kept, keep, kept, plan_of
from agentdeck.core.config.profile import Profile
from agentdeck.system.config.profiles import SHIPPED
from agentdeck.system.config.tomlfile import read_toml

PROFILES = {path.stem: read_toml(path, path.name) for path in sorted(SHIPPED.glob("*.toml"))}
EXAMPLES: dict[str, dict[str, Any]] = {
    "none": {},
    "own": {
        "agent": {"profile": "codex", "failover": ["claude"], "timeout": 60, "env": {"A": "{name}"}},
        "ports": {"per_agent": 2, "range": [30000, 30100], "names": ["API_PORT"]},
        "database": {"engine": "sqlite", "template": "dev.db"},
        "providers": {"mine": {"base_url": "http://10.0.0.1/v1", "apis": ["chat"], "key_env": "MINE"}},
        "tiers": {"deep": ["mine:large", "openai:*"], "local": "auto"},
        "budgets": {"day": {"money": 5.0}, "at_limit": "stop"},
        "keys": {"agent.stop": "S"},
    },
}


def through_json(model: BaseModel) -> Any:
    return kept(json.loads(json.dumps(keep(model))))


def check(model: Any, other: Any) -> None:
    """Fail unless `other` tells all that `model` tells: fields, properties, and their types."""
    if isinstance(model, BaseModel):
        assert isinstance(other, Kept)
        told = [name for name in dir(type(model)) if isinstance(getattr(type(model), name, None), property)]
        for name in (*type(model).model_fields, *(name for name in told if not name.startswith(("model_", "_")))):
            check(getattr(model, name), getattr(other, name))
        return
    assert type(model) is type(other)
    if isinstance(model, list | tuple):
        assert len(model) == len(other)
        for mine, its in zip(model, other, strict=True):
            check(mine, its)
    elif isinstance(model, dict):
        assert list(model) == list(other)
        for name in model:
            check(model[name], other[name])
    else:
        assert model == other


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_kept_configuration_tells_what_the_model_tells(name: str) -> None:
    config = Config.model_validate(EXAMPLES[name])
    check(config, through_json(config))
    assert plan_of(through_json(config)) == plan_of(config) == config.plan().model_dump(mode="json")


@pytest.mark.parametrize("name", PROFILES)
def test_a_kept_profile_tells_what_the_model_tells(name: str) -> None:
    file = PROFILES[name]
    assert file is not None
    profile = Profile.model_validate({"name": name, **file.data})
    other = through_json(profile)
    check(profile, other)
    for mode in Mode:
        for again in (False, True):
            words = profile.argv(mode=mode, prompt="do it", session="s", resume=again)
            assert words == other.argv(mode=mode, prompt="do it", session="s", resume=again)
        assert profile.typed_text("do it", mode) == other.typed_text("do it", mode)


def test_what_is_kept_does_not_change_and_is_compared_by_its_values() -> None:
    one, same = (through_json(Config()) for _ in range(2))
    assert one == same
    assert one != through_json(Config.model_validate({"agent": {"profile": "codex"}}))
    with pytest.raises(AttributeError):
        one.agent = None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_a_table_holds_comes_back_as_it_was(value: Any) -> None:
    check(value, kept(json.loads(json.dumps(keep(value)))))


@pytest.mark.parametrize("value", [object(), Path("/"), b"", {1}])
def test_what_would_not_come_back_is_not_kept(value: Any) -> None:
    with pytest.raises(TypeError):
        keep([value])
