"""Take the old garment off: what was behind and under it is painted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.background import wall_plate, with_surroundings
from inference.engines.warp.bottoms import bottoms_plate
from inference.engines.warp.fields import Bool, blur, grow, largest_gap, mix
from inference.engines.warp.hair_behind import hair_behind
from inference.engines.warp.limbs import Limb
from inference.engines.warp.occlusion import Front, old_garment
from inference.engines.warp.relabel import joined
from inference.engines.warp.scene import Scene, garment_cover
from inference.engines.warp.skin import skin_plate
from inference.engines.warp.strands import STRANDS_ON_WALL
from inference.engines.warp.types import Body
from inference.engines.warp.under import under_layers
from preprocess.types import Alpha, Points, Sides


def chest_outline(body: Body, scene: Scene) -> Points:
    """Outline of neck, shoulders and upper chest, ``(n, 2)`` crop pixels."""
    origin = np.array([scene.box.x0, scene.box.y0])
    unit = body.shoulder_width
    rise, throat = body.up * _NECK_RISE * unit, body.up * _THROAT_RISE * unit
    slope, bulge = body.up * _SLOPE_RISE * unit, body.up * _SHOULDER_RISE * unit
    fall = -body.up * 0.42 * body.torso_length
    half = body.across * 0.5 * unit
    sides = []
    for outward, base, tip in (
        (-1.0, body.neck_base.left, body.acromion.left),
        (1.0, body.neck_base.right, body.acromion.right),
    ):
        lateral = outward * float((base - body.shoulder_mid) @ body.across) / unit
        narrower = np.clip(lateral - neck_side(scene, outward, lateral), 0.0, _COLLAR)
        neck = base - outward * narrower * unit * body.across
        sides.append(
            [neck + rise, neck + throat, base + slope, tip + bulge, body.shoulder_mid + fall + outward * half]
        )
    return np.asarray(np.array([*sides[0], *reversed(sides[1])]) - origin, np.float32)


def neck_side(scene: Scene, outward: float, usual: float) -> float:
    """Distance from the spine of the bare neck's side, shoulder widths; a collar that stands away from the
    neck hides it no more. ``usual`` where hair or cloth hides the side."""
    parts, side = scene.parts, outward * scene.lateral
    above = (scene.down < _ABOVE_COLLAR) & (side > 0.0)
    neck = above & (parts.neck > 0.5)
    hidden = above & (parts.upper + parts.hair > 0.3) & (side < usual)
    rows = neck.any(axis=1) & ~hidden.any(axis=1)
    if rows.sum() < _NECK_ROWS * scene.unit:
        return usual
    return float(np.median(np.where(neck, side, 0.0)[rows].max(axis=1)))


_NECK_RISE, _THROAT_RISE = 0.4, 0.18
"""Shoulder widths above its base to which the neck is drawn, and down to which it has one width."""

_COLLAR = 0.1
"""Shoulder widths by which a collar may make a neck look wider."""

_ABOVE_COLLAR = -0.1
"""Position on the spine above which a neck is no chest."""

_NECK_ROWS = 0.03
"""Shoulder widths of neck that must be free to its side to be measured."""

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
"""Levels beyond twice the background's own unevenness from which a pixel differs from it, and from its own
neighbourhood: a shadow on the wall differs from the wall, softly."""

_SHARP = 0.03
"""Shoulder widths of that neighbourhood."""

_EVEN_BACKGROUND = 5.0
"""Levels: such a background is like its own fill: all of it beside the cloth may be filled, and what
differs from it sharply is no shadow."""

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


def strip(scene: Scene, limbs: Sides[Limb], front: Front, body: Body) -> Stripped:
    """Take the old garment off: background, skin, hair, lower clothes, in this order."""
    removed = old_garment(scene, limbs, front)
    under = under_layers(scene, limbs, front, removed, chest_outline(body, scene))
    behind, hair = hair_behind(scene, body)
    wall, matte = wall_plate(scene.photo, scene.matte, scene.unit), scene.matte
    lost, fringe = ghosts(scene, wall)
    if fringe.any():
        matte = np.maximum(matte, fringe)
        wall = wall_plate(scene.photo, matte, scene.unit)
    removed = np.maximum(removed, lost)
    uncovered = (removed > 0.0) & (garment_cover(scene.garment) < 1.0)
    background = with_surroundings(wall, scene.photo, matte, scene.unit, uncovered)
    skin = skin_plate(scene, limbs, under.skin * removed)
    plate = mix(mix(background, skin, under.skin), hair, behind)
    bottoms = bottoms_plate(scene.photo, scene.parts.lower, scene.unit)
    if bottoms is not None:
        plate = mix(plate, bottoms, under.lower)
    body_there = np.clip(np.maximum(under.skin + under.lower, behind), 0.0, 1.0)
    return Stripped(
        rgb=mix(scene.photo, plate, removed),
        removed=removed,
        skin=skin,
        skin_weight=removed * under.skin * (1.0 - behind),
        body=scene.matte * (1.0 - removed) + body_there * removed,
    )


def ghosts(scene: Scene, background: FloatRgb) -> tuple[Alpha, Bool]:
    """Remains of the old garment that the matte counts to the background: they differ from it beside the
    cloth. With them what of it reaches far into the wall: the background's plate must not be made of it."""
    none = np.zeros_like(scene.matte)
    clear = scene.matte < 0.02
    gap = largest_gap(scene.photo, background)
    usual = float(np.percentile(gap[clear], 90)) if clear.any() else 255.0
    if usual > _PLAIN_BACKGROUND:
        return none, none > 0.0
    upper = scene.parts.upper > 0.5
    body = np.clip(scene.parts.skin + scene.parts.hair + scene.parts.lower, 0.0, 1.0) > 0.3
    strands = grow(scene.parts.hair > 0.5, STRANDS_ON_WALL * scene.unit)
    outside = ~upper & ~(grow(body, 2.0) | strands)
    beside = outside & grow(upper, _GHOST * scene.unit)
    differs = outside & (gap >= 2.0 * usual + _LEAST_GAP)
    if usual >= _EVEN_BACKGROUND:
        return _softly(beside & differs), none > 0.0
    sharp = largest_gap(scene.photo, blur(scene.photo, _SHARP * scene.unit)) > _LEAST_GAP
    fringe = differs & sharp & grow(upper, _FRINGE * scene.unit)
    fringe = joined(fringe, beside & fringe) if (beside & fringe).any() else none > 0.0
    return _softly(beside | fringe), grow(fringe, _SHARP * scene.unit)


def _softly(region: Bool) -> Alpha:
    return blur(grow(region, 1.5).astype(np.float32), 0.8)
