"""Those who wait for an answer: where the process ends before their work does, they are told so in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from inference.dispatch import Ticket
from inference.problems import Problem

ANSWER_S = 2.0
"""Before the grace of a stop ends, callers whose work is not done are told: uvicorn's own answer then is no
problem document."""


def patience(grace_s: float) -> float:
    """Seconds of a grace that callers wait before they are told; of a short one half."""
    return max(grace_s - ANSWER_S, grace_s / 2)


def stopping() -> Problem:
    words = "The service is being stopped; send this again in a moment."
    return Problem("not-ready", words, headers={"Retry-After": "5"})


@dataclass(kw_only=True)
class WaitingCallers:
    """Used from the event loop only."""

    _waiting: dict[anyio.CancelScope, Ticket] = field(default_factory=dict)

    @contextmanager
    def wait(self, ticket: Ticket) -> Iterator[None]:
        """Around the work of one; raises ``not-ready`` where it was cut off."""
        with anyio.CancelScope() as scope:
            self._waiting[scope] = ticket
            try:
                yield
            except Problem as problem:
                if scope.cancel_called and problem.slug == "cancelled":  # the work was faster than the scope
                    raise stopping() from problem
                raise
            finally:
                del self._waiting[scope]
        if scope.cancelled_caught:
            raise stopping()

    def cut_off(self) -> None:
        """Engines stop at their next step."""
        for scope, ticket in self._waiting.items():
            ticket.cancel()
            scope.cancel()
