"""What a permission hook of an agent CLI prints to answer its question. Standard library only: the runner uses it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agentdeck.core.question import Asks, Question

REFUSED = "The person refused this."


def labels(question: Question, numbers: Sequence[int], text: str) -> str:
    """What is answered, as words."""
    if not question.options and numbers:
        return "yes" if numbers[0] == 1 else "no"
    return text or ", ".join(question.options[number - 1].label for number in numbers)


def permission_answer(question: Question, number: int, text: str) -> str:
    """What the hook prints for the option `number` of a permission; `text` refuses it with that for a reason."""
    option = question.options[number - 1] if number else None
    decision: dict[str, Any]
    if option is None or option.is_no:
        decision = {"behavior": "deny", "message": text or REFUSED, "interrupt": not text}
    else:
        decision = {"behavior": "allow"}
        if option.suggestion:
            decision["updatedPermissions"] = [json.JSONDecoder().decode(option.suggestion)]
    return _output(decision)


def model_answer(given: Mapping[str, Any], answers: Mapping[str, str]) -> str:
    """What the hook prints for the questions of a model, `given` as its tool was called, with an answer for each."""
    return _output({"behavior": "allow", "updatedInput": {**given, "answers": dict(answers)}})


def person_answer(question: Question, numbers: Sequence[int], text: str) -> str:
    """What a question of the deck's own tool is answered."""
    return json.dumps({"answer": labels(question, numbers, text)})


def is_of_model(question: Question) -> bool:
    return question.kind is Asks.CHOICE and question.tool == "AskUserQuestion"


def _output(decision: Mapping[str, Any]) -> str:
    return json.dumps({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}})
