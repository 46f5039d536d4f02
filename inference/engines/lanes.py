"""Which engines share a device, and so take turns: each lane has a queue of its own."""

from __future__ import annotations

from typing import Literal

from inference.engines.base import EngineSpec, Runtime

Lane = Literal["cpu", "gpu"]
LANES: tuple[Lane, ...] = ("cpu", "gpu")
"""A process drives at most one GPU (``CABINE_DEVICE``); more GPUs are more processes."""


def lane_of(spec: EngineSpec, runtime: Runtime) -> Lane:
    """Where the engine works under the operator's settings: known before anything is loaded."""
    return "cpu" if spec.devices == ("cpu",) or runtime.device == "cpu" else "gpu"
