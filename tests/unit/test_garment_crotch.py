"""The end of the gap between two legs, in the shadow of the cloth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.garment.crotch import clear_crotch
from preprocess.garment.outline import trace
from preprocess.types import Rgb

FRAME = (900, 700)
TRUE_END, FOUND_END = 300, 380


def mask_of(crotch: int) -> NDArray[np.bool_]:
    """Trousers whose gap ends at ``crotch``; its sides are the same for all ends."""
    half = 60 * (crotch - TRUE_END) // (800 - TRUE_END)
    outline = [(250, 120), (450, 120), (490, 260), (470, 800), (410, 800), (350 + half, crotch)]
    outline += [(350 - half, crotch), (290, 800), (230, 800), (210, 260)]
    mask = np.zeros(FRAME, np.uint8)
    cv2.fillPoly(mask, [np.array(outline, np.int32).reshape(-1, 1, 2)], 1)
    return mask > 0


def picture(cloth: tuple[int, int, int]) -> Rgb:
    """White ground, darker the deeper it lies in the gap."""
    light = np.clip(np.linspace(0.0, 2.5, FRAME[0]) - 0.5, 0.35, 1.0)[:, None, None]
    colours = np.where(mask_of(TRUE_END)[..., None], np.array(cloth, float), 250.0 * light)
    return np.asarray(np.clip(colours + np.random.default_rng(3).normal(0, 1, (*FRAME, 3)), 0, 255), np.uint8)


def test_the_gap_is_opened_up_to_its_end() -> None:
    found, true = mask_of(FOUND_END), mask_of(TRUE_END)
    cleared = clear_crotch(found.astype(np.float32), picture((225, 215, 190)), trace(found)) > 0.5
    missed = (found & ~true).sum()
    assert missed > 300
    assert (cleared & ~true).sum() < 0.3 * missed
    assert (true & ~cleared).sum() < 0.2 * missed


def test_grey_cloth_stays_as_it_is() -> None:
    found = mask_of(FOUND_END).astype(np.float32)
    assert clear_crotch(found, picture((120, 120, 120)), trace(found > 0)) is found


def test_stitches_beyond_the_end_stay() -> None:
    true = mask_of(TRUE_END)
    rgb = picture((60, 80, 140))
    cv2.line(rgb, (350, 200), (350, 305), (200, 140, 60), 2, cv2.LINE_AA)
    cleared = clear_crotch(true.astype(np.float32), rgb, trace(true))
    assert (cleared[180:290] == true[180:290]).all()


def test_skirts_stay() -> None:
    skirt = np.zeros(FRAME, np.float32)
    skirt[100:700, 200:500] = 1.0
    assert clear_crotch(skirt, np.full((*FRAME, 3), 120, np.uint8), trace(skirt > 0)) is skirt
