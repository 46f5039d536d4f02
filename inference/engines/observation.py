"""What an engine tells of itself while it works, for metrics. Imports neither torch nor any engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True)
class CacheUse:
    """A cache since its engine was loaded."""

    hits: int
    misses: int
    nbytes: int
    """Held now."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    variant: str = ""
    """The checkpoint that is in memory; empty: none yet."""
    device: str = ""
    """``cuda:0``, ``mps``, ``cpu``."""
    dtype: str = ""
    """``float16``, ``bfloat16``, ``float32``."""
    load_s: float | None = None
    """Seconds that loading the checkpoint took; None: none is loaded."""
    memory: Mapping[str, int] = field(default_factory=dict)
    """Bytes of the device's memory: ``allocated`` and ``peak`` by this process's tensors, ``total`` of the
    device; empty on the CPU."""
    cache: CacheUse | None = None
    """Garment features kept between requests; None: the operator wants none."""


@runtime_checkable
class Observable(Protocol):
    """An engine that can be observed."""

    def observe(self) -> Observation:
        """As it is now. Called from any thread, also while the engine works: waits for nothing."""
