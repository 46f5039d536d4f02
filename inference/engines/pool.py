"""Loaded engines: each is loaded once, when first asked for, and run by the thread of its device."""

from __future__ import annotations

from collections.abc import Mapping

from inference.engines.base import Cancelled, Engine, Params, Prepared, Reporting, Runtime
from inference.engines.lanes import LANES, lane_of
from inference.engines.registry import Registry
from inference.engines.turns import Lane, Place


class EnginePool:
    """Safe for several threads. :meth:`close` it when no more will be asked for."""

    def __init__(self, registry: Registry, runtime: Runtime, *, max_batch: int = 1) -> None:
        """``max_batch``: most requests that an engine may be given at once."""
        self._lanes = {name: Lane(name, registry.entries, runtime, max_batch) for name in LANES}
        self._lane_of = {
            name: self._lanes[lane_of(entry.spec, runtime)] for name, entry in registry.entries.items()
        }

    def turn(self, name: str, prepared: Prepared, params: Params, cancelled: Cancelled) -> Place:
        """A place in the line of the engine's device, to be entered as a context::

        with pool.turn("warp", prepared, params, cancelled) as turn:
            turn.wait()
            result = turn.result(progress)
        """
        return Place(self._lane_of[name], name, prepared, params, cancelled)

    def warm(self, name: str) -> None:
        """Load and run once on made-up data."""
        self._lane_of[name].ask(name, lambda engine: engine.warmup())

    def facts(self, name: str) -> Mapping[str, str]:
        """What an engine says it runs on; nothing where it does not tell."""
        return self._lane_of[name].ask(
            name, lambda engine: engine.facts() if isinstance(engine, Reporting) else {}
        )

    def loaded(self) -> Mapping[str, Engine]:
        """Those in memory, by name: to be looked at from any thread, not to be run."""
        return {name: engine for lane in self._lanes.values() for name, engine in lane.loaded().items()}

    def close(self) -> None:
        """Stop whatever runs or waits; returns when all threads have ended."""
        for lane in self._lanes.values():
            lane.close()
