"""Bare skin where the old garment covered it: colour from the nearest visible skin, texture from the same
limb."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import blur, diffuse, grow, luma, mix, shrink, smoothstep
from inference.engines.warp.grain import grain, grain_spread
from inference.engines.warp.limbs import Limb, unrolled
from inference.engines.warp.scene import Scene
from preprocess.types import Alpha, Sides

_WORK_SIDE = 320
"""Longer side in pixels of the image that is diffused."""

_SHADOWED = 0.03
"""Shoulder widths of skin beside clothes that are darker than the rest."""

_TYPICAL = 0.3
"""How far the local skin colour is pulled to the median: keeps a shadow or a cheek's red from spreading
far."""

_EDGE_SHADE = 0.30
"""Darkening of a round limb at its silhouette where no real limb shows how dark it is."""

_UNKNOWN_SKIN = np.array([205.0, 165.0, 140.0], np.float32)
"""sRGB stand-in where no skin at all is visible."""


def skin_plate(scene: Scene, limbs: Sides[Limb]) -> FloatRgb:
    """``float32 (h, w, 3)``: skin everywhere, shaded as arms where the arms are."""
    skin = scene.parts.skin
    lit = ~grow(scene.parts.upper > 0.5, _SHADOWED * scene.unit)
    core = (shrink(skin > 0.9, 0.012 * scene.unit) & lit).astype(np.float32)
    plate = _colour_field(scene.photo, core)
    spread = grain_spread(scene.photo, core)
    for limb in (limbs.left, limbs.right):
        plate = _shade_limb(plate, limb)
        plate = _copy_limb(plate, scene.photo, core, limb)
    noise = grain(skin.shape, max(spread, 0.8))
    return np.asarray(np.clip(plate + noise[..., None], 0.0, 255.0), np.float32)


def _colour_field(photo: FloatRgb, core: Alpha) -> FloatRgb:
    height, width = core.shape
    scale = min(1.0, _WORK_SIDE / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    share = cv2.resize(core, size, interpolation=cv2.INTER_AREA)
    known = share > 0.6
    if known.sum() < 12:
        return np.broadcast_to(_UNKNOWN_SKIN, photo.shape).astype(np.float32)
    small = cv2.resize(photo * core[..., None], size, interpolation=cv2.INTER_AREA)
    colour = (small / np.maximum(share, 1e-3)[..., None]).astype(np.float32)
    middle = np.median(colour[known], axis=0)
    light = luma(colour)
    usual = np.abs(light - float(luma(middle[None])[0])) < 45.0
    known &= usual
    filled = diffuse(colour, known.astype(np.float32))
    filled = np.where(known[..., None], filled, blur(filled, 2.0))
    distance = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 5) / max(size)
    pull = _TYPICAL * smoothstep(distance.astype(np.float32), 0.02, 0.15)
    filled = mix(filled, np.broadcast_to(middle.astype(np.float32), filled.shape), pull)
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _shade_limb(plate: FloatRgb, limb: Limb) -> FloatRgb:
    rounded = np.minimum(np.abs(limb.across), 1.15) ** 2.2
    weight = smoothstep(-np.abs(limb.across), -1.3, -1.0) * smoothstep(limb.along, 0.0, 0.25)
    # light that left the skin at a grazing angle is redder: blue falls faster than red
    shade = 1.0 - _EDGE_SHADE * (rounded * weight)[..., None] * np.array([0.85, 1.05, 1.1], np.float32)
    return np.asarray(plate * shade, np.float32)


def _copy_limb(plate: FloatRgb, photo: FloatRgb, core: Alpha, limb: Limb) -> FloatRgb:
    """Mirror the visible stretch of the limb into the hidden one: real tone, real shading, real texture."""
    if limb.seen is None:
        return plate
    first, last = limb.seen
    inset = 0.02
    low, high = first + inset, last - inset
    if high - low < 0.06:
        return plate
    period = 2.0 * (high - low)
    phase = np.abs(np.mod(limb.along - low, period))
    source = low + np.minimum(phase, period - phase)
    map_x, map_y = unrolled(limb, source.astype(np.float32), np.clip(limb.across, -0.97, 0.97))
    copied = cv2.remap(photo, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    valid = cv2.remap(core, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    near = smoothstep(-np.abs(limb.across), -1.3, -1.0)
    hidden = smoothstep(np.maximum(low - limb.along, limb.along - high), -0.02, 0.0)
    # far from the bare stretch the mirror image would show as a repeat: fade back to the plain shaded plate
    far = 1.0 - smoothstep(np.maximum(low - limb.along, limb.along - high), 0.25, 0.6)
    weight = blur(np.asarray(valid, np.float32), 2.0) * near * hidden * far
    return mix(plate, np.asarray(copied, np.float32), np.asarray(weight, np.float32))
