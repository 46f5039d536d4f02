"""Top, bottom or dress, from the silhouette. Claims are made only where the shape leaves little doubt."""

from __future__ import annotations

import numpy as np

from preprocess.errors import InputError
from preprocess.garment.backdrop import Bool
from preprocess.garment.outline import Outline, runs_of
from preprocess.types import Category, Notice

DRESS_LENGTH = 2.5
"""Height over chest width above which a garment with a neck is a dress: shirts reach 2.1, dresses begin at
2.8."""


FLARE = (1.3, 1.5)
"""Hem over waist from which a skirt flares (tops reach 1.3), and what more of it counts as extra length."""
PLAIN = 0.85
"""Share of one straight upper edge from which it may be a waistband."""
CURVED = 0.08
"""Dip of the upper edge over its length that a curved waistband reaches; necklines go deeper."""
HIGH_CROTCH = 0.59
"""Share of the height that the legs of long trousers exceed (.62 and more); jumpsuits have less than .57."""
LEGS_TOGETHER = 2.7
"""Height over width from which a plain upper edge is that of trousers, legs together; dresses reach 2.9 only
with a neckline."""
LEGS = 0.1
"""Share of the height from which a gap near the axis parts two legs."""
NECKLINE = 0.06
"""Dip of the upper edge over its length from which a garment with short legs is a playsuit: the waistbands of
shorts and culottes dip less."""
WINGS = 0.2
"""Share of the width by which sleeves stick out above a torso with legs; the hips of shorts do not."""
TALL = 1.3
"""Height over width that shorts and culottes do not reach, jumpsuits and playsuits exceed (1.4)."""
COAT = 0.65
"""Most confidence that a long garment whose long sleeves hang beside it is a dress: it may be a coat."""
STRAPLESS = 0.92
"""Width of the upper end over the chest's from which nothing says where the shoulders are: sleeveless tops
are cut in to .82, but for straight ones."""
STRAPLESS_LENGTH = 1.4
"""Height over chest width from which such a garment may be a short dress: strapless tops reach 1.1, short
dresses begin at 1.65."""
SHORT_DRESS = 0.6
"""Most confidence that it is a top."""
CONTRADICTED = 0.9
"""Confidence from which a caller's category is contradicted; on 29 tops none came near for another one."""
UNSURE = 0.7
"""Confidence below which the result carries a notice."""
SHOWN = {"upper": "a top", "lower": "trousers, shorts or a skirt", "dress": "a dress or jumpsuit"}
OPPOSED = {"upper": {"lower", "dress"}, "lower": {"dress", "upper"}, "dress": {"lower"}}
"""Recognised categories that contradict a claimed one."""
DOUBTED = {**OPPOSED, "dress": {"lower", "upper"}}
"""... and that cast doubt on it: laid flat, a short dress is no longer than a shirt."""


def _widths(outline: Outline, shares: tuple[float, ...]) -> list[float]:
    found = []
    for share in shares:
        run = outline.run(outline.top + share * outline.height, outline.axis)
        found.append(run[1] - run[0] if run else 0.0)
    return found


def leg_gap(outline: Outline) -> float:
    """Share of the height over which the garment is two legs: two stretches with a narrow gap near the
    axis."""
    rows = np.arange(int(outline.top + 0.2 * outline.height), int(outline.bottom))
    apart = 0
    for y in rows:
        runs = [run for run in runs_of(outline.mask[y]) if run[1] - run[0] > 0.08 * outline.width]
        if len(runs) == 2:
            (_, left), (right, _) = runs
            # between the sleeves of a shirt, below its hem, the gap is as wide as the torso
            narrow = right - left < 0.38 * outline.width
            apart += narrow and abs((left + right) / 2 - outline.axis) < 0.1 * outline.width
    return apart / max(1.0, outline.height)


