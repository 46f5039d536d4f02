"""How to sample: what each quality stands for (one table), and the settings of one request."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from inference.engines.base import Quality
from inference.engines.idm_vton.attention import Savings

Solver = Literal["ddpm", "dpm++2m"]
SOLVERS: Mapping[Solver, str] = {"ddpm": "DDPM", "dpm++2m": "DPM-Solver++(2M)"}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a quality stands for."""

    solver: Solver
    steps: int
    guided: float
    """Share of the steps with classifier-free guidance, from the first on; the rest run without."""


QUALITY: Mapping[Quality, Recipe] = {
    "best": Recipe(solver="ddpm", steps=30, guided=1.0),
    "balanced": Recipe(solver="dpm++2m", steps=20, guided=0.75),
    "fast": Recipe(solver="dpm++2m", steps=12, guided=0.5),
}
"""``best`` is the published sampling: 60 rows through the try-on UNet for each picture. The other two
approximate it with 35 and 18; nobody has judged their pictures with the published weights yet."""
GUIDANCE = 2.0
"""Published default."""


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How one request is sampled."""

    solver: Solver = "ddpm"
    steps: int = 30
    guidance: float = GUIDANCE
    """Classifier-free guidance scale; at 1 or less only the conditional half is run."""
    guided: float = 1.0
    """Share of the steps with guidance, from the first on."""
    samples: int = 1
    """Pictures of each person: result row ``p * samples + s``."""
    rows: int = 0
    """Most pictures in one pass of the try-on UNet, 0 = all; fewer take less memory for activations."""
    savings: Savings = field(default_factory=Savings)

    @property
    def guided_steps(self) -> int:
        """How many steps, from the first on, run both halves."""
        return math.ceil(self.guided * self.steps) if self.guidance > 1 else 0

    @property
    def words(self) -> str:
        """As in ``20 steps of DPM-Solver++(2M), guidance off after 15, approximate``."""
        count = "1 step" if self.steps == 1 else f"{self.steps} steps"
        words = f"{count} of {SOLVERS[self.solver]}"
        if 0 < self.guided_steps < self.steps:
            words += f", guidance off after {self.guided_steps}"
        return words if self.solver == "ddpm" and self.guided == 1 else f"{words}, approximate"


def settings_for(
    quality: Quality,
    *,
    steps: int | None = None,
    guidance: float | None = None,
    samples: int = 1,
    rows: int = 0,
    savings: Savings | None = None,
) -> SamplingSettings:
    """The quality's recipe; ``steps`` and ``guidance``, where given, go before it."""
    recipe = QUALITY[quality]
    return SamplingSettings(
        solver=recipe.solver,
        steps=recipe.steps if steps is None else steps,
        guidance=GUIDANCE if guidance is None else guidance,
        guided=recipe.guided,
        samples=samples,
        rows=rows,
        savings=savings or Savings(),
    )
