"""Jumpsuits for tests: the samples' tops and dress joined to the sample trousers, dyed in one colour."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from preprocess.types import Alpha, Rgb

ROOT = Path(__file__).resolve().parents[1] / "samples"
SIZE = (1024, 768)
DYE = (46, 92, 84)
WALL = 243
TOPS = {
    "long": ("longsleeve_stripes", 0.55),
    "short": ("tshirt_mustard", 0.62),
    "sleeveless": ("tank_rose", 0.66),
    "fitted": ("dress_floral", 0.42),
}
"""Sample that lends the bodice, and the share of its height that is kept."""
WAIST_WIDTH, WAIST_ROW, CROTCH_ROW, HEM_ROW = 190, 400, 560, 960
SLIT = 26
"""Pixels of the sample between its long sleeves and its torso."""
STRAPS = (52, 12)
"""Half the distance and the width of the straps of a strapped jumpsuit, pixels."""


def jumpsuit(top: str, *, legs: float = 1.0, dyed: bool = True) -> Rgb:
    """A product photo, ``uint8 (1024, 768, 3)``.

    ``top``: one of :data:`TOPS`, ``strapped`` or ``strapless``; ``legs``: the share of the trousers' legs
    that is kept (``.25`` makes a playsuit).
    """
    bodice = _bare(straps=top == "strapped") if top in ("strapped", "strapless") else _bodice(*TOPS[top])
    rgb, alpha = _joined(bodice, _trousers(legs))
    if dyed:
        rgb = _dyed(rgb, alpha)
    grain = np.random.default_rng(7).normal(0, 1.2, (*SIZE, 3))
    picture = WALL + (rgb - WALL) * alpha[..., None] + grain
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def png(picture: Rgb) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


Cut = tuple[NDArray[np.float32], Alpha]


def _sample(name: str) -> Cut:
    rgb = np.array(Image.open(ROOT / f"garments/{name}.jpg").convert("RGB"), np.float32)
    mask = np.array(Image.open(ROOT / f"truth/garment__{name}.mask.png").convert("L"), np.float32)
    return rgb, mask / np.float32(255)


def _placed(cut: Cut, matrix: NDArray[np.float64], rows: tuple[float, float]) -> Cut:
    """Moved by an affine ``matrix``; only what lies in ``rows`` of the picture is kept."""
    rgb, alpha = (cv2.warpAffine(part, matrix, SIZE[::-1], flags=cv2.INTER_AREA) for part in cut)
    ys = np.arange(SIZE[0])[:, None]
    kept = np.where((ys >= rows[0]) & (ys < rows[1]), alpha, 0)
    return rgb.astype(np.float32), kept.astype(np.float32)


def _moved(across: float, down: float, centre: float, row: float, to_row: float) -> NDArray[np.float64]:
    """Scales about ``(centre, row)``, which lands in the middle of the row ``to_row``."""
    return np.array([[across, 0, SIZE[1] / 2 - across * centre], [0, down, to_row - down * row]], np.float64)


def _bodice(name: str, share: float) -> Cut:
    rgb, mask = _sample(name)
    rows = np.flatnonzero((mask > 0.5).any(axis=1))
    waist = int(rows[0] + share * len(rows))
    left, right = _torso(mask[waist], mask)
    scale = WAIST_WIDTH / (right - left)
    inside = np.zeros_like(mask)
    inside[:waist] = 1
    if name == "longsleeve_stripes":  # its sleeves hang on
        inside[waist:, : int(left)] = inside[waist:, int(right) :] = 1
        armpit = int(rows[0] + 0.3 * len(rows))  # ... apart from the torso
        inside[armpit:, int(left) - SLIT : int(left)] = inside[armpit:, int(right) : int(right) + SLIT] = 0
    centre = (left + right) / 2
    matrix = _moved(scale, scale, centre, waist, WAIST_ROW)
    return _placed((rgb, (mask * inside).astype(np.float32)), matrix, (0, SIZE[0]))


def _torso(row: NDArray[np.float32], mask: Alpha) -> tuple[float, float]:
    """The run of ``row`` about the garment's middle."""
    columns = np.flatnonzero((mask > 0.5).any(axis=0))
    middle = int(columns.mean())
    left = middle - int(np.argmax(row[middle::-1] < 0.5))
    right = middle + int(np.argmax(row[middle:] < 0.5))
    return float(left), float(right)


def _trousers(legs: float) -> Cut:
    rgb, mask = _sample("trousers_denim")
    rows = np.flatnonzero((mask > 0.5).any(axis=1))
    top = rows[0] + 22  # below the waistband
    left, right = _torso(mask[top], mask)
    crotch = top + int(np.argmax(mask[top:, int((left + right) / 2)] < 0.5))
    down = (CROTCH_ROW - WAIST_ROW) / (crotch - top)
    matrix = _moved(WAIST_WIDTH / (right - left), down, (left + right) / 2, top, WAIST_ROW)
    end = CROTCH_ROW + legs * (HEM_ROW - CROTCH_ROW)
    return _placed((rgb, mask), matrix, (WAIST_ROW, end))


def _bare(*, straps: bool) -> Cut:
    rgb, alpha = _bodice(*TOPS["fitted"])
    edge = WAIST_ROW - 105  # below the armholes
    alpha[:edge] = 0
    half, width = STRAPS
    for side in (-1, 1) if straps else ():
        x = SIZE[1] // 2 + side * half
        alpha[edge - 130 : edge, x - width // 2 : x + width // 2] = 1
    return cv2.GaussianBlur(rgb, (0, 0), 3).astype(np.float32), alpha


def _joined(one: Cut, other: Cut) -> Cut:
    share = one[1] / np.maximum(one[1] + other[1], 1e-3)
    rgb = one[0] * share[..., None] + other[0] * (1 - share[..., None])
    return rgb.astype(np.float32), np.maximum(one[1], other[1])


def _dyed(rgb: NDArray[np.float32], alpha: Alpha) -> NDArray[np.float32]:
    """The dye under the cloth's own fine light and shade; prints and broad differences go."""
    light = rgb.mean(axis=-1)
    weight = np.maximum(cv2.GaussianBlur(alpha, (0, 0), 12), 1e-3)
    local = cv2.GaussianBlur(light * alpha, (0, 0), 12) / weight
    factor = np.clip(light / np.maximum(local, 1), 0.85, 1.12)
    return np.asarray(np.array(DYE, np.float32) * factor[..., None], np.float32)