def _flat_top(outline: Outline) -> float:
    """0..1: is the upper edge one straight waistband over the whole width of the upper end."""
    filled = np.flatnonzero(~np.isnan(outline.envelope))
    near = filled[outline.envelope[filled] < outline.top + 0.06 * outline.height]
    if len(near) < 4:
        return 0.0
    run = outline.run(outline.top + 0.08 * outline.height, outline.axis)
    if run is None:
        return 0.0
    span = near[-1] - near[0] + 1
    return float(np.clip(min(len(near) / span, span / max(1.0, run[1] - run[0])), 0.0, 1.0))


def _top_dip(outline: Outline) -> float:
    """How far the middle of the upper edge lies below its ends, over the edge's length: necklines dip,
    waistbands not."""
    filled = np.flatnonzero(~np.isnan(outline.envelope))
    near = filled[outline.envelope[filled] < outline.top + 0.06 * outline.height]
    if len(near) < 20:
        return 1.0
    ys, fifth = outline.envelope[near], len(near) // 5
    return float(
        (np.median(ys[2 * fifth : 3 * fifth]) - min(ys[:fifth].min(), ys[-fifth:].min())) / len(near)
    )


def _side_dents(outline: Outline, end: float = 0.6) -> float:
    """How far arms or shoulders stick out above a narrower part, down to the share ``end`` of the height, as
    a share of the width: 0 for skirts, trousers."""
    rows = np.linspace(0.04, end, 57)
    widths = []
    for share in rows:
        runs = runs_of(outline.mask[int(outline.top + share * outline.height)])
        widths.append(runs[-1][1] - runs[0][0] if runs else 0.0)
    values = np.array(widths)
    before = np.maximum.accumulate(values)
    return float((before - values).max() / max(1.0, outline.width))


def _chest(outline: Outline) -> float:
    """Width of the torso below the arms; across both straps where the middle is open."""
    widths = []
    for share in np.linspace(0.22, 0.45, 24):
        runs = runs_of(outline.mask[int(outline.top + share * outline.height)])
        middle = [run for run in runs if run[0] <= outline.axis <= run[1]] or [(runs[0][0], runs[-1][1])]
        widths.append(middle[0][1] - middle[0][0])
    return float(np.percentile(widths, 20))


def _bottom(outline: Outline, flat: float, aspect: float) -> float:
    """0..1: is it a skirt, or trousers whose legs lie together; 0 where neck, shoulders or sleeves show."""
    if flat < 0.93:
        return 0.0
    dip, dents = _top_dip(outline), _side_dents(outline)
    upper_end, hips, middle, low = _widths(outline, (0.06, 0.3, 0.5, 0.95))
    widening = low > 1.15 * upper_end and middle > 1.03 * upper_end
    if dents < 0.03 and widening and dip < 0.05:
        return 0.9 if aspect > 0.8 and dip < 0.03 else 0.7
    if dents < 0.01 and low > 1.35 * upper_end and dip < CURVED:
        return 0.7
    if dip > 0.03 or outline.width > 1.4 * upper_end:
        return 0.0
    if aspect > LEGS_TOGETHER and _side_dents(outline, 0.12) < 0.01:
        return 0.7
    hipped = hips > 1.08 * upper_end and _side_dents(outline, 0.25) < 0.01
    return 0.75 if aspect > 1.0 and hipped and dents < 0.2 else 0.0  # a pencil skirt; sleeves end abruptly


def _sleeved(outline: Outline) -> bool:
    """Do sleeves stick out or hang down beside a torso: then it is no skirt and no trousers."""
    return _side_dents(outline) > 0.3 or _hanging_sleeves(outline)


def _shoulderless(outline: Outline, flat: float) -> bool:
    """Is the upper edge as wide as the chest, without sleeves: cloth from armpit to armpit, perhaps."""
    widths = _widths(outline, (0.06, *np.linspace(0.1, 0.35, 6)))
    return flat > PLAIN and widths[0] > STRAPLESS * max(widths) and not _sleeved(outline)


def _hanging_sleeves(outline: Outline) -> bool:
    """Do long sleeves hang down beside the torso, apart from it."""
    rows = np.linspace(outline.top + 0.3 * outline.height, outline.bottom - 1, 60)
    parts = [
        [run for run in runs_of(outline.mask[int(y)]) if run[1] - run[0] > 0.05 * outline.width] for y in rows
    ]
    return sum(len(runs) == 3 for runs in parts) > 0.2 * len(parts)


