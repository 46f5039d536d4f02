"""Points of several people joined to bodies by part affinity fields (Cao et al., TPAMI 2019, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMBS = (
    *((1, 2, 12), (1, 5, 20), (2, 3, 14), (3, 4, 16), (5, 6, 22), (6, 7, 24), (1, 8, 0), (8, 9, 2)),
    *((9, 10, 4), (1, 11, 6), (11, 12, 8), (12, 13, 10), (1, 0, 28), (0, 14, 30), (14, 16, 34)),
    *((0, 15, 32), (15, 17, 36), (2, 16, 18), (5, 17, 26)),
)
"""Start and end joint (``coco18``) and the field's channel for x; the next one is for y."""
TREE = 17
"""The first limbs, along which bodies grow; the last two, shoulder to ear, only complete them."""
SAMPLES = 10
LEAST_FIELD, LEAST_SHARE = 0.05, 0.8
"""More than this share of the samples along a limb must see a field stronger than that."""
LEAST_JOINTS, LEAST_SCORE = 4, 0.4
"""Of a body: its number of points, its mean score per point."""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """A point of heat, in pixel indices of the working grid."""

    x: int
    y: int
    heat: float


@dataclass(frozen=True, kw_only=True)
class Link:
    """Two peaks that a field joins."""

    start: int
    end: int
    score: float


Body = dict[int, Peak]
"""Joint -> its peak."""


def people_of(peaks: Sequence[list[Peak]], fields: NDArray[np.float32]) -> list[Body]:
    """Bodies of at least four points; ``peaks`` for each of 18 joints, ``fields`` ``(38, H, W)``."""
    bodies: list[dict[int, int]] = []
    scores: list[float] = []
    for number, (start, end, channel) in enumerate(LIMBS):
        for link in links(peaks[start], peaks[end], fields[channel : channel + 2]):
            _join(bodies, scores, {start: link.start, end: link.end}, link.score, grow=number < TREE)
    found = []
    for body, links_score in zip(bodies, scores, strict=True):
        chosen = {joint: peaks[joint][index] for joint, index in body.items()}
        total = links_score + sum(peak.heat for peak in chosen.values())
        if len(chosen) >= LEAST_JOINTS and total / len(chosen) >= LEAST_SCORE:
            found.append(chosen)
    return found


def links(starts: list[Peak], ends: list[Peak], field: NDArray[np.float32]) -> list[Link]:
    """The best pairs, each peak in one of them at most; ``field`` is ``(2, H, W)``, x and y."""
    pairs = [
        Link(start=i, end=j, score=score)
        for i, start in enumerate(starts)
        for j, end in enumerate(ends)
        if (score := _score(start, end, field)) > 0
    ]
    chosen: list[Link] = []
    for link in sorted(pairs, key=lambda pair: -pair.score):
        if all(link.start != other.start and link.end != other.end for other in chosen):
            chosen.append(link)
    return chosen


def _score(start: Peak, end: Peak, field: NDArray[np.float32]) -> float:
    """Mean of the field along the limb, less for a limb longer than half the picture; 0 = no limb."""
    dx, dy = end.x - start.x, end.y - start.y
    length = max(float(np.hypot(dx, dy)), 1e-3)
    x = np.round(np.linspace(start.x, end.x, SAMPLES)).astype(int)
    y = np.round(np.linspace(start.y, end.y, SAMPLES)).astype(int)
    along: NDArray[np.floating] = (field[0, y, x] * dx + field[1, y, x] * dy) / length
    if np.count_nonzero(along > LEAST_FIELD) <= LEAST_SHARE * SAMPLES:
        return 0.0
    return float(along.mean() + min(0.5 * field.shape[1] / length - 1, 0.0))


def _join(
    bodies: list[dict[int, int]], scores: list[float], limb: dict[int, int], score: float, *, grow: bool
) -> None:
    """Add a limb to the body that has one of its ends, merge two bodies, or begin a new one."""
    owners = [
        k for k, body in enumerate(bodies) if any(body.get(joint) == peak for joint, peak in limb.items())
    ]
    if not owners:
        if grow:
            bodies.append(dict(limb))
            scores.append(score)
        return
    first = owners[0]
    if len(owners) == 2 and not bodies[first].keys() & bodies[owners[1]].keys():
        bodies[first] |= bodies.pop(owners[1])
        scores[first] += scores.pop(owners[1])
    for joint, peak in limb.items():
        bodies[first].setdefault(joint, peak)
    scores[first] += score
