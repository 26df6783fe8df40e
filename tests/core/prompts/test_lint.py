from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.prompts.lint import Level, lint

STEPS = "First read src/a.py\nThen change it\nFinally run `make test`\nso that it passes"


def rules(text: str, *, is_task: bool = True, tier: str = "") -> set[str]:
    return {advice.rule for advice in lint(text, is_task=is_task, tier=tier, exists=lambda path: path != "gone.py")}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("look around a bit", "no-outcome"),
        ("make it nicer", "no-check"),
        (STEPS, "steps"),
        ("Fix `gone.py`", "no-such-path"),
        ("You are an expert developer. Fix src/a.py", "role"),
        ("Fix src/a.py with best practices", "vague"),
        ("Fix src/a.py and git push it", "against-deck"),
        ("Serve src/a.py on port 3000", "against-deck"),
        ("Fix src/a.py, password=hunter2", "secret"),
        ("ALWAYS test. NEVER skip. MUST pass. IMPORTANT: src/a.py", "capitals"),
        ("- fix a.py\n- add b.py\n- remove c.py", "several"),
    ],
)
def test_what_hurts_is_found_in_a_task(text: str, rule: str) -> None:
    assert rule in rules(text)


def test_a_good_task_gets_no_advice() -> None:
    assert rules("Fix the login form in src/login.py: an empty password is refused; `make test` passes") == set()


def test_steps_are_worse_for_fast_models() -> None:
    levels = {
        tier: {a.rule: a.level for a in lint(STEPS, is_task=True, tier=tier)}["steps"] for tier in ("routine", "deep")
    }
    assert levels == {"routine": Level.WARN, "deep": Level.HINT}


def test_files_that_every_request_carries_are_short_and_have_no_tree() -> None:
    assert rules("# Map\n├── src\n└── tests", is_task=False) == {"tree"}
    assert rules("a rule\n" * 300, is_task=False) == {"long"}
    assert rules("Run `make test`.", is_task=False) == set()


@given(st.text(max_size=500), st.booleans())
def test_any_text_can_be_read(text: str, is_task: bool) -> None:
    for advice in lint(text, is_task=is_task):
        assert 1 <= advice.line <= max(1, len(text.splitlines()))
