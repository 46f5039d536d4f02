"""Light on a lower garment: form of hips and legs, folds of the old one, shadows of what lies over it."""

from __future__ import annotations

import numpy as np

from inference.engines.warp.fields import Float, smoothstep
from inference.engines.warp.folds import old_folds
from inference.engines.warp.light import Light, across_rows
from inference.engines.warp.lower.lay import LaidLower
from inference.engines.warp.lower.view import View
from inference.engines.warp.shading import cast
from preprocess.types import Alpha

_SIDE = 0.14
"""Darkening at the outer sides, as a share."""
_INNER = 0.28
"""The same between the thighs, where the other leg takes the light; gone at the knee."""
_CREASE = 0.18
"""Darkening right where the thighs meet."""
_TOP, _ARMS = 0.38, 0.22
"""Depth of the shadows below the hem of a top that hangs over, and beside arms and hands."""


def light_factor(view: View, laid: LaidLower, front: Alpha, light: Light) -> Float:
    """``(h, w)`` factor for the garment's colours; its mean over the garment is 1 before the shadows."""
    folds = old_folds(view.photo, view.lower, 2 * view.unit).factor
    rows = across_rows(laid.alpha)
    factor = form(laid) * folds * (1.0 + light.side * rows)
    mean = float((factor * laid.alpha).sum() / max(float(laid.alpha.sum()), 1.0))
    shadow = (1 - _TOP * cast(view.upper * front, 0.06 * view.unit, light)) * (
        1 - _ARMS * cast(view.arms, 0.05 * view.unit, light)
    )
    return np.asarray(factor / max(mean, 0.5) * shadow, np.float32)


def form(laid: LaidLower) -> Float:
    """Round hips and legs."""
    skirt = len(laid.shape.meshes) == 1
    edge = np.abs(laid.across) if skirt else -laid.across
    outer = _SIDE * smoothstep(edge, 0.35, 1.0)
    if skirt:
        return np.asarray(1 - outer, np.float32)
    starts = smoothstep(laid.leg, 0.0, 0.1)
    high = starts * (0.45 + 0.55 * (1 - smoothstep(laid.leg, 0.1, 0.55)))
    inner = _INNER * high * smoothstep(laid.across, 0.1, 1.0)
    return np.asarray(1 - outer - inner - _CREASE * starts * smoothstep(laid.across, 0.8, 1.0), np.float32)
