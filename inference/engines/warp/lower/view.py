"""The person cropped to what a lower garment can change. Arrays are ``float32 (h, w)`` of the crop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Float, blur, ellipse, grow, shrink, smoothstep
from inference.engines.warp.limbs import Limb, measure_limb, place_limb
from inference.engines.warp.lower.legs import LEG_WIDTHS, thigh_top
from inference.engines.warp.lower.stance import Stance
from inference.engines.warp.scene import Box
from inference.engines.warp.silhouette import SIDES, SideName
from inference.engines.warp.types import Arm, Body
from preprocess.types import Alpha, Person, Sides

_SLEEVE = 0.22
"""Width of a sleeve in shoulder widths."""
_CUFF = 0.3
"""Half hips below the ankle down to which a cuff may fall over the shoe."""
_THREAD = 0.03
"""Half hips: thinner parts of a shoe are the edges of a cuff that was taken off it."""
_LEAST_CLOTH = 500
"""Fewer pixels of the old garment say nothing about its colour."""
_PLAIN = 14.0
"""Median Lab distance from its median colour up to which a cloth is plain."""


@dataclass(frozen=True, kw_only=True)
class View:
    """Photo and soft parts of the crop."""

    photo: FloatRgb
    matte: Alpha
    upper: Alpha
    sleeves: Alpha
    """The part of ``upper`` that is round the arms."""
    lower: Alpha
    legs: Alpha
    shoes: Alpha
    arms: Alpha
    """Bare arms and hands."""
    head: Alpha
    """Hair and face."""
    neck: Alpha
    """Neck and bare torso."""
    level: Alpha
    """Level of the spine."""
    limbs: Sides[Limb]
    """The bare legs, with what is visible of them."""
    pattern: float
    """Median Lab distance of the old garment's pixels from their median colour: 10 plain, 30 patterned."""
    unit: float
    """The yardstick: half the width of the hips in pixels."""


def view_of(person: Person, stance: Stance, box: Box) -> View:
    """Crop everything."""
    window = box.window
    parsing = replace(person.parsing, labels=person.parsing.labels[window], soft=person.parsing.soft[window])
    ys, xs = np.mgrid[window].astype(np.float32) + 0.5
    body = stance.body
    from_top = (xs - body.shoulder_mid[0]) * body.up[0] + (ys - body.shoulder_mid[1]) * body.up[1]
    legs = parsing.weight("legs")
    upper, lower = parsing.weight("upper"), parsing.weight("lower")
    photo = person.image[window].astype(np.float32)
    shoes = parsing.weight("shoes")
    ankles = max(joints.ankle[1] for joints in (stance.legs.left, stance.legs.right)) - box.y0
    above = (ys - box.y0 < ankles + _CUFF * stance.half_hips).astype(np.float32)
    kept = shoes * (1 - above * like_cloth(photo, lower))
    solid = cv2.morphologyEx(
        (kept > 0.5).astype(np.uint8), cv2.MORPH_OPEN, ellipse(_THREAD * stance.half_hips)
    )
    kept = kept * grow(solid > 0, 2.0)
    return View(
        photo=photo,
        matte=np.ascontiguousarray(person.matte.alpha[window], np.float32),
        upper=upper,
        sleeves=upper * _round_arms(body, box),
        lower=lower + shoes - kept,
        legs=legs,
        shoes=kept,
        arms=smoothstep(parsing.weight("hands", "left_arm", "right_arm"), 0.2, 0.8),
        head=parsing.weight("hair", "face"),
        neck=parsing.weight("neck"),
        level=(-from_top / body.torso_length).astype(np.float32),
        limbs=_limbs(stance, legs, box),
        pattern=pattern_of(photo, lower),
        unit=stance.half_hips,
    )


def like_cloth(photo: FloatRgb, lower: Alpha) -> Alpha:
    """0 or 1: pixels of the old garment's colour that touch it, where it is plain. Cuffs on shoes are read as
    shoes."""
    core = shrink(lower > 0.9, 4.0)
    lab = np.asarray(cv2.cvtColor(blur(photo, 1.5) / 255.0, cv2.COLOR_RGB2LAB), np.float32)
    middle, spread = colours_of(lab[core])
    if core.sum() < _LEAST_CLOTH or spread > _PLAIN:
        return np.zeros_like(lower)
    alike = np.abs(lab - middle).sum(axis=-1) < 2.5 * spread + 4.0
    alike = shrink(alike | (lower > 0.5), 2.0)
    _, pieces = cv2.connectedComponents(alike.astype(np.uint8))
    touching = np.unique(pieces[core])
    cloth = grow(np.isin(pieces, touching[touching > 0]), 3.0)
    return np.asarray(cloth, np.float32)


def pattern_of(photo: FloatRgb, lower: Alpha) -> float:
    """Spread of the old garment's colours, of every fourth pixel."""
    sparse = photo[::2, ::2] / 255.0
    lab = np.asarray(cv2.cvtColor(sparse, cv2.COLOR_RGB2LAB), np.float32)
    return colours_of(lab[lower[::2, ::2] > 0.9])[1]


def colours_of(lab: Float) -> tuple[Float, float]:
    """Median of Lab colours ``(n, 3)`` and their median distance from it: small where cloth is plain."""
    if len(lab) == 0:
        return np.zeros(3, np.float32), 0.0
    middle = np.median(lab, axis=0)
    return middle.astype(np.float32), float(np.median(np.abs(lab - middle).sum(axis=1)))


def _round_arms(body: Body, box: Box) -> Alpha:
    """1 round the bones from shoulder to hand."""
    bones = np.zeros((box.y1 - box.y0, box.x1 - box.x0), np.uint8)
    origin = np.array([box.x0, box.y0])
    for arm in (body.arms.left, body.arms.right):
        points = np.round(np.array([arm.shoulder, arm.elbow, arm.wrist, arm.hand]) - origin).astype(np.int32)
        cv2.polylines(
            bones, [points.reshape(-1, 1, 2)], False, 1, max(1, round(_SLEEVE * body.shoulder_width))
        )
    return np.asarray(blur(bones.astype(np.float32), 2.0), np.float32)


def _limbs(stance: Stance, legs: Alpha, box: Box) -> Sides[Limb]:
    usual = [_limb(stance, side, legs.shape, box) for side, _ in SIDES]
    nearer = np.abs(usual[0].across) < np.abs(usual[1].across)
    width = stance.body.shoulder_width
    return Sides(
        left=measure_limb(usual[0], np.asarray(legs * nearer, np.float32), width),
        right=measure_limb(usual[1], np.asarray(legs * ~nearer, np.float32), width),
    )


def _limb(stance: Stance, side: SideName, shape: tuple[int, ...], box: Box) -> Limb:
    """A bare leg from the height of the crotch to the foot."""
    joints, origin = stance.legs[side], np.array([box.x0, box.y0], np.float64)
    bones = Arm(
        shoulder=thigh_top(stance, side) - origin,
        elbow=joints.knee - origin,
        wrist=joints.ankle - origin,
        hand=joints.toe - origin,
        visible=1.0,
    )
    return place_limb(bones, shape, stance.half_hips, LEG_WIDTHS)
