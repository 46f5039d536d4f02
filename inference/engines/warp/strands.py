"""Hair and bare skin of the photo, cut out of it softly and freed of the colours behind them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, grow, shrink, smoothstep
from inference.engines.warp.matting import Freed, freed
from inference.engines.warp.scene import Scene

_HAIR_CORE = 0.02
"""Shoulder widths inside the hair's label from which it is all hair."""

_STRANDS = 0.035
STRANDS_ON_WALL = 0.1
"""Shoulder widths beyond the label that strands reach over clothes, and over the background."""

_CREASES = (0.25, 0.65)
"""Over clothes: share of hair colour from which a pixel may be a strand, and surely is one."""

_SKIN_CORE, _SKIN_BAND = 0.014, 0.014
"""Shoulder widths inside and beyond their labels within which arms and hands end."""

_OTHER_HUE = 14.0
"""Distance in Lab's a and b from the skin's median beyond which a pixel may be no skin."""


def free_hair(scene: Scene) -> Freed:
    """The hair; beyond its label what is like hair, on clothes less readily: creases are dark too."""
    hair, face, unit = scene.parts.hair, scene.parts.face > 0.05, scene.unit
    wall = scene.parts.upper + scene.parts.lower + scene.parts.skin < 0.5
    label = hair > 0.1
    beyond = ~(grow(label, _STRANDS * unit) | (grow(label, STRANDS_ON_WALL * unit) & wall))
    inside = shrink(hair > 0.9, _HAIR_CORE * unit)
    band = ~(inside | beyond | face) & (scene.reach > 0)
    layer = freed(scene.photo, hair, inside, beyond & ~face, band)
    strict = layer.alpha * smoothstep(layer.alpha, *_CREASES)
    return replace(layer, alpha=np.where((hair > 0.5) | wall, layer.alpha, strict).astype(np.float32))


def free_skin(scene: Scene) -> Freed:
    """Arms and hands."""
    bare = np.clip(scene.parts.arms + scene.parts.hands, 0.0, 1.0).astype(np.float32)
    beyond = ~grow(bare > 0.1, _SKIN_BAND * scene.unit)
    inside = shrink(bare > 0.9, _SKIN_CORE * scene.unit) & ~of_other_hue(scene.photo, bare > 0.9)
    band = ~(inside | beyond) & (scene.reach > 0)
    return freed(scene.photo, bare, inside, beyond, band)


def of_other_hue(photo: FloatRgb, region: Bool) -> Bool:
    """Pixels of a region that have not its colour: a cuff's inner side, cloth between fingers."""
    other = np.zeros_like(region)
    if region.any():
        lab = cv2.cvtColor(photo[region][None] / 255.0, cv2.COLOR_RGB2LAB)[0, :, 1:]
        other[region] = np.hypot(*(lab - np.median(lab, axis=0)).T) > _OTHER_HUE
    return other
