"""Take off what is worn below the waist: bare legs, background, and the top continued over the hips."""

from __future__ import annotations

import numpy as np

from inference.engines.warp.lower.compose import Composed, compose
from inference.engines.warp.lower.lay import LaidLower
from inference.engines.warp.lower.shape import Shape
from inference.engines.warp.lower.stance import Stance
from inference.engines.warp.scene import Box
from preprocess.types import Person

_MARGIN = 0.5
"""Half hips of background round the old clothes."""


def without_bottoms(person: Person, stance: Stance) -> Composed:
    """The person as if a garment without any cloth was put on: legs bare from the crotch downwards.

    Above the crotch the top is continued: the bodice that comes over it hides it, or takes it off.
    """
    shape = Shape(meshes=(), waist=stance.crotch_level, hem=0.0, stretch=1.0, over_top=True, scale=1.0)
    frame = person.matte.alpha.shape
    box = _box(person, stance)
    size = box.y1 - box.y0, box.x1 - box.x0
    nothing = LaidLower(
        box=box,
        rgb=np.zeros((*size, 3), np.float32),
        alpha=np.zeros(size, np.float32),
        across=np.zeros(size, np.float32),
        leg=np.zeros(size, np.float32),
        shape=shape,
        whole_area=float(frame[0] * frame[1]),
    )
    return compose(person, stance, nothing)


def _box(person: Person, stance: Stance) -> Box:
    """All below the middle of the torso with a margin beside the body."""
    height, width = person.matte.alpha.shape
    top = stance.axis(0.6)[1]
    columns = np.flatnonzero((person.matte.alpha > 0.1).any(axis=0))
    pad = int(_MARGIN * stance.half_hips)
    left, right = (columns[0], columns[-1] + 1) if len(columns) else (0, width)
    return Box(
        x0=max(0, int(left) - pad),
        y0=int(np.clip(top, 0, height - 2)),
        x1=min(width, int(right) + pad),
        y1=height,
    )
