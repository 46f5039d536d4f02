"""Landmarks of trousers, shorts and skirts, and of a dress below its waist, from the silhouette."""

from __future__ import annotations

import cv2
import numpy as np

from preprocess.garment.armpits import SIDES, Side
from preprocess.garment.backdrop import Bool, Float
from preprocess.garment.outline import Outline, resample, runs_of
from preprocess.garment.seam import find_seam
from preprocess.types import Alpha, Leg, LowerLandmarks, Points, Rgb, Sides

Point = tuple[float, float]

CORNER_UP, CORNER_DOWN = 0.6, 1.5
"""Weight of a pixel sideways against one up or down when the corners of waist and of hem are looked for:
sides flare by less than 1 in .6, a waist bends by less than .6, a wide hem hangs lower in its middle."""
WAIST_ZONE = 0.16
"""Share of the height within which the ends of the waist lie, photographed at an angle or not."""
LEG = 0.06
"""Narrowest leg, as a share of the garment's width."""
OFF_AXIS = 0.16
"""How far from the mirror axis a gap may lie and still part two legs, as a share of the garment's width."""
BRIDGE = 0.012
"""Height of threads across the gap that do not end it, as a share of the garment's height."""
SHORTEST_GAP = 0.05
"""A gap lower than this share of the height is a dent of a skirt's hem."""
LOWEST_HEM = 0.7
"""Share of the height below which the shorter leg ends: a gap that ends higher is a neck."""
RISE = (0.42, 0.68, 0.95)
"""Least, usual and greatest height from crotch to waist over the width at the crotch: shorts have .52, jeans
.65, high flared trousers .8."""
SEAM = 0.4
"""Share of the line between two legs that must be seen where no gap shows."""
ROWS = 25
"""Rows of the outline that are handed on."""
SMOOTH = 0.008
"""Radius of the smoothing of the edges along their way, as a share of the garment's height: threads, rips."""


def _corner(points: Float, side: Side, down: bool) -> Point:
    """The point farthest out and up, or out and down."""
    sign = -1.0 if side == "left" else 1.0
    out, y = sign * points[:, 0], points[:, 1]
    reach = CORNER_DOWN * out + y if down else CORNER_UP * out - y
    x, y = points[int(reach.argmax())]
    return float(x), float(y)


def waist_ends(outline: Outline) -> Sides[Point]:
    """Ends of the upper edge."""
    contour = outline.contour
    near = contour[contour[:, 1] < outline.top + WAIST_ZONE * outline.height]
    return Sides(left=_corner(near, "left", down=False), right=_corner(near, "right", down=False))


def _gap(row: Bool, near: tuple[float, float], leg: float) -> tuple[float, float] | None:
    """``(x_left, x_right)`` of the gap of a row that overlaps the stretch ``near``, with legs at least
    ``leg`` wide on both sides."""
    runs = [run for run in runs_of(row) if run[1] - run[0] > leg]
    gaps = [(one[1], other[0]) for one, other in zip(runs[:-1], runs[1:], strict=True)]
    over = [gap for gap in gaps if gap[0] <= near[1] and gap[1] >= near[0]]
    return min(over, key=lambda gap: abs(gap[0] + gap[1] - near[0] - near[1])) if over else None


def leg_gap(outline: Outline, alpha: Alpha) -> Float:
    """``(n, 3)`` rows ``y, x_left, x_right`` of the gap between two legs, from its top to the hem of the
    shorter one; no rows without a gap that opens downwards."""
    near = (outline.axis - OFF_AXIS * outline.width, outline.axis + OFF_AXIS * outline.width)
    cloth = alpha > 0.5  # the outline's own mask is closed where a gap is narrow
    found: list[tuple[float, float, float]] = []
    missed = 0
    for y in range(int(outline.bottom) - 1, int(outline.top), -1):
        gap = _gap(cloth[y], near, LEG * outline.width)
        if gap is not None:
            found.append((float(y), *gap))
            near, missed = gap, 0
        elif found:
            missed += 1
            if missed > BRIDGE * outline.height:
                break
    rows = np.array(found[::-1], np.float32).reshape(-1, 3)
    long = len(rows) > SHORTEST_GAP * outline.height
    return rows if long and rows[-1, 0] > outline.top + LOWEST_HEM * outline.height else rows[:0]


