"""What a lower garment looks like on a person before it is drawn: meshes, and where waist and hem lie.

Meshes are pairs of grids ``(rows, columns, 2)``: points on the garment and where they lie on the person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engines.warp.lower.stance import Array, Stance
from inference.engines.warp.silhouette import SideName
from preprocess.types import Person

EASE = 1.03
"""Cloth lies this much outside the body."""
FREE_WAIST = (0.64, 0.84)
"""Levels between which a waistband lies that nothing in the photo shows."""
HANGS_FROM = 0.87
"""Tops that end above this level end at a waistband, tucked in or cropped; lower ones hang over it."""
_RISE = (0.7, 1.6)
"""How far the rise may be pushed together or drawn out so that the waistband lies where the old one lay."""
_MIDRIFF = 0.3
"""Levels of bare midriff below a top within which a waistband is looked for."""
_MIDDLE = 0.3
"""Half hips to both sides of the spine in which it is looked for."""
_OVER_OLD = 0.015
"""Torso lengths by which the new waistband covers the edge of the old one."""
_OVER_UNSURE, _UNSURE = 0.2, 0.5
"""Levels by which it lies higher where top and bottoms of one colour could not be told apart, in full at a
confidence of 0, not at all from ``_UNSURE`` on: a strip of the old band would show above it, one of the top
that it covers does not. By eye, on dark clothes."""
_COLUMNS = np.linspace(-1.0, 1.0, 9)
_LEVEL = 1 / 3
"""Mean of the square over -1..1: a row that sags is as far above its line as below it."""
_BEYOND = 0.035
"""How far a mesh goes on beyond the garment's edge, as a share of its half width: the matte draws the
edge."""


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """One piece of cloth."""

    source: Array
    target: Array
    side: SideName | None
    """None for a skirt."""
    leg: Array
    """``(rows,)`` how far down the leg each row lies, 0 = crotch, 1 = ankle; 0 above and on skirts."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The garment's measures on this person."""

    meshes: tuple[Mesh, ...]
    waist: float
    """Level of the upper edge."""
    hem: float
    """Where it ends along the legs: 0 = crotch, 1 = ankle."""
    stretch: float
    """As :func:`stretch_of`."""
    over_top: bool
    """The waistband lies over the top, which is tucked in."""
    scale: float
    """Person's pixels per garment pixel."""


def place_waist(person: Person, stance: Stance, free: float) -> tuple[float, bool]:
    """``(level, over the top)`` of the upper edge; ``free`` is where the garment's own cut puts it.

    Where the old waistband shows, below a tucked top or a bare midriff, the new one takes its place, as far
    as the cloth goes.
    """
    if person.waist >= HANGS_FROM:
        return free, False
    length = stance.crotch_level - free
    over = _OVER_OLD + _OVER_UNSURE * max(0.0, 1 - person.waist_confidence / _UNSURE)
    highest, lowest = stance.crotch_level - _RISE[1] * length, stance.crotch_level - _RISE[0] * length
    return float(np.clip(_old_waistband(person, stance) - over, highest, lowest)), True


def _old_waistband(person: Person, stance: Stance) -> float:
    """Level at which the lower clothes begin: where the top ends, or lower where a midriff is bare."""
    lower = person.parsing.weight("lower")
    offsets = np.linspace(-_MIDDLE, _MIDDLE, 9)[:, None] * stance.half_hips * stance.across
    levels = np.arange(person.waist, person.waist + _MIDRIFF, 0.01)
    clothed = []
    for level in levels:
        columns, rows = (stance.axis(float(level)) + offsets).astype(int).T
        inside = (rows >= 0) & (rows < lower.shape[0]) & (columns >= 0) & (columns < lower.shape[1])
        clothed.append(bool(inside.all() and lower[rows, columns].mean() > 0.5))
    lasting = np.flatnonzero(np.logical_and.reduce([clothed[k : len(clothed) - 4 + k] for k in range(5)]))
    return float(levels[lasting[0]]) if len(lasting) else person.waist


def stretch_of(meshes: tuple[Mesh, ...]) -> float:
    """How much farther cloth is drawn one way than the other, >= 1: all but a tenth of it is nearer to its
    product's proportions."""
    ratios = []
    for mesh in meshes:
        inner = np.s_[1:-1, 1:-1]  # without the rim beyond the garment's edge
        scales = []
        for axis in (0, 1):
            steps = [
                np.hypot(*np.moveaxis(np.diff(g[inner], axis=axis), -1, 0))
                for g in (mesh.target, mesh.source)
            ]
            scales.append(steps[0] / np.maximum(steps[1], 1e-6))
        down, across = scales[0][:, :-1], scales[1][:-1]
        ratios.append(np.ravel(np.maximum(down, 1e-6) / np.maximum(across, 1e-6)))
    logs = np.abs(np.log(np.concatenate(ratios)))
    return float(np.exp(np.percentile(logs, 90)))


def mesh_of(ends: Array, leg: Array, side: SideName | None, sag: Array | None = None) -> Mesh:
    """The mesh between two edges, a little larger than they are on all sides.

    ``ends`` ``(rows, 2, 2, 2)``: for every row the garment's two end points and the person's. ``sag``
    ``(rows,)``: how far each row's middle hangs below its ends on the person, over half its width.
    """
    return Mesh(
        source=_grid(ends[:, 0]),
        target=_grid(ends[:, 1], sag),
        side=side,
        leg=np.concatenate([leg[:1], leg, leg[-1:]]),
    )


def _grid(ends: Array, sag: Array | None = None) -> Array:
    middle, half = ends.mean(axis=1), (ends[:, 1] - ends[:, 0]) / 2
    shares = np.concatenate([[-1.0 - _BEYOND], _COLUMNS, [1.0 + _BEYOND]])
    grid = middle[:, None] + half[:, None] * shares[None, :, None]
    if sag is not None:
        fall = np.gradient(middle, axis=0)
        fall /= np.maximum(np.hypot(*fall.T), 1e-6)[:, None]
        depth = (sag * np.hypot(*half.T))[:, None] * (_LEVEL - shares**2)[None]
        grid = grid + fall[:, None] * depth[..., None]
    first, last = grid[0] - (grid[1] - grid[0]) * 0.3, grid[-1] + (grid[-1] - grid[-2]) * 0.5
    extended: Array = np.concatenate([first[None], grid, last[None]])
    return extended
