"""What stays in front of the new garment, what of the old one must go, and what lies under it.

Weights are soft, ``float32 (h, w)`` 0..1 in the crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import (
    Bool,
    blur,
    grow,
    mix,
    smoothstep,
)
from inference.engines.warp.limbs import GRID, STATIONS, Limb
from inference.engines.warp.scene import Scene
from inference.engines.warp.strands import free_hair, free_skin
from inference.engines.warp.types import SleeveLayer
from preprocess.types import Alpha, Sides

_SPILL = 0.014
"""Shoulder widths around the old garment that still show its colour."""

_SHADOW = 0.04
"""Shoulder widths of skin beyond an old cuff that lie in its shadow."""

_BESIDE = 0.09
"""Shoulder widths by which a bare arm may stick out beside the sleeve laid on it."""

_ARM_SIDE = 1.8
"""Half widths from the arm's middle: elbows stick out of the smooth axis."""

SLANT = 0.05
"""Arm lengths by which the end of a sleeve may run aslant."""

_COLLAR_SHADOW = 0.035
"""Shoulder widths of skin beside an old collar that lie in its shadow."""

_ARM_STARTS = (0.08, 0.36)
"""Along the arm: where the edge between shoulder cloth and arm leaves the outer and reaches the inner
side."""

_SEE_THROUGH = 0.9
"""Mean opacity of a sleeve below which the arm in it is drawn."""


@dataclass(frozen=True, kw_only=True)
class Front:
    """The photo's own pixels that stay in front, with their colours freed from what was behind them."""

    colour: FloatRgb
    free: Sides[Alpha]
    """Which part of each arm lies in front of the torso of the garment, bare or not."""
    head: Alpha
    """Hair and face: in front of everything."""
    arms: Sides[Alpha]
    """Bare arms and hands, each pixel given to the nearer arm."""
    hands: Alpha
    cuff_shadow: Alpha
    """Where bare skin is too close to an old cuff, and too dark, to be kept."""
    lower: Alpha
    """Lower clothes in front of the hem; 0 where the garment hangs over them."""

    @property
    def skin(self) -> Alpha:
        return np.asarray(np.maximum(self.arms.left, self.arms.right), np.float32)


def front_layers(scene: Scene, limbs: Sides[Limb]) -> Front:
    """Find what covers the garment and clean its soft borders."""
    parts = scene.parts
    hair, skin = free_hair(scene), free_skin(scene)
    head, bare = np.clip(hair.alpha + parts.face, 0.0, 1.0), skin.alpha
    shadow = cuff_shadow(scene, limbs)
    left_is_nearer = np.abs(limbs.left.across) <= np.abs(limbs.right.across)
    free = over_torso(scene, limbs)
    lower = _lower_in_front(scene)
    colour = np.where((hair.alpha > skin.alpha)[..., None], hair.colour, skin.colour)
    bare = bare * (1.0 - shadow)
    hands = np.minimum(bare, blur(grow(parts.hands > 0.5, 2.0).astype(np.float32), 0.8))
    hands = hands * (1.0 - _own_sleeve(scene, limbs, left_is_nearer))
    return Front(
        colour=mix(colour, scene.photo, lower),
        free=free,
        head=head.astype(np.float32),
        arms=Sides(
            left=bare * left_is_nearer * np.maximum(free.left, parts.hands),
            right=bare * ~left_is_nearer * np.maximum(free.right, parts.hands),
        ),
        hands=hands.astype(np.float32),
        cuff_shadow=shadow,
        lower=lower,
    )


def _own_sleeve(scene: Scene, limbs: Sides[Limb], left_is_nearer: Bool) -> Alpha:
    """The sleeve of the arm that a pixel belongs to, as far as it reaches: no hand lies over its own cuff."""
    sleeves = scene.garment.sleeves
    if sleeves is None:
        return np.zeros_like(scene.matte)
    left = sleeves.left.alpha * (limbs.left.along < sleeves.left.reach)
    right = sleeves.right.alpha * (limbs.right.along < sleeves.right.reach)
    return np.where(left_is_nearer, left, right).astype(np.float32)


def _lower_in_front(scene: Scene) -> Alpha:
    """Lower clothes over a tucked hem, their upper edge evened out along the waistband."""
    if not scene.garment.tucked:
        return np.zeros_like(scene.matte)
    width = 2 * int(0.06 * scene.unit) + 1
    even = cv2.medianBlur((scene.parts.lower > 0.5).astype(np.uint8), min(width, 31)).astype(np.float32)
    onset = smoothstep(scene.down, scene.waist - 0.12, scene.waist - 0.04)
    return np.asarray(smoothstep(blur(even, 1.2), 0.2, 0.8) * np.maximum(onset, 0.0), np.float32)


