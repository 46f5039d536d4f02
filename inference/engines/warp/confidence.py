"""How far the picture of a top can be trusted, from measurements that are there anyway.

The table was set on pictures judged by eye before their scores were seen (docs/quality.md): wrong ones
should fall below 0.5, good ones stay above it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inference.engines.warp.doubts import CUT_OFF, POSE_UNCERTAIN, TAKEN_OFF, Doubt, cut_off
from inference.engines.warp.types import Body, WarpedGarment
from preprocess.pose import LEFT_SHOULDER, RIGHT_SHOULDER
from preprocess.types import Garment, Person

_TURNED = "the person is turned away; a frontal photo works better"

OF_PERSON = (
    POSE_UNCERTAIN,
    CUT_OFF,
    Doubt(
        name="turned-away",
        detail=_TURNED,
        measure="shoulders_shown",
        start=0.44,
        full=0.36,
        factor=0.5,
    ),
    Doubt(
        name="turned-away",
        detail=_TURNED,
        measure="shoulder_depth",
        start=1.4,
        full=1.55,
        factor=0.5,
    ),
    Doubt(
        name="waist-unclear",
        detail="top and bottom clothes could not be told apart well",
        measure="waist_confidence",
        start=0.5,
        full=0.2,
        factor=0.85,
    ),
    Doubt(
        name="face-hidden",
        detail="no face is visible: skin colour was taken from elsewhere",
        measure="face_hidden",
        start=0.5,
        full=0.5,
        factor=0.9,
    ),
)
"""Doubts about the person's photo."""

OF_GARMENT = (
    Doubt(
        name="cutout-uncertain",
        detail="the garment hardly differs from its background",
        measure="cutout",
        start=0.75,
        full=0.5,
        factor=0.8,
    ),
    Doubt(
        name="garment-shape-unclear",
        detail="sleeves, armpits or hem were not found on both sides",
        measure="landmarks",
        start=0.5,
        full=0.0,
        factor=0.75,
    ),
    Doubt(
        name="collar-unclear",
        detail="the neckline of the garment was guessed",
        measure="collar",
        start=0.45,
        full=0.3,
        factor=0.85,
    ),
    TAKEN_OFF,
    Doubt(
        name="thin-straps",
        detail="bare shoulders under straps have to be painted",
        measure="straps",
        start=0.5,
        full=0.5,
        factor=0.9,
    ),
)
"""Doubts about the garment's photo."""

OF_FIT = (
    Doubt(
        name="neckline-wide",
        detail="the neck opening came out wider than usual",
        measure="neckline_width",
        start=0.85,  # crew, scoop, boat and shirt collars of the development photos end within it
        full=1.1,
        factor=0.8,
    ),
    Doubt(
        name="sleeve-unfolded",
        detail="a sleeve folded to its top was put on a raised arm",
        measure="unfolded",
        start=25.0,  # degrees from the spine within which an arm hangs as a sleeve in a product photo does
        full=45.0,
        factor=0.75,
    ),
    Doubt(
        name="cloth-stretched",
        detail="the garment had to be stretched a lot to fit the pose",
        measure="stretch",
        start=1.3,
        full=1.7,
        factor=0.7,
    ),
    Doubt(
        name="print-stretched",
        detail="the print or pattern is stretched in places",
        measure="print_stretch",
        start=1.3,
        full=1.6,
        factor=0.7,
    ),
    Doubt(
        name="print-stretched",
        detail="the print or pattern is stretched in places",
        measure="print_shape",
        start=1.12,  # as far as logos may be stretched; seen are up to 1.11
        full=1.3,
        factor=0.7,
    ),
    Doubt(
        name="outline-assumed",
        detail="the sides of the body are hidden and were assumed",
        measure="outline_seen",
        start=0.5,
        full=0.3,
        factor=0.75,
    ),
)
"""Doubts about how the garment lies on the body."""

