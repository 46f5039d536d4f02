"""One look at a job for all who watch it: an event wakes hundreds of them at once, with the same question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")


class Looks(Generic[Q, A]):
    """Used from the event loop only."""

    def __init__(self, answer: Callable[[Q], Awaitable[A]]) -> None:
        self._answer = answer
        self._asked: dict[Q, asyncio.Task[A]] = {}
        """Not begun: an answer that is under way may miss what its next asker was woken for."""

    async def ask(self, question: Q) -> A:
        """What ``answer`` says, shared with all who ask the same before it begins; raises what it raises."""
        task = self._asked.get(question)
        if task is None:
            task = self._asked[question] = asyncio.create_task(self._begin(question))
        return await asyncio.shield(task)  # who leaves takes nobody's answer along

    async def _begin(self, question: Q) -> A:
        del self._asked[question]
        return await self._answer(question)
