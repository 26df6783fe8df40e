"""Why no provider served a request, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdeck.core.frozen import dataclass
from agentdeck.gateway.board import Board
from agentdeck.gateway.keycommands import NO_KEY
from agentdeck.gateway.relayed import RelayedRequest

if TYPE_CHECKING:
    from agentdeck.core.config.gateway import ProviderConfig


@dataclass(frozen=True, slots=True)
class Unserved:
    """Why no provider served a request."""

    reason: str
    lasting: bool
    """Whether the same request can't succeed later, unless a person changes something."""


def why_unserved(job: RelayedRequest, board: Board, now: float) -> Unserved:
    """What keeps each target of the chain from serving."""
    reasons, lasting = [], True
    for target in job.chain:
        closing = board.closing(job.place(target), now)
        if target in job.unfit:
            reasons.append(f"{target}: can't be asked for {job.unfit[target]}")
        elif target in job.lacking:
            reasons.append(f"{target}: {key_words(job.provider(target))}")
        elif target in job.fits and not job.fits[target].fits:
            reasons.append(f"{target}: holds {job.fits[target].size:,} tokens only")
        elif (failure := job.failures.get(target)) is not None:
            reasons.append(f"{target}: {failure.fault.reason}")
            lasting = lasting and failure.fault.lasting
        elif closing is not None:
            job.note(target, f"paused: {closing.reason}")
            reasons.append(f"{target}: {closing.reason}, paused")
            lasting = lasting and closing.lasting
        else:
            reasons.append(f"{target}: is at its limit of parallel requests")
            lasting = False
    return Unserved("; ".join(reasons), lasting)


def key_words(provider: ProviderConfig) -> str:
    """What is missing of its key."""
    if provider.key_command:
        return NO_KEY
    return f"its key {' or '.join(provider.key_variables)} is not set"
