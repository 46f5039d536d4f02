"""The torso part of a top: one free form from body to garment."""

from __future__ import annotations

import numpy as np

from inference.engines.warp.fit import Array, Fit
from inference.engines.warp.freeform import FreeForm, Lattice, Pins, Shape, fit_freeform
from inference.engines.warp.prints import held
from inference.engines.warp.rays import first_exit
from inference.engines.warp.silhouette import SIDES, SideName, Silhouette, on_spine
from inference.engines.warp.sizes import cloth_half_widths
from inference.engines.warp.types import Body, Vec
from preprocess.types import Garment, GarmentLandmarks

_INNER = (-0.75, -0.4, 0.0, 0.4, 0.75)
"""Inner columns of control points in half widths: they hold the middle, where prints are, at the cloth's
scale."""
_CHEST_INNER = (-0.5, 0.0, 0.5)
"""The same above the armpits, clear of the armholes."""
_CHEST_ROWS = (0.4, 0.75)
"""Rows of inner control points between neck points and armpits, so that the chest stays as flat as the
cloth."""
_SQUEEZE_RANGE = (0.92, 1.03)
"""How far the scale across follows the one along: cloth that is gathered falls in folds, which does not make
it narrower; cloth drawn out in length grows a little wider, so that a print keeps its shape."""
_ROUND_HIPS = 0.025
"""How far the sides of a hem lie above its middle, in shoulder widths: it goes round the hips, which cameras
look down on."""
_ON_EDGE = (0.2, 0.4, 0.6, 0.8)
"""Points of the shoulder seam that are pinned to the silhouette."""
_CLOTH = 0.008
"""How far the seam lies outside the silhouette, in shoulder widths."""
_EDGE_RANGE = (-0.01, 0.06)
"""How far in and out the silhouette is followed off the straight shoulder line, in shoulder widths: hardly
inwards, where hair or a badly seen edge eats into the shoulder."""
_TOO_HIGH = 0.085
"""What rises this far above that line, in shoulder widths, is hair or wall: of 37 people the outline of the
shoulders themselves rises to 0.075 at most."""
_STIFFER = (100.0, 1e3, 1e4, 1e5, 1e7)
"""Bending penalties tried in turn until the map does not fold; the last is all but affine."""
_GRID = 0.13
"""Cells of the map, in shoulder widths."""
_PER_CELL = 2
"""Places per cell and axis at which it keeps shapes."""
_MARGIN = 0.3
"""How far the map goes beyond the landmarks, in shoulder widths: collars, flared hems."""
_STRAIN = 0.04
"""Distortion that costs as much as the pins' own inaccuracy."""
_FIRST, _LOOSE, _PLAIN, _PRINT = 1.0, 0.1, 2.0, 100.0
"""How strictly cloth keeps its shape: in the first fit, at the outline, within it, and more where it is
printed. Set by eye and by ``print_stretch`` on 13 pairs, with the rendered truth's print in its place."""
_SIZED = 0.5
"""... and its size and direction."""
_COLLAR_PINS = 7
"""Points of a collar's front edge that are pinned."""
_ON_EDGE_WITHIN, _COLLAR_WITHIN, _INNER_WITHIN = 0.009, 0.012, 0.08
"""How exactly landmarks are met: on the outline, at the collar, within; shoulder widths."""

Pairs = list[tuple[tuple[float, float] | Vec, Vec]]


def torso_map(
    garment: Garment, marks: GarmentLandmarks, fit: Fit, body: Body, silhouette: Silhouette
) -> FreeForm:
    """Map from the person's frame to the garment's frame, free of folds over the torso.

    It is fitted twice: only a first map tells where on the body the cloth's middle and its prints lie.
    """
    unit = body.shoulder_width
    pins = _pins(garment, marks, fit, body, silhouette)
    lattice = Lattice.over(pins.points, _GRID * unit, _MARGIN * unit)
    places = lattice.middles(_PER_CELL)
    first = _unfolded(pins, lattice, _shape(places, np.full(len(places), _FIRST), fit, body), fit, unit)
    cloth = held(garment, fit.scale, unit, first(places))
    rigid = _LOOSE + cloth.within * (_PLAIN + cloth.printed * _PRINT)
    return _unfolded(pins, lattice, _shape(places, rigid, fit, body), fit, unit)


