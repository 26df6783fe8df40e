"""Answer what an agent asks: through the hook that waits for it, else by keys, with an eye on the screen."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from agentdeck.core.agents.agent import State
from agentdeck.core.agents.answers import is_of_model, labels
from agentdeck.core.agents.buttons import marked_in_row
from agentdeck.core.agents.detect import detect
from agentdeck.core.agents.events import Event, EventKind
from agentdeck.core.agents.questions import shown
from agentdeck.core.frozen import replace
from agentdeck.core.question import Asks, Question
from agentdeck.core.text.ansi import strip
from agentdeck.engine.lifecycle.keyboard import give_to_runner, send
from agentdeck.engine.views import AgentView
from agentdeck.engine.world import World, silent
from agentdeck.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from agentdeck.core.config.profile import Dialog

_PATIENCE = 30.0
"""Seconds in which a dialog has to take an answer."""
_ENTER_AFTER = 0.7
"""Seconds after which a dialog that has only moved its mark gets an Enter."""
_DRAWN_IN = 2.0
"""Seconds in which a dialog is drawn again."""
_MOVES_IN = 1.0
"""Seconds in which a mark moves."""
_SHOWN = 12
"""Characters of what is written that have to be on the screen; a narrow field shows no more."""
_WORDS = ("yes", "no")


def answer(world: World, view: AgentView, choice: str, text: str, seen: Question | None = None) -> str:
    """See Deck.answer."""
    question = view.status.question or Question(view.status.reason)  # a runner of an older version tells none
    if not view.alive or view.status.state is not State.WAITING:
        raise RefusedError(f"{view.name} is {view.state} and asks nothing.", hint=f"agentdeck send {view.name} …")
    if view.status.is_silent:
        raise RefusedError(f"{view.name} asks nothing: it {view.status.reason}.", hint=f"agentdeck attach {view.name}")
    if seen is not None and not question.is_same_as(seen):
        raise RefusedError(f"{view.name} asks something else now.", hint="agentdeck asks")
    if question.kind is Asks.TEXT:
        if not text:
            raise RefusedError(f"{view.name} {question.text}.", hint=f'agentdeck answer {view.name} --text "…"')
        send(world, view, text)
        return text
    if question.is_of_failover:
        return _decide(world, view, question, choice)
    if text and not question.hook:
        return _say(world, view, question, text)
    numbers = () if text else _numbers(world, view, question, choice)
    if question.hook:
        give_to_runner(world, view.name, text, enter=False, answers={"numbers": numbers, "asked_at": question.at})
    else:
        _press(world, view, question, numbers[0])
    said = labels(question, numbers, text)
    world.note(Event(EventKind.INPUT_SENT, view.name, f"answered: {said}"), silent)
    return said


def _decide(world: World, view: AgentView, question: Question, choice: str) -> str:
    """Tell the runner how to go on at a limit."""
    from agentdeck.engine.lifecycle.switching import ask_runner

    if not choice:
        raise RefusedError(
            f"{view.name} asks for one of its options.", detail=question.choices, hint=f"agentdeck answer {view.name} 1"
        )
    numbers = _numbers(world, view, question, choice)
    ask_runner(world, view.name, question.options[numbers[0] - 1].profile)
    said = labels(question, numbers, "")
    world.note(Event(EventKind.INPUT_SENT, view.name, f"answered: {said}"), silent)
    return said


def _say(world: World, view: AgentView, question: Question, text: str) -> str:
    """Give an answer in words to a dialog: in its own field, else it is refused and the words are a message."""
    number = question.own_words or question.no
    if number is None or _dialog_of(world, view, question) is not None:
        raise RefusedError(
            f"{view.name} asks for one of its options.", detail=question.choices, hint=f"agentdeck answer {view.name} 1"
        )
    if question.own_words:
        _press(world, view, question, number, text)
        world.note(Event(EventKind.INPUT_SENT, view.name, f"answered: {text}"), silent)
        return text
    _press(world, view, question, number)
    world.note(Event(EventKind.INPUT_SENT, view.name, f"answered: {labels(question, (number,), '')}"), silent)
    world.store.messages(view.name).put(text)
    world.store.wake_runner(view.name)
    return text


def _numbers(world: World, view: AgentView, question: Question, choice: str) -> tuple[int, ...]:
    if choice in _WORDS and (known := _by_dialog(world, view, question, choice)):
        return (known,)
    if choice in _WORDS:
        found = question.yes if choice == "yes" else question.no
        if found is None and not question.options:
            return (1 if choice == "yes" else 2,)
        if found is None:
            raise RefusedError(
                f"{view.name} asks for a choice, not for a yes or a no.",
                detail=f"{question.text}  {question.choices}",
                hint=f"agentdeck answer {view.name} 1",
            )
        return (found,)
    if not choice:
        raise UsageError("Say which option to choose.", hint=f"{question.text}  {question.choices or 'yes or no'}")
    words = [word.strip() for word in choice.split(",")]
    if not all(word.isdigit() and 0 < int(word) <= len(question.options) for word in words):
        raise UsageError(
            f"“{choice}” is none of the options.", hint=f"{question.text}  {question.choices or 'yes or no'}"
        )
    if len(words) > 1 and not question.multiple:
        raise UsageError("This question takes one option.", hint=question.choices)
    if not question.hook and str(question.own_words) in words:
        raise UsageError("That option is for an answer in words.", hint=f'agentdeck answer {view.name} --text "…"')
    if question.multiple and not is_of_model(question):
        raise RefusedError("Several options can't be chosen from here.", hint=f"agentdeck attach {view.name}")
    return tuple(map(int, words))


def _by_dialog(world: World, view: AgentView, question: Question, word: str) -> int:
    """The option that says `word` in a dialog of the CLI's own that its profile knows; 0 where it knows none."""
    dialog = _dialog_of(world, view, question)
    if dialog is None:
        return 0
    found = question.only(dialog.yes if word == "yes" else dialog.no)
    if found is None:
        raise RefusedError(
            f"{view.name} asks something that “{word}” does not answer.",
            detail=f"{question.text}  {question.choices}",
            hint=f"agentdeck answer {view.name} 1",
        )
    return found


