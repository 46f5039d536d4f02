"""How far the picture of a lower garment can be trusted, from measurements that are there anyway.

The table was set on pictures judged by eye before their scores were seen (docs/quality.md): wrong ones
should fall below 0.5, good ones stay above it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inference.engines.warp.doubts import CUT_OFF, POSE_UNCERTAIN, TAKEN_OFF, Doubt, cut_off
from inference.engines.warp.lower.shape import Shape
from inference.engines.warp.lower.stance import Stance
from preprocess.types import Garment, Person

_SEATED = "the person sits or lifts a leg; a photo of somebody who stands works better"
_INVENTED = "the old clothes covered legs that had to be painted"

OF_PERSON = (
    POSE_UNCERTAIN,
    CUT_OFF,
    Doubt(name="seated", detail=_SEATED, measure="thigh_angle", start=30.0, full=60.0, factor=0.4),
    Doubt(name="seated", detail=_SEATED, measure="thigh_length", start=0.62, full=0.45, factor=0.5),
    Doubt(
        name="legs-crossed",
        detail="the legs cross in the photo",
        measure="ankles_apart",
        start=0.15,
        full=-0.2,
        factor=0.55,
    ),
    Doubt(
        name="turned-away",
        detail="the person is turned away; a frontal photo works better",
        measure="hips_shown",
        start=0.27,
        full=0.18,
        factor=0.6,
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
        name="outline-assumed",
        detail="the sides of the hips are hidden and were assumed",
        measure="outline_seen",
        start=0.35,
        full=0.1,
        factor=0.8,
    ),
)
OF_GARMENT = (
    TAKEN_OFF,
    Doubt(
        name="cutout-uncertain",
        detail="the garment hardly differs from its background",
        measure="cutout_confidence",
        start=0.6,
        full=0.2,
        factor=0.65,
    ),
    Doubt(
        name="garment-shape-unclear",
        detail="waist, crotch or hems of the garment were not found clearly",
        measure="landmark_confidence",
        start=0.6,
        full=0.3,
        factor=0.6,
    ),
    Doubt(
        name="cloth-stretched",
        detail="the garment had to be stretched a lot to fit",
        measure="stretch",
        start=1.5,  # shorts that go round the hips as they should have 1.4 to 1.6
        full=2.1,
        factor=0.6,
    ),
)
OF_PICTURE = (
    Doubt(
        name="hardly-shown",
        detail="the frame or other clothes hide most of the garment; a full-length photo works better",
        measure="garment_shown",
        start=0.35,
        full=0.1,
        factor=0.75,
    ),
    Doubt(name="legs-invented", detail=_INVENTED, measure="invented_skin", start=0.25, full=1.5, factor=0.6),
    Doubt(
        name="old-garment-larger",
        detail="much of the old garment had to be painted over",
        measure="background_filled",
        start=0.3,
        full=1.2,
        factor=0.9,
    ),
    Doubt(
        name="old-garment-patterned",
        detail="the old garment is patterned: bits of it may remain beside arms and hands",
        measure="old_pattern",
        start=12.0,
        full=18.0,
        factor=0.75,
    ),
    Doubt(
        name="background-filled",
        detail="a busy background had to be painted in",
        measure="busy_background_filled",
        start=0.4,
        full=3.0,
        factor=0.6,
    ),
    Doubt(
        name="waist-lower",
        detail="the new waist lies lower than the old one: the body between had to be painted",
        measure="filled_above",
        start=0.03,
        full=0.2,
        factor=0.6,
    ),
    Doubt(
        name="arms-over-garment",
        detail="arms or hands in front hide part of the garment",
        measure="arms_over",
        start=0.1,
        full=0.4,
        factor=0.7,
    ),
)
DOUBTS = (*OF_PERSON, *OF_GARMENT, *OF_PICTURE)


def measures(
    person: Person, stance: Stance, garment: Garment, shape: Shape, metrics: Mapping[str, float]
) -> dict[str, float]:
    """Everything the table of doubts may ask for, by name."""
    torso, legs = stance.body.torso_length, (stance.legs.left, stance.legs.right)
    seen = [leg for leg in legs if leg.knee_seen]
    apart = (stance.legs.right.ankle - stance.legs.left.ankle) @ stance.across / (2 * stance.half_hips)
    ankles_seen = all(leg.ankle_seen for leg in legs)
    hips = np.hypot(*(stance.legs.right.hip - stance.legs.left.hip))
    filled = metrics["uncovered"] - metrics["filled_above"]
    return {
        **metrics,
        "background_filled": filled,
        "busy_background_filled": filled * max(0.0, metrics["background_texture"] - 4.0),
        "pose_score": person.pose.score,
        "cut_off": cut_off(person),
        "waist_confidence": person.waist_confidence,
        "thigh_angle": stance.thigh_angle,
        "thigh_length": min((float(np.hypot(*(leg.knee - leg.hip))) / torso for leg in seen), default=1.0),
        "ankles_apart": float(apart) if ankles_seen else 1.0,
        "hips_shown": float(hips) / torso,
        "outline_seen": stance.measured,
        "cutout_confidence": garment.cutout_confidence,
        "landmark_confidence": garment.lower.confidence if garment.lower else 0.0,
        "stretch": shape.stretch,
        "worn": float(garment.kind == "worn"),
        "hem": shape.hem,
        "over_top": float(shape.over_top),
    }
