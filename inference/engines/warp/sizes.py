"""How large a top is on a body and where it ends: one scale for the cloth, one level for the hem."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.fall import seen_length
from inference.engines.warp.types import Body
from preprocess.types import GarmentLandmarks, Person, Sides

Array = NDArray[np.float64]

_CHEST = 1.16
"""Frontal chest width between the armpits in shoulder widths (joint to joint)."""
_CHEST_RANGE = (0.95, 1.60)
"""A garment's chest stays within this range of the body's: below it cannot be put on, above no cut goes."""
_WORN_CHEST_RANGE = (0.82, 1.60)
"""The same for what somebody wears in its photo: arms hide part of the chest there."""
_HEM_USUAL = (1.05, 1.16)
"""Levels on the spine between which most tops end."""
_NECK_ABOVE = 0.15
"""How far neck points lie above the shoulder line, in torso lengths."""
_LENGTH_TRUST = (0.9, 1.11)
"""How far the length may correct what the shoulders say about the scale."""
_ACROSS_SHARE = 1 / 3
"""Share of that correction (as a power) that goes across: the rest is the body's own length."""
_CROPPED = 0.95
"""Length over chest width of a top that is cut short."""
_ON_SHOULDERS = 0.98
"""Share of the distance of the shoulder tops that set-in sleeves begin at."""
_VEST_EASE = 1.10
"""Chest of a sleeveless top over the body's."""
_HEM_RANGE = (0.40, 1.50)
"""From a cropped top to a tunic, in levels of the spine."""
_HEM_SOFT = 1.05
"""Hems below the hips are drawn up by half of the way: the cloth they need bulges over chest and seat."""
_FOLLOW_OLD = (-0.22, 0.16)
"""A hem that would end this near to the old one ends with it, so that no strip of skin has to be made up."""
_HEM_OVER = 0.01
"""How far such a hem lies over the old one."""
_MOST_FOLLOWED = 1.08
"""How much shorter than the cloth a hem that follows the old one may end."""
_MOST_STRETCH = 1.12
"""Largest ratio of the vertical to the horizontal scale of the cloth: more is seen in prints."""
_MOST_SQUEEZED = 1.08
"""A long garment is shortened by this factor at most: beyond that it is longer than the body expects, and
shown so."""
_TUCKED_BELOW = 0.90
"""Bottoms that begin above this level are worn over a top that reaches them."""
_SURE_WAIST = 0.3
_LEAST_BOTTOMS = 0.01
"""Share of the picture that must be lower clothes for them to hold a hem."""
_SEATED = 0.45
"""Length of the thigh along the spine, in torso lengths, below which somebody sits and the lap hides the hem
(standing: 0.75 to 0.95)."""


def mean_y(points: Sides[tuple[float, float]]) -> float:
    return (points.left[1] + points.right[1]) / 2


def cloth_half_widths(marks: GarmentLandmarks, heights: Array) -> Array:
    """Half widths of the torso's outline at garment heights, garment pixels."""
    left, right = (np.interp(heights, marks.sides[:, 0], marks.sides[:, k]) for k in (1, 2))
    halves: Array = np.maximum((right - left) / 2, 1.0)
    return halves


def scale_of(marks: GarmentLandmarks, body: Body, *, flat: bool = True) -> tuple[float, float, float]:
    """Scale of the cloth across and along the body, and the ease they lead to.

    The shoulders give it, within what the chest allows. What the length says against it is put down
    partly to the shoulder tips, which are the least certain landmarks, partly to the body's own length.
    """
    chest = 2 * float(cloth_half_widths(marks, np.array([mean_y(marks.armpit)]))[0])
    body_chest = _CHEST * body.shoulder_width
    narrowest, widest = _CHEST_RANGE if flat else _WORN_CHEST_RANGE
    least, most = narrowest * body_chest / chest, widest * body_chest / chest
    shoulders = marks.shoulder.right[0] - marks.shoulder.left[0]
    if marks.sleeves is not None and shoulders > 0.3 * chest:
        span = float(np.hypot(*(body.acromion.right - body.acromion.left)))
        scale = max(span, body.shoulder_width) * _ON_SHOULDERS / shoulders
    else:
        # Without set-in sleeves the shoulder says little about the size; vests are cut close.
        scale = (_VEST_EASE if flat else 1.0) * body_chest / chest
    scale = float(np.clip(scale, least, most))
    correction = _length_says(marks, chest, scale, body, flat)
    across = min(scale * correction**_ACROSS_SHARE, most)
    return across, scale * correction, chest * across / body_chest


def _length_says(marks: GarmentLandmarks, chest: float, scale: float, body: Body, flat: bool) -> float:
    """Correction of the scale, near 1: most tops end at the hips.

    Cuts that are short on purpose (about as long as wide) are left alone.
    """
    cloth = mean_y(marks.hem) - mean_y(marks.neck)
    length = max(float(seen_length(cloth * scale, body, flat=flat)) / body.torso_length, 1e-3)
    least, most = (level + _NECK_ABOVE for level in _HEM_USUAL)
    if length > most:
        return max(most / length, _LENGTH_TRUST[0])
    if length < least:
        uncropped = float(np.clip((cloth / chest - _CROPPED) / 0.15, 0.0, 1.0))
        return min(least / length, 1 + (_LENGTH_TRUST[1] - 1) * uncropped)
    return 1.0


def hem_of(
    marks: GarmentLandmarks, person: Person, body: Body, scale: float, top: float, *, flat: bool = True
) -> tuple[float, bool]:
    """Level at which the garment ends, and whether the bottoms lie over it."""
    cloth = (mean_y(marks.hem) - mean_y(marks.neck)) * scale
    length = float(seen_length(cloth, body, flat=flat)) / body.torso_length
    hem = top + length
    if hem > _HEM_SOFT:
        hem = max(_HEM_SOFT + (hem - _HEM_SOFT) / 2, top + length / _MOST_SQUEEZED)
    waist_seen = person.waist_confidence >= _SURE_WAIST
    if waist_seen and _FOLLOW_OLD[0] < hem - person.waist < _FOLLOW_OLD[1]:
        followed = person.waist + _HEM_OVER
        if 1 / _MOST_FOLLOWED <= (followed - top) / max(length, 1e-3) <= _MOST_STRETCH:
            hem = followed
    hem = float(np.clip(hem, *_HEM_RANGE))
    bottoms = float(person.parsing.region("lower").mean()) > _LEAST_BOTTOMS
    over_hem = person.waist < _TUCKED_BELOW or _sits(person, body)
    tucked = waist_seen and bottoms and over_hem and hem > person.waist + 0.10
    return hem, tucked


def _sits(person: Person, body: Body) -> bool:
    points = person.pose.points.astype(np.float64)
    drops = [float((points[knee] - points[hip]) @ -body.up) for hip, knee in ((23, 25), (24, 26))]
    return min(drops) < _SEATED * body.torso_length and float(np.mean(person.pose.visibility[25:27])) > 0.5
