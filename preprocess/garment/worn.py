"""A garment taken off somebody who wears it: usable like one that lay flat for its photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.errors import InputError
from preprocess.garment.lower import measure_lower
from preprocess.garment.outline import trace
from preprocess.garment.silhouette import main_pieces, morph
from preprocess.garment.stance import Stance
from preprocess.garment.worn_checks import closed, held_by_shoulders, standing_frontal, worn_category
from preprocess.garment.worn_cloth import cloth_only, without_threads
from preprocess.garment.worn_fill import evenly_lit, fill_hidden
from preprocess.garment.worn_hem import hem_curve, hem_row, tucked_in
from preprocess.garment.worn_legs import without_shins
from preprocess.garment.worn_shape import Shape, shape_of
from preprocess.garment.worn_top import WornTop, measure_worn_top
from preprocess.types import Alpha, Category, Garment, LowerLandmarks, Notice, Person, Rgb

__all__ = ["take_off"]

Bool = NDArray[np.bool_]

PARTS = {"upper": ("upper",), "lower": ("lower",), "dress": ("upper", "lower")}
"""Labels of the parsing that are each category's cloth."""
OTHER_CLOTHES = {"upper": ("lower",), "lower": ("upper", "shoes"), "dress": ("shoes",)}
"""Labels of clothes that are not its cloth."""
IN_FRONT, BARE = ("hair", "hands"), ("left_arm", "right_arm")
"""Labels that lie before cloth; bare arms tell besides where a sleeve ends."""
THREAD = 0.02
"""Half the width of the thinnest cloth, in units: straps."""
LEAST = 0.012
"""Share of the picture below which there is no such garment."""
MOST_HIDDEN = 0.25
"""Share of a garment that may be filled in."""
SHOWN_HIDDEN = 0.08
"""Share from which that is told."""
FULL_LENGTH = 1.08
"""Level of the body at which a top ends whose end is tucked in."""
BAND_SHADOW = 0.08
"""Cloth above a waistband, in units, that is too dark and bent to be continued."""
LEAST_TOP = 0.85
"""Level of the body (1 = hips) down to which a top must be in the picture."""
DRESS_WAIST = 0.68
"""Level of the body at which a dress that shows no waist of its own is parted."""
PARTLY_HIDDEN = Notice(
    name="garment-partly-hidden",
    detail="hair, hands or arms hide part of the garment in its photo; what they hide was filled in",
)
TUCKED = Notice(
    name="garment-tucked",
    detail="the garment is tucked in where it is worn: its lower end was made up; send a photo that shows it",
)
CROPPED = Notice(
    name="garment-cropped", detail="the photo ends before the garment does; send one that shows all of it"
)
TOLD = {TUCKED.name: 0.8, PARTLY_HIDDEN.name: 0.7, "garment-category-unsure": 1.0}
"""What such notices leave of the cutout's confidence; others .85. Which of two garments was taken says
nothing about its cutout."""


@dataclass(frozen=True, kw_only=True)
class _Cloth:
    """The garment in the photo, hidden parts filled in, and their share of it."""

    alpha: Alpha
    hidden: float
    image: Rgb


