"""The stages of one request: timed, told, and stopped between when asked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from inference.engines.base import Cancelled, Progress, Stopped
from inference.opening import Opened


class Meter(Protocol):
    """Whoever counts what requests do."""

    def stage(self, name: str, seconds: float) -> None: ...

    def step(self) -> None: ...


class Unmetered:
    """Counts nothing: the command line has nobody who would read it."""

    def stage(self, name: str, seconds: float) -> None:
        pass

    def step(self) -> None:
        pass


@dataclass(kw_only=True)
class Stages:
    """Times the stages of one request, tells where it is, and stops between stages when asked to."""

    progress: Progress = lambda stage, step, steps: None
    judged: Callable[[Opened], None] = lambda opened: None
    """Told of the pictures once the policy has let them pass."""
    cancelled: Cancelled = lambda: False
    meter: Meter = field(default_factory=Unmetered)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if self.cancelled():
            raise Stopped
        self.progress(name, 0, 1)
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.meter.stage(name, seconds)
