"""Where the garment's landmarks go on the body: the only place that decides sizes.

A garment that lies flat shows half its circumference; on a body that half goes round the chest. So lengths
follow the cloth (one scale, from the shoulders, which lie flat in both pictures), while widths end at the
body's outline plus what loose cloth adds, and the surplus turns out of sight at the sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.fall import Fall
from inference.engines.warp.rays import first_exit, ray_values
from inference.engines.warp.silhouette import (
    SIDES,
    SideName,
    Silhouette,
    level_of,
    on_spine,
    torso_half_widths,
    usual_half_widths,
)
from inference.engines.warp.sizes import cloth_half_widths, hem_of, mean_y, scale_of
from inference.engines.warp.types import Body, Vec
from preprocess.types import GarmentLandmarks, Person, Sides

Array = NDArray[np.float64]

_WRAP = 1.2
"""Flat width of a garment that just touches, over the frontal width: half an ellipse against its long
axis."""
_LOOSE = 0.5
"""Share of the cloth beyond that which stands away sideways instead of falling in folds."""
_CLOTH = 0.018
"""How far cloth lies outside the body's outline, in shoulder widths."""
_HUGS, _HANGS = 1.1, 1.3
"""Cloth this much wider than the body lies on it, or hangs straight from the chest in its own cut."""
_NECK_MOST = 0.95
"""Widest neck opening, in lengths of the shoulder slope: wider ones would slip off."""
_ROUND_NECK = 0.035
"""By how much half a neck opening narrows when it goes round a neck, in shoulder widths: the front edge of a
crew needs length to come forward."""
_STAND = (0.045, 0.055)
"""A collar leans on the neck: how far in and up of the foot of the neck its upper corners lie, in shoulder
widths. The foot flares out by 0.05."""
_CLINGS, _CLINGING = (0.04, 0.012), 0.06
"""A crew that was photographed on a neck clings to the next one too, however much thinner: how far in and
down of the foot of the neck its ends lie, and how far off the foot a collar no longer clings, in shoulder
widths. Of 28 worn tops put on one person 15 lie within .03 of the foot, one .054 and the others .076 and more
away."""
_STRAP_MIDDLE = 0.65
"""The same for the middle of straps, which no sleeve holds up."""
_LEAST_STRAP = 0.10
"""Narrowest strap, in lengths of the shoulder slope."""
_ROWS = 7
"""Rows of control points from armpit to hem: a waist and a hip need no more."""
_OVER_OLD = 0.01
"""The outline of the torso was measured over clothes: new cloth needs no more than this beyond it."""
_SLIM = 0.92
"""Cloth that is narrower than the old clothes looked is not stretched over them (it was their cut) but over a
slim body of the usual widths, of which this is the share."""
_BELLY, _USUAL_CHEST, _HIPS_FROM = 1.06, 0.54, 0.82
"""What an old top shows beyond this many half widths of the chest is its own slack, not a belly; of a chest
that is at least that wide, in shoulder widths, since arms hide it; above the level where hips begin."""
_OVER_HIPS = 1.15
"""Over the bottoms, which are not taken off, cloth is stretched by up to this."""
_BELOW_WAIST = np.arange(0.05, 0.40, 0.03)
"""Levels below the waist (where the old top ended) at which the waistband is looked for."""
_BAND_FROM = 0.15
"""Where its rays begin, in shoulder widths off the spine: beside buttons and bellies."""
_NARROWEST_BAND = 0.6
"""Share of the usual half width of the body below which what was found is no band: the shadow of an old hem
counted as bottoms, or a body that sits. On 37 people six sides have .33 to .58, all others .66 and more."""
_BLOUSED = 0.7
"""Most by which tucked cloth widens per length above the waistband."""
_LEAST_GATHERED = 0.8
"""Share of the width that cloth keeps when it is tucked in: less is a waistband that was badly seen."""
_ARMPIT_ROWS = 3
"""Rows below the armpit over which the sides fall back to the level of the middle."""
_ARMPIT_LEVEL = (0.18, 0.53)
_ARMPIT_HALF = (0.48, 0.68)
"""Where armpits can be: level on the spine, and shoulder widths beside it."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Correspondence of garment and body. Rows run from the armpits to the hem."""

    scale: float
    """Person's pixels per garment pixel across the body; ``fall`` has its own along it."""
    ease: float
    neck: Sides[Vec]
    shoulder: Sides[Vec]
    armpit: Sides[Vec]
    hem: float
    """Level of the hem on the spine."""
    tucked: bool
    stand: float
    """How far a collar stands up above the shoulder line at the neck points, in pixels; 0 without one."""
    fall: Fall
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


HemRule = Callable[..., tuple[float, bool]]
"""What :func:`hem_of` is: where the garment ends, and whether the bottoms lie over it."""


