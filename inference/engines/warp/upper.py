"""Put a top on: measure the body, lay the garment on it, compose the picture."""

from __future__ import annotations

from inference.engines.warp.body import measure
from inference.engines.warp.composite import compose
from inference.engines.warp.confidence import DOUBTS, measures
from inference.engines.warp.doubts import weighed
from inference.engines.warp.dressed import dressed
from inference.engines.warp.lay import lay
from inference.engines.warp.types import Step, TriedOn
from preprocess.types import Garment, Person


def put_on(person: Person, garment: Garment, step: Step) -> TriedOn:
    """One top, flat or cut out of a photo of somebody who wears it."""
    body = step("measure", lambda: measure(person))
    warped = step("lay", lambda: lay(garment, person, body))
    composed = step("compose", lambda: compose(person, body, warped))
    measured = measures(person, body, garment, warped, composed.metrics)
    confidence, notices = weighed(measured, DOUBTS)
    return TriedOn(
        person=dressed(person, composed.rgb, composed.alpha, {"upper": composed.cover}),
        alpha=composed.alpha,
        confidence=confidence,
        notices=notices,
        measures=measured,
    )