OF_PICTURE = (
    Doubt(
        name="skin-invented",
        detail="the old garment covered skin that had to be painted",
        measure="invented_skin",
        start=0.12,
        full=0.45,
        factor=0.9,
    ),
    Doubt(
        name="old-garment-larger",
        detail="much of the old garment had to be painted over",
        measure="uncovered",
        start=0.25,
        full=0.55,
        factor=0.9,
    ),
    Doubt(
        name="gaps-closed",
        detail="gaps between body and sleeves had to be filled",
        measure="gap_fill",
        start=0.06,
        full=0.1,
        factor=0.65,
    ),
    Doubt(
        name="arms-invented",
        detail="sleeved arms in front of the body had to be painted bare",
        measure="new_arms_over",
        start=0.04,
        full=0.09,
        factor=0.6,
    ),
    Doubt(
        name="outline-trimmed",
        detail="loose pieces beside the garment were cut off",
        measure="trimmed",
        start=0.012,
        full=0.03,
        factor=0.65,
    ),
    Doubt(
        name="outline-torn",
        detail="the garment came out torn at its edge",
        measure="clefts",
        start=0.007,
        full=0.02,
        factor=0.7,
    ),
    Doubt(
        name="layered-clothes",
        detail="an open jacket or several layers are hard to replace",
        measure="layers",
        start=34.0,
        full=46.0,
        factor=0.7,
    ),
    Doubt(
        name="arms-over-torso",
        detail="arms in front of the body hide part of the garment",
        measure="arms_over",
        start=0.08,
        full=0.2,
        factor=0.75,
    ),
    Doubt(
        name="hair-over-garment",
        detail="long hair lies over much of the garment",
        measure="hair_over",
        start=0.2,
        full=0.35,
        factor=0.8,
    ),
    Doubt(
        name="background-filled",
        detail="a busy background had to be painted in",
        measure="busy_background_filled",
        start=0.04,
        full=0.12,
        factor=0.85,
    ),
)
"""Doubts about what had to be painted."""

DOUBTS = (*OF_PERSON, *OF_GARMENT, *OF_FIT, *OF_PICTURE)

_BUSY = 6.0
"""Levels of texture above which a background is no plain wall."""


def measures(
    person: Person, body: Body, garment: Garment, warped: WarpedGarment, picture: Mapping[str, float]
) -> Mapping[str, float]:
    """The numbers that :data:`DOUBTS` weighs; ``picture`` are those of the composition.

    Of the person: ``pose_score``, ``waist_confidence`` and ``cut_off`` (0..1), ``shoulders_shown`` (torso
    lengths), ``shoulder_depth`` (shoulder widths), ``face_hidden`` (0 or 1). Of the garment: ``cutout``,
    ``landmarks``, ``collar`` (confidences 0..1), ``worn`` and ``straps`` (0 or 1). Of the fit:
    ``neckline_width`` (shoulder widths; 0 with straps), ``unfolded`` (degrees of the higher arm where a
    sleeve had to be unfolded, else 0), ``stretch``, ``print_stretch``, ``print_shape`` (ratios),
    ``outline_seen`` (0..1).
    """
    joints = body.arms.right.shoulder - body.arms.left.shoulder
    depth = float(abs(person.pose.depth[LEFT_SHOULDER] - person.pose.depth[RIGHT_SHOULDER]))
    straps = garment.collar is not None and garment.collar.kind == "straps"
    neckline = float(np.hypot(*(warped.neckline[-1] - warped.neckline[0]))) / body.shoulder_width
    busy = picture["background_texture"] > _BUSY
    return {
        **picture,
        "pose_score": person.pose.score,
        "cut_off": cut_off(person),
        "shoulders_shown": float(abs(joints @ body.across)) / body.torso_length,
        "shoulder_depth": depth / body.shoulder_width,
        "waist_confidence": person.waist_confidence,
        "face_hidden": float(not person.face.visible),
        "cutout": garment.cutout_confidence,
        "landmarks": garment.landmarks.confidence if garment.landmarks is not None else 1.0,
        "collar": garment.collar.confidence if garment.collar is not None else 1.0,
        "worn": float(garment.kind == "worn"),
        "straps": float(straps),
        "neckline_width": 0.0 if straps else neckline,
        "unfolded": raised_arm(body) if overlapping(garment) else 0.0,
        "stretch": warped.stretch,
        "print_stretch": warped.print_stretch.local,
        "print_shape": warped.print_stretch.whole,
        "outline_seen": warped.measured,
        "busy_background_filled": picture["background_filled"] if busy else 0.0,
    }


def raised_arm(body: Body) -> float:
    """Degrees by which the higher upper arm is held away from the body, in the picture."""
    angles = []
    for arm, outward in ((body.arms.left, -body.across), (body.arms.right, body.across)):
        upper = arm.elbow - arm.shoulder
        angles.append(float(np.degrees(np.arctan2(upper @ outward, -(upper @ body.up)))))
    return max(angles)


def overlapping(garment: Garment) -> bool:
    """Was the inner side of a sleeve hidden in the product photo?"""
    sleeves = garment.landmarks.sleeves if garment.landmarks is not None else None
    return sleeves is not None and (sleeves.left.overlaps_torso or sleeves.right.overlaps_torso)
