"""A first look at an uploaded picture: is it fit for a try-on, in words a person can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from inference.pictures import Picture
from inference.preparation import Preparation
from preprocess.types import Notice, Rgb

AssetKind = Literal["person", "garment"]

MEASURED_SIDE = 512
"""Sharpness is measured at this longer side, so that it does not depend on the size of the photo."""
MIN_SHARPNESS = 40.0
"""Variance of the Laplacian, 8-bit grey; clean photos of people give several hundred."""


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
    visible = picture.shows_person(preparation) if kind == "person" else None
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
    """Variance of the Laplacian of the grey picture at a fixed size."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    factor = MEASURED_SIDE / max(grey.shape)
    if factor < 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return float(np.var(cv2.Laplacian(grey, cv2.CV_32F)))
