"""Trousers and shorts of people who sit: no flat pattern has the outline of thighs that point at the camera,
so they take that of the old ones."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.exemplar import continued
from inference.engines.warp.fields import blur, ellipse, grow, mix, nearest, shrink, smoothstep
from preprocess.types import Alpha

_RAG = 0.15
"""Half hips: half the width of what juts out; thighs and shins have .3."""
_RAG_EDGE = 0.02
"""Half hips around what is left of them that belong to it."""
_GROIN = 0.5
"""Half hips over which shorts of somebody who sits go on where their flat halves part at the groin."""
_KNOWN = (0.95, 2.0)
"""Weight of the laid cloth, and pixels inside its edge, from which its colours are sure."""


def without_rags(cloth: Alpha, unit: float) -> Alpha:
    """Weight of trousers or bare legs without what is thinner than they: on somebody who sits, sleeves, arms
    on the thighs and shafts of boots are read as part of them. ``unit`` is half the width of the hips."""
    whole = cv2.morphologyEx((cloth > 0.5).astype(np.uint8), cv2.MORPH_OPEN, ellipse(_RAG * unit)) > 0
    return np.asarray(cloth * grow(whole, _RAG_EDGE * unit), np.float32)


def over_lap(rgb: FloatRgb, alpha: Alpha, old: Alpha, unit: float, *, long: bool) -> tuple[FloatRgb, Alpha]:
    """Trousers of somebody who sits stay inside the outline of the old ones and of bare legs ``old``, long
    ones fill it: no flat pattern has that of thighs that point at the camera. Where the pattern does not
    reach they go on with pieces of itself."""
    known = shrink(alpha > _KNOWN[0], _KNOWN[1])
    cloth = blur(nearest(rgb, known), 1.5)
    pieces = continued(cloth, known, old > 0.3, 2.0 * unit)
    cloth = mix(mix(cloth, pieces.rgb, pieces.filled), rgb, alpha * known)
    outline = smoothstep(old, 0.4, 0.6)
    if long:
        return cloth, outline
    groin = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, ellipse(_GROIN * unit))
    return cloth, np.asarray(np.minimum(groin, outline), np.float32)