def _outer(outline: Outline, ys: Float) -> Float:
    """``(n, 3)`` rows of the whole garment's outer ends at the heights ``ys``."""
    rows = outline.mask[np.clip(ys, outline.top, outline.bottom - 1).astype(int)]
    ends = rows.shape[1] - rows[:, ::-1].argmax(axis=1)
    return np.stack([ys, rows.argmax(axis=1), ends], axis=1).astype(np.float32)


def _usual_crotches(outline: Outline, waist: float) -> list[float]:
    """y of the rows that lie each ``RISE`` of their own width below the waist."""
    ys = np.arange(waist + 0.1 * outline.height, outline.bottom, dtype=np.float32)
    rows = _outer(outline, ys)
    reached = [(ys - waist) >= rise * (rows[:, 2] - rows[:, 1]) for rise in RISE]
    return [float(ys[int(found.argmax())]) if found.any() else float(outline.bottom) for found in reached]


def _between(
    outline: Outline, alpha: Alpha, image: Rgb, waist: float, *, skirt: bool
) -> tuple[Float, float] | None:
    """``(rows, seen)``: the gap between the legs, continued up to the crotch along the line between them, and
    0..1 how much of it was seen; None for a skirt. ``skirt``: without any gap it is one, whatever lines show.
    """
    gap = leg_gap(outline, alpha)
    highest, usual, lowest = _usual_crotches(outline, waist)
    top = float(gap[0, 0]) if len(gap) else outline.bottom
    if len(gap) and top <= lowest:
        rows = gap[gap[:, 0] >= highest]
        return (rows, 1.0 if top >= highest else 0.7) if len(rows) > 1 else None
    if usual + 0.1 * outline.height > top or (skirt and not len(gap)):
        return None  # too short to have legs that touch all the way, or a button line
    wide = float(np.ptp(_outer(outline, np.array([usual], np.float32))[0, 1:]))
    middle = float(gap[0, 1:].mean()) if len(gap) else outline.axis
    line, seen = find_seam(image, middle, (usual, top), wide)
    if not len(gap) and seen < SEAM:
        return None
    touching = np.stack([line[:, 1], line[:, 0], line[:, 0]], axis=1)
    return np.concatenate([touching, gap]), 0.4 + 0.5 * seen


def _smooth(edge: Points, radius: float) -> Points:
    """An edge of points at equal distances, evened over ``radius`` pixels; its ends stay."""
    step = float(np.hypot(*np.diff(edge, axis=0).T).mean())
    reach = round(3 * radius / max(step, 1e-3))
    if reach < 1:
        return edge
    # beyond its ends an edge goes on as its point reflection: then they stay where they are
    count = min(reach, len(edge) - 1)
    before, after = 2 * edge[:1] - edge[count:0:-1], 2 * edge[-1:] - edge[-2 : -count - 2 : -1]
    longer = np.concatenate([before, edge, after]).astype(np.float32)
    calm = np.asarray(cv2.GaussianBlur(longer, (1, 2 * count + 1), radius / step), np.float32)
    return calm.reshape(-1, 2)[count:-count]


def _beside(outline: Outline, between: Float, side: Side) -> Points:
    """The outline's points beside the lower half of the gap ``between``: none where a torn garment's largest
    part lies all on the other side."""
    contour = outline.contour
    middle = np.interp(contour[:, 1], between[:, 0], between[:, 1:].mean(axis=1))
    own = (contour[:, 0] < middle) if side == "left" else (contour[:, 0] > middle)
    return np.asarray(contour[own & (contour[:, 1] > between[:, 0].mean())], np.float32)


