"""Smooth fields over an image: blurs, diffusion of known pixels into unknown ones, local mixtures.

Images are ``float32 (h, w)`` or ``(h, w, 3)``; weights are ``float32 (h, w)`` in 0..1. Everything is pure.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from preprocess.types import Alpha

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601 luma of gamma-coded R, G, B."""

_FILL_SIDE = 320
"""Longer side in pixels of the image that smooth fills are computed on."""

_SMALL_RADIUS = 4.0
"""Up to here a dilation is faster than a distance transform, whose cost does not depend on the radius."""

_DIRECT_SIGMA = 5.0
"""Gaussians wider than this are computed on a reduced image: same look, a fraction of the time."""


def blur(image: Float, sigma: float) -> Float:
    """Gaussian blur of any width; borders replicate."""
    height, width = image.shape[:2]
    if sigma < _DIRECT_SIGMA:
        out = cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3), borderType=cv2.BORDER_REPLICATE)
        return np.asarray(out, np.float32)
    step = 2 ** int(np.log2(sigma / 2.0))
    small = cv2.resize(image, (max(2, width // step), max(2, height // step)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def weighted_blur(image: Float, weight: Alpha, sigma: float) -> Float:
    """Mean of ``image`` under a Gaussian window, counting every pixel by ``weight``."""
    weights = weight[..., None] if image.ndim == 3 else weight
    total = np.maximum(blur(weight, sigma), 1e-3)
    return np.asarray(
        blur(image * weights, sigma) / (total[..., None] if image.ndim == 3 else total), np.float32
    )


def smoothstep(x: Float, low: float, high: float) -> Float:
    """0 below ``low``, 1 above ``high``, a cubic between."""
    t = np.asarray((x - low) * np.float32(1.0 / (high - low)), np.float32)
    np.clip(t, 0.0, 1.0, out=t)
    slope = 3.0 - 2.0 * t
    t *= t
    t *= slope
    return t


def luma(image: FloatRgb) -> Float:
    """``(h, w)`` 0..255."""
    return np.asarray(image @ LUMA, np.float32)


def largest_gap(a: FloatRgb, b: FloatRgb) -> Float:
    """Largest difference of the three channels, ``(h, w)``."""
    gap = np.abs(a - b)
    return np.asarray(np.maximum(np.maximum(gap[..., 0], gap[..., 1]), gap[..., 2]), np.float32)


def ellipse(radius: float) -> NDArray[np.uint8]:
    """Round structuring element of the nearest odd size."""
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def grow(region: Bool, radius: float) -> Bool:
    """Every pixel within ``radius`` of a hard region."""
    if not region.any():
        return region
    if radius <= _SMALL_RADIUS:
        return np.asarray(cv2.dilate(region.astype(np.uint8), ellipse(radius)) > 0, np.bool_)
    distance = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(distance <= radius, np.bool_)


def shrink(region: Bool, radius: float) -> Bool:
    """Pixels deeper than ``radius`` inside a hard region."""
    distance = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(distance > radius, np.bool_)


def box_of(region: Bool, pad: int = 0) -> tuple[slice, slice]:
    """Rows and columns of the box around a region with ``pad`` pixels to spare; empty slices if it is
    empty."""
    rows, cols = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if len(rows) == 0:
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(0, int(rows[0]) - pad), int(rows[-1]) + 1 + pad),
        slice(max(0, int(cols[0]) - pad), int(cols[-1]) + 1 + pad),
    )


def dot(a: FloatRgb, b: FloatRgb) -> Float:
    """Scalar product of two colour images, ``(h, w)``."""
    return np.asarray(np.einsum("ijk,ijk->ij", a, b), np.float32)


def mix(under: FloatRgb, over: FloatRgb, alpha: Alpha) -> FloatRgb:
    """``over`` laid on ``under`` with weight ``alpha``."""
    weight = np.ascontiguousarray(alpha, np.float32)
    under, over = np.ascontiguousarray(under, np.float32), np.ascontiguousarray(over, np.float32)
    return np.asarray(cv2.blendLinear(under, over, 1.0 - weight, weight), np.float32)


def diffuse(image: FloatRgb, known: Alpha) -> FloatRgb:
    """Fill everything by pull-push from the pixels where ``known`` is 1; those keep their own colours.

    A pyramid of weighted means is folded back up, each level showing only where the finer one knew nothing,
    so gradients at the border of the hole run on smoothly into it (Gortler et al., The Lumigraph, 1996,
    section 3.4).
    """
    colour, weight = image * known[..., None], known.astype(np.float32)
    levels: list[tuple[Float, Float]] = []
    while min(weight.shape) > 2:
        levels.append((colour, weight))
        colour = np.asarray(cv2.pyrDown(colour), np.float32)
        weight = np.asarray(cv2.pyrDown(weight), np.float32)
        saturated = np.minimum(weight * 2.0, 1.0)
        colour *= (saturated / np.maximum(weight, 1e-6))[..., None]
        weight = saturated
    if weight.max() <= 0:
        return image.copy()
    total = (colour.sum(axis=(0, 1)) / weight.sum())[None, None]
    filled = colour + total * (1.0 - weight[..., None])
    for colour, weight in reversed(levels):
        up = cv2.pyrUp(filled, dstsize=(weight.shape[1], weight.shape[0]))
        filled = colour + up * (1.0 - weight[..., None])
    return np.asarray(filled, np.float32)


def smooth_fill(image: FloatRgb, known: Bool) -> FloatRgb:
    """:func:`diffuse` on a reduced image, for fills that are smooth anyway; nothing is kept at full
    detail."""
    height, width = known.shape
    scale = min(1.0, _FILL_SIDE / max(height, width))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    weight = known.astype(np.float32)
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(image * weight[..., None], size, interpolation=cv2.INTER_AREA)
    colour = np.asarray(small / np.maximum(share, 1e-3)[..., None], np.float32)
    filled = diffuse(colour, (share > 0.5).astype(np.float32))
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def nearest(image: FloatRgb, known: Bool) -> FloatRgb:
    """Every pixel takes the colour of the nearest one where ``known`` holds."""
    if not known.any():
        return image.copy()
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros((int(labels.max()) + 1, 3), np.float32)
    table[labels[known]] = image[known]
    return np.asarray(table[labels], np.float32)


def unmix(image: FloatRgb, alpha: Alpha, radius: float) -> FloatRgb:
    """The pure colour of a layer whose soft border is mixed with what lay behind it.

    Two rounds of blur fusion (Forte, Approximate Fast Foreground Colour Estimation, ICIP 2021): local means
    of foreground and background stand in for the unknown layers, the residual goes to the foreground.
    """
    front = image
    back = image
    for sigma in (radius, radius / 4.0):
        mean_front = weighted_blur(front, alpha, sigma)
        mean_back = weighted_blur(back, 1.0 - alpha, sigma)
        residual = image - mix(mean_back, mean_front, alpha)
        front = np.clip(mean_front + alpha[..., None] * residual, 0.0, 255.0)
        back = mean_back
    return np.asarray(front, np.float32)
