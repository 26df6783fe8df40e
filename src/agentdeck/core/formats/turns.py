"""Turns as every provider takes them: one after the other, each call with its result right behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentdeck.core.formats.ir import Call, Image, Part, Request, Result, Text, Thinking, Turn
from agentdeck.core.formats.seals import own
from agentdeck.core.frozen import replace

INTERRUPTED = "(no result: interrupted)"
_REMINDER = "<system-reminder>\n{}\n</system-reminder>"


def settled(turns: Sequence[Turn]) -> list[Turn]:
    """User and assistant turns by turns, a user turn first; results first in their turn, in the order of the calls.

    A later instruction becomes a reminder in place. A result without its call becomes text, and a call without its
    result gets one that says so.
    """
    merged = _merged(_as_spoken(turn) for turn in turns)
    found: list[Turn] = []
    for turn in merged:
        if turn.role == "assistant":
            if not found:
                found.append(Turn("user", (Text("Go on."),)))
            found.append(Turn("assistant", _calls_last(turn.parts)))
            continue
        calls = [part for part in found[-1].parts if isinstance(part, Call)] if found else []
        if parts := _answering(calls, turn.parts):
            found.append(Turn("user", parts))
    if found and found[-1].role == "assistant":
        calls = [part for part in found[-1].parts if isinstance(part, Call)]
        if calls:
            found.append(Turn("user", _answering(calls, ())))
    return _merged(found)


def _as_spoken(turn: Turn) -> Turn:
    if turn.role != "system":
        return turn
    text = "\n\n".join(part.text for part in turn.parts if isinstance(part, Text))
    return Turn("user", (Text(_REMINDER.format(text)),) if text else ())


def _merged(turns: Iterable[Turn]) -> list[Turn]:
    found: list[Turn] = []
    for turn in turns:
        if not turn.parts:
            continue
        if found and found[-1].role == turn.role:
            found[-1] = replace(turn, parts=(*found[-1].parts, *turn.parts))
        else:
            found.append(turn)
    return found


def _calls_last(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Text that came behind a call stands before the first one: results have to follow calls at once."""
    first = next((at for at, part in enumerate(parts) if isinstance(part, Call)), len(parts))
    late = [part for part in parts[first:] if isinstance(part, Text)]
    return (*parts[:first], *late, *(part for part in parts[first:] if part not in late))


def _answering(calls: Sequence[Call], parts: Sequence[Part]) -> tuple[Part, ...]:
    results: dict[str, Result] = {}
    rest: list[Part] = []
    wanted = {call.id for call in calls}
    for part in parts:
        if not isinstance(part, Result):
            rest.append(part)
        elif part.id in wanted and part.id not in results:
            results[part.id] = part
        else:
            rest += [Text("(result of an earlier call)"), *part.parts]
    missing = (Text(INTERRUPTED),)
    return (*(results.get(call.id) or Result(call.id, missing, failed=True) for call in calls), *rest)


def loop_start(turns: Sequence[Turn]) -> int:
    """Where the running round of calls begins: behind the last turn that a person wrote."""
    for at in range(len(turns) - 1, -1, -1):
        turn = turns[at]
        if turn.role == "user" and not any(isinstance(part, Result) for part in turn.parts):
            return at + 1
    return 0


def lost_thinking(turns: Sequence[Turn], mark: str) -> bool:
    """Whether a turn of the running round of calls lacks thinking that the provider of `mark` sealed."""
    now = [turn for turn in turns[loop_start(turns) :] if turn.role == "assistant"]
    return any(
        not any(isinstance(part, Thinking) and own(part.seal, mark) for part in turn.parts)
        for turn in now
        if any(isinstance(part, Call) for part in turn.parts)
    )


def failed_text(result: Result) -> str:
    """The text of a result where the format has no word for failure."""
    text = result_text(result)
    return text if not result.failed or text.startswith("Error: ") else f"Error: {text}"


def result_text(result: Result) -> str:
    return "\n".join(part.text for part in result.parts if isinstance(part, Text))


def pictures(result: Result) -> list[Image]:
    return [part for part in result.parts if isinstance(part, Image)]


def system_text(request: Request) -> str:
    return "\n\n".join(request.system)
