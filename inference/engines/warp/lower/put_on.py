"""Put trousers, shorts or a skirt on: measure the person, lay the garment on them, compose the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inference.engines.warp.doubts import weighed
from inference.engines.warp.dressed import dressed
from inference.engines.warp.lower.compose import compose
from inference.engines.warp.lower.confidence import DOUBTS, measures
from inference.engines.warp.lower.lay import lay
from inference.engines.warp.lower.shape import Shape
from inference.engines.warp.lower.skirt import shape_skirt
from inference.engines.warp.lower.stance import Stance, measure_stance
from inference.engines.warp.lower.trousers import shape_trousers
from inference.engines.warp.types import Step, TriedOn
from preprocess.types import Garment, LowerLandmarks, Person


def put_on(person: Person, garment: Garment, step: Step) -> TriedOn:
    """One lower garment with landmarks; raises ``ValueError`` without them."""
    marks = garment.lower
    if marks is None:
        raise ValueError("a lower garment needs landmarks: prepare it with the category lower")
    stance = step("measure", lambda: measure_stance(person))
    shape = shape_of(garment, marks, person, stance)
    laid = step("lay", lambda: lay(garment, marks, shape, person, stance))
    composed = step("compose", lambda: compose(person, stance, laid))
    measured = measures(person, stance, garment, shape, composed.metrics)
    confidence, notices = weighed(measured, DOUBTS)
    after = dressed(person, composed.rgb, composed.alpha, composed.parts)
    return TriedOn(
        person=replace(after, waist=shape.waist) if shape.over_top else after,
        alpha=composed.alpha,
        confidence=confidence,
        notices=notices,
        measures=measured,
    )


def shape_of(garment: Garment, marks: LowerLandmarks, person: Person, stance: Stance) -> Shape:
    """Trousers have legs, skirts have none."""
    if marks.legs is not None:
        return shape_trousers(marks, marks.legs, person, stance)
    bottom = float(np.flatnonzero((garment.alpha > 0.5).any(axis=1))[-1] + 1)
    return shape_skirt(marks, bottom, person, stance)
