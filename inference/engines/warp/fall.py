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
_SLOPE_SEEN = 0.88
"""Share of that length that a camera in front sees: puts print and stripes of the rendered pairs where their
truth has them as nearly as collars allow."""
_COLLAR_SEEN = 0.45
"""The same for the front edge of a collar, which stands up against the neck: on photographed and rendered
people crew necks lie 0.10 to 0.30 neck widths below their ends, flat 0.5 to 0.6."""
_DRAWN_UP = 0.45
"""Length over which the cloth below a collar is drawn up with it, in shoulder widths."""
_GATHERED = 0.92
"""Cloth that is too long for its room is pushed together near the hem, where there is rarely a print and
where it bulges over the hips, down to this share; only what is left is spread over the whole length."""


def seen_length(cloth: Array | float, body: Body, *, flat: bool = True) -> Array:
    """Pixels that cloth hanging ``cloth`` pixels down from the neck points covers in the picture.

    As many where it was not ``flat`` when it was photographed, but worn.
    """
    on_slope, hanging = _parts(cloth, body)
    return on_slope + hanging if flat else np.asarray(cloth, dtype=np.float64)


def _parts(cloth: Array | float, body: Body) -> tuple[Array, Array]:
    """What is seen of the cloth on the slope, and of the cloth that hangs below it."""
    on_slope = np.clip(np.asarray(cloth, dtype=np.float64), 0.0, _SLOPE * body.shoulder_width)
    return on_slope * _SLOPE_SEEN, cloth - on_slope


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
    flat: bool = True
    """It lay flat in its photo; worn in it, it shows its slope and its collar as they are seen on a body."""

    def levels(self, heights: Array) -> Array:
        """Levels on the spine of heights ``(n,)`` on the garment.

        What hangs fills its room, a surplus is gathered with the third power of the way down.
        """
        on_slope, hanging = self._parts(heights)
        slope, length = (float(part) for part in self._parts(np.float64(self.hem_y)))
        room = (self.hem - self.top) * self.body.torso_length - slope
        share = room / max(length, 1.0)
        rest = float(np.clip(share, _GATHERED, 1.0))
        shares = hanging / max(length, 1.0)
        hung = (shares - (1 - rest) * shares**3) * room / rest
        released = np.clip(hanging / (_DRAWN_UP * self.body.shoulder_width), 0.0, 1.0)
        drawn_up = on_slope * (1 - _COLLAR_SEEN / _SLOPE_SEEN) * (1 - released)
        levels: Array = self.top + (on_slope + hung - drawn_up) / self.body.torso_length
        return levels

    def _parts(self, heights: Array | np.float64) -> tuple[Array, Array]:
        cloth = np.asarray((heights - self.neck_y) * self.scale, dtype=np.float64)
        return _parts(cloth, self.body) if self.flat else (np.zeros_like(cloth), cloth)
