"""The default masks: what the requested garment may need, nothing of what stays on.

All three follow from the ``basic`` labels and the pose at full size, so that hair, several separate pieces of
a garment and any aspect ratio are no special cases. Lengths are shares of the shoulder width or the torso.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.agnostic.fields import bone_distance, distance_to, past, spine, step
from preprocess.pose import (
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_KNEE,
    LEFT_WRIST,
    MIN_VISIBILITY,
    RIGHT_ANKLE,
    RIGHT_ELBOW,
    RIGHT_KNEE,
    RIGHT_WRIST,
)
from preprocess.types import Alpha, Mask, Person

MARGIN = 0.12
"""Shoulder widths round the old clothes and limbs: room for a looser garment, about 2.5 % of the body. The
reference's is of the same size: 10 of 512 pixels round cloth, 38 from the middle of an arm."""
FLARE = 0.24
"""The same from the knees down, under ``lower`` and ``dress``: room for the hem of a skirt."""
KNEES = 1.8
"""Torso lengths below the shoulder line."""
BETWEEN_LEGS = 0.8
"""Shoulder widths: narrower gaps between the legs may be covered by a skirt."""
OVERLAP = 0.06
"""Torso lengths beyond the waist that the new garment may cover of the other one: a hem hangs over trousers,
a waistband may sit higher."""
NECK_MARGIN = 0.03
STRIP_EDGE = 0.02
"""Torso lengths over which the strip beyond the waist fades out."""
SOFT_EDGE = 0.015
"""Shoulder widths: sigma of the mask's edge."""
SLEEVE = 0.13
"""Shoulder widths from the forearm's bone to the outline of a sleeve."""
CRUMB = 0.25
"""Shoulder widths: side of the square below whose area a piece of cloth gets no margin: it is repainted, but
if the label was wrong, a margin would be a blob on the wall or in the hair."""
KEPT_CRUMB = 0.06
"""The same for what stays: a speck of hand inside a garment is cloth."""
FAINT = 0.05
"""Weight from which pixels belong together in a piece."""
FOOT = 0.05
"""Shoulder widths past the ankle where a bare foot begins."""

Region = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What one category asks for; all arrays ``(H, W)`` of the person's frame."""

    clothes: Region
    """Repainted with a margin."""
    margin: Alpha | float
    """Shoulder widths."""
    skin: Region
    """Repainted with next to no margin: a wide one beside the neck would reach the ears."""
    kept: Alpha
    """0..1, how much of a pixel must stay."""


def default_mask(person: Person, category: str) -> Mask:
    """Where an engine may change the picture, soft at its edge, in the person's frame.

    ``upper``: old top, bare arms, neck and torso skin; of the lower clothes only a strip below the waist.
    ``lower``: old trousers or skirt, bare legs and the gap between them; of the upper clothes only a strip
    above the waist. ``dress``: all of these. Round them a margin; never face, hair, hands, shoes.
    """
    along, yardstick = spine(person)
    plan = PLANS[category](person, along, yardstick)
    reach = distance_to(_pieces(plan.clothes, CRUMB * yardstick)) <= plan.margin * yardstick
    reach |= distance_to(_pieces(plan.skin, CRUMB * yardstick)) <= NECK_MARGIN * yardstick
    sigma = max(0.7, SOFT_EDGE * yardstick)
    alpha = np.asarray(cv2.GaussianBlur(reach.astype(np.float32), (0, 0), sigma), dtype=np.float32)
    alpha = np.maximum(alpha, plan.clothes | plan.skin)
    kept = plan.kept * _pieces(plan.kept > FAINT, KEPT_CRUMB * yardstick)
    alpha = np.clip(np.minimum(alpha, 1.0 - kept), 0.0, 1.0)
    return Mask(tag="agnostic", frame=person.frame, alpha=alpha)


