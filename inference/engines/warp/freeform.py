"""Free-form maps of the plane: cubic B-splines that meet pins and keep what lies between them in shape.

Points are complex numbers ``x + iy`` inside: a map keeps shapes (angles, and the ratio of lengths) exactly
where its derivative by the conjugate vanishes, which makes "do not distort this print" a linear equation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

_SUPPORT = 4
"""Basis functions of a cubic that reach any one place."""
_NEWTON_STEPS = 8
"""Enough from any start on the body: cloth bends gently."""
_LONGEST_STEP = 4.0
"""Longest of these, in grid steps: a bad start must not leave the body."""
_MOST_CELLS = 64
"""Longest side of a lattice: a long dress on 37 people took 46; misread landmarks must not fill memory."""
_STEP = 0.5
"""Pixels over which derivatives are taken."""


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Where the basis functions stand: knots every ``step`` pixels from ``origin`` on."""

    origin: Array
    step: float
    rows: int
    columns: int
    """Basis functions down and across: three more than cells."""

    @staticmethod
    def over(points: Array, step: float, margin: float) -> Lattice:
        """The lattice that covers ``points (n, 2)`` and ``margin`` pixels round them; cells are wider than
        ``step`` where there were more than ``_MOST_CELLS``."""
        low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
        step = max(step, float((high - low).max()) / _MOST_CELLS)
        columns, rows = (int(np.ceil(length / step)) + 3 for length in high - low)
        return Lattice(origin=low, step=step, rows=rows, columns=columns)

    def place(self, points: Array) -> tuple[Array, Array]:
        """Coordinates ``(n, 2)`` in cells."""
        cells = (points - self.origin) / self.step
        return cells[:, 0], cells[:, 1]

    def middles(self, per_cell: int) -> Array:
        """``(n, 2)`` the middles of the cells, each divided ``per_cell`` times both ways."""
        sides = [
            (np.arange((count - 3) * per_cell) + 0.5) / per_cell * self.step
            for count in (self.columns, self.rows)
        ]
        return np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2) + self.origin


@dataclass(frozen=True, kw_only=True)
class FreeForm:
    """A fitted map. Beyond its lattice it goes on straight."""

    lattice: Lattice
    coefficients: Complex
    """``(rows, columns)``."""

    def __call__(self, points: Array) -> Array:
        """Map ``(m, 2)`` points."""
        index, weight = stencil(self.lattice, np.asarray(points, dtype=np.float64), 0, 0)
        mapped = (self.coefficients.ravel()[index] * weight).sum(axis=1)
        return np.stack([mapped.real, mapped.imag], axis=-1)

    def dense(self, x0: int, y0: int, width: int, height: int) -> NDArray[np.float32]:
        """Map the centres of the pixels of a box: ``float32 (height, width, 2)``."""
        lattice = self.lattice
        across = _basis_rows(
            (x0 + np.arange(width) + 0.5 - lattice.origin[0]) / lattice.step, lattice.columns
        )
        down = _basis_rows((y0 + np.arange(height) + 0.5 - lattice.origin[1]) / lattice.step, lattice.rows)
        mapped = np.empty((height, width, 2), dtype=np.float32)
        for k, part in enumerate((self.coefficients.real, self.coefficients.imag)):
            mapped[..., k] = down @ part.astype(np.float32) @ across.T
        return mapped

    def jacobian(self, points: Array) -> Array:
        """Derivatives ``(m, 2, 2)`` at points: ``[:, i, j]`` is d output i / d input j."""
        columns = []
        for order in ((1, 0), (0, 1)):
            index, weight = stencil(self.lattice, np.asarray(points, dtype=np.float64), *order)
            slope = (self.coefficients.ravel()[index] * weight).sum(axis=1)
            columns.append(np.stack([slope.real, slope.imag], axis=-1))
        return np.stack(columns, axis=-1)

    def invert(self, values: Array, start: Array) -> Array:
        """Points ``(m, 2)`` that map to ``values``, by Newton steps from ``start``; exact where the map is
        sound."""
        points = np.array(start, dtype=np.float64)
        for _ in range(_NEWTON_STEPS):
            jacobian = self.jacobian(points)
            sound = np.abs(np.linalg.det(jacobian)) > 1e-6
            if not sound.any():
                break
            missed = (values - self(points))[sound][..., None]
            move = np.linalg.solve(jacobian[sound], missed)[..., 0]
            length = np.hypot(move[:, 0], move[:, 1])[:, None]
            points[sound] += move * np.minimum(
                1.0, _LONGEST_STEP * self.lattice.step / np.maximum(length, 1e-9)
            )
        return points


@dataclass(frozen=True, kw_only=True)
class Pins:
    """What a map has to meet, each as strictly as its weight says."""

    points: Array
    """``(n, 2)``"""
    values: Array
    """``(n, 2)``"""
    weights: Array
    """``(n,)`` per squared unit of the values."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Where a map is to keep shapes, and which similarity it is to be near to."""

    points: Array
    """``(n, 2)``"""
    rigid: Array
    """``(n,)`` weights of the distortion, per squared derivative."""
    sized: Array
    """``(n,)`` weights of the difference in size and turn from ``similarity``."""
    similarity: complex
    """Derivative of the map where nothing deforms it: 1 / scale, turned."""


