"""How long a running job still takes, from what others took and how far it is."""

from __future__ import annotations

OVERDUE = 0.1
"""Of what took longer than others, this part of the time that has passed is thought to be left."""


def while_running(
    mean_s: float, elapsed_s: float, engine_elapsed_s: float | None, step: int, steps: int
) -> float:
    """Seconds until a running job is done; ``engine_elapsed_s`` None: the engine's steps have not begun."""
    if engine_elapsed_s is not None and 0 < step <= steps:
        return engine_elapsed_s / step * (steps - step)
    return max(mean_s - elapsed_s, OVERDUE * elapsed_s)
