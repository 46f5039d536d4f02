"""The garment's outline on the body, freed of the small steps and scraps of its cut-out."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from inference.engines.warp.fields import Bool, Float, blur, box_of, smoothstep
from inference.engines.warp.types import SleeveLayer, WarpedGarment
from preprocess.types import Alpha, Sides

_EDGE = 0.008
"""Shoulder widths: steps of the outline shorter than this are noise of the matte, not of the cut."""

_RAMP = (0.25, 0.75)
"""Share of cloth under the smoothing window that is mapped to 0..1: a ramp of about two pixels."""

_TAIL = 0.1
"""Shoulder widths: narrower strips at the sides are no cloth of the torso; the tails of a knot are wider."""

_BESIDE = 0.3
"""Share of the torso's width from its middle outwards where its sides begin."""

_HEM_WINDOW = 0.3
"""Shoulder widths along the hem that are looked at together: scraps of the product's shadow are shorter."""

_HEM_LOW = 35.0
"""Percentile inside that window: scraps hang below the hem, nothing hides it from above."""

_HEM_DEPTH = 0.035
"""Shoulder widths: what departs further from its neighbours is cut that way, a slit or a shirt's tail."""

_SAME_HEM = 0.35
"""Shoulder widths above its lowest point within which a hem ends."""

_PARTED = 0.04
"""Shoulder widths between two legs at their hems."""


def even_edges(garment: WarpedGarment, unit: float) -> WarpedGarment:
    """The same garment with smooth outlines and one clean line for a hem; ``unit`` is the shoulder width."""
    sleeves = garment.sleeves
    return replace(
        garment,
        alpha=even_hem(without_tails(_smooth(garment.alpha, unit), unit), unit),
        sleeves=None
        if sleeves is None
        else Sides(left=_smooth_sleeve(sleeves.left, unit), right=_smooth_sleeve(sleeves.right, unit)),
    )


def _smooth_sleeve(sleeve: SleeveLayer, unit: float) -> SleeveLayer:
    return replace(sleeve, alpha=_smooth(sleeve.alpha, unit))


def _smooth(alpha: Alpha, unit: float) -> Alpha:
    even = np.zeros_like(alpha)
    window = box_of(alpha > 0.0, 2)
    if even[window].size:
        even[window] = smoothstep(blur(alpha[window], _EDGE * unit), *_RAMP)
    return even


def without_tails(alpha: Alpha, unit: float) -> Alpha:
    """Drop narrow strips hanging beside the torso: rests of sleeves that lay against it in the product."""
    window = box_of(alpha > 0.5)
    low = np.zeros_like(alpha, dtype=np.uint8)
    half = (window[0].start + window[0].stop) // 2
    low[half:] = alpha[half:] > 0.05
    solid = cv2.morphologyEx(low, cv2.MORPH_OPEN, np.ones((1, 2 * int(0.5 * _TAIL * unit) + 1), np.uint8))
    middle = 0.5 * (window[1].start + window[1].stop)
    beside = np.abs(np.arange(alpha.shape[1]) + 0.5 - middle) > _BESIDE * (window[1].stop - window[1].start)
    return np.where((low > 0) & (solid == 0) & beside, 0.0, alpha).astype(np.float32)


def even_hem(alpha: Alpha, unit: float) -> Alpha:
    """Cut what hangs below the smooth course of the hem, fill what is nicked out of it."""
    columns = np.flatnonzero((alpha > 0.5).any(axis=0))
    if len(columns) < _HEM_WINDOW * unit:
        return alpha
    solid = alpha[:, columns] > 0.5
    height = alpha.shape[0]
    last = height - 1 - np.argmax(solid[::-1], axis=0)
    if (last == height - 1).mean() > 0.5:  # the frame cuts the garment off above its hem
        return alpha
    below = alpha[np.minimum(last + 1, height - 1), columns]
    lowest = last - 0.5 + alpha[last, columns] + below
    ends = columns[lowest > lowest.max() - _SAME_HEM * unit]
    if np.diff(ends).max(initial=0) > _PARTED * unit:  # two legs have a hem each
        return alpha
    course, at_hem = _course(columns.astype(np.float32), lowest, unit)
    rows = np.arange(height, dtype=np.float32)[:, None]
    even = alpha.copy()
    near = (np.abs(rows - lowest) < 2.0 * _HEM_DEPTH * unit) & at_hem
    line = np.clip(course - rows + 0.5, 0.0, 1.0).astype(np.float32)
    even[:, columns] = np.where(near, line, alpha[:, columns])
    return even


def _course(x: Float, lowest: Float, unit: float) -> tuple[Float, Bool]:
    """Smooth row of the hem at every column, and where the outline follows it.

    The broad bend is taken off by a polynomial fitted twice, the second time without what is not hem.
    """
    scale = (x - x.mean()) / max(float(np.ptp(x)), 1.0)
    hem = lowest > lowest.max() - _SAME_HEM * unit
    for _ in range(2):
        if hem.sum() < 8:
            return lowest, np.zeros_like(hem)
        bend = np.polyval(np.polyfit(scale[hem], lowest[hem], 4), scale)
        hem &= np.abs(lowest - bend) < 2.0 * _HEM_DEPTH * unit
    rest = np.where(hem, lowest - bend, 0.0)
    half = int(0.5 * _HEM_WINDOW * unit)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(rest, half, mode="reflect"), 2 * half + 1)
    low = np.percentile(windows, _HEM_LOW, axis=1)
    even = np.asarray(blur(low[None].astype(np.float32), 0.2 * half))[0]
    return bend + even, hem & (np.abs(rest - even) < _HEM_DEPTH * unit)
