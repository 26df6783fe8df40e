"""Questions as hooks tell them, and as screens show them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdeck.core.agents.agent import State, Status
from agentdeck.core.agents.answers import model_answer, permission_answer
from agentdeck.core.agents.detect import detect
from agentdeck.core.agents.orders import Detectors
from agentdeck.core.agents.questions import permission, shown
from agentdeck.core.question import CHOSEN, Asks, Question
from agentdeck.system.config.profiles import load_profiles

SCREENS = Path(__file__).parents[2] / "fixtures" / "screens"
WITH_OPTIONS = [
    path
    for path in sorted(SCREENS.glob("*-waiting-*.txt"))
    if not path.name.startswith("opencode") and ("permission" in path.name or "trust" in path.name)
]
AT_LIMIT = sorted(SCREENS.glob("*-waiting-limit.txt"))
PROFILES = load_profiles(Path("/nowhere"))


def detectors_of(path: Path) -> Detectors:
    return PROFILES[path.stem.split("-")[0]].detectors


JSON = st.recursive(
    st.none() | st.booleans() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
)


@pytest.mark.parametrize("path", WITH_OPTIONS, ids=lambda path: path.stem)
def test_a_permission_on_a_screen_has_a_yes_and_a_no(path: Path) -> None:
    question = shown(path.read_text(), "why")
    assert (question.kind, question.yes, question.numbered) == (Asks.PERMISSION, 1, True)
    assert question.no == len(question.options)
    assert question.marked


def test_a_choice_has_neither_yes_nor_no() -> None:
    question = shown("Which colour?\n❯ 1. Red\n     like blood\n  2. Blue\n  3. Type something.\n", "Which colour?")
    assert [option.label for option in question.options] == ["Red", "Blue", "Type something."]
    assert (question.kind, question.yes, question.no) == (Asks.CHOICE, None, None)


@pytest.mark.parametrize(
    ("name", "labels", "numbered"),
    [
        ("gemini-0.61.0-waiting-choice", ["Red", "Green", "Blue"], True),  # more are below what is shown
        ("qwen-0.15.10-waiting-choice", ["Red", "Green", "Blue", "Type something..."], True),
        ("copilot-1.0.102-waiting-choice-80", ["Red", "Green", "Blue", "Other (type your answer)"], False),
        ("opencode-1.18.33-waiting-choice-80", ["Red", "Green", "Blue", "Type your own answer"], True),
    ],
)
def test_the_choice_of_a_model_is_read_off_each_screen(name: str, labels: list[str], numbered: bool) -> None:
    question = shown((SCREENS / f"{name}.txt").read_text(), "Which colour?")
    assert [option.label for option in question.options] == labels
    assert (question.kind, question.numbered) == (Asks.CHOICE, numbered)
    assert question.own_words == (4 if len(labels) == 4 else None)


@pytest.mark.parametrize("size", ["-80", "", "-200"])
def test_buttons_side_by_side_are_options(size: str) -> None:
    screen = (SCREENS / f"opencode-1.18.33-waiting-permission{size}.txt").read_text()
    question = shown(screen, "Permission required")
    assert [option.label for option in question.options] == ["Allow once", "Allow always", "Reject"]
    assert (question.yes, question.no, question.in_row) == (1, 3, True)
    assert "made-by-agent.txt" in question.subject
    assert replace(question, marked=1).way_to(3) == ["Right", "Right"]


def test_letters_to_type_are_options() -> None:
    question = shown((SCREENS / "aider-0.86.2-waiting-file-80.txt").read_text(), "Create new file?")
    assert [(option.label, option.keys) for option in question.options] == [("Yes", "Y Enter"), ("No", "N Enter")]
    line = "Run shell command? (Y)es/(N)o/(A)ll/(S)kip all/(D)on't ask again [Yes]: "
    question = shown(line, "Run shell command?")
    assert [option.label for option in question.options] == ["Yes", "No", "All", "Skip all", "Don't ask again"]
    assert (question.yes, question.no) == (1, 2)


def test_an_option_may_go_on_in_the_column_of_the_numbers() -> None:
    screen = (SCREENS / "copilot-1.0.102-waiting-permission-git-80.txt").read_text()
    question = shown(screen, "Do you want to run this command?")
    assert (len(question.options), question.yes, question.no) == (3, 1, 3)


def test_an_option_that_escape_chooses_is_chosen_by_it() -> None:
    question = shown(
        "Do you want to run this command?\n\n❯ 1. Yes\n  2. No, and say why (Esc to stop)\n", "Do you want"
    )
    assert [option.keys for option in question.options] == ["", "Escape"]


def test_options_without_numbers_are_chosen_by_the_mark() -> None:
    question = shown("Do you trust this folder?\n\n  ❯ No, exit\n    Yes, I trust it\n\nEnter to confirm", "trust")
    assert (question.numbered, question.marked, question.yes, question.no) == (False, 1, 2, 1)


EARLIER = st.lists(
    st.sampled_from(
        [
            "❯ 1. Fix the parser",
            "  2. Write a test",
            "› 1. Fix the parser",
            "> make it",
            "● Which way do you prefer?",
            "  1. Yes, all of it",
            "  2. No",
            "❯ Make the file",
            "  and another one",
            "• Ran git status",
            "  └ (no output)",
            "",
        ]
    )
    | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=30),
    max_size=12,
)
REASONS = {
    path: found[1] for path in (*WITH_OPTIONS, *AT_LIMIT) if (found := detect(path.read_text(), detectors_of(path)))
}


@pytest.mark.parametrize("path", [*WITH_OPTIONS, *AT_LIMIT], ids=lambda path: path.stem)
@given(earlier=EARLIER, below=st.integers(0, 5))
def test_what_was_on_the_screen_before_a_dialog_is_none_of_its_options(
    path: Path, earlier: list[str], below: int
) -> None:
    screen, reason = path.read_text(), REASONS[path]
    alone, among = shown(screen, reason), shown("\n".join([*earlier, screen, *[""] * below]), reason)
    assert among.options == alone.options
    assert among.is_same_as(alone)


@pytest.mark.parametrize("path", WITH_OPTIONS, ids=lambda path: path.stem)
def test_a_dialog_is_the_same_with_any_part_above_its_options_out_of_sight(path: Path) -> None:
    lines, reason = path.read_text().splitlines(), REASONS[path]
    whole = shown("\n".join(lines), reason)
    top = next(at for at, line in enumerate(lines) if whole.options[0].label in line and "1." in line)
    for gone in range(top):
        less = shown("\n".join(lines[gone:]), reason)
        assert less.options == whole.options
        assert less.is_same_as(whole), gone


def test_a_list_without_numbers_is_not_mixed_up_with_a_numbered_task_above_it() -> None:
    screen = "❯ 1. Fix it\n  2. Test it\n\n Is this a project you trust?\n\n ❯ No, exit\n   Yes, I trust it\n"
    question = shown(screen, "Is this a project you trust?")
    assert [option.label for option in question.options] == ["No, exit", "Yes, I trust it"]


def test_a_preview_below_the_options_is_none_of_them() -> None:
    theme = (SCREENS / "claude-2.1.197-waiting-theme.txt").read_text()
    question = shown(theme.replace("  3  }", "  8. a line of the preview"), "Choose the text style that looks best")
    assert len(question.options) == 7
    assert (question.options[1].label, question.options[1].description) == ("Dark mode", CHOSEN)
    assert "Let's get started" not in question.subject


def test_what_a_question_is_about_does_not_say_it_again() -> None:
    codex = shown(
        (SCREENS / "codex-0.169.0-waiting-permission.txt").read_text(), "Would you like to run the following command?"
    )
    command = "$ printf 'made by a real agent CLI\\n' > made-by-agent.txt"
    told = replace(codex, text="asks to use Bash: printf")
    for question in (codex, told):
        assert question.about == ("Environment: local", "Reason: Make the file?", command)
    path = {"file_path": "/w/docs/note.md", "content": "# A note"}
    payload = {"tool_name": "Write", "tool_input": path, "cwd": "/w"}
    (write,) = permission({**payload, "permission_suggestions": [{"mode": "acceptEdits"}]}, "hook", 1.0)
    assert write.text == "asks to use Write: docs/note.md"
    assert write.about == ("+# A note",)
    assert write.choices == "1 Yes  2 Yes, and allow all edits in this session  3 No"
    (bash,) = permission({"tool_name": "Bash", "tool_input": {"command": "make"}}, "hook", 1.0)
    assert (bash.text, bash.about) == ("asks to use Bash: make", ())


def test_a_notice_is_taken_note_of_with_yes_alone() -> None:
    notice = shown((SCREENS / "claude-2.1.197-waiting-security.txt").read_text(), "Press Enter to continue")
    assert (notice.choices, notice.words) == ("1 Continue", ("yes",))


@given(st.text())
def test_any_screen_can_be_read(screen: str) -> None:
    assert shown(screen, "why").text == "why"


@given(st.dictionaries(st.sampled_from(["tool_name", "tool_input", "permission_suggestions"]), JSON))
def test_any_hook_can_be_read_and_its_questions_survive_the_store(payload: dict[str, object]) -> None:
    questions = permission(payload, "hook", 1.0)
    status = Status(State.WAITING, 1.0, questions=questions)
    assert Status.from_json(json.loads(json.dumps(status.to_json()))) == status


def test_the_hook_of_a_permission_is_told_the_rule_or_the_refusal() -> None:
    rule = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "make *"}]}
    payload = {"tool_name": "Bash", "tool_input": {"command": "make"}, "permission_suggestions": [rule]}
    (question,) = permission(payload, "hook", 1.0)
    assert question.choices == "1 Yes  2 Yes, and don't ask again  3 No"

    def decision(number: int, text: str = "") -> dict[str, object]:
        found: dict[str, object] = json.loads(permission_answer(question, number, text))["hookSpecificOutput"][
            "decision"
        ]
        return found

    assert decision(1) == {"behavior": "allow"}
    assert decision(2) == {"behavior": "allow", "updatedPermissions": [rule]}
    assert decision(3)["interrupt"] is True
    assert decision(0, "Not now") == {"behavior": "deny", "message": "Not now", "interrupt": False}


def test_the_questions_of_a_model_are_answered_by_their_labels() -> None:
    asked = {"question": "Which colour?", "options": [{"label": "Red"}, {"label": "Blue"}], "multiSelect": False}
    given_to_tool = {"questions": [asked, {**asked, "question": "And then?"}]}
    questions = permission({"tool_name": "AskUserQuestion", "tool_input": given_to_tool}, "hook", 1.0)
    assert [each.text for each in questions] == ["Which colour?", "And then?"]
    told = json.loads(model_answer(given_to_tool, {"Which colour?": "Blue"}))["hookSpecificOutput"]["decision"]
    assert told["updatedInput"] == {**given_to_tool, "answers": {"Which colour?": "Blue"}}
    assert isinstance(questions[0], Question)


def test_a_dialog_with_the_same_options_about_something_else_is_another_one() -> None:
    screen = "Bash command\n\n  make {}\n\nDo you want to proceed?\n❯ 1. Yes\n  2. No\n"
    first, same, other = (
        shown(screen.format("all"), "Do you want to proceed?", 1.0),
        shown(screen.format("all"), "waits for an approval", 2.0),
        shown(screen.format("clean"), "Do you want to proceed?", 1.0),
    )
    assert first.is_same_as(same)
    assert not first.is_same_as(other)
    assert not first.is_same_as(replace(first, hook="h"))
    assert not replace(first, hook="h").is_same_as(replace(first, hook="h", at=2.0)), "asked again"


def test_a_dialog_is_the_same_on_a_screen_that_shows_less_above_it() -> None:
    whole = shown("Let's get started.\n\nChoose a style for your long terminal\n\n❯ 1. Auto\n  2. Dark\n", "Choose")
    less = shown("Choose a style for\nyour long terminal\n\n❯ 1. Auto\n  2. Dark\n", "Choose")
    other = shown("Choose a name for your long terminal\n\n❯ 1. Auto\n  2. Dark\n", "Choose")
    assert whole.subject != less.subject
    assert whole.is_same_as(less)
    assert less.is_same_as(whole)
    assert not other.is_same_as(less)