def _shape(places: Array, rigid: Array, fit: Fit, body: Body) -> Shape:
    """``rigid (n,)``: how strictly the cloth keeps its shape at ``places (n, 2)``."""
    weights = rigid * (fit.scale / _STRAIN * _GRID / _PER_CELL) ** 2
    size = np.sqrt(fit.scale * fit.fall.scale)
    turned = np.exp(-1j * np.angle(complex(*body.across)))
    return Shape(points=places, rigid=weights, sized=weights * _SIZED, similarity=complex(turned / size))


def _unfolded(pins: Pins, lattice: Lattice, shape: Shape, fit: Fit, unit: float) -> FreeForm:
    probe = _between(pins.points)
    for stiffness in _STIFFER:
        torso = fit_freeform(lattice, pins, shape, stiffness * (fit.scale / unit) ** 2)
        if (np.linalg.det(torso.jacobian(probe)) > 0).all():
            break
    return torso


def stretch_of(torso: FreeForm, fit: Fit, body: Body) -> float:
    """Largest ratio of the two axes of the map over the middle half of the torso; 1 = undistorted."""
    points = [
        on_spine(body, level) + body.across * ((right - left) / 2 + share * (left + right) / 2)
        for level, left, right in zip(
            fit.levels[:-1], fit.half_widths.left, fit.half_widths.right, strict=False
        )
        for share in (-0.4, 0.0, 0.4)
    ]
    axes = np.linalg.svd(torso.jacobian(np.array(points)), compute_uv=False)
    return float((axes[:, 0] / np.maximum(axes[:, 1], 1e-6)).max())


def _pins(garment: Garment, marks: GarmentLandmarks, fit: Fit, body: Body, silhouette: Silhouette) -> Pins:
    """The outline where the fit puts it, strictly; the cloth within, roughly."""
    edge: Pairs = []
    for side, _ in SIDES:
        edge += [(marks.neck[side], fit.neck[side]), (marks.shoulder[side], fit.shoulder[side])]
        edge += _shoulder_seam(garment, marks, fit, silhouette, body, side)
    inner = _chest(marks, fit, body)
    scales = _scales_across(fit, body)
    for row, height in enumerate(fit.heights):
        left, right = (float(np.interp(height, marks.sides[:, 0], marks.sides[:, k])) for k in (1, 2))
        middle, half = (left + right) / 2, (right - left) / 2
        to_left, to_right = fit.half_widths.left[row], fit.half_widths.right[row]
        spine = on_spine(body, fit.side_levels[row])
        rise = body.up * _ROUND_HIPS * body.shoulder_width * (row / (len(fit.heights) - 1)) ** 2
        edge += [
            ((left, height), spine - body.across * to_left + rise),
            ((right, height), spine + body.across * to_right + rise),
        ]
        centre = on_spine(body, fit.levels[row]) + body.across * (to_right - to_left) / 2
        reach = (to_left + to_right) / 2
        for share in _INNER:
            beside = _wrapped(share, half * scales[row], reach)
            lifted = rise * (beside / max(reach, 1e-6)) ** 2
            inner.append(((middle + share * half, height), centre + body.across * beside + lifted))
    groups = (
        (edge, _ON_EDGE_WITHIN),
        (_collar(garment, marks, fit, body), _COLLAR_WITHIN),
        (inner, _INNER_WITHIN),
    )
    pairs = [pair for group, _ in groups for pair in group]
    weights = [(fit.scale / (within * body.shoulder_width)) ** 2 for group, within in groups for _ in group]
    return Pins(
        points=np.array([pair[1] for pair in pairs], dtype=np.float64),
        values=np.array([pair[0] for pair in pairs], dtype=np.float64),
        weights=np.array(weights),
    )


def _chest(marks: GarmentLandmarks, fit: Fit, body: Body) -> Pairs:
    """Above the armpits the cloth lies flat on the body: true to scale about the middle, level by level."""
    neck_y = fit.fall.neck_y
    offset = (fit.half_widths.right[0] - fit.half_widths.left[0]) / 2
    neck = ((fit.neck.left + fit.neck.right) / 2 - body.shoulder_mid) @ body.across
    across = _scales_across(fit, body)[0]

    def placed(x: float, height: float, level: float) -> tuple[tuple[float, float], Vec]:
        share = (height - neck_y) / max(fit.heights[0] - neck_y, 1.0)
        beside = neck + share * (offset - neck) + (x - marks.centre_x) * across
        return (x, height), on_spine(body, level) + body.across * beside

    half = float(cloth_half_widths(marks, fit.heights[:1])[0])
    heights = neck_y + np.array(_CHEST_ROWS) * (fit.heights[0] - neck_y)
    pairs: Pairs = []
    for height, level in zip(heights, fit.fall.levels(heights), strict=True):
        pairs += [
            placed(marks.centre_x + share * half, float(height), float(level)) for share in _CHEST_INNER
        ]
    return pairs


