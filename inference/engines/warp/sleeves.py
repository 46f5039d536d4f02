"""Sleeves: a strip of cloth that starts at the armhole and is bent along the bones of the arm.

The strip is a mesh with rows across the sleeve. Its long sides are the edges found on the garment, so they
are drawn as clean lines; only the cuff's curve is taken from the garment's matte.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.engines.warp.armhole import into_sleeve
from inference.engines.warp.mesh import MeshMap, mesh_map
from inference.engines.warp.resample import Cloth, opacity_at
from inference.engines.warp.silhouette import SideName
from inference.engines.warp.sleeve_plan import ROWS, SleevePlan, even
from inference.engines.warp.types import SleeveLayer
from inference.engines.warp.wearing import Box, Wearing
from preprocess.types import Alpha, Sleeve

Array = NDArray[np.float64]

_COLUMNS = 9
_MARGIN = 0.06
"""Mesh beyond the long sides, in the sleeve's width: room for their soft border."""
_INSET = 0.03
"""Colours are taken at least this far inside the long sides, in the sleeve's width: the shadow beside a
sleeve is easily taken for its edge."""
_CUFF_INSET = 0.10
"""The same for the cuff's curve, whose corners are round."""
_CUFF_ROWS = 3
"""Last rows of the mesh in which the cuff's curve is looked for."""
_CUFF_PLACES, _CUFF_STEPS = 17, 24
"""Places across a cuff and along each at which the matte is asked."""
_PAST_CUFF = 0.18
"""Mesh beyond the line between the cuff's corners, in cuff widths: cuffs are curved."""
_INWARD = 0.16
"""Depth of the band in which the sleeve fades into the torso, in armhole lengths."""
_INWARD_ROWS = 3
"""Mesh rows of that band."""
_SETTLE = 0.35
"""Share of the sleeve over which it turns from the torso's map into the arm's."""


