"""The person cropped to what a lower garment can change. Arrays are ``float32 (h, w)`` of the crop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Float, blur, ellipse, grow, shrink, smoothstep
from inference.engines.warp.limbs import GRID, MIN_SEEN, Limb, measure_limb, place_limb
from inference.engines.warp.lower.legs import LEG_WIDTHS, thigh_top
from inference.engines.warp.lower.seated import without_rags
from inference.engines.warp.lower.stance import Stance
from inference.engines.warp.lower.strays import strays
from inference.engines.warp.scene import Box
from inference.engines.warp.silhouette import SIDES, SideName
from inference.engines.warp.types import Arm, Body
from preprocess.types import Alpha, Person, Sides

_SLEEVE = 0.22
"""Width of a sleeve in shoulder widths."""
_ALONG, _BARE = np.linspace(0.0, 3.0, 61), 4
"""Places along an arm, and how many of them must be bare for its sleeve to have ended."""
_CUFF = 0.3
"""Half hips below the ankle down to which a cuff may fall over the shoe."""
_THREAD = 0.03
"""Half hips: thinner parts of a shoe are the edges of a cuff that was taken off it."""
_GIRTH = (0.75, 1.5)
"""How much thinner or thicker than usual legs are for their hips."""
_REACH = 3.0
"""Half hips, as the yardstick of ``measure_limb``: a leg is looked for farther from its line than an arm, for
knees are the least certain joints under clothes."""
_ANKLE = (0.04, 1.08)
"""Share of a leg that must be bare for its line, and where a foot begins: an ankle under trousers tells where
painted shins come from."""
_SOCK = 0.06
"""A sock is smaller than this share of the clothes."""
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
    photo = person.image[window].astype(np.float32)
    lower, upper = parsing.weight("lower"), parsing.weight("upper")
    unit = stance.half_hips
    band = strays(photo, upper, lower, unit)  # a waistband that was read as the edge of the top
    upper, lower = upper * (1 - band), np.maximum(lower, upper * band)
    if stance.seated:
        lower, legs = without_rags(lower, unit), without_rags(legs, unit)
    lower, shoes = _without_socks(lower, parsing.weight("shoes"))
    arms = smoothstep(parsing.weight("hands", "left_arm", "right_arm"), 0.2, 0.8)
    pattern = pattern_of(photo, lower)
    missed = strays(photo, arms, lower, unit) if pattern > _PLAIN else np.zeros_like(arms)
    ankles = max(joints.ankle[1] for joints in (stance.legs.left, stance.legs.right)) - box.y0
    above = (ys - box.y0 < ankles + _CUFF * unit).astype(np.float32)
    kept = shoes * (1 - above * like_cloth(photo, lower, shoes, unit))
    solid = cv2.morphologyEx((kept > 0.5).astype(np.uint8), cv2.MORPH_OPEN, ellipse(_THREAD * unit))
    kept = kept * np.maximum(grow(solid > 0, 2.0), 1.0 - above)  # threads of cuffs, no pale soles
    return View(
        photo=photo,
        matte=np.ascontiguousarray(person.matte.alpha[window], np.float32),
        upper=upper,
        sleeves=upper * _round_arms(body, box, arms),
        lower=np.maximum(lower + shoes - kept, missed),
        legs=legs,
        shoes=kept,
        arms=arms * (1 - missed),
        head=parsing.weight("hair", "face"),
        neck=parsing.weight("neck"),
        level=(-from_top / body.torso_length).astype(np.float32),
        limbs=_limbs(stance, legs, box),
        pattern=pattern,
        unit=unit,
    )


def _without_socks(lower: Alpha, shoes: Alpha) -> tuple[Alpha, Alpha]:
    """Lower clothes and shoes, after small pieces of clothes in a shoe, which are socks, went to the shoe."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats((lower > 0.5).astype(np.uint8), connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    small = np.flatnonzero(area < _SOCK * area[1:].max(initial=0))
    beside = np.unique(pieces[grow(shoes > 0.5, 3.0)])
    socks = grow(np.isin(pieces, np.intersect1d(small, beside[beside > 0])), 3.0) & (shoes + lower > 0)
    moved = np.asarray(lower * socks, np.float32)
    return lower - moved, shoes + moved


