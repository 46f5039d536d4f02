"""A first look at an uploaded picture: is it fit for a try-on, in words a person can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from inference.pictures import Picture
from inference.preparation import SEEN, Preparation
from preprocess.types import Notice, Rgb

AssetKind = Literal["person", "garment"]

MEASURED_SIDE = 768
"""Sharpness is measured at this longer side, about what engines see, whatever the size of the photo."""
EDGES = 99.5
"""Percentile that stands for the strongest edges: a plain garment on a plain wall has few."""
MIN_SHARPNESS = 0.45
"""Of 84 clean photos the least sharp has 0.59; blurred by a sigma of 1.5 pixels their median is 0.27."""


@dataclass(frozen=True, kw_only=True)
class Checks:
    person_visible: bool | None
    """None for a garment."""
    sharp: bool
    large_enough: bool
    warnings: tuple[Notice, ...]


def check(picture: Picture, kind: AssetKind, preparation: Preparation, low_side: int) -> Checks:
    """Nothing here refuses the picture: the checks warn before time is spent on it."""
    photo = picture.photo
    sharp = sharpness(photo.rgb) >= MIN_SHARPNESS
    large = min(photo.width, photo.height) >= low_side
    visible = picture.person_score(preparation) >= SEEN if kind == "person" else None
    warnings = []
    if visible is False:
        warnings.append(
            Notice(name="no-person", detail="Nobody was found in this photo; show the whole upper body.")
        )
    if not sharp:
        warnings.append(
            Notice(name="blurred", detail="The photo is not sharp; hold the camera still, in good light.")
        )
    if not large:
        warnings.append(
            Notice(
                name="low-resolution",
                detail=f"The photo has {photo.width}x{photo.height} pixels; {low_side} or more look better.",
            )
        )
    return Checks(person_visible=visible, sharp=sharp, large_enough=large, warnings=tuple(warnings))


def sharpness(rgb: Rgb) -> float:
    """Second over first derivative at the strongest edges: how steep they are, whatever their contrast."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    factor = MEASURED_SIDE / max(grey.shape)
    if factor < 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    curvature = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 4
    steepest = float(np.percentile(slope, EDGES))
    return float(np.percentile(curvature, EDGES)) / steepest if steepest > 0 else 0.0
