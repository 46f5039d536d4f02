"""Texture of real skin, spread over skin that was never photographed: patches of this photo's own skin."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, Float, blur, box_of, luma
from inference.engines.warp.grain import SEED, grain, grain_spread

_DETAIL = 0.014
"""Shoulder widths: coarser than this is shading, finer is texture."""

_PATCH = 0.08
"""Shoulder widths: side of a patch; several pores and blotches, no feature of a body."""

_QUIET = 40.0
"""Percentile of contrast up to which patches are taken: the rest has creases, nails, jewellery."""

_FEWEST = 40
"""Places to take patches from; fewer would be seen as repeats."""

_LIMIT = 0.08
"""Largest relative deviation; more is no texture of skin."""

_UNKNOWN_LIGHT = 128.0
"""Brightness of skin where none is seen, 0..255."""

_STRONGEST = 0.012
"""Standard deviation of the texture of smooth skin; where the patches have more, they hold beard or
creases."""

Places = NDArray[np.int64]
"""``(n, 2)`` upper left corners of patches: row, column."""


def pores(photo: FloatRgb, sources: tuple[Bool, ...], target: Bool, unit: float) -> Float:
    """``float32 (h, w)`` relative deviations of brightness in the box of ``target``, 0 elsewhere.

    Patches from random places of the first source that is large enough, each faded into its neighbours. The
    squares of the fading weights sum to 1, so that the mixture keeps the contrast of the skin (Heitz and
    Neyret, High-Performance By-Example Noise, 2018). Without a source it is the photo's grain.
    """
    texture = np.zeros(target.shape, np.float32)
    window = box_of(target)
    if not texture[window].size:
        return texture
    side = max(8, 2 * round(0.5 * _PATCH * unit))
    light = luma(photo)
    smooth = np.maximum(blur(light, _DETAIL * unit), 8.0)
    detail = np.asarray(np.clip(light / smooth - 1.0, -_LIMIT, _LIMIT), np.float32)
    for source in sources:
        places = _places(detail, source, side)
        if len(places) >= _FEWEST:
            texture[window] = _woven(detail, places, target[window], side)
            return texture
    noise = grain(target.shape, max(grain_spread(photo, sources[-1]), 0.8))
    # Against the skin's own brightness: what the photo shows there now are clothes, and may be black.
    bright = float(light[sources[-1]].mean()) if sources[-1].any() else _UNKNOWN_LIGHT
    texture[window] = _smooth_skin(noise / bright, target)[window]
    return texture


def _places(detail: Float, source: Bool, side: int) -> Places:
    """Quiet patches that lie wholly in the source."""
    whole = cv2.erode(source.astype(np.uint8), np.ones((side, side), np.uint8), anchor=(0, 0), borderValue=0)
    energy = cv2.boxFilter(detail**2, -1, (side, side), anchor=(0, 0))
    inside = whole > 0
    inside[-side:], inside[:, -side:] = False, False
    if not inside.any():
        return np.zeros((0, 2), np.int64)
    return np.argwhere(inside & (energy <= np.percentile(energy[inside], _QUIET)))


def _woven(detail: Float, places: Places, target: Bool, side: int) -> Float:
    height, width = target.shape
    step = side // 2
    fade = np.sin(np.pi * (np.arange(side) + 0.5) / side)
    window = np.outer(fade, fade).astype(np.float32)
    total = np.zeros((height + 2 * side, width + 2 * side), np.float32)
    wanted = cv2.copyMakeBorder(target.astype(np.uint8), step, 2 * side, step, 2 * side, cv2.BORDER_CONSTANT)
    corners = [
        (y, x)
        for y in range(0, height + step, step)
        for x in range(0, width + step, step)
        if wanted[y : y + side, x : x + side].any()
    ]
    chosen = places[np.random.default_rng(SEED).integers(len(places), size=len(corners))]
    for (y, x), (row, column) in zip(corners, chosen, strict=True):
        spot = np.s_[y : y + side, x : x + side]
        total[spot] += detail[row : row + side, column : column + side] * window
    inner = np.s_[step : step + height, step : step + width]
    woven = total[inner]
    return _smooth_skin(woven, target)


def _smooth_skin(texture: Float, target: Bool) -> Float:
    """No stronger in ``target`` than smooth skin's."""
    return np.asarray(texture * min(1.0, _STRONGEST / max(float(texture[target].std()), 1e-6)), np.float32)
