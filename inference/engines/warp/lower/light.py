"""Light on a lower garment: form of hips and legs, folds of the old one, shadows of what lies over it."""

from __future__ import annotations

import numpy as np

from inference.engines.warp.fields import Float, blur, luma, shrink, smoothstep, weighted_blur
from inference.engines.warp.lower.lay import LaidLower
from inference.engines.warp.lower.view import View
from preprocess.types import Alpha

_SIDE = 0.14
"""Darkening at the outer sides, as a share."""
_INNER = 0.24
"""The same between the thighs, where the other leg takes the light; gone at the knee."""
_FOLD = 0.12
"""Largest change by a fold of the old garment."""
_PLAIN = (2.5, 7.0)
"""Spread in levels of the old garment's middle frequencies: below it is plain, above print."""
_LEAST_CLOTH = 500
_WHITE = 238.0
"""Level of the lightest part of a brightly lit photo."""
_FOLLOW = 0.45
"""How far the garment follows a dimmer scene: colours must stay those of the product."""


def light_factor(view: View, laid: LaidLower, front: Alpha) -> Float:
    """``(h, w)`` factor for the garment's colours; its mean over the garment is 1 before the shadows."""
    factor = form(laid) * old_folds(view)
    mean = float((factor * laid.alpha).sum() / max(float(laid.alpha.sum()), 1.0))
    shadow = cast(view.upper * front, 0.06 * view.unit, 0.38) * cast(view.arms, 0.05 * view.unit, 0.22)
    return np.asarray(factor / max(mean, 0.5) * shadow * _exposure(view), np.float32)


def form(laid: LaidLower) -> Float:
    """Round hips and legs."""
    skirt = len(laid.shape.meshes) == 1
    edge = np.abs(laid.across) if skirt else -laid.across
    outer = _SIDE * smoothstep(edge, 0.35, 1.0)
    if skirt:
        return np.asarray(1 - outer, np.float32)
    high = smoothstep(laid.leg, 0.0, 0.1) * (0.35 + 0.65 * (1 - smoothstep(laid.leg, 0.1, 0.55)))
    return np.asarray(1 - outer - _INNER * high * smoothstep(laid.across, 0.1, 1.0), np.float32)


def old_folds(view: View) -> Float:
    """Folds of the old garment where it was plain cloth; 1 elsewhere."""
    cloth = shrink(view.lower > 0.85, 0.03 * view.unit).astype(np.float32)
    if cloth.sum() < _LEAST_CLOTH:
        return np.ones_like(view.matte)
    light = luma(view.photo)
    fine = weighted_blur(light, cloth, 0.03 * view.unit)
    broad = weighted_blur(light, cloth, 0.2 * view.unit)
    inside = cloth > 0.5
    level = max(float(np.median(light[inside])), 70.0)
    spread = 1.5 * float(np.median(np.abs(fine - broad)[inside]))
    plain = 1.0 - float(smoothstep(np.array([spread], np.float32), *_PLAIN)[0])
    fade = blur(shrink(inside, 0.05 * view.unit).astype(np.float32), 0.06 * view.unit)
    folds = np.clip((fine - broad) / level, -_FOLD, 0.7 * _FOLD)
    return np.asarray(1 + plain * fade * 0.7 * folds, np.float32)


def cast(layer: Alpha, reach: float, depth: float) -> Float:
    """``(h, w)`` factor of the shadow that a layer throws downwards beside itself."""
    fallen = blur(layer, reach)
    below = max(1, int(0.6 * reach))
    fallen = np.roll(fallen, below, axis=0)
    fallen[:below] = 0.0
    return np.asarray(1 - depth * fallen * (1 - layer), np.float32)


def _exposure(view: View) -> float:
    lightest = float(np.percentile(luma(view.photo)[::2, ::2], 98))
    return float(np.clip(1.0 - _FOLLOW * (1.0 - lightest / _WHITE), 0.8, 1.0))
