"""What laying a garment knows once its torso is in place: what the sleeves are fitted to."""

from __future__ import annotations

from dataclasses import dataclass

from inference.engines.warp.fit import Fit
from inference.engines.warp.freeform import FreeForm
from inference.engines.warp.silhouette import Silhouette
from inference.engines.warp.types import Body
from preprocess.types import Garment, GarmentLandmarks

Box = tuple[int, int, int, int]
"""``x0, y0, width, height`` in the person's frame."""


@dataclass(frozen=True, kw_only=True)
class Wearing:
    """One garment on one body."""

    garment: Garment
    marks: GarmentLandmarks
    """The garment's own or assumed ones."""
    body: Body
    silhouette: Silhouette
    fit: Fit
    torso: FreeForm
    """Person's frame to garment's frame."""
    box: Box
    """Part of the frame that the garment can reach."""
