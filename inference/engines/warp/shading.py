"""Light on the new garment: the round of body and sleeves, folds, contact shadows, the thickness of hems.

The garment keeps its product's colours: the mean of form and folds over it is 1.
"""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.warp.fields import Float, blur, luma, smoothstep
from inference.engines.warp.folds import (
    crease_heights,
    enlarged,
    old_folds,
    reduced,
    relief,
    sleeve_heights,
    torso_creases,
    waves,
)
from inference.engines.warp.light import Light, across_rows, form
from inference.engines.warp.limbs import Limb
from inference.engines.warp.occlusion import Front
from inference.engines.warp.scene import Scene
from preprocess.types import Alpha, Sides

_ARMPIT = 0.36
_HALF_CHEST = 0.42
"""Where creases of a top start: on the spine, and in shoulder widths beside it."""

_BUSY = (3.0, 16.0)
"""Levels of detail of the product at the size of folds: below it is plain and bears all folds, above
patterned."""

_PATTERNED = 0.45
"""Share of the folds that a pattern bears: it hides shallow ones in life, too."""

_THICK = 0.10
"""Darkening of the last pixels at hems, cuffs and collars, where cloth turns inwards."""

_SHOULDER = (0.04, 0.2)
"""Along the arm: where the shoulder's cap has become a round sleeve."""

_INTO_SLEEVES = 0.7
"""Share of the round of a torso at the height of its sleeves."""

_SHUT = 0.06
"""Darkening of the inner side of a sleeve, next to the body."""


def light_factor(scene: Scene, front: Front, limbs: Sides[Limb], torso: Alpha, light: Light) -> Float:
    """``(h, w)`` factor for the garment's colours; ``torso`` is the alpha laid down."""
    sleeves = sleeve_cover(scene)
    across = across_rows(torso, shoulders=True)
    if scene.garment.sleeves is not None:  # above the armpits the chest runs on into the sleeves
        across = across * (_INTO_SLEEVES + (1.0 - _INTO_SLEEVES) * smoothstep(scene.down, 0.2, _ARMPIT + 0.1))
    rounded = form(light, np.asarray(across, np.float32))
    tube = sleeve_form(scene, limbs, light, rounded)
    seen = old_folds(scene.photo, scene.parts.upper, scene.unit)
    folds = made_folds(scene, limbs, sleeves, light)
    share = bears_folds(scene, torso) * (1.0 - 0.8 * seen.known)
    factor = seen.factor * (1.0 + share * (folds - 1.0)) * (rounded + (tube - rounded) * sleeves)
    factor *= 1.0 - light.fall * (scene.down - 0.4)
    cover = np.maximum(torso, sleeves)
    mean = float((factor * cover).sum() / max(float(cover.sum()), 1.0))
    shadows = contact_shadow(scene, front, sleeves, light) * thickness(cover, scene.unit)
    return np.asarray(factor / max(mean, 0.5) * shadows, np.float32)


def sleeve_cover(scene: Scene) -> Alpha:
    """Alpha of both sleeves together."""
    sleeves = scene.garment.sleeves
    return (
        np.zeros_like(scene.matte) if sleeves is None else np.maximum(sleeves.left.alpha, sleeves.right.alpha)
    )


def sleeve_form(scene: Scene, limbs: Sides[Limb], light: Light, torso: Float) -> Float:
    """Round sleeves that grow out of the shoulders of ``torso``, whose shadow keeps light off their inner
    sides."""
    sleeves = scene.garment.sleeves
    if sleeves is None:
        return torso
    tubes = []
    for limb, sleeve, inner in ((limbs.left, sleeves.left, 1.0), (limbs.right, sleeves.right, -1.0)):
        tube = form(light, np.asarray(sleeve.across * np.float32(inner), np.float32), depth=1.0)
        shut = 1.0 - _SHUT * smoothstep(sleeve.across, 0.2, 1.0)
        tube = np.where(sleeve.across > 0.0, np.minimum(tube, 1.0), tube) * shut
        tubes.append(torso + (tube - torso) * smoothstep(limb.along, *_SHOULDER))
    left, right = tubes
    return np.asarray(np.where(sleeves.left.alpha >= sleeves.right.alpha, left, right), np.float32)


