"""How far a pattern jumps where a sleeve meets the torso.

Measured with a ramp in place of the garment's picture: every pixel tells which point of the garment it shows.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.body import measure
from inference.engines.warp.fit import fit_garment
from inference.engines.warp.lay import lay, stands_up
from inference.engines.warp.silhouette import SIDES, Silhouette
from preprocess.types import Garment, Person

AROUND = 0.08
"""Shoulder widths on both sides of the line from shoulder tip to armpit that are its seam."""
ENDS = 0.8
"""Share of that line, from the tip, on which they are sewn together in sight: below, a sleeve that hangs lies
over the torso."""
FEWEST = 5
"""Pixels of a seam that say something."""


def jumps(garment: Garment, person: Person) -> NDArray[np.float64]:
    """``(n,)`` distance on the garment, in its own shoulder widths, between what sleeve and torso show at
    each pixel of both seams; empty for a garment without sleeves or where both are hidden."""
    marks = garment.landmarks
    if marks is None or marks.sleeves is None:
        return np.zeros(0)
    height, width = garment.alpha.shape
    body = measure(person)
    laid = lay(replace(garment, image=_ramp(height, width), opacity=None), person, body)
    fit = fit_garment(
        marks, person, body, Silhouette.of(person), flat=garment.kind == "flat", collared=stands_up(garment)
    )
    size = np.array([height, width]) / (255.0 * (marks.shoulder.right[0] - marks.shoulder.left[0]))
    torso = cv2.erode((laid.alpha > 0.95).astype(np.uint8), np.ones((5, 5), np.uint8))
    found = [np.zeros(0)]
    for side, _ in SIDES:
        assert laid.sleeves is not None
        sleeve = (laid.sleeves[side].alpha > 0.5).astype(np.uint8)
        seam = np.zeros_like(sleeve)
        tip, pit = fit.shoulder[side], fit.armpit[side]
        ends = [tuple(int(v) for v in point) for point in (tip, tip + ENDS * (pit - tip))]
        cv2.line(seam, ends[0], ends[1], 1, max(1, round(2 * AROUND * body.shoulder_width)))
        edge = (sleeve & ~cv2.erode(sleeve, np.ones((3, 3), np.uint8)) & torso & seam) > 0
        if edge.sum() >= FEWEST:
            apart = (laid.sleeves[side].rgb[edge] - laid.rgb[edge])[:, :2] * size
            found.append(np.hypot(apart[:, 0], apart[:, 1]))
    return np.concatenate(found)


def _ramp(height: int, width: int) -> NDArray[np.uint8]:
    """Row in R, column in G, 0 to 255."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 255, height).round()[:, None]
    picture[..., 1] = np.linspace(0, 255, width).round()[None]
    return picture
