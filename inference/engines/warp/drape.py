"""The garment's layers on the body: torso, sleeves, the gaps between them, what they do to their
neighbours."""

from __future__ import annotations

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Float, blur, ellipse, grow, mix, nearest, smoothstep
from inference.engines.warp.gaps import between
from inference.engines.warp.limbs import Limb
from inference.engines.warp.occlusion import Front
from inference.engines.warp.scene import Scene, garment_cover
from inference.engines.warp.shading import sleeve_cover
from inference.engines.warp.undress import Stripped
from preprocess.types import Alpha, Sides

_GAP = 0.045
"""Shoulder widths: slits narrower than twice this between torso and sleeve are closed with the nearest
cloth."""

_ARMPIT = 0.36
"""Position on the spine below which a slit between torso and sleeve is the view between body and arm."""

_FILL_SHADE = 0.94
"""A closed slit lies in a fold."""

_CRUMB = 0.02
"""Square shoulder widths: a smaller patch of invented arm is a misfit of the arm's outline."""

_CAST = 0.22
"""Darkening of skin and trousers right beside the garment's edge."""

_CAST_REACH = 0.018
"""Shoulder widths of that shadow."""


def close_gaps(scene: Scene, front: Front) -> tuple[FloatRgb, Alpha]:
    """Torso colours and alpha with the slits at the armpits closed."""
    garment = scene.garment
    if garment.sleeves is None:
        return garment.rgb, garment.alpha
    cover = garment_cover(garment)
    closed = cv2.morphologyEx((cover > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, ellipse(_GAP * scene.unit))
    gap = (closed > 0) & (scene.matte > 0.5) & (scene.down < _ARMPIT)
    gap &= (scene.down > 0.1) | (np.abs(scene.lateral) > 0.32)
    gap &= (cover < 0.95) & (garment.opening < 0.05) & (np.maximum(front.skin, front.head) < 0.5)
    gap &= between(garment.alpha, sleeve_cover(scene), 2 * _GAP * scene.unit)
    if not gap.any():
        return garment.rgb, garment.alpha
    layers = garment.rgb.copy()
    for sleeve in (garment.sleeves.left, garment.sleeves.right):
        np.copyto(layers, sleeve.rgb, where=(sleeve.alpha > garment.alpha)[..., None])
    cloth = blur(nearest(layers, cover > 0.95), 1.5) * _FILL_SHADE
    fill = np.maximum(blur(gap.astype(np.float32), 0.8), gap) * (1.0 - garment.alpha)
    alpha = np.asarray(np.clip(garment.alpha + fill, 0.0, 1.0), np.float32)
    return mix(garment.rgb, cloth, fill / np.maximum(alpha, 1e-3)), alpha


def tuck(scene: Scene, limbs: Sides[Limb], torso: Alpha) -> Alpha:
    """Cut the hem off below the waistband where the lower clothes lie over it, old sleeves apart."""
    if not scene.garment.tucked:
        return torso
    arms = (limbs.left.across**2 < 2.0) | (limbs.right.across**2 < 2.0)
    old = grow(scene.parts.upper > 0.5, 2.0) & ~arms
    band = waistband(scene)
    below = smoothstep(scene.down, band + 0.03, band + 0.07)
    return np.asarray(torso * (1.0 - below * ~old), np.float32)


def waistband(scene: Scene) -> float:
    """Where the lower clothes begin on the spine; below the old hem if a midriff shows between them."""
    front = (scene.parts.lower > 0.5) & (np.abs(scene.lateral) < 0.4)
    if front.sum() < 100:
        return scene.waist
    return max(scene.waist, float(np.percentile(scene.down[front], 3)))


def bare_arms(scene: Scene, limbs: Sides[Limb], front: Front, stripped: Stripped) -> Alpha:
    """Arms that only now come to light and lie in front of the torso."""
    free = front.free
    weight = np.zeros_like(scene.matte)
    for limb, hidden in ((limbs.left, free.left), (limbs.right, free.right)):
        if limb.seen is not None:
            first, last = limb.seen
            outside = np.maximum(first - limb.along, limb.along - last)
            hidden = hidden * smoothstep(outside, -0.05, -0.01)
        weight = np.maximum(weight, limb.inside * hidden)
    weight = without_crumbs(weight * stripped.skin_weight, _CRUMB * scene.unit**2)
    # two soft borders that meet would let the torso shine through: the new skin runs on under the real one
    seam = grow(weight > 0.05, 3.0)
    return np.where(seam, np.clip(weight + front.skin, 0.0, 1.0), weight).astype(np.float32)


def without_crumbs(weight: Alpha, least: float) -> Alpha:
    """Drop pieces of a soft region that cover fewer pixels than ``least``."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats((weight > 0.05).astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= least
    large[0] = False
    return np.asarray(weight * large[pieces], np.float32)


def cast_by_garment(scene: Scene, body: Alpha, cover: Alpha) -> Float:
    """``(h, w)`` factor of the thin shadow beside the garment on ``body``, and below its hem on trousers."""
    shadow = blur(cover, _CAST_REACH * scene.unit)
    drop = max(1, int(_CAST_REACH * scene.unit))
    fallen = np.roll(shadow, drop, axis=0)
    fallen[:drop] = 0.0
    on_lower = scene.parts.lower * (0.0 if scene.garment.tucked else 1.0)
    depth = _CAST * (shadow * (1.0 - on_lower) + 1.4 * fallen * on_lower)
    return np.asarray(1.0 - depth * (1.0 - cover) * smoothstep(body, 0.5, 1.0), np.float32)


def shadow_zone(factor: Float) -> Alpha:
    """Where the garment's shadow may touch pixels that are otherwise the photo's."""
    return np.asarray(np.clip((1.0 - factor) * 20.0, 0.0, 1.0), np.float32)
