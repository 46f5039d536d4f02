"""Landmarks of dresses and jumpsuits: a top down to the waist, and what hangs from there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from preprocess.garment.armpits import ARMHOLE
from preprocess.garment.backdrop import Bool, Float
from preprocess.garment.landmarks import Measured, measure_top
from preprocess.garment.lower import measure_lower
from preprocess.garment.outline import Outline, runs_of, trace
from preprocess.types import Alpha, GarmentLandmarks, LowerLandmarks, Rgb, Sides

WAIST = (0.1, 0.45, 0.85)
"""Highest, usual and lowest waist below the armpits, over the chest's width: an empire line, 20 cm at 45 cm
(size charts), a low waist on a slim figure."""
SPREAD = 0.22
"""Distance, over the chest's width, at which a row's width is compared with those above and below it."""
UNUSUAL = 0.2
"""What an unusual height costs against narrowness, per square of the chest's width: a straight dress gets the
usual height. By eye on six dresses, five jumpsuits made of photographed tops and trousers, and drawn ones."""
NARROW = 0.03
"""Narrowness over the chest's width from which a waist counts as seen."""
ASSUMED = 0.75
"""Trust in a waist that was put where proportions have it."""
LEGS = 0.35
"""Share of the height above which a gap in the middle is the neck, below it parts two legs."""
LOWEST = 0.7
"""Share of the height below which no waist lies: something must hang from it."""
STRAPLESS_TRUST = 0.4
"""Trust in the neck and shoulders of a dress that has none."""
STRAPLESS = (0.24, 0.42, 0.02)
"""Half the distances of neck points and shoulder tips that such a dress would have, and the depth of its
armpits below the upper edge, all over the chest's width."""
RISE = 0.35
"""Least height of a waist above the crotch, over the chest's width: half of what trousers have."""
PARTED = 0.05
"""Share of the height from which a gap at the bottom is one between legs."""
SLEEVED = 0.12
"""Share of the greatest width by which a dress gets narrower where its sleeves part from it, however aslant
they end. Of six dresses those with sleeves have .33 and more, those without .05 at most."""
SETTLED, CHANGES = 0.03, 0.04
"""Share of the height over which that is looked for, and the share of its width by which a torso changes less
over that height once sleeves or armholes have ended. By eye, on the same dresses and jumpsuits."""


@dataclass(frozen=True, kw_only=True)
class MeasuredDress:
    """A dress in two parts that share the row of the waist."""

    top: Measured
    """Bodice and sleeves; its hem is the waist."""
    lower: LowerLandmarks


def _widths(outline: Outline) -> Float:
    """``(n,)`` width of the torso in each row from top to bottom; across legs, 0 where the neck is open."""
    found = []
    for y in range(int(outline.top), int(outline.bottom)):
        runs = runs_of(outline.mask[y])
        middle = [run for run in runs if 0.2 < (outline.axis - run[0]) / (run[1] - run[0]) < 0.8]
        legs = y > outline.top + LEGS * outline.height
        left, right = middle[0] if middle else (runs[0][0], runs[-1][1]) if legs else (0.0, 0.0)
        found.append(right - left)
    return np.array(found, np.float32)


