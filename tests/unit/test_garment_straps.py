"""Two straps beside each other, with the wall between them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from preprocess.garment.backdrop import fit_ring, to_lab
from preprocess.garment.straps import open_straps

WALL, YELLOW = (245, 245, 245), (245, 220, 90)


def top(
    gap: tuple[int, int, int], cloth: tuple[int, int, int] = YELLOW
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Picture and matte of a bodice on two straps; the right one is double, with a slit in it. A dot of the
    slit's colour is printed on the bodice."""
    matte = np.zeros((400, 300), np.uint8)
    cv2.rectangle(matte, (60, 200), (240, 340), 255, -1)
    cv2.rectangle(matte, (80, 80), (90, 200), 255, -1)
    cv2.rectangle(matte, (205, 80), (222, 200), 255, -1)
    picture = np.where(matte[..., None] > 0, np.array(cloth, np.uint8), np.array(WALL, np.uint8))
    cv2.rectangle(picture, (211, 120), (216, 180), gap, -1)
    cv2.circle(picture, (150, 270), 12, gap, -1)
    return picture.astype(np.uint8), (matte / 255).astype(np.float32)


@pytest.mark.parametrize("gap", [WALL, (255, 255, 255)], ids=["the wall", "retouched to white"])
def test_a_slit_between_straps_is_open_and_a_print_stays(gap: tuple[int, int, int]) -> None:
    picture, matte = top(gap)
    opened = open_straps(matte, picture, fit_ring(to_lab(picture)))
    assert opened[130:170, 212:215].max() < 0.2
    assert (opened[190:] == matte[190:]).all()
    assert (opened[:, :200] == matte[:, :200]).all()


def test_white_straps_and_dark_slits_stay_closed() -> None:
    for picture, matte in (top(WALL, cloth=(252, 252, 250)), top((120, 90, 20))):
        assert (open_straps(matte, picture, fit_ring(to_lab(picture))) == matte).all()