def _jumpsuit(outline: Outline, legs: float, flat: float, aspect: float) -> bool:
    """Is it a top with legs: a neckline or sleeves above, a torso closed in the middle, then the gap."""
    if legs < LEGS or legs > HIGH_CROTCH or aspect < TALL:
        return False
    closed = any(left <= outline.axis <= right for left, right in runs_of(_row(outline, 0.4)))
    if flat < PLAIN:  # the points of a waistcoat part like legs, but it has no sleeves
        return closed and _sleeved(outline)
    return closed and (_top_dip(outline) > NECKLINE or _side_dents(outline) > WINGS)


def _row(outline: Outline, share: float) -> Bool:
    """Row of the mask at a share of the garment's height."""
    return np.asarray(outline.mask[int(outline.top + share * outline.height)], bool)


def classify(outline: Outline) -> tuple[Category, float]:
    """``(category, confidence)`` of a cut-out garment; ``upper``, ``lower`` or ``dress``, confidence 0..1.

    Above .8 the claim is meant to be safe enough to contradict a user. Shape alone decides: colours mislead
    (a blouse sewn to a skirt in one print).
    """
    legs = leg_gap(outline)
    flat = _flat_top(outline)
    aspect = outline.height / max(1.0, outline.width)
    if _jumpsuit(outline, legs, flat, aspect):
        return "dress", 0.8
    if legs > LEGS and flat > PLAIN:
        strapless = legs < HIGH_CROTCH and aspect > TALL  # a jumpsuit, or trousers whose thighs meet
        return "lower", min(0.85 if strapless else 1.0, 0.75 + legs)
    bottom = _bottom(outline, flat, aspect)
    if bottom:
        return "lower", bottom
    _, middle, low = _widths(outline, (0.06, 0.5, 0.95))
    flare = FLARE[1] * max(0.0, low / max(1.0, middle) - FLARE[0])
    length = outline.height / max(1.0, _chest(outline)) + flare
    if length > DRESS_LENGTH:
        most = COAT if _hanging_sleeves(outline) else 0.95
        return "dress", float(np.clip(0.5 + (length - DRESS_LENGTH), 0.0, most))
    # without sleeves it is what remains, which contradicts nothing
    most = 0.95 if _sleeved(outline) else 0.85
    if length > STRAPLESS_LENGTH and _shoulderless(outline, flat):
        most = SHORT_DRESS
    return "upper", float(np.clip(0.6 + (DRESS_LENGTH - length), 0.3, most))


def resolve(claimed: Category, outline: Outline) -> tuple[Category, tuple[Notice, ...]]:
    """The category to go on with, and a notice where the picture leaves doubt.

    ``claimed`` ``auto`` takes what the silhouette shows; any other stands unless it is clearly wrong. Raises
    :class:`InputError` ``category-conflict`` then.
    """
    seen, confidence = classify(outline)
    if claimed == "auto":
        return seen, () if confidence >= UNSURE else (_unsure(seen, seen),)
    if seen not in DOUBTED.get(claimed, set()):
        return claimed, ()
    if seen in OPPOSED[claimed] and confidence >= CONTRADICTED:
        raise InputError(
            "category-conflict",
            f"the category is {claimed!r}, but the photo clearly shows {SHOWN[seen]}: "
            f"send category={seen} with it, category=auto, or the photo of {SHOWN[claimed]}",
        )
    return claimed, (_unsure(claimed, seen),) if confidence >= UNSURE else ()


def _unsure(taken: Category, seen: Category) -> Notice:
    doubt = "its shape leaves that open" if taken == seen else f"it looks more like category {seen}"
    other = ("upper" if taken == "dress" else "dress") if taken == seen else seen
    return Notice(
        name="garment-category-unsure",
        detail=f"the garment was taken for category {taken}, but {doubt}: send category={other} if it is "
        f"{SHOWN[other]}, category={taken} if it is not",
    )
