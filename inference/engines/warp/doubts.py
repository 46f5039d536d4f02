"""From measures to a confidence: every doubt is one line of a table, so that it can be calibrated.

A judge of one category is two things: a function that measures (the numbers, by name) and a table of doubts
(what they mean). ``bench.judge`` keeps the numbers of judged pictures, and a table can be tried on them
without drawing one picture again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from preprocess.pose import LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER
from preprocess.types import Notice, Person

WORTH_SAYING = 0.95
"""Factors above it lower the confidence silently: a warning for every trifle would be read by nobody."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A measure that lowers the confidence by up to ``factor``, in proportion between ``start`` and ``full``.

    ``full`` below ``start`` means that small values are doubtful; equal to it, that there is no in-between.
    """

    name: str
    """Slug of the notice. Several doubts may share one: the gravest of them counts."""
    detail: str
    measure: str
    start: float
    full: float
    factor: float

    def weigh(self, measures: Mapping[str, float]) -> float:
        """What the confidence is multiplied by, ``factor``..1."""
        value = measures[self.measure]
        if self.start == self.full:
            return self.factor if value > self.start else 1.0
        share = (value - self.start) / (self.full - self.start)
        return 1.0 - (1.0 - self.factor) * float(np.clip(share, 0.0, 1.0))


POSE_UNCERTAIN = Doubt(
    name="pose-uncertain",
    detail="the body could not be read clearly in the photo",
    measure="pose_score",
    start=0.88,
    full=0.75,
    factor=0.7,
)
"""Counts whatever is put on."""

CUT_OFF = Doubt(
    name="arms-cut-off",
    detail="the photo's edge cuts the body beside the torso: arms end there; a wider photo works better",
    measure="cut_off",
    start=0.12,  # an elbow that touches the edge has .11; all other development photos have 0
    full=0.5,
    factor=0.7,
)
"""Counts whatever is put on: the pose model moves the arms into the picture."""

TAKEN_OFF = Doubt(
    name="taken-off",
    detail="the garment was taken off somebody else: what arms and hair hid of it was filled in",
    measure="worn",
    start=0.5,
    full=0.5,
    factor=0.85,
)
"""Set on tops; bottoms and dresses share it, too few of them were judged."""


def cut_off(person: Person) -> float:
    """Torso lengths, 0..1, over which the figure runs on beyond the left or right edge of the photo, where it
    is more; between the lines of shoulders and hips."""
    points, photo = person.pose.points, person.photo
    top, bottom = (
        float(points[pair].mean(axis=0)[1])
        for pair in ([LEFT_SHOULDER, RIGHT_SHOULDER], [LEFT_HIP, RIGHT_HIP])
    )
    edges = person.frame.from_photo(np.array([[0, 0], [photo.width, photo.height]], np.float32))[:, 0]
    # one pixel inside the photo: the outermost ones are mixed with what the frame puts around it
    inner = np.clip(np.rint(edges).astype(int) + (1, -2), 0, person.frame.width - 1)
    cut = person.matte.alpha[max(0, int(top)) : max(0, int(bottom)), inner] > 0.5
    return float(cut.sum(axis=0).max() / max(bottom - top, 1.0))


def weighed(measures: Mapping[str, float], doubts: Iterable[Doubt]) -> tuple[float, tuple[Notice, ...]]:
    """Confidence 0..1 and the reasons for what is missing to 1, in the order of the table."""
    gravest: dict[str, tuple[float, Doubt]] = {}
    for doubt in doubts:
        factor = doubt.weigh(measures)
        if factor < gravest.get(doubt.name, (1.0, doubt))[0]:
            gravest[doubt.name] = factor, doubt
    confidence = float(np.prod([factor for factor, _ in gravest.values()]))
    notices = (
        Notice(name=doubt.name, detail=doubt.detail)
        for factor, doubt in gravest.values()
        if factor <= WORTH_SAYING
    )
    return round(confidence, 2), tuple(notices)
