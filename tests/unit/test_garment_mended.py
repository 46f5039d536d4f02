"""Bites out of a matte are mended from its other half, and nothing else is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from preprocess.garment.mended import mended
from preprocess.types import Alpha, Rgb

WALL, CLOTH = 244, 252
AXIS = 150.0


def _tank() -> Alpha:
    mask = np.zeros((400, 300), np.uint8)
    for corners in (
        [(60, 120), (240, 120), (250, 390), (50, 390)],
        [(70, 20), (110, 20), (110, 125), (62, 125)],
        [(190, 20), (230, 20), (238, 125), (190, 125)],
    ):
        cv2.fillPoly(mask, [np.array(corners, np.int32)], 1)
    return mask.astype(np.float32)


def _picture(alpha: Alpha, cloth: int = CLOTH) -> Rgb:
    grey = WALL + (cloth - WALL) * alpha + np.random.default_rng(0).normal(0, 1, alpha.shape)
    return np.repeat(np.clip(grey, 0, 255)[..., None], 3, axis=2).astype(np.uint8)


def _bitten(alpha: Alpha) -> Alpha:
    bitten = alpha.copy()
    bitten[55:100, 50:98] = 0
    return bitten


def test_a_strap_lost_on_one_side_comes_back() -> None:
    whole = _tank()
    found = mended(_bitten(whole), _picture(whole), AXIS)
    assert np.abs((found > 0.5).astype(int) - (whole > 0.5)).sum() < 0.01 * whole.sum()
    assert np.array_equal(found[150:], whole[150:])


@pytest.mark.parametrize("case", ["a cut", "a strong colour", "one shoulder"])
def test_what_is_no_bite_stays(case: str) -> None:
    whole, lost = _tank(), _bitten(_tank())
    if case == "one shoulder":
        lost[:119, :120] = 0
    picture = _picture(
        whole if case == "a strong colour" else lost, 60 if case == "a strong colour" else CLOTH
    )
    assert np.array_equal(mended(lost, picture, AXIS), lost)


def test_a_whole_matte_is_left_alone() -> None:
    whole = _tank()
    assert mended(whole, _picture(whole), AXIS) is whole
