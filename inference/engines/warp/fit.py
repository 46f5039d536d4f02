"""Where the garment's landmarks go on the body: the only place that decides sizes.

A garment that lies flat shows half its circumference; on a body that half goes round the chest. So lengths
follow the cloth (one scale, from the shoulders, which lie flat in both pictures), while widths end at the
body's outline plus what loose cloth adds, and the surplus turns out of sight at the sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.silhouette import (
    SIDES,
    SideName,
    Silhouette,
    level_of,
    on_spine,
    torso_half_widths,
    usual_half_widths,
)
from inference.engines.warp.types import Body, Vec
from preprocess.types import GarmentLandmarks, Person, Sides

Array = NDArray[np.float64]

_CHEST = 1.16
"""Frontal chest width between the armpits in shoulder widths (joint to joint)."""
_CHEST_RANGE = (0.95, 1.60)
"""A garment's chest stays within this range of the body's: below it cannot be put on, above no cut goes."""
_HEM_USUAL = (1.0, 1.10)
"""Levels on the spine between which most tops end."""
_NECK_ABOVE = 0.15
"""How far neck points lie above the shoulder line, in torso lengths."""
_LENGTH_TRUST = 1.11
"""How far the length may correct what the shoulders say about the scale."""
_CROPPED = 0.95
"""Length over chest width of a top that is cut short."""
_ON_SHOULDERS = 0.98
"""Share of the distance of the shoulder tops that set-in sleeves begin at."""
_WRAP = 1.2
"""Flat width of a garment that just touches, over the frontal width: half an ellipse against its long
axis."""
_LOOSE = 0.5
"""Share of the cloth beyond that which stands away sideways instead of falling in folds."""
_CLOTH = 0.018
"""How far cloth lies outside the body's outline, in shoulder widths."""
_VEST_EASE = 1.10
_LEAST_STRAP = 0.10
"""Narrowest strap, in lengths of the shoulder slope."""
_ROWS = 7
_OVER_OLD = 0.01
"""The outline of the torso was measured over clothes: new cloth needs no more than this beyond it."""
_SLIM = 0.92
"""Cloth that is narrower than the old clothes looked is not stretched over them (it was their cut) but over a
slim body of the usual widths, of which this is the share."""
_ARMPIT_ROWS = 3
"""Rows below the armpit over which the sides fall back to the level of the middle."""
_ARMPIT_LEVEL = (0.18, 0.45)
_ARMPIT_HALF = (0.48, 0.68)
"""Where armpits can be: level on the spine, and shoulder widths beside it."""
_HEM_RANGE = (0.40, 1.50)
_HEM_SOFT = 1.0
"""Hems below the hips are drawn up by half of the way: the cloth they need bulges over chest and seat."""
_FOLLOW_OLD = (-0.22, 0.16)
"""A hem that would end this near to the old one ends with it, so that no strip of skin has to be made up."""
_HEM_OVER = 0.01
"""How far such a hem lies over the old one."""
_MOST_FOLLOWED = 1.14
"""How much shorter than the cloth a hem that follows the old one may end."""
_MOST_STRETCH = 1.12
"""Largest ratio of the vertical to the horizontal scale of the cloth: more is seen in prints."""
_MOST_SQUEEZED = 1.14
"""A long garment is shortened by this factor at most: beyond that it is longer than the body expects, and
shown so."""
_EVEN_STRETCH = 1.08
"""Difference between cloth and room that is spread over the whole length."""
_TUCKED_BELOW = 0.92
"""Bottoms that begin above this level are worn over a top that reaches them."""
_SURE_WAIST = 0.3
_LEAST_BOTTOMS = 0.01
"""Share of the picture that must be lower clothes for them to hold a hem."""
_SEATED = 0.45
"""Length of the thigh along the spine, in torso lengths, below which somebody sits and the lap hides the hem
(standing: 0.75 to 0.95)."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Correspondence of garment and body. Rows run from the armpits to the hem."""

    scale: float
    """Person's pixels per garment pixel along the cloth."""
    ease: float
    neck: Sides[Vec]
    shoulder: Sides[Vec]
    armpit: Sides[Vec]
    hem: float
    """Level of the hem on the spine."""
    tucked: bool
    top: float
    """Level of the neck points."""
    heights: Array
    """``(rows,)`` y on the garment."""
    levels: Array
    """``(rows,)`` where these lie on the spine along the middle of the body."""
    side_levels: Array
    """``(rows,)`` the same at the sides, where the armpit limits how high the cloth can go."""
    half_widths: Sides[Array]
    """``(rows,)`` pixels from the spine to the garment's edge."""
    measured: float
    """Share of the rows whose sides were seen in the photo."""