def fit_garment(
    marks: GarmentLandmarks,
    person: Person,
    body: Body,
    silhouette: Silhouette,
    *,
    flat: bool = True,
    collared: bool = False,
    ends: HemRule = hem_of,
) -> Fit:
    """Place the landmarks of a top on a body; ``flat``: they were measured on a product photo,
    ``collared``: its neck points are the upper corners of a collar that stands up."""
    scale, along, ease = scale_of(marks, body, flat=flat)
    neck, shoulder = _neck_and_shoulders(marks, body, scale)
    top = float(np.mean([level_of(body, neck.left), level_of(body, neck.right)]))
    hem, tucked = ends(marks, person, body, along, top, flat=flat)
    neck_y = mean_y(marks.neck)
    hem_y = max(mean_y(marks.hem), neck_y + 1.0)
    fall = Fall(neck_y=neck_y, hem_y=hem_y, scale=along, top=top, hem=hem, body=body, flat=flat)
    heights, levels, side_levels = _rows(marks, fall)
    cloth = cloth_half_widths(marks, heights) * scale
    halves, measured = _sides(person, body, silhouette, side_levels, cloth, tucked=tucked)
    chest = on_spine(body, float(side_levels[0]))
    stand = _STAND[1] * body.shoulder_width if collared else 0.0
    return Fit(
        scale=scale,
        ease=ease,
        neck=_beside_neck(neck, body, flat=flat, collared=collared),
        shoulder=shoulder,
        armpit=Sides(left=chest - body.across * halves.left[0], right=chest + body.across * halves.right[0]),
        hem=hem,
        tucked=tucked,
        stand=stand,
        fall=fall,
        heights=heights,
        levels=levels,
        side_levels=side_levels,
        half_widths=halves,
        measured=measured,
    )


def _rows(marks: GarmentLandmarks, fall: Fall) -> tuple[Array, Array, Array]:
    """Rows from armpit to hem: heights on the garment, levels on the spine, levels at the sides."""
    armpit_y = float(np.clip(mean_y(marks.armpit), fall.neck_y, fall.hem_y - 1.0))
    heights = np.linspace(armpit_y, fall.hem_y, _ROWS)
    levels = fall.levels(heights)
    armpit_level = float(np.clip(levels[0], *_ARMPIT_LEVEL))
    settle = np.clip(1 - np.arange(_ROWS) / _ARMPIT_ROWS, 0.0, 1.0)
    return heights, levels, levels + (armpit_level - levels[0]) * settle


def _sides(
    person: Person, body: Body, silhouette: Silhouette, levels: Array, cloth: Array, *, tucked: bool
) -> tuple[Sides[Array], float]:
    """Half widths in pixels at ``levels`` of both sides, gathered into the waistband of a top that is tucked
    in, and the share of them that was seen."""
    sides = [_half_widths(silhouette, body, levels, cloth, outward) for outward in (-1.0, 1.0)]
    halves = [widths for widths, _ in sides]
    if tucked:
        limits = [_gathered(person, body, levels, outward) for outward in (-1.0, 1.0)]
        if not np.isfinite(limits).all():
            limits = [np.min(limits, axis=0)] * 2  # what hides one end of the band shows the other
        halves = [
            np.maximum(np.minimum(widths, limit), _LEAST_GATHERED * widths)
            for widths, limit in zip(halves, limits, strict=True)
        ]
    return Sides(left=halves[0], right=halves[1]), float(np.mean([seen for _, seen in sides]))


def _half_widths(
    silhouette: Silhouette, body: Body, levels: Array, cloth: Array, outward: float
) -> tuple[Array, float]:
    """Pixels from the spine to the garment's edge on one side, and the share of rows where it was seen."""
    unit = body.shoulder_width
    body_half, seen = torso_half_widths(silhouette, body, levels, outward)
    body_half = _smooth(body_half) + _OVER_OLD * unit
    broadest = _BELLY * max(body_half[:2].max(), _USUAL_CHEST * unit)
    body_half = np.where(levels < _HIPS_FROM, np.minimum(body_half, broadest), body_half)
    most = cloth * np.where(levels > body.waist, _OVER_HIPS, 1.0)
    body_half = np.minimum(body_half, np.maximum(most, _SLIM * usual_half_widths(body, levels)))
    loose = _LOOSE * np.maximum(0.0, cloth - _WRAP * body_half)
    loose[0] *= 0.5  # held up by the armhole
    widths = body_half + loose
    widths[0] = np.clip(widths[0], _ARMPIT_HALF[0] * unit, _ARMPIT_HALF[1] * unit)
    free = np.clip((cloth / body_half - _HUGS) / (_HANGS - _HUGS), 0.0, 1.0)
    hung = np.maximum.accumulate(widths[:2].mean() * cloth / cloth[:2].mean())
    widths += free * np.maximum(hung - widths, 0.0)
    return widths, float(np.mean(seen))


