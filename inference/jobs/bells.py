"""Those who watch a job are woken when something happens to it, from whichever thread it happens in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Bell:
    """One watcher's; heard by the event loop only."""

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def heard(self, timeout_s: float) -> None:
        """Until it rings, also if that was since the last call, or until the time is up."""
        with anyio.move_on_after(timeout_s):
            await self._rung.wait()
        self._rung = anyio.Event()


class Bells:
    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hung: dict[str, set[Bell]] = {}

    def start(self) -> None:
        """In the event loop that the watchers live in."""
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def hang(self, job_id: str) -> Iterator[Bell]:
        """A bell that rings for this job while the block lasts; look at the job only once it hangs."""
        bell = Bell()
        bells = self._hung.setdefault(job_id, set())
        bells.add(bell)
        try:
            yield bell
        finally:
            bells.discard(bell)
            if not bells and self._hung.get(job_id) is bells:
                del self._hung[job_id]

    def ring(self, job_id: str) -> None:
        """From any thread: something happened to this job."""
        self._call(job_id)

    def ring_all(self) -> None:
        """From any thread: the queue moved."""
        self._call(None)

    def _call(self, job_id: str | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ring, job_id)

    def _ring(self, job_id: str | None) -> None:
        groups = self._hung.values() if job_id is None else [self._hung.get(job_id, set())]
        for bells in groups:
            for bell in bells:
                bell.ring()
