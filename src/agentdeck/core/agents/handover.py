"""What an agent is told that takes a task over from another one. Standard library only, for the runner."""

from __future__ import annotations

_LINES = 60
_WIDTH = 200


def brief(task: str, left: str, why: str, work: str, *, returning: bool, resting: bool = False) -> str:
    """The words for a profile that takes over from `left`, which stopped because of `why`.

    `work` says what is in the worktree; `returning` when this profile knows the task from a session of its own;
    `resting` when nothing is left to do now.
    """
    parts = []
    if returning:
        parts.append(f"While you could not work on this task, another agent ({left}) did, in the same folder.")
    else:
        parts.append(f"You take over a task from another agent ({left}), in the same folder and on the same branch.")
        parts.append(f"The task:\n{task or '(it was given in a conversation that is not available)'}")
    if why:
        parts.append(f"Why it changed hands: {why}.")
    parts.append(f"Current state:\n{work or 'Nothing was changed so far.'}")
    if resting:
        parts.append("Its last turn is finished. Read the changes, say in one line that you are ready, and wait.")
    else:
        parts.append("Read the changes, keep what is good, and finish the task; do not start over.")
    return "\n\n".join(parts)


def bounded(text: str) -> str:
    """At most so many lines, and characters of each, that a prompt can hold."""
    lines = text.splitlines()
    more = [f"… and {len(lines) - _LINES} more lines"] if len(lines) > _LINES else []
    return "\n".join([*(line[:_WIDTH] for line in lines[:_LINES]), *more])