def _upper(person: Person, along: Alpha, yardstick: float) -> _Plan:
    labels = person.parsing
    below = step(along - (person.waist + OVERLAP), STRIP_EDGE)
    clothes = labels.region("upper", "left_arm", "right_arm") | labels.region("lower") & (below < 0.5)
    return _Plan(
        clothes=clothes,
        margin=MARGIN,
        skin=_throat(person) & (below < 0.5),
        kept=labels.weight("face", "hair", "hands", "legs", "shoes") + labels.weight("lower") * below,
    )


def _lower(person: Person, along: Alpha, yardstick: float) -> _Plan:
    labels = person.parsing
    strip = step(along - (person.waist - OVERLAP), STRIP_EDGE) * ~_sleeves(person, yardstick)
    bare_feet = _feet(person, yardstick) * labels.weight("legs")
    legs = labels.region("lower", "legs")
    clothes = _with_gap(legs, yardstick) | labels.region("upper", "neck") & (strip > 0.5)
    kept = labels.weight("face", "hair", "hands", "shoes", "left_arm", "right_arm") + bare_feet
    return _Plan(
        clothes=clothes,
        margin=_flaring(along),
        skin=np.zeros_like(legs),
        kept=kept + labels.weight("upper", "neck") * (1.0 - strip),
    )


def _dress(person: Person, along: Alpha, yardstick: float) -> _Plan:
    labels = person.parsing
    bare_feet = _feet(person, yardstick) * labels.weight("legs")
    legs = _with_gap(labels.region("lower", "legs"), yardstick)
    return _Plan(
        clothes=legs | labels.region("upper", "left_arm", "right_arm"),
        margin=_flaring(along),
        skin=_throat(person),
        kept=labels.weight("face", "hair", "hands", "shoes") + bare_feet,
    )


PLANS = {"upper": _upper, "lower": _lower, "dress": _dress}


def _pieces(region: Region, side: float) -> Region:
    """The pieces of a region that cover at least a square of ``side`` pixels."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= side**2
    large[0] = False
    return np.asarray(large[pieces])


def _flaring(along: Alpha) -> Alpha:
    """The margin in shoulder widths: wider from the hips to the knees, as skirts are."""
    share = np.clip((along - 1.0) / (KNEES - 1.0), 0.0, 1.0)
    return np.asarray(MARGIN + (FLARE - MARGIN) * share, dtype=np.float32)


def _with_gap(legs: Region, yardstick: float) -> Region:
    """The legs and what lies between them, where they are not spread wide."""
    width = round(BETWEEN_LEGS * yardstick) | 1  # odd: an even kernel shifts what it closes
    # with room on both sides: at the picture's edge closing would bridge to the edge
    wide = np.pad(legs.astype(np.uint8), ((0, 0), (width, width)))
    bridged = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, np.ones((1, width), np.uint8))
    return np.asarray(bridged[:, width:-width] > 0)


def _throat(person: Person) -> Region:
    """Bare skin of neck and torso; above the middle of the face it is a strand of light hair."""
    (x, y), (dx, dy) = person.face.centre, person.face.down
    height, width = person.image.shape[:2]
    rows, columns = np.arange(height)[:, None] + 0.5 - y, np.arange(width)[None] + 0.5 - x
    return person.parsing.region("neck") & (columns * dx + rows * dy > 0)


def _sleeves(person: Person, yardstick: float) -> Region:
    """Round the forearms: cuffs beside the hips belong to the top, however low they hang."""
    bones = (LEFT_ELBOW, LEFT_WRIST), (RIGHT_ELBOW, RIGHT_WRIST)
    nearest = np.minimum(*(bone_distance(person, *bone) for bone in bones))
    return np.asarray(nearest < SLEEVE * yardstick)


def _feet(person: Person, yardstick: float) -> Region:
    """Past the ankles that are seen: bare feet stay."""
    feet = np.zeros(person.image.shape[:2], np.bool_)
    for knee, ankle in ((LEFT_KNEE, LEFT_ANKLE), (RIGHT_KNEE, RIGHT_ANKLE)):
        if person.pose.visibility[ankle] >= MIN_VISIBILITY:
            near = bone_distance(person, knee, ankle) < 0.5 * yardstick
            feet |= near & (past(person, knee, ankle) > FOOT * yardstick)
    return feet
