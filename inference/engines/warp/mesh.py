"""Dense maps from a mesh of triangles, the warp of everything that bends (sleeves)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SHIFT = 4
"""Sub-pixel bits of OpenCV's polygon filler."""
_OUTSIDE = 0.5
"""How far outside a triangle its map is continued, in shares of its corners."""
_LEAST_AREA = 1e-3
"""Twice the area in square pixels below which a triangle is a line."""


@dataclass(frozen=True, kw_only=True)
class MeshMap:
    """Where every pixel of a box comes from."""

    source: NDArray[np.float32]
    """``(h, w, 2)`` source coordinates; far outside any picture where not covered."""
    grid: NDArray[np.float32]
    """``(h, w, 2)`` position in the mesh: fractional row and column; 0 where not covered."""
    covered: NDArray[np.bool_]


def mesh_map(source: Array, target: Array, x0: int, y0: int, width: int, height: int) -> MeshMap:
    """Map a box of target pixels back through two grids of equal shape ``(rows, columns, 2)``.

    Triangles that are folded over (turned against the rest of the mesh) are left out, and later rows lie over
    earlier ones, so a sharp bend hides cloth in its crook instead of showing it mirrored.
    """
    rows, columns = target.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    triangles = np.stack([np.stack([a, b, c], -1), np.stack([d, c, b], -1)], axis=2).reshape(-1, 3)
    corners = target.reshape(-1, 2)[triangles] - (x0, y0)
    areas = _twice_area(corners)
    facing = np.sign(areas.sum()) or 1.0
    sound = areas * facing > _LEAST_AREA
    triangles, corners = triangles[sound], corners[sound]

    number = np.zeros((height, width), dtype=np.int32)
    # The filler counts pixel centres as whole numbers.
    outline = np.round((corners - 0.5) * (1 << _SHIFT)).astype(np.int32)
    for k, polygon in enumerate(outline, start=1):
        cv2.fillConvexPoly(number, polygon, k, lineType=cv2.LINE_8, shift=_SHIFT)

    covered = number > 0
    source_map = np.full((height, width, 2), -1e4, dtype=np.float32)
    grid_map = np.zeros((height, width, 2), dtype=np.float32)
    if covered.any():
        y, x = np.nonzero(covered)
        which = number[covered] - 1
        centres = np.stack([x, y], axis=-1).astype(np.float64) + 0.5
        shares = _barycentric(corners[which], centres)
        positions = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
        for out, values in ((source_map, source), (grid_map, positions)):
            at_corners = values.reshape(-1, 2)[triangles[which]]
            out[covered] = (at_corners * shares[..., None]).sum(axis=1)
    return MeshMap(source=source_map, grid=grid_map, covered=covered)


def _twice_area(corners: Array) -> Array:
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area: Array = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    return area


def _barycentric(corners: Array, points: Array) -> Array:
    """Shares ``(n, 3)`` of the corners ``(n, 3, 2)`` at points ``(n, 2)``, held near the triangle.

    The filler touches pixels whose centre lies just outside, where the triangle's own plane goes on; on a
    sliver that would lead far away.
    """
    u, v, p = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    second = (p[:, 0] * v[:, 1] - p[:, 1] * v[:, 0]) / area
    third = (u[:, 0] * p[:, 1] - u[:, 1] * p[:, 0]) / area
    shares = np.maximum(np.stack([1 - second - third, second, third], axis=-1), -_OUTSIDE)
    held: Array = shares / shares.sum(axis=-1, keepdims=True)
    return held
