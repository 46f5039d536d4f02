"""Draw a lower garment through its meshes: colours, matte and the coordinates that its shading needs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.base import FloatRgb
from inference.engines.warp.fields import (
    Bool,
    Float,
    blur,
    box_of,
    ellipse,
    mix,
    nearest,
    smoothstep,
    weighted_blur,
)
from inference.engines.warp.lower.seated import over_lap, without_rags
from inference.engines.warp.lower.shape import Mesh, Shape
from inference.engines.warp.lower.stance import Stance
from inference.engines.warp.mesh import mesh_map
from inference.engines.warp.resample import Cloth, bleed, cloth_for
from inference.engines.warp.scene import Box
from inference.engines.warp.silhouette import SideName
from preprocess.types import Alpha, Garment, LowerLandmarks, Person

_MARGIN = 0.5
"""Half hips around old and new garment: enough background to continue into what is uncovered."""
_OVERLAP = 3.0
"""Garment pixels by which the halves of trousers overlap down the front, so that no seam shows."""
_SLIT = 0.09
"""Half the width, in half hips, of a slit between the thighs that is closed."""
_LONG = 0.3
"""Shorts end above this share of the legs: below them bare thighs meet, not cloth."""
_TOUCHING = (0.12, 0.28)
"""How far down the legs thighs surely touch, and no longer do."""
_FULL = 0.9
"""Trousers to the ankle."""
_IN_SLIT = 0.75
"""Brightness in there."""
_PRESENT = 0.25
"""A weight below this is not part of the old garment when the box is drawn."""


@dataclass(frozen=True, kw_only=True)
class LaidLower:
    """The garment on the person, in the crop ``box``, before anything covers it and before lighting."""

    box: Box
    rgb: FloatRgb
    alpha: Alpha
    across: Float
    """-1 on the outer edge of each leg .. 1 on its inner edge; over a skirt from its left to its right."""
    leg: Float
    """How far down the leg, 0 = crotch, 1 = ankle; 0 above the crotch and on skirts."""
    shape: Shape
    whole_area: float
    """Square pixels that the whole garment would cover, what lies outside the picture included."""


def lay(garment: Garment, marks: LowerLandmarks, shape: Shape, person: Person, stance: Stance) -> LaidLower:
    """Draw the meshes, the farther leg first."""
    box = _box(shape, person, stance)
    height, width = box.y1 - box.y0, box.x1 - box.x0
    cloth = cloth_for(bleed(garment.image, garment.alpha), shape.scale)
    rgb = np.zeros((height, width, 3), np.float32)
    alpha, across, leg = (np.zeros((height, width), np.float32) for _ in range(3))
    for mesh in _far_first(shape.meshes, person):
        matte = _half(garment.alpha, marks, mesh.side)
        window, part = _drawn(mesh, cloth, matte, box)
        if part is None:
            continue
        colours, cover, columns, rows = part
        shown = cover > 0
        rgb[window] = mix(rgb[window], colours, np.where(alpha[window] > 0, cover, shown).astype(np.float32))
        alpha[window] = np.maximum(alpha[window], cover + alpha[window] * (1 - cover))
        across[window] = np.where(shown, columns, across[window])
        leg[window] = np.where(shown, rows, leg[window])
    whole = float(garment.alpha.sum()) * shape.scale**2
    solid = np.ascontiguousarray(person.matte.alpha[box.window], np.float32)
    if shape.hem > _LONG:
        rgb, alpha = _closed(rgb, alpha, leg, solid, stance.half_hips)
    if len(shape.meshes) > 1 and stance.seated:
        parsing, unit = person.parsing, stance.half_hips
        old = without_rags(parsing.weight("lower"), unit) + without_rags(parsing.weight("legs"), unit)
        rgb, alpha = over_lap(rgb, alpha, np.ascontiguousarray(old[box.window]), unit, long=shape.hem > _FULL)
    return LaidLower(box=box, rgb=rgb, alpha=alpha, across=across, leg=leg, shape=shape, whole_area=whole)


def _closed(rgb: FloatRgb, alpha: Alpha, leg: Float, person: Alpha, unit: float) -> tuple[FloatRgb, Alpha]:
    """Close the slit between thighs that touch: narrow, and no background shows through it in the photo."""
    solid = (alpha > 0.5).astype(np.uint8)
    closed = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, ellipse(_SLIT * unit)) > 0
    slit = closed & (alpha < 0.98) & (person > 0.5)
    if not slit.any():
        return rgb, alpha
    below = weighted_blur(leg, alpha, 0.2 * unit)
    fill = np.maximum(blur(slit.astype(np.float32), 0.8), slit) * (1 - alpha)
    fill = np.asarray(fill * (1 - smoothstep(below, *_TOUCHING)), np.float32)
    cloth = blur(nearest(rgb, alpha > 0.95), 1.5) * _IN_SLIT
    total = np.asarray(np.clip(alpha + fill, 0.0, 1.0), np.float32)
    return mix(rgb, cloth, np.asarray(fill / np.maximum(total, 1e-3), np.float32)), total


def _far_first(meshes: tuple[Mesh, ...], person: Person) -> list[Mesh]:
    """By the depth of the knees."""
    pose = person.pose
    own_left, own_right = pose.points[25], pose.points[26]
    depth: dict[SideName | None, float] = {None: 0.0}
    left_is_own = own_left[0] < own_right[0]
    depth["left"], depth["right"] = (float(pose.depth[k]) for k in ((25, 26) if left_is_own else (26, 25)))
    return sorted(meshes, key=lambda mesh: -depth[mesh.side])


def _drawn(
    mesh: Mesh, cloth: Cloth, matte: Alpha, box: Box
) -> tuple[tuple[slice, slice], tuple[FloatRgb, Alpha, Float, Float] | None]:
    """Part of the crop that a mesh reaches, and there its colours, cover, position across and along."""
    low = np.floor(mesh.target.min(axis=(0, 1))).astype(int) - 1
    high = np.ceil(mesh.target.max(axis=(0, 1))).astype(int) + 1
    x0, y0 = max(box.x0, int(low[0])), max(box.y0, int(low[1]))
    x1, y1 = min(box.x1, int(high[0])), min(box.y1, int(high[1]))
    window = slice(y0 - box.y0, max(y1, y0) - box.y0), slice(x0 - box.x0, max(x1, x0) - box.x0)
    if x1 <= x0 or y1 <= y0:
        return window, None
    drawn = mesh_map(mesh.source, mesh.target, x0, y0, x1 - x0, y1 - y0)
    cover = cloth.coverage(matte, drawn.source) * drawn.covered
    columns = mesh.target.shape[1] - 1
    across = drawn.grid[..., 1] / columns * 2 - 1
    along = np.interp(drawn.grid[..., 0], np.arange(len(mesh.leg)), mesh.leg)
    return window, (
        cloth.colours(drawn.source),
        cover.astype(np.float32),
        across.astype(np.float32),
        along.astype(np.float32),
    )


def _half(alpha: Alpha, marks: LowerLandmarks, side: SideName | None) -> Alpha:
    """The matte of one half of trousers: up to the line down the front and between the legs."""
    if marks.legs is None or side is None:
        return alpha
    left, right = (leg.inner.astype(np.float64) for leg in (marks.legs.left, marks.legs.right))
    crotch = left[0]
    ys = np.arange(alpha.shape[0], dtype=np.float64) + 0.5
    lefts, rights = (_at_height(edge, ys) for edge in (left, right))
    between = (lefts + rights) / 2
    waist = (marks.sides[0, 1] + marks.sides[0, 2]) / 2
    front = waist + (crotch[0] - waist) * (ys - marks.sides[0, 0]) / max(crotch[1] - marks.sides[0, 0], 1.0)
    line = np.where(ys < crotch[1], front, between)
    spare = np.where(ys < crotch[1], _OVERLAP, 0.5)
    xs = np.arange(alpha.shape[1]) + 0.5
    beyond = (xs[None] - line[:, None]) * (1.0 if side == "left" else -1.0)
    keep = np.clip(spare[:, None] + 0.5 - beyond, 0.0, 1.0)
    return np.asarray(alpha * keep, np.float32)


def _at_height(edge: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.argsort(edge[:, 1], kind="stable")
    found: NDArray[np.float64] = np.interp(ys, edge[order, 1], edge[order, 0])
    return found


def _box(shape: Shape, person: Person, stance: Stance) -> Box:
    old: Bool = person.parsing.weight("lower", "legs") > _PRESENT
    rows, columns = box_of(old)
    targets = np.concatenate([mesh.target.reshape(-1, 2) for mesh in shape.meshes])
    low, high = targets.min(axis=0), targets.max(axis=0)
    if rows.stop > rows.start:
        low = np.minimum(low, (columns.start, rows.start))
        high = np.maximum(high, (columns.stop, rows.stop))
    pad = _MARGIN * stance.half_hips
    height, width = old.shape
    return Box(
        x0=int(np.clip(low[0] - pad, 0, width - 1)),
        y0=int(np.clip(low[1] - pad, 0, height - 1)),
        x1=int(np.clip(high[0] + pad, 1, width)),
        y1=int(np.clip(high[1] + pad, 1, height)),
    )
