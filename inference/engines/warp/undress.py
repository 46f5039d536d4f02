"""Take the old garment off: what was behind and under it is painted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.background import background_plate
from inference.engines.warp.bottoms import bottoms_plate
from inference.engines.warp.fields import mix
from inference.engines.warp.limbs import Limb
from inference.engines.warp.occlusion import Front, old_garment, under_layers
from inference.engines.warp.scene import Scene
from inference.engines.warp.skin import skin_plate
from inference.engines.warp.types import Body
from preprocess.types import Alpha, Points, Sides


def chest_outline(body: Body, scene: Scene) -> Points:
    """Outline of neck, shoulders and upper chest, ``(n, 2)`` crop pixels."""
    origin = np.array([scene.box.x0, scene.box.y0])
    rise = body.up * 0.4 * body.shoulder_width
    fall = -body.up * 0.42 * body.torso_length
    half = body.across * 0.5 * body.shoulder_width
    left = [
        body.neck_base.left + rise,
        body.neck_base.left,
        body.acromion.left,
        body.shoulder_mid + fall - half,
    ]
    right = [
        body.neck_base.right + rise,
        body.neck_base.right,
        body.acromion.right,
        body.shoulder_mid + fall + half,
    ]
    return np.asarray(np.array([*left, *reversed(right)]) - origin, np.float32)


@dataclass(frozen=True, kw_only=True)
class Stripped:
    """The photo without the old garment."""

    rgb: FloatRgb
    removed: Alpha
    skin: FloatRgb
    """The skin plate that was used."""
    skin_weight: Alpha
    """Where removed pixels became skin."""


def strip(scene: Scene, limbs: Sides[Limb], front: Front, chest: Points) -> Stripped:
    """Take the old garment off: background, skin, lower clothes, in this order."""
    removed = old_garment(scene, front)
    under = under_layers(scene, limbs, removed, chest)
    plate = background_plate(scene.photo, scene.matte, scene.unit)
    skin = skin_plate(scene, limbs)
    plate = mix(plate, skin, under.skin)
    bottoms = bottoms_plate(scene.photo, scene.parts.lower, scene.unit)
    if bottoms is not None:
        plate = mix(plate, bottoms, under.lower)
    return Stripped(
        rgb=mix(scene.photo, plate, removed), removed=removed, skin=skin, skin_weight=removed * under.skin
    )
