from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import Fault, Mode, State
from agentdeck.core.agents.detect import judge
from agentdeck.core.agents.prompts import ARGUMENT_MAX, GO_ON, short_prompt
from agentdeck.core.config.profile import Profile
from agentdeck.system.config.profiles import load_profiles

PROFILES = load_profiles(Path("/nowhere"))
EVERY = sorted(PROFILES)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("mode", Mode)
@given(task=st.text(min_size=1, max_size=60).filter(lambda text: "\0" not in text))
def test_a_task_reaches_the_program_unchanged_once(name: str, mode: Mode, task: str) -> None:
    profile = PROFILES[name]
    argv = profile.argv(mode=mode, prompt=task, settings="/x/settings.json")
    typed = profile.typed_text(task, mode)
    assert [*argv, typed].count(task) == 1 or task in ("aider", *argv[:-1])
    assert all("{prompt}" not in word for word in argv) or "{prompt}" in task


@pytest.mark.parametrize("name", EVERY)
def test_a_task_that_looks_like_an_option_is_none(name: str) -> None:
    profile = PROFILES[name]
    for mode in Mode:
        argv = profile.argv(mode=mode, prompt="--help")
        if "--help" in argv:
            before = argv[argv.index("--help") - 1]
            assert before == "--" or before.startswith("-"), "it must be behind --, or an option's value"


@pytest.mark.parametrize("name", EVERY)
def test_resuming_goes_on_with_the_session(name: str) -> None:
    profile = PROFILES[name]
    for mode in Mode:
        lines = profile.lines(mode)
        if lines.resume:
            argv = profile.argv(mode=mode, prompt="", session="abc-123", resume=True)
            assert "abc-123" in argv
            assert "more" in profile.argv(mode=mode, prompt="more", session="abc-123", resume=True) or (
                profile.typed_text("more", mode, resume=True) == "more"
            )


def test_a_headless_cli_is_told_to_go_on() -> None:
    assert GO_ON in PROFILES["claude"].argv(mode=Mode.HEADLESS, prompt="", session="s", resume=True)


def test_a_program_that_has_one_mode_only_is_used_in_that() -> None:
    profile = Profile.model_validate(
        {"name": "x", "title": "X", "command": "x", "install": "-", "headless": {"prompt": ["x", "{prompt}"]}}
    )
    assert profile.argv(mode=Mode.INTERACTIVE, prompt="do") == ("x", "do")


@given(st.integers(0, 3))
def test_a_prompt_too_long_for_a_command_line_is_read_from_a_file(extra: int) -> None:
    assert short_prompt("x" * ARGUMENT_MAX, "/f") == "x" * ARGUMENT_MAX
    assert "/f" in short_prompt("x" * (ARGUMENT_MAX + 1 + extra), "/f")


RESULT = '{"type":"result","subtype":"success","is_error":true,"api_error_status":%s,"result":"%s"}'
TURN_FAILED = '{"type":"turn.failed","error":{"message":"%s"}}'
QWEN = '{"type":"result","subtype":"success","is_error":false,"result":"[API Error: %s]","permission_denials":[]}'
OPENCODE = '{"type":"error","error":{"name":"APIError","data":{"message":"No","statusCode":%d,"isRetryable":false}}}'
FAILURES = [
    ("claude", 1, RESULT % (429, "API Error: Request rejected (429) · x"), Fault.LIMITED),
    ("claude", 1, RESULT % (529, "API Error: 529 Overloaded"), Fault.PROVIDER),
    ("claude", 1, RESULT % (400, "Credit balance is too low"), Fault.LIMITED),
    ("claude", 1, RESULT % (401, "Not logged in · Please run /login"), Fault.AUTH),
    ("codex", 1, TURN_FAILED % "exceeded retry limit, last status: 429 Too Many Requests", Fault.LIMITED),
    ("codex", 1, TURN_FAILED % "You’ve hit your usage limit. Try again at 1:47 AM.", Fault.LIMITED),
    ("codex", 1, TURN_FAILED % "unexpected status 503 Service Unavailable", Fault.PROVIDER),
    ("codex", 1, TURN_FAILED % "unexpected status 401 Unauthorized: x", Fault.AUTH),
    ("aider", 0, "The API provider has rate limited you. Try again later", Fault.LIMITED),
    ("aider", 0, "The API provider's servers are down or overloaded.", Fault.PROVIDER),
    ("qwen", 0, QWEN % "402 You exceeded your current quota", Fault.LIMITED),
    ("qwen", 0, QWEN % "401 Incorrect API key provided", Fault.AUTH),
    ("qwen", 0, QWEN % "503 Service Unavailable", Fault.PROVIDER),
    ("opencode", 1, OPENCODE % 402, Fault.LIMITED),
    ("opencode", 1, OPENCODE % 401, Fault.AUTH),
    ("opencode", 1, OPENCODE % 500, Fault.PROVIDER),
    ("opencode", 1, OPENCODE % 400, Fault.CRASHED),
    ("demo", 1, "Error 429: rate limit reached, try again in 60 s", Fault.LIMITED),
]


@pytest.mark.parametrize(("name", "code", "output", "fault"), FAILURES)
def test_the_way_a_cli_ends_is_told_by_its_words_not_by_its_code(
    name: str, code: int, output: str, fault: Fault
) -> None:
    state, found, reason = judge(code, f"working…\n{output}\n", PROFILES[name].outcome)
    assert (state, found) == (State.FAILED, fault)
    assert reason


@pytest.mark.parametrize("name", EVERY)
def test_plain_success_and_plain_failure(name: str) -> None:
    outcome = PROFILES[name].outcome
    assert judge(0, "All done.\n", outcome) == (State.DONE, Fault.NONE, "")
    assert judge(3, "", outcome)[:2] == (State.FAILED, Fault.CRASHED)
    assert judge(-9, "", outcome)[2] == "killed by signal 9"


def test_a_result_with_is_error_false_is_success() -> None:
    line = '{"type":"result","subtype":"success","is_error":false,"api_error_status":null,"result":"429 tests pass"}'
    assert judge(0, line, PROFILES["claude"].outcome)[0] is State.DONE


def test_every_agent_cli_can_be_told_its_model() -> None:
    assert {name for name in EVERY if not PROFILES[name].model.can_be_told} == {"demo", "shell"}
    for name in EVERY:
        words, variables = PROFILES[name].model.told("vendor/alpha[1m]")
        assert not any("{model}" in each for each in (*words, *variables.values()))
        assert "vendor/alpha[1m]" in " ".join((*words, *variables.values())) or name in ("demo", "shell")
        assert PROFILES[name].model.told("") == ((), {})


@pytest.mark.parametrize(
    ("name", "printed", "found"),
    [
        ("opencode", "opencode/big-pickle\nNo network\n", ["opencode/big-pickle"]),
        ("copilot", '    - "never" disables it\n    - "gpt-5.5"\n', ["gpt-5.5"]),
        (
            "codex",
            '{"models":[{"slug":"gpt-6","x":{},"visibility":"list"},{"slug":"review","visibility":"hide"}]}',
            ["gpt-6"],
        ),
    ],
)
def test_the_models_that_a_cli_prints_are_found(name: str, printed: str, found: list[str]) -> None:
    pattern = PROFILES[name].model.listed
    assert [match["model"] for match in re.finditer(pattern, printed, re.MULTILINE)] == found
