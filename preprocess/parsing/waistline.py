"""One line across the torso parts top from bottoms: pixel by pixel, a colour that both have goes astray."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import Codes, Lab, palette
from preprocess.parsing.layout import Layout
from preprocess.parsing.regions import LOWER, UPPER
from preprocess.parsing.surfaces import Surfaces
from preprocess.types import Alpha

REACH = 0.3
"""Torso lengths above and below the waist within which the line is looked for."""
WIDTH = 0.95
"""Half width of the torso's columns, as ``Layout.across``."""
SLEEVE = 0.16
"""Shoulder widths from the arm's bones within which cloth may be a sleeve."""
APART, SAMPLED = 0.12, 0.45
"""Torso lengths from the estimated waist to where clothes are surely top or bottom, and how far from there
their colours are learnt."""
LEAST_SAMPLED = 300
"""Fewer pixels of top or bottom say nothing about its colours."""
DISTINCT = 0.6
"""Colours that overlap more than this (a dress, a suit) say nothing about a line."""
CLEAR, FAINT = 1.5, 0.05
"""Largest log ratio of the two likelihoods that one pixel counts, and the likelihood that is as good as 0."""
USUAL = 0.12
"""Torso lengths from the estimated waist within which the line costs nothing."""
AWAY = 0.15
"""Cost of a row of each column at twice that distance."""
STEEPEST, BEND = 2, 3.0
"""Rows by which the line may step from column to column, and what each of them costs."""
LEAST_COLUMNS = 8
"""Fewer columns are no line."""

ALONG, ACROSS = 6, 4
"""Half length of the stretch of cloth, and rows above and below it, whose mean colours are compared."""
SHARP, EDGE = 25.0, 40.0
"""Lab distance of a clear hem, and the rows of evidence that it is worth in one column."""

Line = NDArray[np.intp]


def straightened(
    surface: Surfaces, lab: Lab, codes: Codes, layout: Layout, person: NDArray[np.bool_], waist: float
) -> Surfaces:
    """``surface (h, w)`` with the clothes on the torso parted by one line, ``UPPER`` above, ``LOWER`` below.

    The line is the one that fits best what is surely top and bottom and follows hems and waistbands. Cloth
    far from the waist or near the arms keeps its surface.
    """
    cloth = person & np.isin(surface, (UPPER, LOWER)) & (np.minimum(*layout.arm) > SLEEVE)
    torso = cloth & (np.abs(layout.across) < WIDTH)
    top = torso & (layout.along > waist - APART - SAMPLED) & (layout.along < waist - APART)
    bottom = torso & (layout.along > waist + APART) & (layout.along < waist + APART + SAMPLED)
    if min(top.sum(), bottom.sum()) < LEAST_SAMPLED:
        return surface
    look_upper, look_lower = palette(codes, top), palette(codes, bottom)
    if look_upper.overlap(look_lower) > DISTINCT:
        return surface
    near = cloth & (np.abs(layout.across) < WIDTH) & (np.abs(layout.along - waist) < REACH)
    columns, rows = np.flatnonzero(near.any(axis=0)), np.flatnonzero(near.any(axis=1))
    if len(columns) < LEAST_COLUMNS:
        return surface
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    upper, lower = (model.likelihood(codes[box]) for model in (look_upper, look_lower))
    ratio = np.clip(np.log((upper + FAINT) / (lower + FAINT)), -CLEAR, CLEAR)
    evidence = np.where(near[box], ratio, 0.0).astype(np.float32)
    distance = np.maximum(np.abs(layout.along[box] - waist) / USUAL - 1.0, 0.0)
    cost = AWAY * distance * len(evidence) - EDGE * _step(lab, near)[box]
    line = best_line(evidence, cost.astype(np.float32))
    above = np.arange(len(evidence))[:, None] < line[None]
    result = surface.copy()
    result[box] = np.where(near[box], np.where(above, UPPER, LOWER), surface[box])
    return result


def _step(lab: Lab, inside: NDArray[np.bool_]) -> Alpha:
    """0..1: how much the colours below a pixel differ from those above it, along a stretch of the line."""
    weight = inside.astype(np.float32)
    kernel = (2 * ALONG + 1, ACROSS)
    colour = cv2.blur(lab * weight[..., None], kernel) / np.maximum(cv2.blur(weight, kernel), 1e-3)[..., None]
    step = np.zeros(inside.shape, np.float32)
    step[ACROSS:-ACROSS] = np.linalg.norm(colour[2 * ACROSS :] - colour[: -2 * ACROSS], axis=-1)
    return np.asarray(np.minimum(step / SHARP, 1.0) * weight, dtype=np.float32)


def best_line(evidence: Alpha, cost: Alpha) -> Line:
    """``(w,)`` row in each column with the most evidence above it and the least below, as one smooth line.

    ``evidence`` and ``cost`` are ``(h, w)``; the cost is that of the line passing a pixel.
    """
    gains = 2.0 * (np.cumsum(evidence, axis=0) - evidence) - evidence.sum(axis=0) - cost
    height, width = gains.shape
    steps = np.arange(-STEEPEST, STEEPEST + 1)
    came_from = np.zeros((height, width), np.intp)
    best = gains[:, 0]
    for column in range(1, width):
        padded = np.pad(best, STEEPEST, constant_values=-np.inf)
        reached = np.stack([padded[STEEPEST + step : STEEPEST + step + height] for step in steps])
        reached -= BEND * np.abs(steps)[:, None]
        choice = reached.argmax(axis=0)
        came_from[:, column] = np.arange(height) + steps[choice]
        best = reached[choice, np.arange(height)] + gains[:, column]
    line = np.zeros(width, np.intp)
    line[-1] = int(best.argmax())
    for column in range(width - 1, 0, -1):
        line[column - 1] = came_from[line[column], column]
    return line
