"""DensePose's parts painted from landmarks, matte and ``basic`` labels.

What is behind is painted first; bare skin, hands and shoes, which the labels show, come last and win.
Widths are in trunk lengths (shoulder line to hip line, about .5 m of an adult) and those of an average adult.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preprocess import pose as joints
from preprocess.densepose.skeleton import (
    Limb,
    Region,
    Skeleton,
    Vec,
    at_points,
    direction,
    distance_inside,
    limb_field,
    offsets,
    skeleton,
)
from preprocess.densepose.trunk import paint_head, paint_trunk
from preprocess.types import Alpha, DensePose, Person

LEFT, RIGHT = 0, 1
"""``blaze33`` lists the left joint of a pair first, the right one directly after it."""
HAND, FOOT = (4, 3), (5, 6)
UPPER_LEG, LOWER_LEG = ((10, 8), (9, 7)), ((14, 12), (13, 11))
"""Of the left and the right side: front, back."""
UPPER_ARM, LOWER_ARM = ((17, 15), (18, 16)), ((21, 19), (22, 20))
"""Of the left and the right side: outside, inside."""

UPPER_ARM_RADIUS, LOWER_ARM_RADIUS = (0.105, 0.085), (0.085, 0.055)
UPPER_LEG_RADIUS, LOWER_LEG_RADIUS = (0.185, 0.115), (0.11, 0.075)
HAND_RADIUS, FOOT_RADIUS = (0.06, 0.04), (0.075, 0.06)
SLIM, STOUT = 0.75, 1.2
"""Range of what the silhouette may say about a limb, times the usual width: loose cloth is not flesh."""
HAND_REACH = 1.7
"""Finger tips from the wrist, over the knuckles' distance."""
ARMPIT = 0.25
"""Trunk lengths down the arm where it parts from the trunk."""
CROTCH = 0.35
"""Trunk lengths down the leg from where on a thigh may cross the body's middle."""
BEHIND = 0.3
"""A forearm this many trunk lengths farther away than the hips is behind the back."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """An arm or a leg: three limbs joined end to end."""

    region: Region
    """``(H, W)`` where it would be seen if nothing were before it."""
    parts: NDArray[np.uint8]
    """``(H, W)`` the part that the nearest limb shows, everywhere."""
    tip_gap: Alpha
    """Pixels to the outline of the hand or foot."""
    depth: float
    """Of its lower half, frame pixels relative to the hips, away from the camera."""


def approximate_densepose(person: Person) -> DensePose:
    """Body parts painted from the 33 landmarks with their depth, the matte and the ``basic`` parsing.

    The body's shape, not its clothes': limbs and trunk are as thick as bare skin and close-fitting cloth show
    them, and at most slightly thicker than usual under loose cloth. Raises ``ValueError`` for another pose
    than ``blaze33`` or another parsing than ``basic``.
    """
    if person.pose.tag != "blaze33" or person.parsing.tag != "basic":
        raise ValueError(
            "painting body parts needs a pose of convention 'blaze33' and a parsing of convention 'basic', "
            f"got {person.pose.tag!r} and {person.parsing.tag!r}"
        )
    return DensePose(tag="densepose-parts", frame=person.frame, parts=_paint(person), approximate=True)


def _paint(person: Person) -> NDArray[np.uint8]:
    """``uint8 (H, W)`` part numbers in the person's frame."""
    body = skeleton(person.pose)
    labels = person.parsing
    matte = person.matte.alpha > 0.5
    thickness = distance_inside(matte)
    arms = [_arm(body, thickness, side) for side in (LEFT, RIGHT)]
    legs = [_leg(body, thickness, side) for side in (LEFT, RIGHT)]
    far = BEHIND * body.unit
    parts = np.zeros(matte.shape, np.uint8)
    _paint_chains(parts, [arm for arm in arms if arm.depth > far], matte)
    _paint_chains(parts, legs, matte)
    before = np.logical_or.reduce([arm.region for arm in arms if arm.depth <= far] or [~matte])
    bare = labels.region("left_arm", "right_arm", "hands")
    paint_trunk(parts, body, matte & ~bare & ~before, labels.region("neck"))
    paint_head(parts, body, person, matte)
    _paint_chains(parts, [arm for arm in arms if arm.depth <= far], matte & ~labels.region("face"))
    for side, name in ((LEFT, "left_arm"), (RIGHT, "right_arm")):
        bare = labels.region(name)
        parts[bare] = arms[side].parts[bare]
    _paint_nearest(parts, arms, labels.region("hands"))
    _paint_nearest(parts, legs, labels.region("legs", "shoes"))
    return parts


def _paint_chains(parts: NDArray[np.uint8], chains: list[Chain], matte: Region) -> None:
    """Into ``parts``, the farthest first."""
    for chain in sorted(chains, key=lambda chain: -chain.depth):
        seen = chain.region & matte
        parts[seen] = chain.parts[seen]