def lay_sleeve(
    wearing: Wearing, sleeve: Sleeve, side: SideName, plan: SleevePlan, cloth: Cloth
) -> tuple[SleeveLayer, Box]:
    """Draw one sleeve in the part of ``wearing.box`` that it covers, which comes with it.

    ``cloth`` is the garment's, bled past its edge.
    """
    strip = _strip(wearing, sleeve, side, plan)
    box = _covered(strip.target, wearing.box)
    drawn = mesh_map(strip.source, strip.target, *box)
    share = drawn.grid[..., 1] / (_COLUMNS - 1) * (1 + 2 * _MARGIN) - _MARGIN  # 0 outer edge, 1 inner edge
    rows = drawn.grid[..., 0] - _INWARD_ROWS  # 0 at the armhole
    fade = np.clip(1 + rows / _INWARD_ROWS, 0.0, 1.0)
    alpha = fade * fade * (3 - 2 * fade) * _between_edges(strip, drawn, share)
    ends = cuff_arc(wearing.garment.alpha, strip.source)
    pixels = float(np.hypot(*(strip.target[-1] - strip.target[-2])[_COLUMNS // 2]))
    alpha *= np.clip((np.polyval(ends, share) - rows) * pixels + 0.5, 0.0, 1.0) * drawn.covered
    source = _sources(strip, drawn, share, _INSET)
    # What fades into the torso is cloth of the garment: beside a wide neckline there is none.
    alpha *= np.where(rows < 0, cloth.coverage(wearing.garment.alpha, source), np.float32(1))
    layer = SleeveLayer(
        rgb=cloth.colours(source),
        alpha=alpha.astype(np.float32),
        across=(np.clip(2 * share - 1, -1.0, 1.0) * drawn.covered).astype(np.float32),
        reach=plan.reach,
        opacity=opacity_at(cloth, wearing.garment.opacity, source),
    )
    return layer, box


def _covered(target: Array, box: Box) -> Box:
    """Part of ``box`` that a mesh touches, at least one pixel."""
    x0, y0, width, height = box
    low = np.floor(target.min(axis=(0, 1)) - 1)
    high = np.ceil(target.max(axis=(0, 1)) + 1)
    left, top = int(np.clip(low[0], x0, x0 + width - 1)), int(np.clip(low[1], y0, y0 + height - 1))
    right, bottom = int(np.clip(high[0], left + 1, x0 + width)), int(np.clip(high[1], top + 1, y0 + height))
    return left, top, right - left, bottom - top


@dataclass(frozen=True, kw_only=True)
class _Strip:
    """The mesh ``(rows, _COLUMNS, 2)``: inward band, sleeve, one row past the cuff."""

    source: Array
    """In the garment."""
    target: Array
    """On the person."""


def _strip(wearing: Wearing, sleeve: Sleeve, side: SideName, plan: SleevePlan) -> _Strip:
    torso = wearing.torso
    across = np.linspace(-_MARGIN, 1 + _MARGIN, _COLUMNS)[None, :, None]
    source_outer, source_inner = even(sleeve.outer, ROWS), even(sleeve.inner, ROWS)
    source = source_outer[:, None] * (1 - across) + source_inner[:, None] * across
    planned = plan.outer[:, None] * (1 - across) + plan.inner[:, None] * across
    target = plan.bone.at(planned[..., 0], planned[..., 1])

    # The armhole itself is where the torso's map puts it; the difference fades out along the sleeve.
    chord = source[0]
    armhole = torso.invert(chord, target[0])
    gone = np.clip(1 - np.linspace(0.0, 1.0, ROWS) / _SETTLE, 0.0, 1.0) ** 2
    target = target + (armhole - target[0])[None] * gone[:, None, None]

    depth = _INWARD * float(np.hypot(*(source_outer[0] - source_inner[0])))
    steps = depth * np.arange(_INWARD_ROWS, 0, -1) / _INWARD_ROWS
    bands = [chord - into_sleeve(wearing.marks, side) * step for step in steps]
    room = _PAST_CUFF * float(np.hypot(*(source_outer[-1] - source_inner[-1])))
    past_source = source[-1] + _directions(source) * room
    past_target = target[-1] + _directions(target) * room * wearing.fit.scale
    return _Strip(
        source=np.concatenate([np.stack(bands), source, past_source[None]]),
        target=np.concatenate(
            [np.stack([torso.invert(band, armhole) for band in bands]), target, past_target[None]]
        ),
    )


def _directions(grid: Array) -> Array:
    """Unit vectors ``(columns, 2)`` in which a mesh runs at its last row."""
    along = grid[-1] - grid[-4]
    directions: Array = along / np.maximum(np.hypot(along[:, 0], along[:, 1])[:, None], 1e-9)
    return directions


def _between_edges(strip: _Strip, drawn: MeshMap, share: NDArray[np.floating]) -> Alpha:
    """1 between the long sides, 0 outside, one pixel soft."""
    chords = strip.target[:, -1] - strip.target[:, 0]
    widths = np.hypot(chords[:, 0], chords[:, 1]) / (1 + 2 * _MARGIN)
    width = np.interp(drawn.grid[..., 0], np.arange(len(widths)), widths)
    between = np.clip(np.minimum(share, 1 - share) * width + 0.5, 0.0, 1.0)
    return np.asarray(between, dtype=np.float32)


def _sources(strip: _Strip, drawn: MeshMap, share: NDArray[np.floating], inset: float) -> NDArray[np.float32]:
    """Garment coordinates ``(h, w, 2)`` of the pixels, held ``inset`` away from the long sides."""
    ends = _at_rows(strip.source[:, [0, -1]], drawn.grid[..., 0])
    held = (np.clip(share, inset, 1 - inset) + _MARGIN) / (1 + 2 * _MARGIN)
    along = ends[..., 0, :] + (ends[..., 1, :] - ends[..., 0, :]) * held[..., None]
    return np.asarray(along, dtype=np.float32)


def cuff_arc(matte: Alpha, source: Array) -> Array:
    """Row at which the cloth ends against the place across the sleeve: an arc's three coefficients.

    Mattes are ragged at cuffs, and shadows in sleeves take bites out of them; cuffs themselves are not.
    """
    shares = np.linspace(_CUFF_INSET, 1 - _CUFF_INSET, _CUFF_PLACES)
    rows = np.linspace(ROWS - 1 - _CUFF_ROWS, ROWS, _CUFF_STEPS)
    ends = _at_rows(source[:, [0, -1]], np.repeat(rows[:, None] + _INWARD_ROWS, _CUFF_PLACES, 1))
    held = ((shares + _MARGIN) / (1 + 2 * _MARGIN))[None, :, None]
    places = (ends[..., 0, :] * (1 - held) + ends[..., 1, :] * held - 0.5).astype(np.float32)
    cloth = cv2.remap(matte, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    found = rows[0] + cloth.mean(axis=0) * (rows[-1] - rows[0])
    curve = np.polyfit(shares, found, 2)
    # Bites and rags are few: the arc is drawn once more through those that lie on it.
    miss = np.abs(found - np.polyval(curve, shares))
    near = miss <= np.median(miss) + 1e-6
    refined: Array = np.polyfit(shares[near], found[near], 2)
    return refined


def _at_rows(values: Array, rows: NDArray[np.float32]) -> Array:
    """``values (n, ...)`` at fractional rows ``(h, w)``."""
    first = np.clip(rows.astype(np.int64), 0, len(values) - 2)
    rest = (rows - first)[..., None, None]
    found: Array = values[first] * (1 - rest) + values[first + 1] * rest
    return found
