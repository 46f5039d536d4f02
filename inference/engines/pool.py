"""Loaded engines: each is loaded once, when first asked for, and run by one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from inference.engines.base import Cancelled, Engine, Runtime, Stopped
from inference.engines.registry import Entry, Registry

POLL_S = 0.1
"""How often a thread that waits for an engine looks whether its request was cancelled."""


class EnginePool:
    def __init__(self, registry: Registry, runtime: Runtime) -> None:
        self._slots = {name: _Slot(entry, runtime) for name, entry in registry.entries.items()}

    @contextmanager
    def engine(self, name: str, cancelled: Cancelled) -> Iterator[Engine]:
        """The loaded engine, for this thread alone. Raises :class:`Stopped` when cancelled while waiting."""
        slot = self._slots[name]
        while not slot.lock.acquire(timeout=POLL_S):
            if cancelled():
                raise Stopped
        try:
            yield slot.loaded()
        finally:
            slot.lock.release()

    def warm(self, name: str) -> None:
        """Load and run once on made-up data."""
        with self.engine(name, cancelled=lambda: False) as engine:
            engine.warmup()


class _Slot:
    def __init__(self, entry: Entry, runtime: Runtime) -> None:
        self.lock = threading.Lock()
        self._entry = entry
        self._runtime = runtime
        self._engine: Engine | None = None

    def loaded(self) -> Engine:
        if self._engine is None:
            engine = self._entry.create()
            engine.load(self._runtime)
            self._engine = engine
        return self._engine