def fit_freeform(lattice: Lattice, pins: Pins, shape: Shape, bending: float) -> FreeForm:
    """The map that costs least: missed pins, lost shape, and ``bending`` times the squared second derivatives
    per squared cell."""
    count = lattice.rows * lattice.columns
    gram = bending * _bending(lattice).astype(np.complex128)
    right = np.zeros(count, dtype=np.complex128)

    index, value = stencil(lattice, pins.points, 0, 0)
    _add(gram, index, index, value[:, :, None] * value[:, None, :] * pins.weights[:, None, None])
    target = (pins.values[:, 0] + 1j * pins.values[:, 1]) * pins.weights
    np.add.at(right, index, value * target[:, None])

    index, across = stencil(lattice, shape.points, 1, 0)
    _, down = stencil(lattice, shape.points, 0, 1)
    # d/d conj(z) = (d/dx + i d/dy) / 2 and d/dz = (d/dx - i d/dy) / 2
    lost, kept = (across + 1j * down) / 2, (across - 1j * down) / 2
    for derivative, weights in ((lost, shape.rigid), (kept, shape.sized)):
        products = np.conj(derivative)[:, :, None] * derivative[:, None, :]
        _add(gram, index, index, products * weights[:, None, None])
    np.add.at(right, index, np.conj(kept) * (shape.sized * shape.similarity)[:, None])
    gram[np.diag_indices(count)] += 1e-12 * float(np.abs(np.diag(gram)).max())
    solved = np.asarray(np.linalg.solve(gram, right), dtype=np.complex128)
    return FreeForm(lattice=lattice, coefficients=solved.reshape(lattice.rows, lattice.columns))


def _add(
    gram: Complex, rows: NDArray[np.intp], columns: NDArray[np.intp], values: NDArray[np.number]
) -> None:
    """Add ``values (n, 16, 16)`` to a matrix at the crossings of ``rows`` and ``columns`` ``(n, 16)``."""
    places = (rows[:, :, None] * gram.shape[1] + columns[:, None, :]).ravel()
    size = gram.size
    gram += np.bincount(places, values.real.ravel(), size).reshape(gram.shape)
    if np.iscomplexobj(values):
        gram += 1j * np.bincount(places, values.imag.ravel(), size).reshape(gram.shape)


def _bending(lattice: Lattice) -> Array:
    """``(n, n)`` integral of the squared second derivatives over the lattice, lengths in cells."""
    grams = []
    for count in (lattice.rows, lattice.columns):
        places = (np.arange((count - 3) * 4) + 0.5) / 4
        bases = [_basis_rows(places, count, order) for order in (0, 1, 2)]
        grams.append([basis.T @ basis / 4 for basis in bases])
    down, across = grams
    whole: Array = np.kron(down[2], across[0]) + 2 * np.kron(down[1], across[1]) + np.kron(down[0], across[2])
    return whole


def _basis_rows(places: Array, count: int, order: int = 0) -> Array:
    """``(n, count)`` all basis functions, or their derivatives, at places in cells."""
    first, weights = _cubic(places, count, order)
    rows = np.zeros((len(places), count), dtype=np.float32 if order == 0 else np.float64)
    np.put_along_axis(rows, first[:, None] + np.arange(_SUPPORT), weights.astype(rows.dtype), axis=1)
    return rows


def stencil(lattice: Lattice, points: Array, dx: int, dy: int) -> tuple[NDArray[np.intp], Array]:
    """Indices and weights ``(n, 16)`` of the coefficients that make up a derivative per pixel at points."""
    x, y = lattice.place(points)
    first_x, along_x = _cubic(x, lattice.columns, dx)
    first_y, along_y = _cubic(y, lattice.rows, dy)
    reach = np.arange(_SUPPORT)
    rows, columns = first_y[:, None] + reach, first_x[:, None] + reach
    index = rows[:, :, None] * lattice.columns + columns[:, None, :]
    weights = along_y[:, :, None] * along_x[:, None, :] / lattice.step ** (dx + dy)
    return index.reshape(len(points), -1), weights.reshape(len(points), -1)


def _cubic(places: Array, count: int, order: int) -> tuple[NDArray[np.intp], Array]:
    """First coefficient and weights ``(n, 4)`` of a uniform cubic B-spline or its derivative ``order``;
    straight beyond the ends."""
    held = np.clip(places, 0.0, count - 3)
    first = np.minimum(held.astype(np.intp), count - _SUPPORT)
    t = held - first
    s = 1 - t
    slope = np.stack([-s * s, (3 * t - 4) * t, (3 * s - 4) * -s, t * t], axis=-1) / 2
    if order == 1:
        return first, slope
    if order == 2:
        return first, np.stack([s, 3 * t - 2, 3 * s - 2, t], axis=-1)
    value = np.stack([s**3, (3 * t - 6) * t * t + 4, (3 * s - 6) * s * s + 4, t**3], axis=-1) / 6
    return first, value + slope * (places - held)[:, None]
