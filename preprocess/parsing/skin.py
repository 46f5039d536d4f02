"""The person's own skin colour, from the face and the hands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import Codes, Lab, Palette, bin_centres, palette
from preprocess.parsing.layout import Layout
from preprocess.types import Alpha

FACE_TRIM = (28.0, 10.0, 12.0)
"""L, a, b distance from the face's median kept: drops brows, eyes, lips, beard and hair strands."""
HAND_TRIM = (22.0, 6.0, 7.0)
SKIN_A, SKIN_B = (3.0, 32.0), (2.0, 42.0)
"""a and b of human skin under usual light, dark to pale."""
DEFAULT_SKIN = (62.0, 16.0, 18.0)
"""Lab of medium skin, used when neither face nor hands show any."""
VARIANCE_FLOOR = (60.0, 9.0, 9.0)
"""Added to the covariance: shading between face and arms changes L by about 8, chroma by about 3."""
MIN_SEEDS = 30


@dataclass(frozen=True, kw_only=True)
class Skin:
    """A skin model as tables over the colour bins."""

    density: NDArray[np.float32]
    """``(BINS**3,)`` 0..1 likelihood."""
    distance: NDArray[np.float32]
    """``(BINS**3,)`` squared Mahalanobis distance."""
    seen: float
    """0..1: 0 = default colour, 1 = face and hands agreed."""

    def likelihood(self, codes: Codes) -> Alpha:
        return np.asarray(self.density[codes], dtype=np.float32)


def skin_model(lab: Lab, codes: Codes, layout: Layout, matte: Alpha) -> Skin:
    """Gaussian plus histogram of the face's and the hands' colours."""
    face = _trim(lab[(layout.face < 0.87) & (matte > 0.8)], FACE_TRIM) if layout.face_visible else lab[:0, 0]
    if len(face) and not _is_skin(np.median(face, 0)):
        face = face[:0]
    hands = _hand_colours(lab, layout, matte, face)
    base = np.concatenate([face, hands])
    seen = 0.6 * min(1.0, len(face) / 200.0) + 0.4 * min(1.0, len(hands) / 200.0)
    if len(base) < MIN_SEEDS:
        return _model(np.array(DEFAULT_SKIN, np.float32), np.diag([120.0, 25.0, 25.0]), None, seen=0.0)
    covariance = np.cov(base.T) + np.diag(VARIANCE_FLOOR)
    near = (np.abs(lab - np.median(base, 0)) < np.array(FACE_TRIM, np.float32)).all(-1)
    seeds = near & (matte > 0.8) & ((layout.face < 0.87) | (np.minimum(*layout.hand) < 0.10))
    found = palette(codes, seeds, smooth=1.6) if seeds.sum() >= MIN_SEEDS else None
    return _model(np.median(base, 0), covariance, found, seen=seen)


def refine_skin(skin: Skin, codes: Codes, region: NDArray[np.bool_]) -> Skin:
    """The model with the colours of ``region`` (skin found so far: arms, neck, legs) added."""
    found = palette(codes, region, smooth=1.2)
    if found.seeds < 100:
        return skin
    learnt = np.minimum(found.density / found.usual, 1.0) * np.exp(
        -0.5 * np.minimum(skin.distance / 9.0, 30.0)
    )
    density = np.maximum(0.75 * skin.density, 0.9 * learnt)
    return Skin(density=density.astype(np.float32), distance=skin.distance, seen=skin.seen)


def _model(
    centre: NDArray[np.float32], covariance: NDArray[np.float64], found: Palette | None, *, seen: float
) -> Skin:
    offset = bin_centres() - centre
    distance = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance), offset)
    density = np.exp(-0.5 * np.minimum(distance / 2.2, 40.0))
    if found is not None:
        density = np.maximum(density, 0.7 * np.minimum(1.0, 2.0 * found.density / found.density.max()))
    return Skin(density=density.astype(np.float32), distance=distance.astype(np.float32), seen=seen)


def _hand_colours(lab: Lab, layout: Layout, matte: Alpha, face: Lab) -> Lab:
    """Colours of visible hands, unless they are not skin-like (gloves, pockets, a bag)."""
    found = [lab[:0, 0]]
    for side in range(2):
        if layout.visibility[15 + side] < 0.5:
            continue
        beyond_cuff = layout.beyond_wrist[side] > 0.03
        colours = lab[(layout.hand[side] < 0.10) & beyond_cuff & (matte > 0.9)]
        if len(colours) < 20:
            continue
        median = np.median(colours, 0)
        if not _is_skin(median):
            continue
        if len(face) and not (np.abs(median - np.median(face, 0)) < (30.0, 14.0, 14.0)).all():
            continue
        found.append(_trim(colours, HAND_TRIM))
    return np.concatenate(found)


def _is_skin(colour: Lab) -> bool:
    return bool(SKIN_A[0] < colour[1] < SKIN_A[1] and SKIN_B[0] < colour[2] < SKIN_B[1])


def _trim(colours: Lab, limits: tuple[float, float, float]) -> Lab:
    if not len(colours):
        return colours
    near = np.abs(colours - np.median(colours, 0)) < np.array(limits, np.float32)
    return colours[near.all(1)]