def _collar(garment: Garment, marks: GarmentLandmarks, fit: Fit, body: Body) -> Pairs:
    """The front edge of the collar: as deep as it hangs, as wide as the neck points are apart."""
    if garment.collar is None:
        return []
    front = garment.collar.front.astype(np.float64)
    picked = front[np.linspace(0, len(front) - 1, _COLLAR_PINS + 2).round().astype(int)[1:-1]]
    deep = (picked[:, 1] > fit.fall.neck_y) & (picked[:, 1] < fit.heights[0])
    chord, length = fit.neck.right - fit.neck.left, marks.neck.right[0] - marks.neck.left[0]
    drops = (fit.fall.levels(picked[:, 1]) - fit.fall.top) * body.torso_length
    # A collar that stands up at the sides lies as deep in front as one that does not.
    drops += fit.stand * (picked[:, 1] - fit.fall.neck_y) / max(float(np.ptp(front[:, 1])), 1.0)
    return [
        ((x, y), fit.neck.left + chord * (x - marks.neck.left[0]) / length - body.up * drop)
        for (x, y), drop in zip(picked[deep], drops[deep], strict=True)
    ]


def _scales_across(fit: Fit, body: Body) -> Array:
    """Scale across the middle of every row: it follows that of the length a little, so that a print on cloth
    that is pushed together keeps its shape."""
    along = np.gradient(fit.levels, fit.heights) * body.torso_length
    return fit.scale * np.clip(along / fit.scale, *_SQUEEZE_RANGE)


def _wrapped(share: float, cloth: float, reach: float) -> float:
    """Distance from the middle at which cloth shows that lies ``share`` of its half width away.

    Cloth wider than the visible ``reach`` turns away at the sides like the shell of a cylinder: true to
    scale in the middle, running out of sight at the edge. Narrower cloth is stretched evenly.
    """
    surplus = cloth / max(reach, 1e-6)
    if surplus <= 1.0:
        return share * reach
    angle = _sine_ratio(surplus)
    return float(np.sin(share * angle) / np.sin(angle)) * reach


def _sine_ratio(ratio: float) -> float:
    """The angle in 0..pi/2 with ``angle / sin(angle) == ratio``; a quarter turn at most."""
    angles = np.linspace(1e-3, np.pi / 2, 200)
    return float(np.interp(ratio, angles / np.sin(angles), angles))


def _shoulder_seam(
    garment: Garment, marks: GarmentLandmarks, fit: Fit, silhouette: Silhouette, body: Body, side: SideName
) -> Pairs:
    """The seam between neck and shoulder follows the silhouette, so that neither skin nor background
    shows."""
    start, end = np.array(marks.neck[side]), np.array(marks.shoulder[side])
    if abs(end[0] - start[0]) < 8:
        return []
    pairs: Pairs = []
    unit = body.shoulder_width
    foot = fit.neck[side] - body.up * fit.stand
    for share in _ON_EDGE:
        seam = start + (end - start) * share
        column = garment.alpha[:, int(np.clip(seam[0], 0, garment.alpha.shape[1] - 1))]
        inside = np.flatnonzero(column > 0.5)
        if len(inside) == 0:
            continue
        straight = foot + (fit.shoulder[side] - foot) * share
        depth = 3 * _EDGE_RANGE[1] * unit
        rise = first_exit(silhouette.shoulders, straight - body.up * depth, body.up, 2 * depth)
        above = np.inf if rise is None else (rise - depth) / unit
        offset = 0.0 if above > _TOO_HIGH else float(np.clip(above + _CLOTH, *_EDGE_RANGE)) * unit
        pairs.append(((float(seam[0]), float(inside[0])), straight + body.up * offset))
    return pairs


def _between(points: Array) -> Array:
    """Grid inside the bounding box of the control points, at which folds are looked for."""
    low, high = points.min(axis=0), points.max(axis=0)
    grid = np.meshgrid(*(np.linspace(low[k], high[k], 24) for k in (0, 1)))
    return np.stack(grid, axis=-1).reshape(-1, 2)