def take_off(person: Person, *, category: Category = "auto", description: str = "") -> Garment:
    """The garment of this category that ``person`` wears, in the person's frame.

    ``category`` ``auto``: what the photo shows most. Raises :class:`InputError` ``body-not-visible`` where
    the body is turned away, sits, or is cut by the frame, ``category-conflict`` where the photo clearly
    shows a dress instead of two garments or the other way round, and ``no-garment`` where there is no such
    garment, too much of it is hidden, it is worn open, or nothing of it is seen on the shoulders.
    """
    stance = Stance.of(person)
    turned = standing_frontal(person, stance)
    resolved, doubt = worn_category(person, stance, category)
    if resolved not in PARTS:
        raise InputError("option-unsupported", f"a garment of category {resolved!r} cannot be taken off")
    own = _own(person, stance, resolved)
    hem, cut = _hem(stance, own, resolved)
    tucked = resolved == "upper" and tucked_in(own, person.parsing.weight("lower"), stance, hem)
    before, arms = (np.minimum(person.parsing.weight(*names), 1.0) for names in (IN_FRONT, BARE))
    end = min(stance.row(FULL_LENGTH), own.shape[0] - 1.0) if tucked else hem
    top = measure_worn_top(own, before, arms, stance, end) if resolved != "lower" else None
    shape = None
    if top is not None:
        held_by_shoulders(person, stance, top)
        closed(person, stance, own)
        own, shape = _shaped(own, top, stance, hem if resolved == "upper" else None, tucked=tucked)
        _require(own > 0.5, resolved)
    hidden = _hidden(own, before + arms, shape, hem if resolved != "upper" else None)
    told_rows = int(hem) if tucked else own.shape[0]
    shaded = shape.beside if shape is not None else np.zeros_like(hidden)
    cloth = _filled(person, stance, own, hidden, shaded, told_rows)
    partly = PARTLY_HIDDEN if cloth.hidden > SHOWN_HIDDEN else None
    notices = (turned, doubt, TUCKED if tucked else None, partly, cut)
    told = tuple(notice for notice in notices if notice is not None)
    seen = 0.9 * (1 - cloth.hidden) * float(np.prod([TOLD.get(notice.name, 0.85) for notice in told]))
    return Garment(
        photo=person.photo, frame=person.frame, image=cloth.image, alpha=cloth.alpha, category=resolved,
        kind="worn", sleeve_length=top.sleeve_length if top else "sleeveless",
        landmarks=top.landmarks if top else None, collar=top.collar if top else None,
        lower=_lower(cloth, top, hem) if resolved != "upper" else None,
        cutout_confidence=float(np.clip(seen, 0.0, 1.0)), description=description, notices=told,
    )  # fmt: skip


def _lowest(weight: Alpha) -> int:
    rows = np.flatnonzero((weight > 0.5).any(axis=1))
    return int(rows[-1]) if len(rows) else 0


def _own(person: Person, stance: Stance, category: Category) -> Alpha:
    """Matte of what shows of the garment; raises ``no-garment``."""
    own = person.parsing.weight(*PARTS[category]) * person.matte.alpha
    solid = main_pieces(own > 0.5, 0.15) if (own > 0.5).any() else own > 0.5
    _require(solid, category)
    # what is as thin as a thread beside a leg or an arm is a shadow, not cloth
    solid = main_pieces(without_threads(solid, THREAD * stance.unit), 0.15)
    own = np.where(_grown(solid, 3), own, np.float32(0)).astype(np.float32)
    own = cloth_only(person, own, stance.unit, OTHER_CLOTHES[category])
    _require(own > 0.5, category)
    return without_shins(own, stance) if category == "dress" else own


def _require(cloth: Bool, category: Category) -> None:
    """Refuse (``no-garment``) what leaves too little to go by."""
    if cloth.mean() < LEAST:
        raise InputError(
            "no-garment",
            f"nothing of category {category} can be seen on the person in the photo; send another photo "
            "of the garment, or say its category",
        )


def _shaped(
    own: Alpha, top: WornTop, stance: Stance, hem: float | None, *, tucked: bool
) -> tuple[Alpha, Shape]:
    """The cloth as far as it is seen within its clean shape, and that; a dress has no ``hem`` there."""
    marks, size = top.landmarks, (own.shape[0], own.shape[1])
    if hem is None:
        return own, shape_of(marks, None, size, stance.unit)
    seen = hem_curve(own, marks, hem, stance.unit)
    shape = shape_of(marks, None if tucked else seen, size, stance.unit)
    end = seen[None] - (BAND_SHADOW * stance.unit if tucked else 0.0)
    below = shape.torso & (np.arange(size[0])[:, None] >= end)
    return np.minimum(own, np.where(below, np.float32(0), shape.most)), shape


