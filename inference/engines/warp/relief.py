"""How the bare body is turned to the viewer, and the light read off the skin that is seen.

A *relief* is a field of unit normals: ``side`` (to the right of the picture) and ``rise`` (down the picture),
``float32 (h, w)`` -1..1; the rest of the normal faces the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import Bool, Float, blur, smoothstep
from inference.engines.warp.limbs import GRID, Limb
from inference.engines.warp.scene import Scene
from preprocess.types import Alpha, Sides

_RIM = 0.11
"""Shoulder widths from the silhouette over which neck and shoulders turn away from the viewer."""

_CHEST_TURN = 0.5
"""Normal's ``side`` for each shoulder width from the spine: a chest is a broad, flat cylinder."""

_JOIN = (0.0, 0.3)
"""Arm lengths over which the shoulder's relief becomes the arm's."""

_SOFT = 0.012
"""Shoulder widths by which normals are smoothed: no body has creases between its forms."""

_REDUCE = 2
"""The relief is smooth: it is computed on every second row and column."""

_GRAZING = 0.97
"""Sine of the steepest angle: beyond it a pixel is all border."""

_USUAL = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-0.36, -0.44, -0.48]])
"""Rows side, rise, away: change of the logarithm of R, G, B. Light that grazes the skin is redder; read off
bare arms before plain backgrounds."""

_TRUST_USUAL = 0.05
"""How firmly :data:`_USUAL` is held: variance a normal must vary by before the photo counts as much."""

_PLAUSIBLE = np.array([[0.3], [0.2], [0.3]])
"""Largest departure from the usual light; more is a shadow or a tan, no shading."""

_TINT = 0.04
"""Largest departure of one channel from the others: skin in the shade stays skin."""

_EVERY = 3
"""Of the skin's pixels each third row and column is enough."""

_LEAST = 60
"""Sampled pixels from which a region says something."""


@dataclass(frozen=True, kw_only=True)
class Relief:
    """Normals of a surface."""

    side: Float
    rise: Float

    @property
    def terms(self) -> Float:
        """``(h, w, 3)``: side, rise, and how far the surface is turned away from the viewer, 0..1."""
        facing = np.sqrt(np.maximum(1.0 - self.side**2 - self.rise**2, 0.0))
        return np.asarray(np.stack([self.side, self.rise, 1.0 - facing], axis=-1), np.float32)


def relief_of(scene: Scene, limbs: Sides[Limb], silhouette: Alpha) -> Relief:
    """The relief of neck, chest and arms; ``silhouette`` is the body as it will be seen, 0..1."""
    height, width = silhouette.shape
    coarse = np.s_[::_REDUCE, ::_REDUCE]
    body = np.ascontiguousarray(silhouette[coarse])
    rim = _RIM * scene.unit / _REDUCE
    distance = cv2.distanceTransform((body > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    turn = 1.0 - smoothstep(np.asarray(distance, np.float32), 0.0, rim)
    soft = blur(body, 0.5 * rim)
    right, down = (-cv2.Sobel(soft, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    steep = np.maximum(np.hypot(right, down), 1e-4)
    side = right / steep * turn + _CHEST_TURN * scene.lateral[coarse] * (1.0 - turn)
    rise = down / steep * turn
    for limb in (limbs.left, limbs.right):
        across, along = np.clip(limb.across[coarse], -1.6, 1.6), limb.along[coarse]
        # clothes may show the arm narrower than it is assumed: its silhouette is right, not its middle
        weight = smoothstep(-np.abs(across), -1.6, -1.2) * smoothstep(along, *_JOIN) * (1.0 - turn**2)
        across = np.clip(across, -1.0, 1.0)
        side += (across * np.interp(along, GRID, limb.normal[:, 0]) - side) * weight
        rise += (across * np.interp(along, GRID, limb.normal[:, 1]) - rise) * weight
    normals = [blur(np.asarray(n, np.float32), _SOFT * scene.unit / _REDUCE) for n in (side, rise)]
    shorten = np.minimum(1.0, _GRAZING / np.maximum(np.hypot(*normals), 1e-4))
    side, rise = (cv2.resize(n * shorten, (width, height)) for n in normals)
    return Relief(side=np.asarray(side, np.float32), rise=np.asarray(rise, np.float32))


def light_on(photo: FloatRgb, relief: Relief, regions: tuple[Bool, ...]) -> NDArray[np.float64]:
    """``(3, 3)``: what side, rise and turning away do to the logarithm of R, G, B.

    Least squares over the visible skin, each region with a brightness of its own, held to the usual light.
    """
    terms = relief.terms
    normal, target = np.eye(3) * _TRUST_USUAL, np.zeros((3, 3))
    for region in regions:
        sparse = np.zeros_like(region)
        sparse[::_EVERY, ::_EVERY] = region[::_EVERY, ::_EVERY]
        if sparse.sum() < _LEAST:
            continue
        shape = terms[sparse].astype(np.float64)
        colour = np.log(np.maximum(photo[sparse], 4.0)).astype(np.float64)
        shape, colour = shape - shape.mean(axis=0), colour - colour.mean(axis=0)
        normal += shape.T @ shape / len(shape)
        target += shape.T @ (colour - shape @ _USUAL) / len(shape)
    departure = np.clip(np.linalg.solve(normal, target), -_PLAUSIBLE, _PLAUSIBLE)
    common = departure.mean(axis=1, keepdims=True)
    return np.asarray(_USUAL + common + np.clip(departure - common, -_TINT, _TINT), np.float64)


def shading(relief: Relief, light: NDArray[np.float64]) -> FloatRgb:
    """``float32 (h, w, 3)`` factor of the skin's colour; 1 where it faces the viewer."""
    return np.asarray(np.exp(relief.terms @ light.astype(np.float32)), np.float32)
