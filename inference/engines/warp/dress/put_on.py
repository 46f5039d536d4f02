"""Put a dress or jumpsuit on: take the lower clothes off, lay it like a long top, compose the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inference.engines.warp.composite import Composed, compose
from inference.engines.warp.doubts import weighed
from inference.engines.warp.dress.confidence import DOUBTS, measures
from inference.engines.warp.dress.fit import DressFit, fit_dress
from inference.engines.warp.dress.suit import lay_suit
from inference.engines.warp.dress.undress import without_bottoms
from inference.engines.warp.dressed import dressed
from inference.engines.warp.lay import lay_fitted
from inference.engines.warp.lower.compose import Composed as Undressed
from inference.engines.warp.lower.stance import Stance, measure_stance
from inference.engines.warp.silhouette import Silhouette
from inference.engines.warp.types import Step, TriedOn, WarpedGarment
from preprocess.types import Garment, GarmentLandmarks, LowerLandmarks, Person


def put_on(person: Person, garment: Garment, step: Step) -> TriedOn:
    """One dress or jumpsuit with landmarks of both its parts (``ValueError`` without them)."""
    if garment.landmarks is None or garment.lower is None:
        raise ValueError("a dress needs landmarks: prepare it with the category dress")
    stance = step("measure", lambda: measure_stance(person))
    marks, lower = garment.landmarks, garment.lower
    fitted, warped = step("lay", lambda: _lay(person, garment, marks, lower, stance))
    bare, undressed, composed = step("compose", lambda: _compose(person, stance, fitted, warped))
    legs = float((bare.parts["legs"] * (1 - composed.cover)).sum()) / max(float(composed.cover.sum()), 1.0)
    measured = measures(person, stance, garment, fitted, warped, bare.metrics, composed.metrics, legs)
    confidence, notices = weighed(measured, DOUBTS)
    after = dressed(undressed, composed.rgb, composed.alpha, {"upper": composed.cover})
    return TriedOn(
        person=after,
        alpha=np.maximum(bare.alpha, composed.alpha),
        confidence=confidence,
        notices=notices,
        measures=measured,
    )


def _lay(
    person: Person, garment: Garment, marks: GarmentLandmarks, lower: LowerLandmarks, stance: Stance
) -> tuple[DressFit, WarpedGarment]:
    if lower.legs is not None:
        return lay_suit(garment, marks, lower, lower.legs, person, stance)
    silhouette = Silhouette.of(person)
    fitted = fit_dress(garment, marks, lower, person, stance, silhouette)
    return fitted, lay_fitted(garment, fitted.marks, fitted.fit, person, stance.body, silhouette)


def _compose(
    person: Person, stance: Stance, fitted: DressFit, warped: WarpedGarment
) -> tuple[Undressed, Person, Composed]:
    """Without the lower clothes, and then with the dress; the waist is where the dress has its own."""
    bare = without_bottoms(person, stance)
    undressed = replace(dressed(person, bare.rgb, bare.alpha, bare.parts), waist=fitted.waist)
    return bare, undressed, compose(undressed, stance.body, warped)
