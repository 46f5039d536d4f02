"""How far down cloth comes to lie on the body: the only place that turns heights on the garment into levels
on the spine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.types import Body

Array = NDArray[np.float64]

_SLOPE = 0.27
"""Length of the slope between the neck points and the pit of the neck, where the chest begins, in shoulder
widths of cloth. A crew neck ends there: flat it is half as deep as wide."""
_SLOPE_SEEN = 0.47
"""Share of that length that a camera in front sees: the fronts of crew necks lie 0.15 to 0.30 neck widths
below their ends on photographed and rendered people, 0.5 to 0.6 on garments that lie flat."""
_EVEN_STRETCH = (1 / 1.08, 1.12)
"""Cloth shorter or longer than its room is drawn or pushed together evenly within this range."""
_REST = (0.75, 1.25)
"""What the part near the hem takes up beyond that."""


def seen_length(cloth: Array | float, body: Body) -> Array:
    """Pixels that cloth hanging ``cloth`` pixels down from the neck points covers in the picture."""
    slope = _SLOPE * body.shoulder_width
    on_slope = np.clip(cloth, 0.0, slope)
    seen: Array = np.asarray(cloth - (1 - _SLOPE_SEEN) * on_slope, dtype=np.float64)
    return seen


@dataclass(frozen=True, kw_only=True)
class Fall:
    """One garment hanging from its neck points, along the middle of the body."""

    neck_y: float
    """The neck points' height on the garment."""
    hem_y: float
    scale: float
    """Person's pixels per garment pixel."""
    top: float
    """Levels on the spine: neck points and hem."""
    hem: float
    body: Body

    def levels(self, heights: Array) -> Array:
        """Levels on the spine of heights ``(n,)`` on the garment.

        A small difference between cloth and room is spread evenly. What is left of a larger one is taken up
        near the hem (third power), where there is rarely a print.
        """
        whole = float(seen_length((self.hem_y - self.neck_y) * self.scale, self.body))
        shares = seen_length((heights - self.neck_y) * self.scale, self.body) / whole
        room = (self.hem - self.top) * self.body.torso_length / whole
        even = float(np.clip(room, *_EVEN_STRETCH))
        rest = float(np.clip(room / even, *_REST))
        hanging = shares - (1 - rest) * shares**3
        levels: Array = self.top + hanging * (self.hem - self.top) / rest
        return levels
