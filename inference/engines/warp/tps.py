"""Thin plate splines: the smoothest map of the plane through given points, and its inverse at single
points."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STIFFNESS = 1e-4
"""Bending penalty in units where the points spread over 1: noise of landmarks is smoothed, corners are
kept."""
_GRID = 8
"""Spacing in pixels at which a dense map is evaluated; in between it is linear, wrong by some hundredths of a
pixel. A power of two: OpenCV's remap knows fractions of 1/32 only."""
_NEWTON_STEPS = 8
"""Enough from any start on the body: cloth bends gently."""


@dataclass(frozen=True, kw_only=True)
class Tps:
    """A fitted spline. Coordinates are centred and scaled before the kernel so that it is well
    conditioned."""

    centres: Array
    """``(n, 2)`` the points it was fitted to, normalised."""
    weights: Array
    """``(n + 3, 2)`` kernel weights, then constant, x and y."""
    origin: Array
    unit: float

    def __call__(self, points: Array) -> Array:
        """Map ``(m, 2)`` points."""
        normal = (np.asarray(points, dtype=np.float64) - self.origin) / self.unit
        basis = np.concatenate([_kernel(normal, self.centres), _affine_basis(normal)], axis=1)
        mapped: Array = basis @ self.weights
        return mapped

    def dense(self, x0: int, y0: int, width: int, height: int) -> NDArray[np.float32]:
        """Map the centres of the pixels of a box: ``float32 (height, width, 2)``."""
        columns = np.arange(0, width + _GRID, _GRID)
        rows = np.arange(0, height + _GRID, _GRID)
        grid = np.stack(np.meshgrid(x0 + columns + 0.5, y0 + rows + 0.5), axis=-1).reshape(-1, 2)
        nodes = self(grid).astype(np.float32).reshape(len(rows), len(columns), 2)
        x, y = np.meshgrid(
            np.arange(width, dtype=np.float32) / _GRID, np.arange(height, dtype=np.float32) / _GRID
        )
        return np.asarray(cv2.remap(nodes, x, y, cv2.INTER_LINEAR), dtype=np.float32)

    def jacobian(self, points: Array, step: float = 0.5) -> Array:
        """Derivatives ``(m, 2, 2)`` at points: ``[:, i, j]`` is d output i / d input j."""
        columns = [
            (self(points + offset) - self(points - offset)) / (2 * step)
            for offset in (np.array([step, 0.0]), np.array([0.0, step]))
        ]
        return np.stack(columns, axis=-1)

    def invert(self, values: Array, start: Array) -> Array:
        """Points ``(m, 2)`` that map to ``values``, by Newton steps from ``start``; exact where the map is
        sound."""
        points = np.array(start, dtype=np.float64)
        for _ in range(_NEWTON_STEPS):
            jacobian = self.jacobian(points)
            determinant = np.linalg.det(jacobian)
            sound = np.abs(determinant) > 1e-6
            if not sound.any():
                break
            move = np.linalg.solve(jacobian[sound], (values - self(points))[sound][..., None])[..., 0]
            length = np.hypot(move[:, 0], move[:, 1])[:, None]
            points[sound] += move * np.minimum(1.0, 0.2 * self.unit / np.maximum(length, 1e-9))
        return points


def fit_tps(points: Array, values: Array, stiffness: float = _STIFFNESS) -> Tps:
    """Spline with ``spline(points) ~ values``; both ``(n, 2)`` with n >= 1.

    Repeated and collinear points are allowed: the system is solved in the least squares sense, which leaves
    the undetermined directions at rest.
    """
    points, values = np.asarray(points, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if points.shape != values.shape or points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ValueError(f"expected two arrays (n, 2), got {points.shape} and {values.shape}")
    origin = points.mean(axis=0)
    unit = max(float(np.abs(points - origin).max()), 1e-6)
    normal = (points - origin) / unit
    count = len(points)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(normal, normal) + stiffness * np.eye(count)
    system[:count, count:] = _affine_basis(normal)
    system[count:, :count] = system[:count, count:].T
    right = np.concatenate([values, np.zeros((3, 2))])
    weights = np.linalg.lstsq(system, right, rcond=1e-12)[0]
    return Tps(centres=normal, weights=weights, origin=origin, unit=unit)


def _kernel(points: Array, centres: Array) -> Array:
    x = points[:, None, 0] - centres[None, :, 0]
    y = points[:, None, 1] - centres[None, :, 1]
    squared = x * x + y * y
    kernel: Array = 0.5 * squared * np.log(np.maximum(squared, 1e-20))  # r^2 log r
    return kernel


def _affine_basis(points: Array) -> Array:
    return np.concatenate([np.ones((len(points), 1)), points], axis=1)