def bears_folds(scene: Scene, torso: Alpha) -> float:
    """How much of the folds the product shows: all on plain cloth, less on patterns."""
    inside = torso[::2, ::2] > 0.9
    if inside.sum() < 100:
        return 0.0
    bright = luma(scene.garment.rgb[::2, ::2])
    fine = np.abs(blur(bright, 0.008 * scene.unit) - blur(bright, 0.04 * scene.unit))[inside]
    busy = np.array([fine.mean()], np.float32)
    return float(1.0 - (1.0 - _PATTERNED) * smoothstep(busy, *_BUSY)[0])


def made_folds(scene: Scene, limbs: Sides[Limb], sleeves: Alpha, light: Light) -> Float:
    """Brightness of made-up folds over torso and sleeves, about 1."""
    garment, unit = scene.garment, scene.unit / 2.0
    lit = 1.0 if light.side >= 0.0 else -1.0
    x, down = reduced(scene.lateral) * np.float32(lit), reduced(scene.down)
    tall = _per_spine(scene)
    y = down * np.float32(tall)
    creases = torso_creases(_ARMPIT * tall, min(scene.waist, garment.hem) * tall, _HALF_CHEST)
    height = crease_heights(x, y, creases)
    if not garment.tucked:
        height = height + waves(
            x, y, garment.hem * tall, float(np.clip((garment.ease - 1.0) / 0.4, 0.0, 1.0))
        )
    torso = relief(height, unit, light)
    if garment.sleeves is None:
        return enlarged(torso, scene.matte.shape)
    arms = np.zeros_like(torso)
    for limb, sleeve, sign in (
        (limbs.left, garment.sleeves.left, lit),
        (limbs.right, garment.sleeves.right, -lit),
    ):
        across = reduced(sleeve.across) * np.float32(sign)
        arm = relief(sleeve_heights(reduced(limb.along), across, sleeve.reach), unit, light)
        arms = arms + (arm - 1.0) * reduced(sleeve.alpha)
    weight = reduced(sleeves)
    folds = np.asarray(1.0 + (torso - 1.0) * (1.0 - weight) + arms, np.float32)
    return enlarged(folds, scene.matte.shape)


def _per_spine(scene: Scene) -> float:
    """Shoulder widths in the length of the torso."""
    down = scene.down
    slope = float(np.hypot(down[0, 1] - down[0, 0], down[1, 0] - down[0, 0]))
    return 1.0 / max(slope * scene.unit, 1e-6)


def contact_shadow(scene: Scene, front: Front, sleeves: Alpha, light: Light) -> Float:
    """Darkening next to what lies on the garment: head and hair, arms, sleeves on the torso; in armpits."""
    unit = scene.unit
    shadow = 0.20 * cast(front.head, 0.035 * unit, light)
    shadow = shadow + 0.26 * cast(front.skin, 0.035 * unit, light) * (1.0 - sleeves)
    shadow = shadow + 0.20 * cast(sleeves, 0.022 * unit, light)
    shadow = shadow + 0.20 * cast(front.lower, 0.015 * unit, light)
    return np.asarray(1.0 - np.clip(light.shadow_strength * shadow, 0.0, 0.4), np.float32)


def cast(layer: Alpha, reach: float, light: Light) -> Float:
    """Soft shadow 0..1 that ``layer`` throws beside itself, away from the light; ``reach`` in pixels."""
    lean, rise = light.towards
    shift = np.array([[1.0, 0.0, -0.45 * reach * lean], [0.0, 1.0, -0.45 * reach * rise]], np.float32)
    fallen = cv2.warpAffine(
        blur(layer, reach), shift, layer.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(fallen * (1.0 - layer), np.float32)


def thickness(cover: Alpha, unit: float) -> Float:
    """Factor of the last pixels inside an edge of cloth, where it turns inwards."""
    sigma = max(0.8, 0.006 * unit)
    rim = np.clip(2.0 * (1.0 - blur(cover, sigma)), 0.0, 1.0)
    return np.asarray(1.0 - _THICK * rim, np.float32)
