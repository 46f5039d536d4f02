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
    """Resample a float32 ``(h, w[, c])`` array to ``shape[:2]`` (area when shrinking, linear when
    growing)."""
    shrink = shape[0] < image.shape[0]
    mode = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (shape[1], shape[0]), interpolation=mode), dtype=np.float32)


def spread(colours: NDArray[np.float32], weight: Alpha, sigma: float) -> NDArray[np.float32]:
    """Weighted local mean of ``colours`` (h, w, 3), defined far from any weight as well.

    Works at a size where ``sigma`` is about two pixels, which costs the same for any ``sigma``; coarser and
    coarser means fill in where the fine ones have no weight.
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
    """Statistics of a colour guide for the guided filter (He, Sun, Tang 2010), shared by all filtered planes.

    The local colour lines are fitted on every ``step``-th pixel, as in the fast guided filter (He, Sun 2015).
    """

    image: NDArray[np.float32]
    """``(h, w, 3)`` 0..1."""
    fitted: NDArray[np.float32]
    """``image`` shrunk by the step."""
    radius: int
    mean: NDArray[np.float32]
    inverse: NDArray[np.float32]
    """``(h / step, w / step, 6)`` upper triangle (00, 01, 02, 11, 12, 22) of the inverse local covariance."""

    @staticmethod
    def of(image: Rgb, radius: int, epsilon: float, step: int = 1) -> Guide:
        """``radius`` in pixels of ``image``; ``epsilon``: variance below which a patch is simply averaged."""
        unit = image.astype(np.float32) / 255.0
        fitted = unit if step == 1 else resize(unit, (unit.shape[0] // step, unit.shape[1] // step))
        radius = max(1, round(radius / step))
        mean = _box(fitted, radius)
        index = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        planes = cv2.split(fitted)
        means = cv2.split(mean)
        a, b, c, d, e, f = (_box(planes[i] * planes[j], radius) - means[i] * means[j] for i, j in index)
        a, d, f = a + epsilon, d + epsilon, f + epsilon
        first, second, third = d * f - e * e, c * e - b * f, b * e - c * d
        rest = a * f - c * c, b * c - a * e, a * d - b * b
        determinant = a * first + b * second + c * third
        inverse = cv2.merge([plane / determinant for plane in (first, second, third, *rest)])
        return Guide(image=unit, fitted=fitted, radius=radius, mean=mean, inverse=np.asarray(inverse))

    def crop(self, rows: slice, columns: slice) -> Guide:
        """The guide of a part of the image; only for a step of 1."""
        part = (rows, columns)
        return Guide(
            image=self.image[part],
            fitted=self.fitted[part],
            radius=self.radius,
            mean=self.mean[part],
            inverse=self.inverse[part],
        )

    def line(self, plane: Alpha) -> NDArray[np.float32]:
        """Local colour lines of one plane: ``(h, w, 4)`` slopes for R, G, B and the offset."""
        plane = resize(plane, self.fitted.shape) if plane.shape != self.fitted.shape[:2] else plane
        mean_plane = _box(plane, self.radius)
        means, inv = cv2.split(self.mean), cv2.split(self.inverse)
        r, g, b = (
            _box(colour * plane, self.radius) - mean * mean_plane
            for colour, mean in zip(cv2.split(self.fitted), means, strict=True)
        )
        slopes = [
            inv[0] * r + inv[1] * g + inv[2] * b,
            inv[1] * r + inv[3] * g + inv[4] * b,
            inv[2] * r + inv[4] * g + inv[5] * b,
        ]
        offset = mean_plane - slopes[0] * means[0] - slopes[1] * means[1] - slopes[2] * means[2]
        return _box(np.asarray(cv2.merge([*slopes, offset]), dtype=np.float32), self.radius)

    def filter(self, plane: Alpha) -> Alpha:
        """``plane`` smoothed along the guide's edges, same size."""
        return apply_line(self.line(plane), self.image)


def apply_line(line: NDArray[np.float32], image: NDArray[np.float32]) -> Alpha:
    """Evaluate colour lines of any size on a float image 0..1: joint upsampling when ``image`` is larger."""
    if line.shape[:2] != image.shape[:2]:
        line = resize(line, image.shape)
    a, b, c, offset = cv2.split(line)
    red, green, blue = cv2.split(image)
    return np.asarray(a * red + b * green + c * blue + offset, dtype=np.float32)


def _box(plane: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    size = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.blur(plane, size, borderType=cv2.BORDER_REFLECT), dtype=np.float32)