def fit_garment(marks: GarmentLandmarks, person: Person, body: Body, silhouette: Silhouette) -> Fit:
    """Place the landmarks of a top on a body."""
    sleeved = marks.sleeves is not None
    scale, ease = _scale(marks, body, sleeved)
    neck = Sides(left=_neck_point(marks, body, scale, "left"), right=_neck_point(marks, body, scale, "right"))
    shoulder = Sides(
        left=_shoulder_point(marks, body, scale, "left", neck.left),
        right=_shoulder_point(marks, body, scale, "right", neck.right),
    )
    top = float(np.mean([level_of(body, neck.left), level_of(body, neck.right)]))
    hem, tucked = _hem(marks, person, body, scale, top)

    neck_y, hem_y = mean_y(marks.neck), max(mean_y(marks.hem), mean_y(marks.neck) + 1.0)
    armpit_y = float(np.clip(mean_y(marks.armpit), neck_y, hem_y - 1.0))
    heights = np.linspace(armpit_y, hem_y, _ROWS)
    length = (hem_y - neck_y) * scale / body.torso_length
    levels = top + _drop((heights - neck_y) / (hem_y - neck_y), hem - top, length)
    raised = _raised_armpit(marks, scale) / body.torso_length
    armpit_level = float(np.clip(levels[0] - raised, *_ARMPIT_LEVEL))
    settle = np.clip(1 - np.arange(_ROWS) / _ARMPIT_ROWS, 0.0, 1.0)
    side_levels = levels + (armpit_level - levels[0]) * settle

    widths: dict[str, Array] = {}
    seen = []
    cloth = cloth_half_widths(marks, heights) * scale
    for side, outward in SIDES:
        body_half, visible = torso_half_widths(silhouette, body, side_levels, outward)
        body_half = _smooth(body_half) + _OVER_OLD * body.shoulder_width
        slim = _SLIM * usual_half_widths(body, side_levels)
        body_half = np.minimum(body_half, np.maximum(cloth, slim))
        loose = _LOOSE * np.maximum(0.0, cloth - _WRAP * body_half)
        loose[0] *= 0.5  # held up by the armhole
        widths[side] = body_half + loose
        least, most = (share * body.shoulder_width for share in _ARMPIT_HALF)
        widths[side][0] = np.clip(widths[side][0], least, most)
        seen.append(visible)
    start = on_spine(body, armpit_level)
    return Fit(
        scale=scale,
        ease=ease,
        neck=neck,
        shoulder=shoulder,
        armpit=Sides(
            left=start - body.across * widths["left"][0], right=start + body.across * widths["right"][0]
        ),
        hem=hem,
        tucked=tucked,
        top=top,
        heights=heights,
        levels=levels,
        side_levels=side_levels,
        half_widths=Sides(left=widths["left"], right=widths["right"]),
        measured=float(np.mean(seen)),
    )


def _drop(shares: Array, room: float, length: float) -> Array:
    """Where shares of the garment's length hang, for cloth of ``length`` in ``room`` (both in torso lengths).

    A small difference is spread evenly. What is left of a larger one is taken up near the hem (third
    power), where there is rarely a print.
    """
    even = float(np.clip(room / length, 1 / _EVEN_STRETCH, _EVEN_STRETCH))
    rest = float(np.clip(room / (length * even), 0.75, 1.25))
    hanging = shares - (1 - rest) * shares**3
    dropped: Array = hanging * (room / rest)
    return dropped


def mean_y(points: Sides[tuple[float, float]]) -> float:
    return (points.left[1] + points.right[1]) / 2


def cloth_half_widths(marks: GarmentLandmarks, heights: Array) -> Array:
    """Half widths of the torso's outline at garment heights, garment pixels."""
    left, right = (np.interp(heights, marks.sides[:, 0], marks.sides[:, k]) for k in (1, 2))
    return np.maximum((right - left) / 2, 1.0)


