"""How far the result can be trusted, from measurements that are there anyway.

Every penalty that fires is a named notice in plain words. The factors were set by eye on the development
photos: pictures judged bad should fall below 0.5, pictures fit to show should stay above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from inference.engines.warp.types import Body, WarpedGarment
from preprocess.pose import LEFT_SHOULDER, RIGHT_SHOULDER
from preprocess.types import Garment, Notice, Person

_USUAL_NECK = 0.7
"""Shoulder widths between the ends of a neckline: crew, scoop and shirt collars of the development photos
end within it."""

_HANGING = 30.0
"""Degrees from the spine within which an arm hangs as a sleeve in a product photo does."""

Penalty = tuple[float, Notice]


def judge(
    person: Person, body: Body, garment: Garment, warped: WarpedGarment, metrics: Mapping[str, float]
) -> tuple[float, tuple[Notice, ...]]:
    """Confidence 0..1 and the reasons for everything below 1."""
    confidence = 1.0
    notices = []
    for factor, notice in (
        *of_person(person, body),
        *of_garment(garment),
        *of_fit(body, garment, warped),
        *of_picture(metrics),
    ):
        confidence *= factor
        notices.append(notice)
    return round(confidence, 2), tuple(notices)


def of_person(person: Person, body: Body) -> Iterator[Penalty]:
    """Doubts about the person's photo."""
    if person.pose.score < 0.8:
        yield 0.8, Notice(name="pose-uncertain", detail="the body could not be read clearly in the photo")
    joints = body.arms.right.shoulder - body.arms.left.shoulder
    shown = float(abs(joints @ body.across)) / body.torso_length
    depth = float(abs(person.pose.depth[LEFT_SHOULDER] - person.pose.depth[RIGHT_SHOULDER]))
    if shown < 0.42 or depth > 1.5 * body.shoulder_width:
        yield (
            0.7,
            Notice(name="turned-away", detail="the person is turned away; a frontal photo works better"),
        )
    if person.waist_confidence < 0.3:
        yield 0.9, Notice(name="waist-unclear", detail="top and bottom clothes could not be told apart well")
    if not person.face.visible:
        yield (
            0.9,
            Notice(name="face-hidden", detail="no face is visible: skin colour was taken from elsewhere"),
        )


def of_garment(garment: Garment) -> Iterator[Penalty]:
    """Doubts about the garment's photo."""
    if garment.cutout_confidence < 0.6:
        yield (
            0.55 + 0.7 * garment.cutout_confidence,
            Notice(name="cutout-uncertain", detail="the garment hardly differs from its background"),
        )
    if garment.landmarks is not None and garment.landmarks.confidence < 0.5:
        yield (
            0.75 + 0.5 * garment.landmarks.confidence,
            Notice(
                name="garment-shape-unclear", detail="sleeves, armpits or hem were not found on both sides"
            ),
        )
    if garment.collar is not None and garment.collar.confidence < 0.4:
        yield 0.9, Notice(name="collar-unclear", detail="the neckline of the garment was guessed")


def of_fit(body: Body, garment: Garment, warped: WarpedGarment) -> Iterator[Penalty]:
    """Doubts about how the garment lies on the body."""
    if garment.collar is not None and garment.collar.kind == "straps":
        yield 0.7, Notice(name="thin-straps", detail="bare shoulders under straps have to be painted")
    else:
        ends = warped.neckline[-1] - warped.neckline[0]
        wide = float(np.hypot(*ends)) / body.shoulder_width - _USUAL_NECK
        if wide > 0.0:
            yield (
                max(0.5, 1.0 - 3.0 * wide),
                Notice(name="neckline-wide", detail="the neck opening came out wider than usual"),
            )
    raised = raised_arm(body)
    if raised > _HANGING and overlapping(garment):
        yield (
            max(0.45, 1.0 - 0.03 * (raised - _HANGING)),
            Notice(name="sleeve-unfolded", detail="a sleeve folded to its top was put on a raised arm"),
        )
    if warped.stretch > 2.2:
        yield (
            0.7,
            Notice(name="cloth-stretched", detail="the garment had to be stretched a lot to fit the pose"),
        )
    if warped.measured < 0.4:
        yield 0.85, Notice(name="outline-assumed", detail="the sides of the body are hidden and were assumed")


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


def of_picture(metrics: Mapping[str, float]) -> Iterator[Penalty]:
    """Doubts about what had to be painted."""
    skin = metrics["invented_skin"]
    if skin > 0.12:
        yield (
            max(0.45, 1.0 - 1.3 * (skin - 0.08)),
            Notice(name="skin-invented", detail="the old garment covered skin that had to be painted"),
        )
    if metrics["uncovered"] > 0.42:
        yield 0.9, Notice(name="old-garment-larger", detail="much of the old garment had to be painted over")
    if metrics["gap_fill"] > 0.08:
        yield 0.7, Notice(name="gaps-closed", detail="gaps between body and sleeves had to be filled")
    if metrics["new_arms_over"] > 0.07:
        yield (
            0.55,
            Notice(name="arms-invented", detail="sleeved arms in front of the body had to be painted bare"),
        )
    if metrics["trimmed"] > 0.02:
        yield 0.7, Notice(name="outline-trimmed", detail="loose pieces beside the garment were cut off")
    if metrics["layers"] > 40.0:
        yield (
            0.55,
            Notice(name="layered-clothes", detail="an open jacket or several layers are hard to replace"),
        )
    if metrics["arms_over"] > 0.12:
        yield (
            0.85,
            Notice(name="arms-over-torso", detail="arms in front of the body hide part of the garment"),
        )
    if metrics["hair_over"] > 0.25:
        yield 0.9, Notice(name="hair-over-garment", detail="long hair lies over much of the garment")
    if metrics["background_filled"] > 0.05 and metrics["background_texture"] > 6.0:
        yield 0.9, Notice(name="background-filled", detail="a busy background had to be painted in")