def _gathered(person: Person, body: Body, levels: Array, outward: float) -> Array:
    """Most half widths in pixels, on one side, of cloth that is tucked into the waistband; infinite where the
    band's end is not seen."""
    lower = person.parsing.weight("lower") * person.matte.alpha
    before = person.parsing.weight("left_arm", "right_arm", "hands")
    unit, direction = body.shoulder_width, body.across * outward
    start = _BAND_FROM * unit
    for band in person.waist + _BELOW_WAIST:
        origin = on_spine(body, float(band)) + direction * start
        distance = first_exit(lower, origin, direction, unit)
        narrowest = _NARROWEST_BAND * float(usual_half_widths(body, np.array([band]))[0])
        if distance is None or start + distance < narrowest:
            continue
        past = np.array([distance + 0.02 * unit, distance + 0.05 * unit])
        if (ray_values(before, origin, direction, past) > 0.3).any():
            break
        above = np.maximum(band - levels, 0.0) * body.torso_length
        widths: Array = start + distance + _BLOUSED * above
        return widths
    return np.full(len(levels), np.inf)


def _neck_and_shoulders(marks: GarmentLandmarks, body: Body, scale: float) -> tuple[Sides[Vec], Sides[Vec]]:
    """Neck points and shoulder tips: the garment's own neck width on the shoulder slope, but never inside the
    neck; set-in sleeves begin at the shoulder's top, straps are as wide as they are."""
    half = (marks.neck.right[0] - marks.neck.left[0]) / 2 * scale - _ROUND_NECK * body.shoulder_width
    half = max(half, 0.0)
    necks, tips = {}, {}
    for side, _ in SIDES:
        if marks.sleeves is not None:
            necks[side] = _on_slope(body, side, half, _NECK_MOST)
            tips[side] = body.acromion[side] + body.up * _OVER_OLD * body.shoulder_width
            continue
        base, tip = _off_neck(body, body.neck_base[side]), _off_neck(body, body.acromion[side])
        width = max(abs(marks.shoulder[side][0] - marks.neck[side][0]) * scale, _LEAST_STRAP * (tip - base))
        inner = min(half, base + _STRAP_MIDDLE * (tip - base) - width / 2)
        necks[side] = _on_slope(body, side, inner, _NECK_MOST)
        tips[side] = _on_slope(body, side, max(inner, base) + width, _NECK_MOST)
    return (
        Sides(left=necks["left"], right=necks["right"]),
        Sides(left=tips["left"], right=tips["right"]),
    )


def _beside_neck(neck: Sides[Vec], body: Body, *, flat: bool, collared: bool) -> Sides[Vec]:
    """Neck points on the slope of the shoulders, moved to where the garment's kind has them."""
    if collared:
        return _leaning(neck, body)
    return neck if flat else _clinging(neck, body)


def _leaning(neck: Sides[Vec], body: Body) -> Sides[Vec]:
    """The upper corners of a collar whose foot lies at ``neck`` on the slope."""
    inward, rise = body.across * _STAND[0] * body.shoulder_width, body.up * _STAND[1] * body.shoulder_width
    return Sides(left=neck.left + inward + rise, right=neck.right - inward + rise)


def _clinging(neck: Sides[Vec], body: Body) -> Sides[Vec]:
    """Neck points of a worn garment at the neck itself, where they lay that close to one."""
    unit, moved = body.shoulder_width, {}
    for side, outward in SIDES:
        gap = _off_neck(body, neck[side]) - _off_neck(body, body.neck_base[side])
        near = float(np.clip(1.0 - gap / (_CLINGING * unit), 0.0, 1.0)) * unit
        moved[side] = neck[side] - near * (outward * _CLINGS[0] * body.across + _CLINGS[1] * body.up)
    return Sides(left=moved["left"], right=moved["right"])


def _on_slope(body: Body, side: SideName, off_neck: float, most: float) -> Vec:
    """Point on the shoulder line at a horizontal distance from the middle of the neck, lifted by the
    cloth."""
    base, tip = body.neck_base[side], body.acromion[side]
    inner, outer = _off_neck(body, base), _off_neck(body, tip)
    share = float(np.clip((off_neck - inner) / max(outer - inner, 1.0), 0.02, most))
    return base + (tip - base) * share + body.up * _CLOTH * body.shoulder_width


def _off_neck(body: Body, point: Vec) -> float:
    """Distance of a point from the middle of the neck, across the body."""
    middle = (body.neck_base.left + body.neck_base.right) / 2
    return abs(float((point - middle) @ body.across))


def _smooth(values: Array) -> Array:
    """Half widths without the jitter of single rays: a 1-2-1 mean with the ends repeated."""
    padded = np.pad(values, 1, mode="edge")
    smoothed: Array = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return smoothed
