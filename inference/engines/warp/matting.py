"""Soft borders of what stays in front: how much of each pixel is hair or skin, and of which colour.

Colours are sRGB 0..255, weights ``float32 (h, w)`` 0..1, distances pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, Float, blur, box_of, smoothstep, weighted_blur
from preprocess.types import Alpha

_ASIDE = 14.0
"""Pixels: besides the known colours nearest to a pixel, those nearest to points so far around it count."""

_RING = 4
"""How many of them: with the nearest one 5 colours in front and 5 behind, of 25 pairs the best."""

_OFF_LINE, _OFF_SHARE = 14.0, 0.2
"""Levels, and share of the line's length, off the line between two colours at which they explain a pixel
hardly: textured hair and knitwear stay below."""

_BEYOND = 0.25
"""Weight of the squared distance beyond an end of that line."""

_CONTRAST = (20.0, 55.0)
"""Levels between the two colours from which they can be told apart, and surely are."""

_SPARE = 24
"""Pixels around the band in which known colours are looked for."""

_SMOOTHED, _AGREED = 0.6, 2.0
"""Sigmas in pixels over which neighbours agree on their shares: less than a strand; and where no colours
explain a pixel."""

_DUST = (0.05, 0.9)
"""Shares below are texture of what is behind, above texture of the layer."""

_WHOLE = (0.5, 0.95)
"""Shares from which a pixel's colour begins to be its own and is wholly so; below it is that of its
neighbours."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Freed:
    """A layer freed from what is behind it."""

    alpha: Alpha
    colour: FloatRgb
    """The layer's own colours where it is soft, the photo's elsewhere."""


def freed(photo: FloatRgb, region: Alpha, inside: Bool, outside: Bool, band: Bool) -> Freed:
    """Solve ``photo = alpha * front + (1 - alpha) * back`` in the ``band`` around a layer's edge.

    Each pixel takes the pair of colours, sampled where the layer surely is (``inside``) and surely is not
    (``outside``), that explains it best (Gastal and Oliveira, Shared Sampling for Real-Time Alpha Matting,
    2010, section 3); where none does, its neighbours decide. Out of the band ``region`` stays as it is.
    """
    colour, alpha = photo.copy(), region.astype(np.float32)
    window = box_of(band, _SPARE)
    if not band.any() or not inside[window].any() or not outside[window].any():
        return Freed(alpha=alpha, colour=colour)
    between, guess = band[window], region[window]
    rows, columns = np.nonzero(between)
    pixel = photo[window][between]
    fronts, backs = (_samples(photo[window], side[window], rows, columns) for side in (inside, outside))
    share, trust, front, back = _best_pair(pixel, fronts, backs)
    solved, weight = guess.copy(), np.full_like(guess, 0.5)
    solved[between], weight[between] = share, trust + 1e-3
    close, wide = (blur(solved * weight, s) / blur(weight, s) for s in (_SMOOTHED, _AGREED))
    agreed = wide[between] + (close - wide)[between] * trust
    mixed = np.clip((agreed - _DUST[0]) / (_DUST[1] - _DUST[0]), 0.0, 1.0).astype(np.float32)
    alpha[window][between] = mixed
    clean = colour[window].copy()
    clean[between] = front + (pixel + (1.0 - mixed[:, None]) * (front - back) - front) * mixed[:, None]
    even = weighted_blur(clean, np.asarray(alpha[window] ** 2 + 1e-3, np.float32), _AGREED)
    whole = smoothstep(mixed, *_WHOLE)[:, None]
    colour[window][between] = np.clip(even[between] + (clean - even)[between] * whole, 0.0, 255.0)
    return Freed(alpha=alpha, colour=colour)


def _samples(image: FloatRgb, known: Bool, rows: Indices, columns: Indices) -> list[Float]:
    """Colours ``(n, 3)`` of the known pixels nearest to each of ``n`` pixels and to points around it."""
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros((int(labels.max()) + 1, 3), np.float32)
    table[labels[known]] = weighted_blur(image, known.astype(np.float32), 1.0)[known]
    height, width = known.shape
    found = [table[labels[rows, columns]]]
    for angle in np.arange(_RING) * (2.0 * np.pi / _RING):
        y = np.clip(rows + round(_ASIDE * float(np.sin(angle))), 0, height - 1)
        x = np.clip(columns + round(_ASIDE * float(np.cos(angle))), 0, width - 1)
        found.append(table[labels[y, x]])
    return found


def _best_pair(pixel: Float, fronts: list[Float], backs: list[Float]) -> tuple[Float, Float, Float, Float]:
    """Share of the front ``(n,)``, trust in it, and the colours ``(n, 3)`` before and behind.

    A pixel beyond the ends of the line between them, a strand darker than the hair sampled, misses it little.
    """
    least = np.full(len(pixel), np.inf, np.float32)
    share, trust = np.zeros_like(least), np.zeros_like(least)
    front, back = fronts[0].copy(), backs[0].copy()
    for one in fronts:
        for other in backs:
            span, from_back = one - other, pixel - other
            square = np.maximum(np.einsum("nc,nc->n", span, span), 1.0)
            place = np.einsum("nc,nc->n", from_back, span) / square
            inner = np.clip(place, 0.0, 1.0)
            off = np.maximum(np.einsum("nc,nc->n", from_back, from_back) - place**2 * square, 0.0)
            miss = off + _BEYOND * (place - inner) ** 2 * square
            better = miss < least
            least, share = np.where(better, miss, least), np.where(better, inner, share)
            fits = np.exp(-off / (_OFF_LINE**2 + _OFF_SHARE**2 * square))
            trust = np.where(better, fits * smoothstep(np.sqrt(square), *_CONTRAST), trust)
            np.copyto(front, one, where=better[:, None])
            np.copyto(back, other, where=better[:, None])
    return share, trust.astype(np.float32), front, back