def _hidden(own: Alpha, before: Alpha, shape: Shape | None, start: float | None) -> Bool:
    """Parts of the garment that are not seen: what lies before a top's torso, gaps in it below the armpits,
    and what lies before the convex hull of its cloth from the row ``start`` on: hands beside hips."""
    region = np.zeros(own.shape, bool)
    if start is not None:
        below = own > 0.5
        if shape is not None:
            below[: int(start)] = False
        region = _hull(below)
    if shape is None:
        near = _grown(before > 0.5, 4)  # specks between a hand and what was told apart as its shadow
        filled = morph((own > 0.5) | (region & (before > 0.5)), cv2.MORPH_CLOSE, 6.0)
        return np.asarray(region & near & filled & (own < 0.5), bool)
    covered = (region | shape.torso) & (before > 0.5)
    # a sliver along an edge is its softness, not a gap
    gaps = _grown(morph(shape.body & (own < 0.5), cv2.MORPH_OPEN, 2.0), 3) & shape.body
    return np.asarray(covered | gaps, bool)


def _filled(person: Person, stance: Stance, own: Alpha, missing: Bool, shaded: Bool, shown: int) -> _Cloth:
    """The garment evenly lit, and with cloth where it is hidden; raises ``no-garment``.

    From the row ``shown`` on it is tucked in, and parts are only ``shaded``: they do not count as hidden.
    """
    covered = float(missing[:shown].sum())
    hidden = covered / float((own > 0.5).sum() + covered)
    if hidden > MOST_HIDDEN:
        raise InputError(
            "no-garment",
            f"hair, hands or arms hide {hidden:.0%} of the garment; send a photo that shows all of its front",
        )
    axis = stance.spine(np.arange(own.shape[0], dtype=np.float64) + 0.5).astype(np.float32)
    image = evenly_lit(person.image, own, axis, stance.unit)
    image = fill_hidden(image, own, missing, shaded, axis, stance.unit)
    return _Cloth(alpha=np.maximum(own, missing.astype(np.float32)), hidden=hidden, image=image)


def _hem(stance: Stance, alpha: Alpha, category: Category) -> tuple[float, Notice | None]:
    """Row of a top's hem, or of a dress's waist; a notice where the frame cuts the garment off."""
    height = alpha.shape[0]
    last = _lowest(alpha)
    cut = CROPPED if last >= height - 2 else None
    ended = cut is not None or stance.row(1.0) >= height
    if category != "upper" and ended:  # how much longer it is cannot be known
        raise InputError(
            "body-not-visible", "the photo ends above the hem; send one that shows the whole garment"
        )
    if category == "lower":
        return float(last), None
    if category == "dress":
        return _dress_waist(alpha, stance), None
    hem = hem_row(alpha, stance) or float(last)
    if cut is not None and hem < stance.row(LEAST_TOP):
        raise InputError(
            "body-not-visible", "the photo ends above the hem; send one that shows the whole garment"
        )
    return hem, cut if hem >= height - 2 else None


def _dress_waist(alpha: Alpha, stance: Stance) -> float:
    """The narrowest row between chest and hips, near the usual one."""
    levels = np.linspace(0.5, 0.95, 19)
    widths = np.array([float((alpha[int(stance.row(level))] > 0.5).sum()) for level in levels])
    cost = widths / max(widths.max(), 1.0) + 0.8 * (levels - DRESS_WAIST) ** 2
    return stance.row(float(levels[int(cost.argmin())]))


def _lower(cloth: _Cloth, top: WornTop | None, waist: float) -> LowerLandmarks:
    """What hangs from the waist: legs and skirts stand as they lie, so their outline tells all. Raises
    ``no-garment`` for a dress that ends there."""
    solid = cloth.alpha > 0.5
    if top is None:
        return measure_lower(trace(solid), cloth.alpha, cloth.image)
    solid = solid.copy()
    solid[: int(waist)] = False
    _require(solid, "dress")
    outline = trace(main_pieces(solid, 0.5))
    return measure_lower(outline, cloth.alpha, cloth.image, waist=top.landmarks.hem)


def _hull(mask: Bool) -> Bool:
    """Convex hull of a mask."""
    ys, xs = np.nonzero(mask)
    region = np.zeros(mask.shape, np.uint8)
    if len(ys):
        corners = cv2.convexHull(np.stack([xs, ys], axis=1).astype(np.int32))
        cv2.fillConvexPoly(region, corners.reshape(-1, 1, 2), 1)
    return region > 0


def _grown(mask: Bool, radius: int) -> Bool:
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0, bool)
