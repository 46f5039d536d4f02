"""Light on the new garment: folds of the old one, the round of body and sleeves, contact shadows.

The garment keeps its product's colours: the factor is mild and its mean over the garment is 1.
"""

from __future__ import annotations

import numpy as np

from inference.engines.warp.fields import Float, blur, grow, luma, shrink, smoothstep, weighted_blur
from inference.engines.warp.occlusion import Front
from inference.engines.warp.scene import Scene
from preprocess.types import Alpha

_FOLD = 0.12
"""Largest change by a fold, as a share of brightness."""

_PLAIN = (2.5, 7.0)
"""Spread in levels of the old garment's middle frequencies: below it is plain and its folds are light,
above print."""

_MIN_CLOTH = 500
"""Fewer pixels of plain cloth say nothing about folds."""

_PRINT = 0.2
"""Share of brightness by which a print differs from the cloth around it; folds of plain cloth differ less."""

_SIDE_SHADE = 0.12
_SLEEVE_SHADE = 0.14
"""Darkening at the sides of torso and sleeves, as a share: read off plain tees of the sample people."""

_WHITE = 238.0
"""Level of the lightest part of a brightly lit photo, white background or white cloth."""

_FOLLOW = 0.45
"""How far the garment follows a dimmer scene: print colours must stay within delta E 5 of the product's."""


def light_factor(scene: Scene, front: Front, torso: Alpha, sleeves: Alpha, across: Float) -> Float:
    """``(h, w)`` factor for the garment's colours.

    ``torso`` and ``sleeves`` are the alphas laid down, ``across`` -1..1 over each sleeve.
    """
    folds = old_folds(scene)
    form = 1.0 - _SIDE_SHADE * smoothstep(np.abs(scene.lateral), 0.28, 0.68)
    tube = 1.0 - _SLEEVE_SHADE * smoothstep(np.abs(across), 0.35, 1.0)
    factor = folds * (form + (tube - form) * sleeves)
    garment = np.maximum(torso, sleeves)
    mean = float((factor * garment).sum() / max(float(garment.sum()), 1.0))
    factor = factor / max(mean, 0.5) * contact_shadow(scene, front, sleeves) * exposure(scene)
    return np.asarray(factor, np.float32)


def old_folds(scene: Scene) -> Float:
    """Folds and broad shading of the old garment where it was plain cloth; 1 elsewhere."""
    cloth = shrink(scene.parts.upper > 0.85, 0.012 * scene.unit).astype(np.float32)
    if cloth.sum() < _MIN_CLOTH:
        return np.ones_like(scene.matte)
    light = luma(scene.photo)
    broad = weighted_blur(light, cloth, 0.10 * scene.unit)
    # buttons, logos and stripes are no folds
    printed = (cloth > 0.5) & (np.abs(light - broad) > _PRINT * np.maximum(broad, 40.0))
    cloth = cloth * ~grow(printed, 0.02 * scene.unit)
    if cloth.sum() < _MIN_CLOTH:
        return np.ones_like(scene.matte)
    fine = weighted_blur(light, cloth, 0.012 * scene.unit)
    broad = weighted_blur(light, cloth, 0.10 * scene.unit)
    inside = cloth > 0.5
    level = max(float(np.median(light[inside])), 30.0)
    spread = 1.5 * float(np.median(np.abs(fine - broad)[inside]))
    plain = 1.0 - float(smoothstep(np.array([spread], np.float32), *_PLAIN)[0])
    fade = blur(shrink(cloth > 0.5, 0.02 * scene.unit).astype(np.float32), 0.03 * scene.unit)
    folds = np.clip((fine - broad) / level, -_FOLD, _FOLD * 0.7)
    shade = np.clip(weighted_blur(light, cloth, 0.16 * scene.unit) / level, 0.85, 1.1) - 1.0
    return np.asarray(1.0 + plain * fade * (0.9 * folds + 0.45 * shade), np.float32)


def contact_shadow(scene: Scene, front: Front, sleeves: Alpha) -> Float:
    """Darkening next to what lies on the garment: head and hair, arms, sleeves on the torso."""
    reach = 0.035 * scene.unit
    below = int(0.015 * scene.unit)
    shadow = 0.20 * _cast(front.head, reach, below)
    shadow = shadow + 0.26 * _cast(front.skin, reach, below) * (1.0 - sleeves)
    shadow = shadow + 0.22 * _cast(sleeves, 0.02 * scene.unit, 0)
    shadow = shadow + 0.20 * _cast(front.lower, 0.015 * scene.unit, 0)
    return np.asarray(1.0 - np.clip(shadow, 0.0, 0.4), np.float32)


def _cast(layer: Alpha, reach: float, below: int) -> Float:
    fallen = blur(layer, reach)
    if below:
        fallen = np.roll(fallen, below, axis=0)
        fallen[:below] = 0.0
    return np.asarray(fallen * (1.0 - layer), np.float32)


def exposure(scene: Scene) -> float:
    """Factor for dim scenes, 0.8..1: the product's colour counts more than the scene's light."""
    lightest = float(np.percentile(luma(scene.photo)[::2, ::2], 98))
    return float(np.clip(1.0 - _FOLLOW * (1.0 - lightest / _WHITE), 0.8, 1.0))