def _dialog_of(world: World, view: AgentView, question: Question) -> Dialog | None:
    profile = world.profiles.get(view.profile)
    dialogs = profile.dialogs if profile is not None and not question.hook and question.options else ()
    return next((each for each in dialogs if re.search(each.asks, question.text)), None)


def _press(world: World, view: AgentView, question: Question, number: int, words: str = "") -> None:
    """Press what chooses the option, with `words` in its field, and see that the dialog has taken it."""
    profile = world.profiles.get(view.profile)
    if not question.options:
        yes_and_no = (("Enter",), ("Escape",)) if profile is None else (profile.answer.yes, profile.answer.no)
        world.tmux.press(world.deck, view.name, list(yes_and_no[number - 1]))
        _await(world, view, question, number, entered=True)
        return
    now = _drawn(world, view, question)
    keys, by_mark = now.options[number - 1].keys, bool(now.marked)
    if keys:
        world.tmux.press(world.deck, view.name, keys.split())
    elif now.numbered and not (words and by_mark):
        world.tmux.press(world.deck, view.name, [str(number)])
    elif by_mark:
        _move(world, view, question, number)
    if words:
        _write(world, view, words)
    _await(world, view, question, number, entered=bool(keys or words), words=words)


def _drawn(world: World, view: AgentView, question: Question) -> Question:
    """The dialog as it is on the screen; a moment after a terminal got another size it may be drawn in part. Raise
    RefusedError where another one is there, or none."""
    begun = time.monotonic()
    while True:
        now = _on_screen(world, view, question)
        if now is not None and now.is_same_as(question):
            return now
        if time.monotonic() > begun + _DRAWN_IN:
            raise RefusedError(f"{view.name} asks something else now.", hint="agentdeck asks")
        time.sleep(0.1)


def _move(world: World, view: AgentView, question: Question, number: int) -> None:
    """Move the mark to the option, a key at a time: some CLIs take several at once for one."""
    for _ in range(2 * len(question.options)):
        now = _on_screen(world, view, question)
        if now is None or now.text != question.text or now.marked in (0, number):
            return
        world.tmux.press(world.deck, view.name, now.way_to(number)[:1])
        begun = time.monotonic()
        while time.monotonic() < begun + _MOVES_IN:
            time.sleep(0.05)
            moved = _on_screen(world, view, question)
            if moved is None or moved.marked != now.marked:
                break


def _write(world: World, view: AgentView, words: str) -> None:
    """Write into the field of the option that is marked, and press Enter once it shows that."""
    line = " ".join(words.split())
    time.sleep(_ENTER_AFTER)
    world.tmux.press(world.deck, view.name, [line], literal=True)
    begun = time.monotonic()
    while "".join(line.split())[:_SHOWN] not in "".join(world.tmux.screen(world.deck, view.name).split()):
        if time.monotonic() > begun + _PATIENCE:
            raise _not_taken(view)
        time.sleep(0.1)
    world.tmux.press(world.deck, view.name, ["Enter"])


def _await(world: World, view: AgentView, question: Question, number: int, *, entered: bool, words: str = "") -> None:
    begun = time.monotonic()
    while time.monotonic() < begun + _PATIENCE:
        time.sleep(0.1)
        now = _on_screen(world, view, question)
        # The next dialog may well have the same options.
        if now is None or not (now.is_same_as(question) or (words and now.text == question.text)):
            world.store.wake_runner(view.name)
            return
        if not entered and now.marked == number and (not now.numbered or time.monotonic() > begun + _ENTER_AFTER):
            world.tmux.press(world.deck, view.name, ["Enter"])
            entered = True
    raise _not_taken(view)


def _not_taken(view: AgentView) -> RefusedError:
    return RefusedError(
        f"{view.name} does not take the answer.", hint=f"“agentdeck attach {view.name}” shows its terminal."
    )


def _on_screen(world: World, view: AgentView, asked: Question) -> Question | None:
    """The dialog that is on the screen; None where there is none. One that its CLI alone has told of is known by its
    options."""
    profile = world.profiles.get(view.profile)
    if profile is None:
        return None
    styled = world.tmux.screen(world.deck, view.name, colours=True)
    screen = strip(styled)
    found = detect(screen, profile.detectors.only_waiting)
    if found is None and detect(asked.text, profile.detectors.only_waiting) is not None:
        return None
    question = shown(screen, found[1] if found is not None else asked.text)
    if found is None and not question.options:
        return None
    return replace(question, marked=marked_in_row(styled, question.options)) if question.in_row else question
