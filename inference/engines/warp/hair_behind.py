"""Long hair behind a collar: where an old collar stood up before it, it comes to light, not skin.

The constants were set on one person of our own samples; no other of the 37 wears a collar before long hair.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, Float, blur, grow
from inference.engines.warp.scene import Scene
from inference.engines.warp.silhouette import SIDES
from inference.engines.warp.types import Body, Vec
from preprocess.types import Alpha

Columns = NDArray[np.int64]

_COLLAR_ENDS = 0.6
"""Share of the slope from the neck's base to the shoulder's top on which a collar may stand; farther out
clothes rise over the round of the shoulder."""

_ABOVE_COLLAR = 0.06
"""Shoulder widths above a collar in which the neck's side is looked for."""

_NECK_ROWS = 0.02
"""Shoulder widths of neck that must be seen there."""

_NEXT_TO = 0.03
"""Shoulder widths between a collar and the hair it stood before: their soft edges."""

_EDGE = 3
"""Pixels at the edges of hair that are mixed with what is beside it."""

_LEAST_HAIR = 0.04
"""Shoulder widths of hair beside the collar; single strands do not go on behind it."""


def hair_behind(scene: Scene, body: Body) -> tuple[Alpha, FloatRgb]:
    """Where hair goes on behind the old collar, 0..1, and the photo with it there, mirrored at its edge.

    A collar stands where clothes rise above the straight line from the neck's base to the shoulder's top, out
    of the neck's own width. What lies beside it in the same row also lies behind it.
    """
    hair = scene.parts.hair > 0.5
    if not hair.any():
        return np.zeros_like(scene.matte), scene.photo
    origin = np.array([scene.box.x0, scene.box.y0])
    behind, filled = np.zeros(scene.matte.shape, np.bool_), np.zeros(scene.matte.shape, np.bool_)
    plate = scene.photo.copy()
    for side, sign in SIDES:
        above = _above(scene, body.neck_base[side] - origin, body.acromion[side] - origin, body.up)
        outward = sign * scene.lateral
        collar = (scene.parts.upper > 0.5) & above & (outward > 0.0)
        neck = _neck_side(scene, collar, outward)
        if neck is None:
            continue
        stands = collar & (outward > neck[:, None])
        around = grow(stands, 2.0 * _EDGE)
        for row in np.flatnonzero(around.any(axis=1)):
            hidden, source = _mirrored(around[row], hair[row], int(sign), scene.unit)
            plate[row, hidden], filled[row, hidden] = scene.photo[row, source], True
        behind |= stands & filled
    return blur(grow(behind, 1.5).astype(np.float32), 0.8) * filled, plate


def _above(scene: Scene, base: Vec, tip: Vec, up: Vec) -> Bool:
    """Pixels above the inner part of the line from ``base`` to ``tip``."""
    length = max(float(np.hypot(*(tip - base))), 1e-6)
    along = (tip - base) / length
    normal = np.array([along[1], -along[0]])
    normal = normal if normal @ up > 0 else -normal
    height, width = scene.matte.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    x, y = x - base[0], y - base[1]
    return np.asarray(
        (x * normal[0] + y * normal[1] > 0.0) & (x * along[0] + y * along[1] < _COLLAR_ENDS * length),
        np.bool_,
    )


def _neck_side(scene: Scene, collar: Bool, outward: Float) -> Float | None:
    """Distance off the spine of the neck's side in every row ``(h,)``, shoulder widths: where it is seen
    right above the collar, drawn on as it flares."""
    rows = np.flatnonzero(collar.any(axis=1))
    if len(rows) == 0:
        return None
    zone = np.arange(max(0, rows[0] - round(_ABOVE_COLLAR * scene.unit)), rows[0])
    neck = (scene.parts.neck[zone] > 0.5) & (outward[zone] > 0.0)
    seen = neck.any(axis=1)
    if seen.sum() < _NECK_ROWS * scene.unit:
        return None
    edge = np.where(neck, outward[zone], 0.0).max(axis=1)[seen]
    flare, start = np.polyfit(zone[seen] - rows[0], edge, 1)
    side = start + max(float(flare), 0.0) * (np.arange(len(outward)) - rows[0])
    return np.asarray(side, np.float32)


def _mirrored(stands: Bool, hair: Bool, sign: int, unit: float) -> tuple[Columns, Columns]:
    """Columns of one row behind the collar, and those of the hair beside it that show there; none where no
    hair begins right beside the collar."""
    none = np.zeros(0, np.int64)
    inner, outer = (np.flatnonzero(part) * sign for part in (stands & ~hair, hair))  # growing outwards
    beyond = np.sort(outer[outer > inner.max(initial=-len(hair))])
    if len(inner) == 0 or len(beyond) == 0 or beyond[0] - inner.max() > max(1.0, _NEXT_TO * unit):
        return none, none
    ends = np.flatnonzero(np.diff(beyond) > 1)
    run = beyond[: ends[0] + 1] if len(ends) else beyond
    if len(run) < _LEAST_HAIR * unit:
        return none, none
    edge = min(_EDGE, len(run) // 4)
    clean = run[edge : len(run) - edge]
    hidden = np.arange(int(inner.min()), int(clean[0]))
    phase = (clean[0] - hidden) % (2 * len(clean))
    return np.abs(hidden), np.abs(clean[np.minimum(phase, 2 * len(clean) - 1 - phase)])