def like_cloth(photo: FloatRgb, lower: Alpha, shoes: Alpha, unit: float) -> Alpha:
    """Weight of the pixels of shoes in the old garment's colours that touch it: cuffs were read as shoes."""
    core = shrink(lower > 0.9, 4.0)
    lab = np.asarray(cv2.cvtColor(blur(photo, 1.5) / 255.0, cv2.COLOR_RGB2LAB), np.float32)
    middle, spread = colours_of(lab[core])
    if core.sum() < _LEAST_CLOTH:
        return np.zeros_like(lower)
    if spread > _PLAIN:
        return strays(photo, shoes, lower, unit)
    alike = np.abs(lab - middle).sum(axis=-1) < 2.5 * spread + 4.0
    alike = shrink((alike & (shoes > 0.3)) | (lower > 0.5), 2.0)
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


def _round_arms(body: Body, box: Box, bare: Alpha) -> Alpha:
    """1 round the bones from the shoulder to where ``bare`` arms begin, at most to the hand."""
    bones = np.zeros((box.y1 - box.y0, box.x1 - box.x0), np.uint8)
    origin = np.array([box.x0, box.y0])
    for arm in (body.arms.left, body.arms.right):
        joints = np.array([arm.shoulder, arm.elbow, arm.wrist, arm.hand]) - origin
        line = np.stack([np.interp(_ALONG, np.arange(4), joints[:, k]) for k in (0, 1)], axis=-1)
        x, y = (np.ascontiguousarray(line[:, k : k + 1], np.float32) for k in (0, 1))
        clothed = np.cumsum(cv2.remap(bare, x, y, cv2.INTER_LINEAR)[:, 0] > 0.5) < _BARE
        points = np.round(line[clothed]).astype(np.int32)
        cv2.polylines(
            bones, [points.reshape(-1, 1, 2)], False, 1, max(1, round(_SLEEVE * body.shoulder_width))
        )
    return np.asarray(blur(bones.astype(np.float32), 2.0), np.float32)


def _limbs(stance: Stance, legs: Alpha, box: Box) -> Sides[Limb]:
    usual = [_limb(stance, side, legs.shape, box) for side, _ in SIDES]
    nearer = np.abs(usual[0].across) < np.abs(usual[1].across)
    limbs = []
    for limb, own in zip(usual, (nearer, ~nearer), strict=True):
        bare = np.asarray(legs * own, np.float32)
        sized = _resized(limb, _girth(limb, bare))
        measured = measure_limb(sized, bare, _REACH * stance.half_hips, least=_ANKLE[0], end=_ANKLE[1])
        limbs.append(_from_hips(measured, limb))
    return Sides(left=limbs[0], right=limbs[1])


def _girth(limb: Limb, bare: Alpha) -> float:
    """How much thicker than usual the bare part of a leg is; 1 where too little of it shows."""
    step = float(np.hypot(*np.diff(limb.axis, axis=0).T).mean())
    bins = np.rint(limb.along / GRID[1]).astype(np.int64).ravel()
    half = np.bincount(bins, weights=bare.ravel(), minlength=len(GRID))[: len(GRID)] / (2.0 * step)
    ratios = (half / limb.profile)[(GRID > 0.05) & (GRID < 0.9)]
    shown = ratios[ratios > 0.6]
    return float(np.clip(np.median(shown), *_GIRTH)) if len(shown) >= MIN_SEEN * len(GRID) else 1.0


def _resized(limb: Limb, ratio: float) -> Limb:
    return replace(
        limb,
        profile=limb.profile * ratio,
        half_width=np.asarray(limb.half_width * ratio, np.float32),
    )


def _from_hips(limb: Limb, usual: Limb) -> Limb:
    """The leg with thighs that begin as wide as the hips have them, whatever the calves say."""
    if limb.seen is None:
        return limb
    share = np.clip(GRID / max(limb.seen[0], GRID[1]), 0.0, 1.0)
    profile = usual.profile + (limb.profile - usual.profile) * share
    return replace(
        limb,
        profile=profile,
        half_width=np.interp(limb.along, GRID, profile).astype(np.float32),
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
