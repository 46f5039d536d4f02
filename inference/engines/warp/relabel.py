"""Second thoughts about the parsing once the old garment's colour is known: stray pieces, cuffs, sleeve
rests."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from inference.engines.warp.fields import Bool, Float, blur, dilate, ellipse
from inference.engines.warp.limbs import Limb
from inference.engines.warp.scene import Scene
from preprocess.types import Alpha, Sides

_SLIVER = 0.008
"""Shoulder widths: old garment thinner than twice this is a border effect along skin and hair."""

_SMALL_PIECE = 0.02
"""A piece of old garment smaller than this share of the largest is a mistake."""

_CUFF = 0.10
"""Shoulder widths beyond the old garment in which cloth taken for skin or trousers is looked for."""

_OTHER_COLOUR = 28.0
"""Lab distance from the label's own colour at which a pixel may be something else."""


def relabel(scene: Scene, limbs: Sides[Limb]) -> Scene:
    """Move pixels between the old garment and its neighbours where colour or shape contradicts their
    label."""
    parts = scene.parts
    upper = main_region(parts.upper > 0.5, _SLIVER * scene.unit)
    near = dilate(upper, _CUFF * scene.unit) > 0.5
    cuffs = near & mistaken_cloth(scene, upper)
    bare = np.clip(parts.skin + parts.hair, 0.0, 1.0)
    on_arm = np.maximum(limbs.left.inside, limbs.right.inside) > 0.5
    close = dilate(upper, 0.5 * _CUFF * scene.unit) > 0.5
    cuffs |= on_arm & (scene.matte > 0.5) & (bare < 0.5) & close
    closed = cv2.morphologyEx(cuffs.astype(np.uint8), cv2.MORPH_CLOSE, ellipse(2.0))
    cuff = np.asarray(closed, np.float32)
    rest = 1.0 - blur(cuff, 0.6)
    return replace(
        scene,
        parts=replace(
            parts,
            upper=np.maximum(parts.upper * (dilate(upper, 2.0) > 0.5), cuff),
            arms=parts.arms * rest,
            hands=parts.hands * rest,
            lower=parts.lower * rest,
        ),
    )


def main_region(region: Bool, radius: float) -> Alpha:
    """The larger pieces of a region, slivers thinner than twice ``radius`` taken off; ``float32`` 0 or 1."""
    opened = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_OPEN, ellipse(radius))
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    area[0] = 0
    return np.asarray((area > _SMALL_PIECE * area.max())[pieces], np.float32)


def mistaken_cloth(scene: Scene, upper: Alpha) -> Bool:
    """Pixels labelled bare or lower clothes whose colour is clearly the old garment's."""
    mistaken = np.zeros(upper.shape, np.bool_)
    if upper.sum() < 100:
        return mistaken
    lab = np.asarray(cv2.cvtColor(blur(scene.photo, 1.5) / 255.0, cv2.COLOR_RGB2LAB), np.float32)
    to_cloth = _colour_distance(lab, upper > 0.5)
    clear = dilate(upper, _CUFF * scene.unit) < 0.5
    for label in (scene.parts.arms + scene.parts.hands, scene.parts.lower):
        region = label > 0.5
        if (region & clear).sum() >= 100:
            to_own = _colour_distance(lab, region & clear)
            mistaken |= region & (to_own > _OTHER_COLOUR) & (to_cloth < 0.5 * to_own)
    return mistaken


def _colour_distance(lab: Float, region: Bool) -> Float:
    """Distance in Lab to a region's median colour; lightness counts half, since it varies with shading."""
    gap = (lab - np.median(lab[region], axis=0)) * np.array([0.5, 1.0, 1.0], np.float32)
    return np.asarray(np.sqrt((gap**2).sum(axis=-1)), np.float32)