def _scale(marks: GarmentLandmarks, body: Body, sleeved: bool) -> tuple[float, float]:
    """Scale of the cloth and the ease it leads to: by the shoulders, kept within what the chest allows."""
    chest = 2 * float(cloth_half_widths(marks, np.array([mean_y(marks.armpit)]))[0])
    body_chest = _CHEST * body.shoulder_width
    least, most = (share * body_chest / chest for share in _CHEST_RANGE)
    shoulders = marks.shoulder.right[0] - marks.shoulder.left[0]
    if sleeved and shoulders > 0.3 * chest:
        span = float(np.hypot(*(body.acromion.right - body.acromion.left)))
        scale = max(span, body.shoulder_width) * _ON_SHOULDERS / shoulders
    else:
        # Without set-in sleeves the shoulder says little about the size; vests are cut close.
        scale = _VEST_EASE * body_chest / chest
    scale = float(np.clip(scale, least, most))
    scale = min(scale * _length_says(marks, chest, scale, body), most)
    return scale, chest * scale / body_chest


def _length_says(marks: GarmentLandmarks, chest: float, scale: float, body: Body) -> float:
    """Correction of the scale, near 1: shoulder tips are the least certain landmarks, and most tops end at
    the hips.

    Cuts that are short on purpose (about as long as wide) are left alone.
    """
    flat = mean_y(marks.hem) - mean_y(marks.neck)
    length = max(flat * scale / body.torso_length, 1e-3)
    least, most = (level + _NECK_ABOVE for level in _HEM_USUAL)
    if length > most:
        return max(most / length, 1 / _LENGTH_TRUST)
    if length < least:
        uncropped = float(np.clip((flat / chest - _CROPPED) / 0.15, 0.0, 1.0))
        return min(least / length, 1 + (_LENGTH_TRUST - 1) * uncropped)
    return 1.0


def _raised_armpit(marks: GarmentLandmarks, scale: float) -> float:
    """Pixels by which the sleeves' undersides lift the armpit when the arms hang.

    A flat sleeve points sideways. Turned down beside the body its underside is too long by what the armhole's
    depth exceeds the difference of its two edges; half of that bunches up, half pulls.
    """
    if marks.sleeves is None:
        return 0.0
    surplus = []
    for side, _ in SIDES:
        outer, inner = (_length(edge) for edge in (marks.sleeves[side].outer, marks.sleeves[side].inner))
        depth = marks.armpit[side][1] - marks.shoulder[side][1]
        surplus.append(float(np.clip(depth - (outer - inner), 0.0, 0.5 * max(depth, 0.0))))
    return 0.5 * min(surplus) * scale


def _length(line: NDArray[np.floating]) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def _neck_point(marks: GarmentLandmarks, body: Body, scale: float, side: SideName) -> Vec:
    """The garment's own neck width on the shoulder slope, but never inside the neck."""
    half = (marks.neck.right[0] - marks.neck.left[0]) / 2 * scale
    return _on_slope(body, side, max(half, 0.0))


def _shoulder_point(marks: GarmentLandmarks, body: Body, scale: float, side: SideName, neck: Vec) -> Vec:
    if marks.sleeves is not None:
        lift = body.up * _OVER_OLD * body.shoulder_width
        return body.acromion[side] + lift
    centre = (marks.neck.left[0] + marks.neck.right[0]) / 2
    point = _on_slope(body, side, abs(marks.shoulder[side][0] - centre) * scale)
    along = body.acromion[side] - neck
    if (point - neck) @ along < _LEAST_STRAP * float(along @ along):
        point = neck + along * _LEAST_STRAP
    return point


def _on_slope(body: Body, side: SideName, off_neck: float) -> Vec:
    """Point on the shoulder line at a horizontal distance from the middle of the neck, lifted by the
    cloth."""
    middle = (body.neck_base.left + body.neck_base.right) / 2
    base, tip = body.neck_base[side], body.acromion[side]
    inner, outer = (abs(float((point - middle) @ body.across)) for point in (base, tip))
    share = float(np.clip((off_neck - inner) / max(outer - inner, 1.0), 0.02, 0.95))
    return base + (tip - base) * share + body.up * _CLOTH * body.shoulder_width


def _hem(marks: GarmentLandmarks, person: Person, body: Body, scale: float, top: float) -> tuple[float, bool]:
    """Level at which the garment ends, and whether the bottoms lie over it."""
    length = (mean_y(marks.hem) - mean_y(marks.neck)) * scale / body.torso_length
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


def _smooth(values: Array) -> Array:
    """Half widths without the jitter of single rays: a 1-2-1 mean with the ends repeated."""
    padded = np.pad(values, 1, mode="edge")
    smoothed: Array = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return smoothed
