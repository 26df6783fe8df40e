"""Give a person's answers to the hooks that wait for them: each reads a FIFO of its own, below the agent's folder."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from agentdeck.core.agents.answers import is_of_model, labels, model_answer, permission_answer, person_answer
from agentdeck.core.question import Question
from agentdeck.engine.runner.watch import Watch
from agentdeck.system.state.store import ASKING


class Answering:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / ASKING
        self._given: dict[str, dict[str, str]] = {}
        """The answers so far, by hook and by question."""
        self._waiting: set[str] = set()
        for left in self._folder.glob("*"):
            left.unlink()

    def answer(self, watch: Watch, numbers: Sequence[int], text: str, at: float) -> str:
        """Answer the question that was asked `at`; return why that can't be, or nothing."""
        question = next((each for each in watch.status.questions if each.hook and each.at == at), None)
        if question is None:
            return "It asks that no more."
        if question.is_of_deck:
            said = person_answer(question, numbers, text)
        elif not is_of_model(question):
            said = permission_answer(question, numbers[0] if numbers else 0, text)
        else:
            answers = self._given.setdefault(question.hook, {})
            answers[question.text] = labels(question, numbers, text)
            others = [each for each in watch.status.questions if each.hook == question.hook and each is not question]
            said = "" if others else model_answer(watch.inputs.get(question.hook, {}), answers)
        if said and not self._tell(question.hook, said):
            watch.hook_is_gone(question.hook)
            return "Its hook waits no more. The dialog on its screen can still be answered."
        watch.answered(question)
        return ""

    def changed(self, questions: Iterable[Question]) -> None:
        """Let hooks go whose question is over."""
        asked = {each.hook for each in questions if each.hook}
        for hook in self._waiting - asked:
            self._tell(hook, "")
            self._given.pop(hook, None)
        self._waiting = asked

    def _tell(self, hook: str, said: str) -> bool:
        with contextlib.suppress(OSError):
            # The folder is the agent's to write: a link in it could lead to a person's file.
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._folder / Path(hook).name, flags)
            try:
                if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                    return False
                return os.write(descriptor, said.encode()) == len(said.encode())
            finally:
                os.close(descriptor)
        return False