def _armpits(widths: Float) -> int:
    """Index of the row where the torso is on its own: sleeves have parted from it, or armholes have ended."""
    step = max(2, round(SETTLED * len(widths)))
    upper = widths[: len(widths) * 3 // 5]
    last = len(widths) - step - 1
    drops = np.where(upper[step:] > 0, upper[:-step] - upper[step:], 0.0)
    row = int(drops.argmax())
    if drops[row] > SLEEVED * upper.max():
        row += step
        while row < last and widths[row + step] < (1 - CHANGES) * widths[row]:
            row += 1
        return row
    ends = (np.arange(len(widths)) >= ARMHOLE * widths) & (widths > 0)
    ends[: len(widths) // 20] = False
    row = int(ends.argmax())
    while row < min(last, len(upper)) and widths[row + step] > (1 + CHANGES) * widths[row]:
        row += 1
    return row


def _crotch(outline: Outline) -> float:
    """Row, counted from the top, below which the middle is open between two legs; infinite on a skirt."""
    rows = range(int(outline.top), int(outline.bottom))
    closed = [any(left <= outline.axis <= right for left, right in runs_of(outline.mask[y])) for y in rows]
    below = closed[::-1].index(True) if any(closed) else 0
    return float(len(closed) - below) if below > PARTED * len(closed) else np.inf


def waist_row(outline: Outline) -> tuple[float, float]:
    """``(y, narrowness)``: the row where a dress is narrower than above and below it or begins to flare, near
    the usual height; narrowness over the chest's width, 0 for a straight one."""
    widths = _widths(outline)
    start = _armpits(widths)
    chest = max(1.0, float(widths[start]))
    widths[:start] = chest
    calm = cv2.GaussianBlur(
        widths.reshape(-1, 1), (0, 0), 0.02 * chest, borderType=cv2.BORDER_REPLICATE
    ).ravel()
    rows = np.arange(len(widths))
    below = (rows - start) / chest
    spread = round(SPREAD * chest)
    beside = (calm[np.maximum(rows - spread, 0)] + calm[np.minimum(rows + spread, len(rows) - 1)]) / 2
    narrow = (beside - calm) / chest
    allowed = (below > WAIST[0]) & (below < WAIST[2]) & (rows < LOWEST * len(rows))
    allowed &= rows < _crotch(outline) - RISE * chest
    if not allowed.any():  # as short as a top
        return outline.top + LOWEST * outline.height, 0.0
    best = int(np.where(allowed, narrow - UNUSUAL * (below - WAIST[1]) ** 2, -np.inf).argmax())
    return outline.top + best, float(max(0.0, narrow[best]))


def _parted(outline: Outline, waist: float) -> tuple[Bool, Bool]:
    """``(bodice, skirt)``: sleeves that hang below the waist beside the skirt belong to the bodice."""
    skirt = outline.mask.copy()
    skirt[: int(waist)] = False
    middle = outline.torso(waist) or (outline.left, outline.right)
    columns = np.arange(skirt.shape[1]) + 0.5
    for y in range(int(waist), int(outline.bottom)):
        runs = [run for run in runs_of(skirt[y]) if run[0] <= middle[1] and run[1] >= middle[0]]
        if not runs:
            skirt[y:] = False
            break
        middle = (runs[0][0], runs[-1][1])  # legs: both of them
        skirt[y] &= (columns > middle[0]) & (columns < middle[1])
    return np.asarray(outline.mask & ~skirt, bool), skirt


def _lengthened(bodice: Bool, waist: float, ends: tuple[float, float]) -> Bool:
    """A bodice whose torso goes straight on to below its sleeves, as a top's does: the armpits are the dents
    between the two."""
    longer = bodice.copy()
    ys = np.flatnonzero(bodice.any(axis=1))
    longer[int(waist) : int(ys[-1] + 0.1 * len(ys)), int(ends[0]) : int(ends[1])] = True
    return longer


def _strapless(top: Measured, outline: Outline) -> bool:
    """Do the upper corners end both the neck and the shoulders, with cloth all the way between them."""
    marks = top.landmarks
    neck, shoulders = (pair.right[0] - pair.left[0] for pair in (marks.neck, marks.shoulder))
    chest = marks.armpit.right[0] - marks.armpit.left[0]
    middle = outline.run(outline.top + 0.15 * chest, outline.axis)
    closed = middle is not None and middle[1] - middle[0] > 0.7 * shoulders
    return marks.sleeves is None and neck > 0.85 * shoulders and closed


def _with_shoulders(marks: GarmentLandmarks, edge: float) -> GarmentLandmarks:
    """Landmarks of a strapless bodice whose upper edge lies at the row ``edge``: neck and shoulders are where
    a cut with straps has them, above the cloth; the edge runs from armpit to armpit."""
    rows = marks.sides[marks.sides[:, 0] > edge]
    chest = float(rows[0, 2] - rows[0, 1])
    neck, shoulder, below = (share * chest for share in STRAPLESS)
    pit = edge + below
    top = pit - ARMHOLE * chest
    left, right = (float(np.interp(pit, marks.sides[:, 0], marks.sides[:, k])) for k in (1, 2))
    middle = (left + right) / 2
    sides = np.concatenate([[[pit, left, right]], marks.sides[marks.sides[:, 0] > pit]]).astype(np.float32)
    return replace(
        marks,
        neck=Sides(left=(middle - neck, top), right=(middle + neck, top)),
        shoulder=Sides(left=(middle - shoulder, top + below), right=(middle + shoulder, top + below)),
        armpit=Sides(left=(left, pit), right=(right, pit)),
        sides=sides,
    )


def measure_dress(alpha: Alpha, image: Rgb, outline: Outline) -> MeasuredDress:
    """Landmarks of a dress from its matte ``(H, W)`` and picture ``uint8 (H, W, 3)`` of the same frame;
    ``outline`` is traced from the matte."""
    waist, narrow = waist_row(outline)
    bodice, skirt = _parted(outline, waist)
    torso = outline.torso(waist - 1) or (outline.left, outline.right)
    top = measure_top(alpha * bodice, image, trace(_lengthened(bodice, waist, torso)), waist)
    bare = _strapless(top, outline)
    if bare:
        top = replace(top, landmarks=_with_shoulders(top.landmarks, outline.top))
    left, right = (float(top.landmarks.sides[-1, k]) for k in (1, 2))
    ends = Sides(left=(left, waist), right=(right, waist))
    trust = ASSUMED + (1 - ASSUMED) * min(1.0, narrow / NARROW)
    trusted = top.landmarks.confidence * trust * (STRAPLESS_TRUST if bare else 1.0)
    marks = replace(top.landmarks, hem=ends, confidence=trusted)
    lower = measure_lower(trace(skirt), alpha * skirt, image, waist=ends)
    return MeasuredDress(
        top=replace(top, landmarks=marks), lower=replace(lower, confidence=lower.confidence * trust)
    )