def _leg(outline: Outline, between: Float, side: Side) -> Leg:
    """One leg beside the gap whose rows are ``between``."""
    column = 1 if side == "left" else 2
    points = _beside(outline, between, side)
    outside = _corner(points, side, down=True)
    inside = _corner(points, "right" if side == "left" else "left", down=True)
    ys = np.arange(between[0, 0], outside[1] - 0.5, dtype=np.float32)
    outer = np.concatenate([_outer(outline, ys)[:, [column, 0]], [outside]]).astype(np.float32)
    inner = between[between[:, 0] < inside[1] - 0.5][:, [column, 0]]
    inner = np.concatenate([inner, [inside]]).astype(np.float32)
    crotch = between[0, 1:].mean(), between[0, 0]
    inner[0] = crotch
    radius = SMOOTH * outline.height
    fine = 4 * ROWS
    return Leg(
        outer=resample(_smooth(resample(outer, fine), radius), ROWS),
        inner=resample(_smooth(resample(inner, fine), radius), ROWS),
    )


def _evenness(rows: Float) -> float:
    """0..1: do both sides run alike, about the middle of each row's own drift."""
    width = rows[:, 2] - rows[:, 1]
    drift = (rows[:, 1] + rows[:, 2]) / 2
    bend = drift - np.poly1d(np.polyfit(rows[:, 0], drift, 1))(rows[:, 0])
    return float(np.clip(1.1 - 3.0 * np.abs(bend).max() / max(1.0, width.max()), 0.3, 1.0))


def _sides(outline: Outline, waist: Sides[Point], end: float) -> Float:
    """``(ROWS, 3)`` rows of the outline from the waist to the height ``end``."""
    start = (waist.left[1] + waist.right[1]) / 2
    fine = _outer(outline, np.linspace(start, end, 8 * ROWS, dtype=np.float32))
    fine[0, 1:] = waist.left[0], waist.right[0]
    for column in (1, 2):
        fine[:, column] = _smooth(fine[:, [column, 0]], SMOOTH * outline.height)[:, 0]
    kept = np.linspace(0, 8 * ROWS - 1, ROWS).round().astype(int)
    return np.asarray(fine[kept], np.float32)


def measure_lower(
    outline: Outline, alpha: Alpha, image: Rgb, waist: Sides[Point] | None = None
) -> LowerLandmarks:
    """Landmarks of what hangs from a waist, from the garment's outline, its matte ``(H, W)`` and picture
    ``uint8 (H, W, 3)`` of the same frame.

    ``waist`` are the ends of a dress's waist; without them the upper edge is the waist.
    """
    on_dress = waist is not None
    waist = waist or waist_ends(outline)
    start = (waist.left[1] + waist.right[1]) / 2
    between = _between(outline, alpha, image, start, skirt=on_dress)
    if between and not all(len(_beside(outline, between[0], side)) for side in SIDES):
        between = None
    contour = outline.contour
    low = contour[contour[:, 1] > (outline.top + outline.bottom) / 2]
    if between is None:
        legs, seen = None, 1.0
        hem = Sides(left=_corner(low, "left", down=True), right=_corner(low, "right", down=True))
        end = (hem.left[1] + hem.right[1]) / 2
    else:
        rows, seen = between
        legs = Sides(left=_leg(outline, rows, "left"), right=_leg(outline, rows, "right"))
        hem = Sides(left=_point(legs.left.outer[-1]), right=_point(legs.right.outer[-1]))
        end = float(rows[0, 0])
    sides = _sides(outline, waist, end)
    confidence = seen * _evenness(sides) * min(1.0, 0.25 + outline.symmetry)
    return LowerLandmarks(
        waist=waist, hem=hem, sides=sides, legs=legs, confidence=float(np.clip(confidence, 0.0, 1.0))
    )


def _point(xy: Float) -> Point:
    return float(xy[0]), float(xy[1])
