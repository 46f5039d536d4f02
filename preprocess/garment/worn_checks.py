"""Which worn garments can be taken off: what the photo must show, and the refusals where it does not."""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.errors import InputError
from preprocess.garment.backdrop import to_lab
from preprocess.garment.stance import SIDES, Stance
from preprocess.garment.worn_layers import worn_open
from preprocess.garment.worn_legs import legged
from preprocess.garment.worn_top import WornTop
from preprocess.pose import seen_from_behind
from preprocess.types import Alpha, Category, Notice, Person

__all__ = ["closed", "held_by_shoulders", "standing_frontal", "worn_category"]

TURNED = (0.36, 0.46)
"""Shoulder width over torso: refused below the first, told below the second (frontal: .51 to .73)."""
DEEP = (2.4, 1.25)
"""The same for the difference of the shoulders' depth, in shoulder widths."""
SEATED = 0.45
"""Hips to knees in torso lengths below which somebody sits (38 who stand: .62 to 1.00, two who sit: .16
and .32)."""
ONE_CLOTH = 0.3
"""Confidence of the waist below which top and bottom are one cloth, as the parsing's notice has it."""
TWO_CLOTHES = (0.5, 22.0)
"""Confidence of the waist, and Lab distance of the colours above and below it, that make two garments."""
MUCH_SHOWN = 0.35
"""Share of the clothes below which the other garment goes unmentioned."""
HELD = 0.03
"""Height above the shoulder joint, in units, that cloth held by a shoulder reaches (with straps or sleeves
seen: .04 to .40; straps too thin to be seen, off the shoulder, strapless: -.31 to -.01)."""
BARE_SHOULDER = 0.06
"""Share of skin between neck, shoulder and armpit from which a top with sleeves leaves the shoulders bare."""
NO_COLLAR = 0.1
"""Confidence of the collar below which its line was not found at all."""

TURNED_A_LITTLE = Notice(
    name="garment-turned",
    detail="the garment is seen from the side a little; a photo of it from the front works better",
)


def standing_frontal(person: Person, stance: Stance) -> Notice | None:
    """Refuse (``body-not-visible``) what shows a garment's side or back, or bent by somebody who sits."""
    shown = stance.unit / stance.torso
    wide = float(stance.arms.right.shoulder[0] - stance.arms.left.shoulder[0]) / stance.torso
    if seen_from_behind(person.pose) or wide < TURNED[0] or stance.depth > DEEP[0]:
        raise InputError(
            "body-not-visible",
            "the person who wears the garment is turned away; send a photo of it from the front",
        )
    if stance.thigh < SEATED * stance.torso:
        raise InputError(
            "body-not-visible",
            "the person who wears the garment sits; send a photo of somebody who stands in it",
        )
    if min(shown, wide) < TURNED[1] or stance.depth > DEEP[1]:
        return TURNED_A_LITTLE
    return None


def worn_category(person: Person, stance: Stance, claimed: Category) -> tuple[Category, Notice | None]:
    """What to take off, and a notice where the photo shows something else as well.

    Raises ``category-conflict`` for half of a dress and for a dress that is two garments.
    """
    one = _one_cloth(person, stance)
    dress = one and not legged(person.parsing.weight("lower"), stance)
    if claimed in ("upper", "lower") and dress:
        raise InputError(
            "category-conflict",
            f"the category is {claimed!r}, but the person in the photo wears a dress: send category=dress "
            f"with it, category=auto, or a photo of the {claimed} garment",
        )
    if claimed == "dress" and _two_clothes(person):
        raise InputError(
            "category-conflict",
            "the category is 'dress', but the person in the photo wears two garments: send category=upper or "
            "category=lower with it, or a photo of the dress",
        )
    if claimed != "auto":
        return claimed, None
    if one:
        return ("dress", None) if dress else ("upper", _unsure("upper", "dress"))
    weight = {name: float(person.parsing.weight(name).sum()) for name in ("upper", "lower")}
    shown = weight["lower"] / max(sum(weight.values()), 1.0)
    return "upper", _unsure("upper", "lower") if shown > MUCH_SHOWN else None


def closed(person: Person, stance: Stance, cloth: Alpha) -> None:
    """Refuse (``no-garment``) a top worn open: half of what is seen is another garment."""
    if worn_open(person.image, cloth, stance):
        raise InputError(
            "no-garment",
            "the garment is worn open over another one; send a photo in which it is closed, or one of the "
            "garment alone",
        )


def held_by_shoulders(person: Person, stance: Stance, top: WornTop) -> None:
    """Refuse (``no-garment``) tops and dresses that leave a shoulder bare, or whose neckline is not seen:
    where they would hang on another body cannot be told."""
    marks = top.landmarks
    heights = [(stance.arms[side].shoulder[1] - marks.neck[side][1]) / stance.unit for side, _ in SIDES]
    if min(heights) < HELD or (marks.sleeves is not None and _bare(person, top) > BARE_SHOULDER):
        raise InputError(
            "no-garment",
            "nothing of the garment can be made out on a shoulder (strapless, off the shoulder, or thin "
            "straps); send a photo of the garment alone, lying flat",
        )
    if top.collar.confidence < NO_COLLAR:
        raise InputError(
            "no-garment",
            "the neckline of the garment cannot be made out; send a photo without hair before it, or one of "
            "the garment alone",
        )


def _bare(person: Person, top: WornTop) -> float:
    """0..1: how much skin shows between neck points, shoulders and armpits."""
    marks = top.landmarks
    zone = np.zeros(person.image.shape[:2], np.uint8)
    for side, _ in SIDES:
        corners = np.array([marks.neck[side], marks.shoulder[side], marks.armpit[side]])
        cv2.fillConvexPoly(zone, np.round(corners).astype(np.int32).reshape(-1, 1, 2), 1)
    skin = person.parsing.weight("neck", "left_arm", "right_arm")
    return float(np.minimum(skin, 1.0)[zone > 0].mean()) if zone.any() else 0.0


def _one_cloth(person: Person, stance: Stance) -> bool:
    """Is there no waist to be seen between clothes that reach to the thighs?"""
    rows = np.flatnonzero((person.parsing.weight("lower") > 0.5).any(axis=1))
    return person.waist_confidence < ONE_CLOTH and len(rows) > 0 and rows[-1] > stance.row(1.5)


def _two_clothes(person: Person) -> bool:
    """Is there a waist with other colours above it than below?"""
    parts = [person.parsing.region(name) for name in ("upper", "lower")]
    if person.waist_confidence < TWO_CLOTHES[0] or not all(part.any() for part in parts):
        return False
    lab = to_lab(person.image)
    above, below = (np.median(lab[part], axis=0) for part in parts)
    return float(np.linalg.norm(above - below)) > TWO_CLOTHES[1]


def _unsure(taken: str, other: str) -> Notice:
    return Notice(
        name="garment-category-unsure",
        detail=f"the photo shows more than one garment: {taken} was taken; say {other} for the other",
    )
