"""Colour models: smoothed Lab histograms that say how usual a colour is within a region."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.types import Alpha, Rgb

BINS = 28
"""Per axis: bins of 3.6 (L) and 4 (a, b) are near the noise of a compressed photo."""
CHROMA_LIMIT = 56.0
"""|a|, |b| beyond this share the outermost bin: more saturated colours are not confused with anything."""

Lab = NDArray[np.float32]
Codes = NDArray[np.intp]
"""``(h, w)`` flat histogram bin of every pixel."""


@dataclass(frozen=True, kw_only=True)
class Palette:
    """A histogram, scaled so that the region's usual colours are about 1."""

    density: NDArray[np.float32]
    """``(BINS**3,)``, sums to 1."""
    usual: float
    """Density of the region's common colours."""
    seeds: int

    def likelihood(self, codes: Codes) -> Alpha:
        """``(h, w)`` 0..1.2; comparable between plain and patterned regions."""
        return np.asarray(np.minimum(self.density[codes] / self.usual, 1.2), dtype=np.float32)

    def overlap(self, other: Palette) -> float:
        """Histogram intersection: 0 = no shared colour, 1 = the same."""
        return float(np.minimum(self.density, other.density).sum())


def to_lab(image: Rgb) -> Lab:
    """``uint8`` RGB to float32 Lab, L 0..100."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB), dtype=np.float32)


def quantise(lab: Lab) -> Codes:
    """Histogram bin of each pixel."""
    low = np.array([0.0, -CHROMA_LIMIT, -CHROMA_LIMIT], np.float32)
    high = np.array([100.0, CHROMA_LIMIT, CHROMA_LIMIT], np.float32)
    index = np.clip((lab - low) / (high - low) * BINS, 0, BINS - 1).astype(np.intp)
    return np.asarray((index[..., 0] * BINS + index[..., 1]) * BINS + index[..., 2])


def bin_centres() -> Lab:
    """``(BINS**3, 3)`` Lab colour of each bin."""
    steps = (np.arange(BINS, dtype=np.float32) + 0.5) / BINS
    chroma = (steps * 2.0 - 1.0) * CHROMA_LIMIT
    grid = np.meshgrid(steps * 100.0, chroma, chroma, indexing="ij")
    return np.asarray(np.stack(grid, -1).reshape(-1, 3), dtype=np.float32)


def palette(codes: Codes, region: NDArray[np.bool_], smooth: float = 1.0) -> Palette:
    """Histogram of ``region``; ``smooth`` is the Gaussian's sigma in bins (lightness gets 1.4 times as
    much)."""
    counts = np.bincount(codes[region], minlength=BINS**3).astype(np.float32)
    return palette_of_counts(counts, smooth)


def palette_of_counts(counts: NDArray[np.float32], smooth: float) -> Palette:
    """As :func:`palette`, from counts ``(BINS**3,)``."""
    cube = smoothed(counts[None], smooth)[0]
    density = np.asarray(cube / max(float(cube.sum()), 1e-9), dtype=np.float32)
    peak = float(density.max())
    # the 80th percentile of the occupied bins, not the peak: one flat patch must not make a print improbable
    usual = float(np.percentile(density[density > 0.02 * peak], 80)) if peak > 0 else 1.0
    return Palette(density=density, usual=usual, seeds=int(counts.sum()))


def smoothed(counts: NDArray[np.float32], smooth: float) -> NDArray[np.float32]:
    """``(n, BINS**3)`` histograms blurred along their three axes."""
    cubes = counts.reshape(-1, BINS, BINS, BINS)
    chroma = _gaussian(BINS, smooth)
    # kernels are symmetric but for the borders, where little happens
    blurred = (chroma @ (cubes @ chroma)).reshape(-1, BINS, BINS**2)
    return np.asarray(_gaussian(BINS, 1.4 * smooth) @ blurred, dtype=np.float32).reshape(-1, BINS**3)


def _gaussian(size: int, sigma: float) -> NDArray[np.float32]:
    """``(size, size)`` matrix that convolves an axis with a Gaussian."""
    steps = np.arange(size, dtype=np.float32)
    kernel = np.exp(-0.5 * ((steps[:, None] - steps[None]) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(0, keepdims=True), dtype=np.float32)
