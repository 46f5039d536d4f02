"""The product photo's background: a smooth surface fitted to the border, and how far each pixel lies from
it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.types import Rgb

Lab = NDArray[np.float32]
"""``float32 (H, W, 3)``, CIE Lab: L 0..100, a and b about -100..100."""
Bool = NDArray[np.bool_]
Float = NDArray[np.float32]

RING = 0.025
"""Width of the border ring that is taken for background, as a share of the shorter side."""
OUTLIER = 10.0
"""Lab distance from the ring's median beyond which a ring pixel is taken for garment (a sleeve at the
border)."""
SAMPLES = 6000
"""Pixels a surface is fitted to: more add time, not accuracy."""
NOISE_FLOOR = 0.35
"""Lab units: 8-bit rounding alone gives about this much."""


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """The fitted background and what deviates from it."""

    surface: Lab
    """What the background would look like everywhere."""
    noise: float
    """95th percentile of the Lab distance between ring and surface."""
    evenness: float
    """0..1: share of the ring that follows the surface."""


def to_lab(image: Rgb) -> Lab:
    """``uint8`` RGB to CIE Lab, ``float32``."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB), np.float32)


def dot(one: Float, other: Float) -> Float:
    """Scalar product over the last axis, ``(..., C)`` to ``(...)``; with so few channels OpenCV is several
    times faster at it than numpy."""
    channels = one.shape[-1]
    product = (one * other).reshape(-1, 1, channels)
    summed = cv2.transform(product, np.ones((1, channels), np.float32))
    return np.asarray(summed, np.float32).reshape(one.shape[:-1])


def magnitude(vectors: Float) -> Float:
    """Euclidean length over the last axis, ``(..., C)`` to ``(...)``."""
    return np.sqrt(dot(vectors, vectors))


def _terms(shape: tuple[int, int]) -> Float:
    """Second-order polynomial terms of position, ``(H, W, 6)``: studio light falls off no faster than
    that."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    x, y = x / shape[1] - 0.5, y / shape[0] - 0.5
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)


def ring_of(shape: tuple[int, int]) -> Bool:
    """The border ring, ``(H, W)``."""
    width = max(3, round(RING * min(shape)))
    ring = np.ones(shape, bool)
    ring[width:-width, width:-width] = False
    return ring


def _solve(lab: Lab, trusted: Bool, terms: Float) -> Float:
    """Least-squares surface through the trusted pixels: its ``(T, 3)`` coefficients."""
    index = np.flatnonzero(trusted)
    index = index[:: max(1, len(index) // SAMPLES)]
    rows, values = terms.reshape(-1, terms.shape[-1])[index], lab.reshape(-1, 3)[index]
    solution, *_ = np.linalg.lstsq(rows, values, rcond=None)
    return np.asarray(solution, np.float32)


def fit_ring(lab: Lab) -> Backdrop:
    """Fit the background to the border ring alone, leaving out what does not belong to it."""
    shape = lab.shape[:2]
    ring = ring_of(shape)
    terms = _terms(shape)
    border, border_terms = lab[ring], terms[ring]
    every = np.ones(len(border), bool)
    trusted = magnitude(border - np.median(border, axis=0).astype(np.float32)) < OUTLIER
    solution = np.zeros((terms.shape[-1], 3), np.float32)
    for order in (3, 3, 6):  # the plane first: it cannot bend towards what is not background
        if trusted.sum() < terms.shape[-1] * 10:
            trusted = every
        solution = _solve(border, trusted, border_terms[:, :order])
        away = magnitude(border - border_terms[:, :order] @ solution)
        trusted = away < max(2.0, 4.0 * float(np.median(away[trusted])))
    if trusted.sum() < terms.shape[-1] * 10:
        trusted = every
    kept = np.zeros(shape, bool)
    kept[ring] = trusted
    return _describe(lab, (terms @ solution).astype(np.float32), ring, kept)


def refit(lab: Lab, background: Bool) -> Backdrop:
    """Fit again through everything found to be background, which bends less between the borders."""
    terms = _terms(lab.shape[:2])
    surface = (terms @ _solve(lab, background, terms)).astype(np.float32)
    away = magnitude(lab - surface)
    ring = ring_of(lab.shape[:2])
    return _describe(lab, surface, ring, ring & (away < max(2.0, 4.0 * float(np.median(away[background])))))


def _describe(lab: Lab, surface: Lab, ring: Bool, trusted: Bool) -> Backdrop:
    away = magnitude(lab[trusted] - surface[trusted])
    noise = float(np.percentile(away, 95)) if trusted.any() else OUTLIER
    return Backdrop(
        surface=surface,
        noise=max(NOISE_FLOOR, noise),
        evenness=float(trusted.sum()) / max(1, int(ring.sum())),
    )


def gradient(lab: Lab, sigma: float = 1.0) -> Float:
    """Colour gradient magnitude in Lab units per pixel, all three channels together."""
    soft = cv2.GaussianBlur(lab, (0, 0), sigma)
    gx = np.asarray(cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125), np.float32)
    gy = np.asarray(cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125), np.float32)
    return np.asarray(np.sqrt(dot(gx, gx) + dot(gy, gy)), np.float32)
