"""Take the old garment off: what was behind and under it is painted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.background import background_plate
from inference.engines.warp.bottoms import bottoms_plate
from inference.engines.warp.fields import Bool, blur, grow, largest_gap, mix, nearest, shrink
from inference.engines.warp.limbs import Limb
from inference.engines.warp.occlusion import Front, old_garment
from inference.engines.warp.relabel import joined
from inference.engines.warp.scene import Scene
from inference.engines.warp.skin import skin_plate
from inference.engines.warp.strands import STRANDS_ON_WALL
from inference.engines.warp.types import Body
from inference.engines.warp.under import under_layers
from preprocess.types import Alpha, Points, Sides


def chest_outline(body: Body, scene: Scene) -> Points:
    """Outline of neck, shoulders and upper chest, ``(n, 2)`` crop pixels."""
    origin = np.array([scene.box.x0, scene.box.y0])
    rise = body.up * 0.4 * body.shoulder_width
    slope = body.up * _SLOPE_RISE * body.shoulder_width
    bulge = body.up * _SHOULDER_RISE * body.shoulder_width
    fall = -body.up * 0.42 * body.torso_length
    half = body.across * 0.5 * body.shoulder_width
    left = [
        body.neck_base.left + rise,
        body.neck_base.left + slope,
        body.acromion.left + bulge,
        body.shoulder_mid + fall - half,
    ]
    right = [
        body.neck_base.right + rise,
        body.neck_base.right + slope,
        body.acromion.right + bulge,
        body.shoulder_mid + fall + half,
    ]
    return np.asarray(np.array([*left, *reversed(right)]) - origin, np.float32)


_SLOPE_RISE = 0.08
"""Shoulder widths by which a bare shoulder may bulge above the straight line from neck to shoulder top; the
silhouette of the clothes bounds it anyway."""

_SHOULDER_RISE = 0.01
"""The same at the shoulder's top, from where the round of the arm takes over."""

_GHOST = 0.05
"""Shoulder widths around the old garment in which its remains are looked for."""

_FRINGE = 0.2
"""Shoulder widths to which remains that begin there reach: lace, fringes, the flare of a cuff."""

_LEAST_GAP = 6.0
"""Levels beyond twice the background's own unevenness from which a pixel differs from it."""

_EVEN_BACKGROUND = 5.0
"""Levels: such a background is like its own fill: all of it beside the cloth may be filled."""

_PLAIN_BACKGROUND = 12.0
"""Levels by which most of the background may differ from its smooth fill for remains to be told from it."""


@dataclass(frozen=True, kw_only=True)
class Stripped:
    """The photo without the old garment."""

    rgb: FloatRgb
    removed: Alpha
    skin: FloatRgb
    """The skin plate that was used."""
    skin_weight: Alpha
    """Where removed pixels became skin."""
    body: Alpha
    """The person's silhouette now: what casts and takes shadows."""


def strip(scene: Scene, limbs: Sides[Limb], front: Front, chest: Points) -> Stripped:
    """Take the old garment off: background, skin, lower clothes, in this order."""
    removed = old_garment(scene, limbs, front)
    under = under_layers(scene, limbs, front, removed, chest)
    background = background_plate(scene.photo, scene.matte, scene.unit)
    lost = ghosts(scene, background)
    if lost.any():
        background = background_plate(scene.photo, np.maximum(scene.matte, lost), scene.unit)
    removed = np.maximum(removed, lost)
    skin = skin_plate(scene, limbs, under.skin * removed)
    plate = mix(background, skin, under.skin)
    bottoms = bottoms_plate(scene.photo, scene.parts.lower, scene.unit)
    if bottoms is not None:
        plate = mix(plate, bottoms, under.lower)
    hair = scene.parts.hair > 0.9
    if hair.any():
        plate = mix(plate, hair_plate(scene.photo, shrink(hair, 0.012 * scene.unit)), under.hair)
    uncovered = np.clip(under.skin + under.lower + under.hair, 0.0, 1.0)
    return Stripped(
        rgb=mix(scene.photo, plate, removed),
        removed=removed,
        skin=skin,
        skin_weight=removed * under.skin * (1.0 - under.hair),
        body=scene.matte * (1.0 - removed) + uncovered * removed,
    )


def hair_plate(photo: FloatRgb, core: Bool) -> FloatRgb:
    """Hair everywhere: the nearest strands run on, softly."""
    return blur(nearest(photo, core), 1.2) if core.any() else photo


def ghosts(scene: Scene, background: FloatRgb) -> Alpha:
    """Remains of the old garment that the matte counts to the background: they differ from it beside the
    cloth."""
    clear = scene.matte < 0.02
    gap = largest_gap(scene.photo, background)
    usual = float(np.percentile(gap[clear], 90)) if clear.any() else 255.0
    if usual > _PLAIN_BACKGROUND:
        return np.zeros_like(scene.matte)
    upper = scene.parts.upper > 0.5
    body = np.clip(scene.parts.skin + scene.parts.hair + scene.parts.lower, 0.0, 1.0) > 0.3
    strands = grow(scene.parts.hair > 0.5, STRANDS_ON_WALL * scene.unit)
    outside = ~upper & ~(grow(body, 2.0) | strands)
    differs = outside & (gap >= 2.0 * usual + _LEAST_GAP)
    beside = outside & grow(upper, _GHOST * scene.unit)
    fringe = differs & grow(upper, _FRINGE * scene.unit)
    stray = joined(fringe, beside & differs) if (beside & differs).any() else np.zeros_like(upper)
    if usual < _EVEN_BACKGROUND:
        stray |= beside
    return blur(grow(stray, 1.5).astype(np.float32), 0.8)
