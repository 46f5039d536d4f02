"""The neck opening on the body: where the collar's front edge runs and what it leaves open."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.warp.fit import Array, Fit
from inference.engines.warp.freeform import FreeForm
from inference.engines.warp.types import Body
from preprocess.types import Alpha, Collar, Points

_COUNT = 48
"""Points of the neckline: smooth at any size of the working frame."""
_HORN = 0.04
"""How high cloth beside the ends of the neckline may stand above them, in shoulder widths."""
_INTO = 0.012
"""How far below the collar's edge it is cut, in shoulder widths: a seam less is not seen, a sliver of the
inner back is. Edges were found within 0.01 on 12 garments."""
_SHIFT = 4
"""Sub-pixel bits of OpenCV's polygon filler."""


def lay_neckline(collar: Collar | None, fit: Fit, torso: FreeForm) -> Points:
    """Front edge of the collar on the person ``(n, 2)``, left to right, from neck point to neck point."""
    if collar is None or len(collar.front) < 2:
        t = np.linspace(0.0, 1.0, _COUNT)[:, None]
        sag = (fit.neck.right - fit.neck.left)[0] * 0.18 * np.sin(np.pi * t)
        chord = fit.neck.left * (1 - t) + fit.neck.right * t
        usual: Points = (chord + np.concatenate([np.zeros_like(sag), sag], axis=1)).astype(np.float32)
        return usual
    front = _even(collar.front.astype(np.float64))
    share = np.linspace(0.0, 1.0, len(front))[:, None]
    start = fit.neck.left * (1 - share) + fit.neck.right * share
    body = fit.fall.body
    into = body.up * _INTO * body.shoulder_width * np.sqrt(np.sin(np.pi * share))
    placed: Points = (torso.invert(front, start) - into).astype(np.float32)
    return placed


def neck_opening(neckline: Points, body: Body, shape: tuple[int, int]) -> Alpha:
    """``(H, W)`` region between the neckline and the neck: up to the chin, as wide as the line's ends."""
    left, right = neckline[0].astype(np.float64), neckline[-1].astype(np.float64)
    height = max(float((body.chin - (left + right) / 2) @ body.up), 0.2 * body.shoulder_width)
    # Cloth that stands up beside the ends is cut aslant: a collar ends on the shoulder, not in a horn.
    aside, above = body.across * _HORN * body.shoulder_width, body.up * _HORN * body.shoulder_width
    roof = np.stack(
        [right + above + aside, right + body.up * height, left + body.up * height, left + above - aside]
    )
    outline = np.concatenate([neckline.astype(np.float64), roof])
    region = np.zeros(shape, dtype=np.uint8)
    corners = np.round((outline - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(region, [corners.reshape(-1, 1, 2)], 255, lineType=cv2.LINE_AA, shift=_SHIFT)
    opening: Alpha = region.astype(np.float32) / np.float32(255)
    return opening


def _even(line: Array) -> Array:
    distances = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    places = np.linspace(0.0, distances[-1], _COUNT)
    return np.stack([np.interp(places, distances, line[:, k]) for k in (0, 1)], axis=-1)
