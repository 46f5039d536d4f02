"""The collar of a top that is worn: where its cloth begins between the neck points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from preprocess.garment.collar import opening_mask
from preprocess.garment.curves import COLUMNS, candidates, curve
from preprocess.garment.neckview import neck_frame
from preprocess.types import Collar, CollarKind, GarmentLandmarks, Sides

Point = tuple[float, float]
Rows = NDArray[np.float32]

SEEN = 0.4
"""Share of a collar's columns that must be seen for it to be trusted."""


def worn_collar(top: Rows, neck: Sides[Point], marks: GarmentLandmarks, shape_of: tuple[int, ...]) -> Collar:
    """The smooth curve nearest to where the cloth begins between the neck points; ``top`` ``(W,)`` is that
    row in each column, NaN where it is hidden, ``shape_of`` the picture's height and width."""
    frame = neck_frame(neck.left, neck.right)
    half = max((neck.right[0] - neck.left[0]) / 2, 2.0)
    middle = (neck.right[0] + neck.left[0]) / 2
    columns = np.clip(middle + COLUMNS * half, 0, len(top) - 1).astype(int)
    line = np.interp(COLUMNS, (-1.0, 1.0), (neck.left[1], neck.right[1]))
    depth = (top[columns] - line) / (2 * half)
    seen = np.isfinite(depth) & (depth > -0.2)
    curves = candidates(False)
    if seen.mean() < SEEN:
        depth, seen = 0.3 * (1 - COLUMNS**2), np.ones_like(seen)
        trust = 0.3
    else:
        trust = 1.0
    misfit = np.abs(curves.across[:, seen] - depth[seen]).mean(axis=1)
    best = int(misfit.argmin())
    shape = curves.shapes[best]
    front = frame.place(curve(shape, 81))
    fits = float(np.clip(1.1 - 4.0 * misfit[best], 0.0, 1.0))
    shoulders = max(marks.shoulder.right[0] - marks.shoulder.left[0], 1.0)
    straps = marks.sleeves is None and (shoulders - 2 * half) / 2 < 0.16 * shoulders
    kind: CollarKind = "straps" if straps else "v" if shape.pointed and shape.depth > 0.3 else "crew"
    if kind == "crew" and shape.depth > 0.5:
        kind = "scoop"
    return Collar(
        kind=kind,
        front=front,
        opening=opening_mask(front, frame, shape_of),
        confidence=trust * fits,
    )
