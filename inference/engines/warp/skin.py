"""Bare skin where the old garment covered it: colour from the nearest visible skin, texture from the same
limb."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, blur, box_of, grow, mix, shrink, smooth_fill, smoothstep
from inference.engines.warp.grain import grain, grain_spread
from inference.engines.warp.limbs import Limb, unrolled
from inference.engines.warp.scene import Scene
from preprocess.types import Sides

_SHADOWED = 0.03
"""Shoulder widths of skin beside clothes that are darker than the rest."""

_TYPICAL = 0.3
"""How far the local skin colour is pulled to the median: keeps a shadow or a cheek's red from spreading
far."""

_EDGE_SHADE = 0.30
"""Darkening of a round limb at its silhouette where no real limb shows how dark it is."""

_UNSHADOWED = 0.06
"""Arm lengths below an old cuff from which the skin is out of its shadow."""

_MIRROR = (0.25, 0.6)
"""Arm lengths from the bare stretch over which its mirror image, soon seen as a repeat, fades out."""

_SKIN_LIGHTNESS = 18.0
_SKIN_HUE = 13.0
"""Lab distances (lightness; a and b together) from the median of the visible skin within which colours are
carried on."""

_MIN_SKIN = 200
"""Fewer pixels of skin say nothing about its colour."""

_UNKNOWN_SKIN = np.array([205.0, 165.0, 140.0], np.float32)
"""sRGB stand-in where no skin at all is visible."""


def skin_plate(scene: Scene, limbs: Sides[Limb]) -> FloatRgb:
    """``float32 (h, w, 3)``: skin everywhere, shaded as arms where the arms are."""
    skin = scene.parts.skin
    lit = ~grow(scene.parts.upper > 0.5, _SHADOWED * scene.unit)
    core = of_skin_colour(scene.photo, shrink(skin > 0.9, 0.012 * scene.unit) & lit)
    plate = _colour_field(scene.photo, core)
    spread = grain_spread(scene.photo, core)
    for limb in (limbs.left, limbs.right):
        plate = _shade_limb(plate, limb)
        plate = _copy_limb(plate, scene.photo, core, limb)
    noise = grain(skin.shape, max(spread, 0.8))
    return np.asarray(np.clip(plate + noise[..., None], 0.0, 255.0), np.float32)


def of_skin_colour(photo: FloatRgb, region: Bool) -> Bool:
    """The part of a skin region that is like most of it: no watch, no cuff, no highlight, no deep shadow."""
    if region.sum() < _MIN_SKIN:
        return np.zeros_like(region)
    pixels = blur(photo, 1.5)[region][None] / 255.0
    lab = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB), np.float32)[0]
    gap = np.abs(lab - np.median(lab, axis=0))
    usual = np.zeros_like(region)
    usual[region] = (gap[:, 0] < _SKIN_LIGHTNESS) & (np.hypot(gap[:, 1], gap[:, 2]) < _SKIN_HUE)
    return usual


def _colour_field(photo: FloatRgb, core: Bool) -> FloatRgb:
    if core.sum() < _MIN_SKIN:
        return np.broadcast_to(_UNKNOWN_SKIN, photo.shape).astype(np.float32)
    filled = smooth_fill(photo, core)
    distance = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, 5) / max(core.shape)
    pull = _TYPICAL * smoothstep(np.asarray(distance, np.float32), 0.02, 0.15)
    middle = np.median(photo[core], axis=0).astype(np.float32)
    return mix(filled, np.broadcast_to(middle, photo.shape), pull)


def _shade_limb(plate: FloatRgb, limb: Limb) -> FloatRgb:
    rounded = np.minimum(np.abs(limb.across), 1.15) ** 2.2
    weight = smoothstep(-np.abs(limb.across), -1.3, -1.0) * smoothstep(limb.along, 0.0, 0.25)
    # light that left the skin at a grazing angle is redder: blue falls faster than red
    shade = 1.0 - _EDGE_SHADE * (rounded * weight)[..., None] * np.array([0.85, 1.05, 1.1], np.float32)
    return np.asarray(plate * shade, np.float32)


def _copy_limb(plate: FloatRgb, photo: FloatRgb, core: Bool, limb: Limb) -> FloatRgb:
    """Mirror the visible stretch of the limb into the hidden one: real tone, real shading, real texture."""
    if limb.seen is None:
        return plate
    first, last = limb.seen
    low, high = first + _UNSHADOWED, last - 0.02
    if high - low < 0.06:
        return plate
    beyond = np.maximum(low - limb.along, limb.along - high)
    window = box_of((np.abs(limb.across) < 1.3) & (beyond > -0.02) & (beyond < _MIRROR[1]))
    along, across, beyond = limb.along[window], limb.across[window], beyond[window]
    period = 2.0 * (high - low)
    phase = np.abs(np.mod(along - low, period))
    source = np.asarray(low + np.minimum(phase, period - phase), np.float32)
    at = unrolled(limb, source, np.clip(across, -0.97, 0.97))
    copied = cv2.remap(photo, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    valid = cv2.remap(core.astype(np.float32), *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    weight = blur(np.asarray(valid, np.float32), 2.0) * smoothstep(-np.abs(across), -1.3, -1.0)
    weight *= smoothstep(beyond, -0.02, 0.0) * (1.0 - smoothstep(beyond, *_MIRROR))
    mixed = plate.copy()
    mixed[window] = mix(plate[window], np.asarray(copied, np.float32), weight)
    return mixed