def over_torso(scene: Scene, limbs: Sides[Limb]) -> Sides[Alpha]:
    """Which part of each arm lies in front of the torso of the garment.

    With sleeves: what comes out of the cuff. Without, or where the arm shows through them: at the shoulder
    the garment lies over the arm, and a slanted edge parts the two, from the arm's outer side at
    ``_ARM_STARTS[0]`` to its inner side, the armpit, at ``_ARM_STARTS[1]``.
    """
    sleeves = scene.garment.sleeves
    if sleeves is not None and not see_through(sleeves):
        return Sides(
            left=_out_of_cuff(limbs.left, sleeves.left),
            right=_out_of_cuff(limbs.right, sleeves.right),
        )
    return Sides(left=_beside_armhole(limbs.left, 1.0), right=_beside_armhole(limbs.right, -1.0))


def see_through(sleeves: Sides[SleeveLayer]) -> bool:
    """Do the arms show through the sleeves?"""
    for sleeve in (sleeves.left, sleeves.right):
        inside = sleeve.alpha > 0.5
        if sleeve.opacity is None or not inside.any() or sleeve.opacity[inside].mean() > _SEE_THROUGH:
            return False
    return True


def _out_of_cuff(limb: Limb, sleeve: SleeveLayer) -> Alpha:
    """The arm beyond the sleeve, which ends where it no longer covers half of the arm, but not above its own
    cuff: an arm whose outline was found off it is in it all the same."""
    station = np.rint(limb.along / GRID[1]).astype(np.int64).ravel()
    inside = (limb.inside > 0.5).ravel()
    area = np.bincount(station[inside], minlength=STATIONS)[:STATIONS]
    covered = np.bincount(station[inside], weights=sleeve.alpha.ravel()[inside], minlength=STATIONS)[
        :STATIONS
    ]
    clothed = np.flatnonzero(covered > 0.5 * np.maximum(area, 1))
    cuff = max(GRID[clothed[-1]] if len(clothed) else 0.0, sleeve.reach)
    return smoothstep(limb.along, cuff - 0.025, cuff - 0.01)


def _beside_armhole(limb: Limb, outward: float) -> Alpha:
    """``outward`` is the sign of ``across`` on the arm's outer side."""
    edge = np.interp(limb.along, (0.0, *_ARM_STARTS), (1.8, 0.7, -1.6))
    return np.asarray(np.clip((limb.across * outward - edge) * limb.half_width / 2.0 + 0.5, 0, 1), np.float32)


def old_garment(scene: Scene, limbs: Sides[Limb], front: Front) -> Alpha:
    """What has to be painted over: the old garment, its spill, its shadow on the skin below a cuff."""
    parts = scene.parts
    wide = grow(parts.upper > 0.5, _SPILL * scene.unit)
    wide |= (parts.neck > 0.5) & grow(parts.upper > 0.5, _COLLAR_SHADOW * scene.unit)
    bare = grow(parts.arms + parts.hands > 0.5, 1.5)
    removed = np.maximum(blur(wide.astype(np.float32), 0.8), front.cuff_shadow * bare)
    removed = np.maximum(removed, blur(grow(beside_sleeve(scene, limbs, front), 1.5).astype(np.float32), 0.8))
    return np.asarray(removed * (1.0 - front.head), np.float32)


def beside_sleeve(scene: Scene, limbs: Sides[Limb], front: Front) -> Bool:
    """Bare arm of the photo that sticks out beside the new sleeve: an arm is no wider than its sleeve."""
    if scene.garment.sleeves is None:
        return np.zeros(scene.matte.shape, np.bool_)
    sleeves = np.maximum(scene.garment.sleeves.left.alpha, scene.garment.sleeves.right.alpha)
    left = (np.abs(limbs.left.across) < _ARM_SIDE) & (front.free.left < 0.5)
    right = (np.abs(limbs.right.across) < _ARM_SIDE) & (front.free.right < 0.5)
    arm = (scene.parts.arms > 0.1) & (scene.parts.hands < 0.5)
    return (left | right) & arm & grow(sleeves > 0.5, _BESIDE * scene.unit)


def cuff_shadow(scene: Scene, limbs: Sides[Limb]) -> Alpha:
    """The end of an old sleeve with what lies right below it on the same arm."""
    zone = np.zeros(scene.matte.shape, np.bool_)
    for limb in (limbs.left, limbs.right):
        cuff = old_cuff(limb, scene.parts.upper)
        sleeve = (scene.parts.upper > 0.5) & (np.abs(limb.across) < 0.9) & (limb.along < cuff + SLANT)
        below = (np.abs(limb.across) < 1.8) & (limb.along < cuff + 2 * SLANT)
        zone |= grow(sleeve, _SHADOW * scene.unit) & below
    return blur(zone.astype(np.float32), 0.3 * _SHADOW * scene.unit)


def old_cuff(limb: Limb, upper: Alpha) -> float:
    """Where an old sleeve ends on its arm: at the first bare skin, else how far it goes on over the hand."""
    if limb.seen is not None:
        return limb.cuff
    middle = np.abs(limb.across) < 0.9
    station = np.rint(limb.along[middle] / GRID[1]).astype(np.int64)
    area = np.bincount(station, minlength=STATIONS)[:STATIONS]
    clothed = np.bincount(station, weights=upper[middle], minlength=STATIONS)[:STATIONS]
    bare = np.flatnonzero((clothed < 0.5 * area) & (limb.cuff < GRID))
    return float(max(limb.cuff, GRID[bare[0]] if len(bare) else GRID[-1]))