def _paint_nearest(parts: NDArray[np.uint8], chains: list[Chain], region: Region) -> None:
    """Into ``parts``: a region that belongs to either the left or the right one."""
    left, right = chains
    nearest = np.where(left.tip_gap < right.tip_gap, left.parts, right.parts)
    parts[region] = nearest[region]


def _arm(body: Skeleton, thickness: Alpha, side: int) -> Chain:
    shoulder, elbow, wrist = (body.at[first + side] for first in (joints.LEFT_SHOULDER, 13, 15))
    pinky, index = body.at[17 + side], body.at[19 + side]
    outwards = body.left if side == LEFT else -body.left
    # the biceps faces forwards; an arm raised sideways turns its outside up
    outside = 0.8 * outwards - 0.5 * body.forward - 0.3 * body.down
    back_of_hand = np.cross(index - pinky, wrist - elbow) * (1 if side == LEFT else -1)
    knuckles = (pinky + index) / 2 - wrist
    limbs = (
        _limb(body, thickness, (shoulder, elbow), UPPER_ARM_RADIUS, outside, UPPER_ARM[side]),
        _limb(body, thickness, (elbow, wrist), LOWER_ARM_RADIUS, back_of_hand, LOWER_ARM[side]),
        _limb(
            body, thickness, (wrist, wrist + HAND_REACH * knuckles), HAND_RADIUS, outside, (HAND[side],) * 2
        ),
    )
    lateral = _lateral(body, shoulder, outwards, thickness.shape)
    return _chain(limbs, lateral, ARMPIT * body.unit, rounded=True)


def _leg(body: Skeleton, thickness: Alpha, side: int) -> Chain:
    hip, knee, ankle, heel, toe = (body.at[first + side] for first in (joints.LEFT_HIP, 25, 27, 29, 31))
    outwards = body.left if side == LEFT else -body.left
    limbs = (
        _limb(body, thickness, (hip, knee), UPPER_LEG_RADIUS, body.forward, UPPER_LEG[side]),
        _limb(body, thickness, (knee, ankle), LOWER_LEG_RADIUS, body.forward, LOWER_LEG[side]),
        _limb(body, thickness, ((ankle + heel) / 2, toe), FOOT_RADIUS, body.forward, (FOOT[side],) * 2),
    )
    middle = body.middle((joints.LEFT_HIP, joints.RIGHT_HIP))
    lateral = _lateral(body, middle, outwards, thickness.shape)
    return _chain(limbs, lateral, CROTCH * body.unit, rounded=False)


def _limb(
    body: Skeleton,
    thickness: Alpha,
    bone: tuple[Vec, Vec],
    usual: tuple[float, float],
    facing: NDArray[np.floating],
    parts: tuple[int, int],
) -> Limb:
    """A limb as thick as its silhouette, within what flesh can be."""
    start, end = bone
    axis = direction(end - start)
    radius = np.array(usual) * body.unit
    share = np.linspace(0.15, 0.85, 8)
    seen = at_points(thickness, start[:2] + share[:, None] * (end - start)[:2])
    ratios = seen / (radius[0] + (radius[1] - radius[0]) * share)
    ratios = ratios[ratios > 0]  # zero where the landmarks lie beside the body or outside the picture
    radius = radius * (np.clip(np.median(ratios), SLIM, STOUT) if len(ratios) else 1.0)
    return Limb(
        start=start,
        end=end,
        radius=(float(radius[0]), float(radius[1])),
        facing=direction(facing - axis * float(facing @ axis)),
        parts=parts,
    )


def _lateral(body: Skeleton, origin: Vec, outwards: Vec, shape: tuple[int, ...]) -> Alpha:
    """Pixels outwards of a point; of a body seen from the side nothing is inwards."""
    sideways = direction(np.array([outwards[0], outwards[1], 0], np.float32))
    x, y = offsets(origin, shape)
    turned = 1 - float(np.hypot(outwards[0], outwards[1]))
    return np.asarray(x * sideways[0] + y * sideways[1] + turned * body.unit, dtype=np.float32)


def _chain(limbs: tuple[Limb, Limb, Limb], lateral: Alpha, joined: float, *, rounded: bool) -> Chain:
    """Limbs joined; near its root, for ``joined`` pixels, the chain leaves what lies inwards to the trunk.

    ``rounded``: its flesh reaches beyond the joint (a shoulder does; the hip above its joint is trunk).
    """
    fields = [limb_field(limb, lateral.shape) for limb in limbs]
    gaps = np.stack([field.gap for field in fields])
    nearest = gaps.argmin(axis=0)
    parts = np.choose(nearest, [field.parts for field in fields]).astype(np.uint8)
    inwards = np.clip(fields[0].along / joined, 0.0, 1.0) * limbs[0].radius[0]
    trunk = lateral < -inwards if rounded else (lateral < -inwards) | (fields[0].along < 0)
    root = (nearest == 0) & (fields[0].along < joined) & trunk
    return Chain(
        region=(gaps.min(axis=0) <= 0) & ~root,
        parts=parts,
        tip_gap=fields[2].gap,
        depth=limbs[1].depth,
    )
