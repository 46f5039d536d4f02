"""A fake engine that works on several requests at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from inference.engines.base import Cancelled, EngineResult, Params, Prepared, Progress, Turn
from tests.fakes import FakeEngine


@dataclass(kw_only=True)
class Drawing(FakeEngine):
    """Draws several requests at once where they ask for equal steps; its result's confidence is the seed."""

    most: int = 4
    batches: list[list[int]] = field(default_factory=list)
    """Seeds of what was run together."""
    guilty: dict[int, Exception] = field(default_factory=dict)
    """Seed -> what its turn raises."""
    fails_together: Exception | None = None

    def batch_key(self, turn: Turn) -> int | None:
        return turn.params.steps

    def most_at_once(self, turn: Turn, wanted: int) -> int:
        return min(self.most, wanted)

    def run(
        self, prepared: Prepared, params: Params, progress: Progress, cancelled: Cancelled
    ) -> EngineResult:
        turn = Turn(prepared=prepared, params=params, progress=progress, cancelled=cancelled)
        return self.run_batch([turn])[0]

    def run_batch(self, turns: Sequence[Turn]) -> list[EngineResult]:
        seeds = [turn.params.seed for turn in turns]
        self.batches.append(seeds)
        if len(turns) > 1 and self.fails_together is not None:
            raise self.fails_together
        for seed in seeds:
            if seed in self.guilty:
                raise self.guilty[seed]

        def progress(*at: object) -> None:
            for turn in turns:
                turn.progress(*at)  # type: ignore[arg-type]

        result = super().run(
            turns[0].prepared,
            turns[0].params,
            progress,
            lambda: all(turn.cancelled() for turn in turns),
        )
        return [replace(result, confidence=float(seed)) for seed in seeds]
