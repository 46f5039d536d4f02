"""Edge-aware and normalised smoothing on one working image."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.types import Alpha, Rgb


def smoothstep(x: Alpha, low: float, high: float) -> Alpha:
    """0 below ``low``, 1 above ``high``, cubic between; ``low > high`` gives a falling step."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray((t * t * (3.0 - 2.0 * t)), dtype=np.float32)


def bump(x: Alpha, width: float) -> Alpha:
    """Gaussian bump ``exp(-(x / width)^2)`` of a distance."""
    return np.asarray(np.exp(-np.square(x / width)), dtype=np.float32)


def ellipse(size: int) -> NDArray[np.uint8]:
    """Round structuring element of an odd ``size`` (rounded up, at least 3)."""
    size = max(3, size) | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)


def erode(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.erode(mask.astype(np.uint8), ellipse(size)) > 0)


def dilate(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), ellipse(size)) > 0)


def resize(image: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Resample a float32 ``(h, w[, c])`` array to ``shape[:2]`` (area when shrinking, linear when growing)."""
    shrink = shape[0] < image.shape[0]
    mode = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (shape[1], shape[0]), interpolation=mode), dtype=np.float32)


def spread(colours: NDArray[np.float32], weight: Alpha, sigma: float) -> NDArray[np.float32]:
    """Weighted local mean of ``colours`` (h, w, 3), defined far from any weight as well.

    Works at a size where ``sigma`` is about two pixels, which costs the same for any ``sigma``; coarser and coarser
    means fill in where the fine ones have no weight.
    """
    height, width = weight.shape
    step = max(1.0, sigma / 2.0)
    small = (max(2, round(height / step)), max(2, round(width / step)))
    total = resize(colours * weight[..., None], small)
    share = resize(weight, small)
    result = np.zeros_like(total)
    missing = np.ones(small, np.float32)
    for level in range(6):
        total_here = cv2.GaussianBlur(total, (0, 0), 2.0**level)
        share_here = np.asarray(cv2.GaussianBlur(share, (0, 0), 2.0**level))
        part = missing * np.clip(share_here / 0.05, 0.0, 1.0)
        result += (part / np.maximum(share_here, 1e-6))[..., None] * total_here
        missing -= part
    known = 1.0 - missing
    result /= np.maximum(known, 1e-3)[..., None]
    return resize(result, (height, width))


@dataclass(frozen=True, kw_only=True)
class Guide:
    """Statistics of a colour guide for the guided filter (He, Sun, Tang 2010), shared by all filtered planes."""

    image: NDArray[np.float32]
    """``(h, w, 3)`` 0..1."""
    radius: int
    mean: NDArray[np.float32]
    inverse: NDArray[np.float32]
    """``(h, w, 6)`` upper triangle (00, 01, 02, 11, 12, 22) of the inverse local covariance."""

    @staticmethod
    def of(image: Rgb, radius: int, epsilon: float) -> Guide:
        """``epsilon``: variance (0..1 colours) below which a patch counts as flat and is simply averaged."""
        unit = image.astype(np.float32) / 255.0
        mean = _box(unit, radius)
        red, green, blue = (np.ascontiguousarray(unit[..., c]) for c in range(3))
        pairs = np.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue], -1)
        means = np.stack(
            [mean[..., i] * mean[..., j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], -1
        )
        a, b, c, d, e, f = np.moveaxis(_box_many(pairs, radius) - means, -1, 0)
        a, d, f = a + epsilon, d + epsilon, f + epsilon
        cofactors = np.stack(
            [d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b], -1
        )
        determinant = a * cofactors[..., 0] + b * cofactors[..., 1] + c * cofactors[..., 2]
        return Guide(image=unit, radius=radius, mean=mean, inverse=cofactors / determinant[..., None])

    def line(self, plane: Alpha) -> NDArray[np.float32]:
        """Local colour lines of one plane: ``(h, w, 4)`` slopes for R, G, B and the offset."""
        mean_plane = _box(plane, self.radius)
        cov = _box(self.image * plane[..., None], self.radius) - self.mean * mean_plane[..., None]
        r, g, b = np.moveaxis(cov, -1, 0)
        inv = np.moveaxis(self.inverse, -1, 0)
        slope = np.stack(
            [
                inv[0] * r + inv[1] * g + inv[2] * b,
                inv[1] * r + inv[3] * g + inv[4] * b,
                inv[2] * r + inv[4] * g + inv[5] * b,
            ],
            -1,
        )
        offset = mean_plane - (slope * self.mean).sum(-1)
        return _box(np.concatenate([slope, offset[..., None]], -1).astype(np.float32), self.radius)

    def filter(self, plane: Alpha) -> Alpha:
        """``plane`` smoothed along the guide's edges, same size."""
        return apply_line(self.line(plane), self.image)


def apply_line(line: NDArray[np.float32], image: NDArray[np.float32]) -> Alpha:
    """Evaluate colour lines of any size on a float image 0..1: joint upsampling when ``image`` is larger."""
    if line.shape[:2] != image.shape[:2]:
        line = resize(line, image.shape)
    return np.asarray((line[..., :3] * image).sum(-1) + line[..., 3], dtype=np.float32)


def _box(plane: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    size = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.blur(plane, size, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def _box_many(planes: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Box mean of ``(h, w, 6)``: OpenCV filters at most four channels at once."""
    halves = [_box(np.ascontiguousarray(planes[..., s]), radius) for s in (slice(0, 3), slice(3, 6))]
    return np.concatenate(halves, -1)
