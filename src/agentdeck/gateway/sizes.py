"""Whether a request fits the targets of its chain, and how long it may be where it fits none."""

from __future__ import annotations

from collections.abc import Sequence

from agentdeck.core.providers.faults import FaultKind
from agentdeck.core.providers.tiers import Target
from agentdeck.gateway.board import Board
from agentdeck.gateway.contexts import Contexts
from agentdeck.gateway.relayed import RelayedRequest
from agentdeck.gateway.upstream import AttemptFailed


class Sizes:
    """One for the whole process."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._contexts = Contexts()

    async def fits(self, job: RelayedRequest, target: Target) -> bool:
        """Whether the target holds so much; says so where it does not."""
        fit = await self._contexts.fit(job.bearer, job.call_for(target), job.provider(target), job.model(target))
        if fit is not None:
            job.fits[target] = fit
        if fit is None or fit.fits:
            self._board.skipped(job.bearer, target, 0, 0)
            return True
        job.note(target, f"passed over: about {fit.prompt:,} tokens, it holds {fit.size:,}")
        self._board.skipped(job.bearer, target, fit.prompt, fit.size)
        return False

    async def must_shorten(self, job: RelayedRequest, target: Target, others: Sequence[Target]) -> bool:
        """Whether the client has to shorten what was too long for `target`: that is the first, and none of the others
        is known to hold more."""
        if target != job.first:
            return False
        size = await self._size(job, target)
        return max([await self._size(job, each) for each in others if job.can_ask(each)], default=0) <= size

    async def told(self, job: RelayedRequest) -> tuple[int, int]:
        """How many tokens the request has, and how many the largest model of the chain holds (0: nobody knows)."""
        sizes = [await self._size(job, target) for target in job.chain]
        told = [overflow.prompt for failure in job.failures.values() if (overflow := failure.fault.overflow)]
        prompt = max([*told, *(fit.prompt for fit in job.fits.values())], default=0)
        return prompt or self._contexts.estimate(job.bearer, job.call), max(sizes)

    def learn(self, job: RelayedRequest, target: Target, failure: AttemptFailed) -> None:
        """Take up what the target said of its size when it found the request too long."""
        limit = failure.fault.overflow.limit if failure.fault.overflow else 0
        self._contexts.learn_size(job.provider(target), job.model(target), limit)

    def count(self, job: RelayedRequest, target: Target, prompt: int) -> None:
        """The target counted so many tokens in the request."""
        self._contexts.learn_count(job.bearer, job.call_for(target), prompt)

    async def _size(self, job: RelayedRequest, target: Target) -> int:
        return await self._contexts.size(job.provider(target), job.model(target))


def is_too_long(job: RelayedRequest) -> bool:
    """Whether the first target that can be asked was too small."""
    failure, fit = job.failures.get(job.first), job.fits.get(job.first)
    return (fit is not None and not fit.fits) or (failure is not None and failure.fault.kind is FaultKind.TOO_LONG)
