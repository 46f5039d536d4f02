"""Why a store refuses."""

from __future__ import annotations


class QueueFull(Exception):  # noqa: N818 - named after what is the case
    """No further job may wait; with ``owner`` it is this owner who has enough of them waiting."""

    def __init__(self, *, waiting: int, owner: bool) -> None:
        super().__init__(f"{waiting} jobs are waiting")
        self.waiting = waiting
        self.owner = owner


class StoreFull(Exception):  # noqa: N818
    """No room, by its limits or on the disk; ``retry_s`` is when the next results go, if that is known."""

    def __init__(self, retry_s: float | None = None) -> None:
        super().__init__("the store is full")
        self.retry_s = retry_s


class StoreDown(Exception):  # noqa: N818
    """Disk or database fail; the text is for the log."""


class IdempotencyConflict(Exception):  # noqa: N818
    """The key stands for another request."""


class LeaseLost(Exception):  # noqa: N818
    """The job is no longer this worker's: drop the work."""
