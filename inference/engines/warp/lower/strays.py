"""Bits of the old garment that were read as arms, hands, shoes or the top: told by their colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, blur, grow, shrink
from preprocess.types import Alpha

_NEAR = 0.3
"""Half hips from the old garment within which its bits are looked for."""
_RIM = 0.05
"""Half hips along borders whose mixed colours say nothing."""
_FEWEST = 400
"""Fewer pixels do not tell what colours a thing has."""
_BINS = (24, 8, 8)
"""Steps of 8-bit Lab in which colours are counted: coarse in lightness, which shadows change."""
_SPREAD = 1.2
"""Pixels over which likelihoods are averaged: a pattern is told by its neighbourhood."""
_SURER = 4.0
"""How many times likelier a colour must be on the garment than on the part it was read as."""
_ALIKE = 0.12
"""Share of their colours that two things have in common from which they cannot be told apart."""
_FLOOR = 2e-4
"""Likelihood of a colour that was not seen."""
_ROUNDED = 0.02
"""Half hips over which what was found is closed and its outline evened."""


def strays(photo: FloatRgb, part: Alpha, cloth: Alpha, unit: float) -> Alpha:
    """``(h, w)`` weight of what in ``part``, joined to the old garment ``cloth``, has its colours and not the
    part's own. Both are weights; ``unit`` is half the width of the hips."""
    beside = grow(cloth > 0.5, _NEAR * unit)
    own = shrink(part > 0.8, _RIM * unit) & ~beside
    core = shrink(cloth > 0.9, _RIM * unit)
    doubtful = (part > 0.2) & beside
    if min(own.sum(), core.sum()) < _FEWEST or not doubtful.any():
        return np.zeros_like(part)
    bins = _bins(photo)
    shares = [_shares(bins, region) for region in (core, own)]
    if np.minimum(*shares).sum() > _ALIKE:
        return np.zeros_like(part)
    likely = [blur(share[bins], _SPREAD) + _FLOOR for share in shares]
    found = doubtful & (likely[0] > _SURER * likely[1])
    joined = _touching(found, cloth > 0.5)
    return blur(grow(shrink(grow(joined, _ROUNDED * unit), _ROUNDED * unit), 1.0).astype(np.float32), 0.8)


def _bins(photo: FloatRgb) -> NDArray[np.int64]:
    """The number of each pixel's colour."""
    lab = cv2.cvtColor(np.clip(photo, 0, 255).astype(np.uint8), cv2.COLOR_RGB2LAB)
    steps = [lab[..., k].astype(np.int64) // step for k, step in enumerate(_BINS)]
    counts = [255 // step + 1 for step in _BINS]
    return (steps[0] * counts[1] + steps[1]) * counts[2] + steps[2]


def _shares(bins: NDArray[np.int64], region: Bool) -> NDArray[np.float32]:
    """How much of a region has each colour."""
    size = int(np.prod([255 // step + 1 for step in _BINS]))
    counted = np.bincount(bins[region], minlength=size)
    return (counted / max(int(region.sum()), 1)).astype(np.float32)


def _touching(found: Bool, cloth: Bool) -> Bool:
    """The pieces of ``found`` beside ``cloth``."""
    _, pieces = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    beside = np.unique(pieces[grow(cloth, 2.0)])
    return np.asarray(np.isin(pieces, beside[beside > 0]), np.bool_)
