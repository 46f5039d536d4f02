"""Hair and bare skin of the photo, cut out of it softly and freed of the colours behind them."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, ellipse, grow, shrink, smoothstep
from inference.engines.warp.matting import Freed, freed
from inference.engines.warp.relabel import joined
from inference.engines.warp.scene import Scene

_HAIR_CORE = 0.02
"""Shoulder widths inside the hair's label from which it is all hair."""

_STRANDS = 0.035
STRANDS_ON_WALL = 0.1
"""Shoulder widths beyond the label that strands reach over clothes, and over the background."""

_CREASES = (0.25, 0.65)
"""Over clothes: share of hair colour from which a pixel may be a strand, and surely is one."""

_HANGS = 0.1
"""Share of hair colour down to which a strand hangs on the hair."""

_SKIN_CORE, _SKIN_BAND = 0.014, 0.014
"""Shoulder widths inside and beyond their labels within which arms and hands end."""

_HAIRLINE = 0.008
"""Shoulder widths: half the width below which bare skin is the rim of a sleeve; fingers have .02."""

_OTHER_HUE = 14.0
"""Distance in Lab's a and b from the skin's median beyond which a pixel may be no skin."""


def free_hair(scene: Scene) -> Freed:
    """The hair; beyond its label what is like hair, on clothes less readily: creases are dark too."""
    hair, face, unit = scene.parts.hair, scene.parts.face > 0.05, scene.unit
    body = scene.parts.upper + scene.parts.lower + scene.parts.skin >= 0.5
    wall = ~body
    label = hair > 0.1
    beyond = ~(grow(label, _STRANDS * unit) | (grow(label, STRANDS_ON_WALL * unit) & wall))
    inside = shrink(hair > 0.9, _HAIR_CORE * unit)
    band = ~(inside | beyond | face) & (scene.reach > 0)
    layer = freed(scene.photo, hair, inside, beyond & ~face, band)
    strict = layer.alpha * smoothstep(layer.alpha, *_CREASES)
    alpha = np.where((hair > 0.5) | wall, layer.alpha, strict)
    # crumbs on clothes and skin are shadows of a collar
    hangs = joined(alpha > _HANGS, inside) | ~grow(body, _HAIR_CORE * unit)
    return replace(layer, alpha=np.asarray(alpha * hangs, np.float32))


def free_skin(scene: Scene) -> Freed:
    """Arms and hands."""
    bare = np.clip(scene.parts.arms + scene.parts.hands, 0.0, 1.0).astype(np.float32)
    solid = cv2.morphologyEx((bare > 0.5).astype(np.uint8), cv2.MORPH_OPEN, ellipse(_HAIRLINE * scene.unit))
    bare *= grow(solid > 0, 2.0)
    beyond = ~grow(bare > 0.1, _SKIN_BAND * scene.unit)
    other = like_old_top(scene.photo, bare > 0.9, scene.parts.upper > 0.9)
    inside = shrink(bare > 0.9, _SKIN_CORE * scene.unit) & ~other
    band = ~(inside | beyond) & (scene.reach > 0)
    return freed(scene.photo, bare, inside, beyond, band)


def like_old_top(photo: FloatRgb, skin: Bool, top: Bool) -> Bool:
    """Bare skin of the old top's hue: a cuff's inner side, cloth between fingers; painted nails are not."""
    other = np.zeros_like(skin)
    if skin.any() and top.any():
        own, cloth = (
            cv2.cvtColor(photo[region][None] / 255.0, cv2.COLOR_RGB2LAB)[0, :, 1:] for region in (skin, top)
        )
        to_skin, to_cloth = (np.hypot(*(own - np.median(hue, axis=0)).T) for hue in (own, cloth))
        other[skin] = (to_skin > _OTHER_HUE) & (to_cloth < to_skin)
    return other
