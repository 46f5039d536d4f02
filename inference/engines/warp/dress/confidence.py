"""How far the picture of a dress can be trusted: what raises doubts about tops and skirts counts here."""

from __future__ import annotations

from collections.abc import Mapping

from inference.engines.warp import confidence as upper
from inference.engines.warp.doubts import Doubt
from inference.engines.warp.dress.fit import DressFit
from inference.engines.warp.lower import confidence as lower
from inference.engines.warp.lower.shape import Shape
from inference.engines.warp.lower.stance import Stance
from inference.engines.warp.types import WarpedGarment
from preprocess.types import Garment, Person

_OF_LEGS = ("thigh_angle", "thigh_length", "ankles_apart", "garment_shown")
"""Measures of the lower body that count; the others are those of the top."""

_OF_TOPS = ("waist_confidence", "stretch", "collar", "unfolded")
"""Measures that say little about a dress: it is cut to the waist, and good ones were stretched as much."""

DOUBTS = (
    *(doubt for doubt in upper.DOUBTS if doubt.measure not in _OF_TOPS),
    *(doubt for doubt in lower.DOUBTS if doubt.measure in _OF_LEGS),
    Doubt(
        name="cloth-stretched",
        detail="the garment had to be stretched a lot to fit the pose",
        measure="stretch",
        start=1.8,
        full=3.0,
        factor=0.6,
    ),
    Doubt(
        name="legs-invented",
        detail="the old clothes covered legs that had to be painted",
        measure="legs_invented",
        start=0.1,
        full=0.6,
        factor=0.6,
    ),
)


def measures(
    person: Person,
    stance: Stance,
    garment: Garment,
    fitted: DressFit,
    warped: WarpedGarment,
    bare: Mapping[str, float],
    picture: Mapping[str, float],
    legs_invented: float,
) -> dict[str, float]:
    """Everything the table of doubts may ask for; ``bare`` and ``picture`` are the numbers of taking the old
    clothes off and of putting the dress on, ``legs_invented`` what shows of painted legs over the dress."""
    shape = Shape(
        meshes=(),
        waist=fitted.waist,
        hem=fitted.hem,
        stretch=warped.stretch,
        over_top=True,
        scale=fitted.fit.scale,
    )
    metrics = {**bare, "garment_shown": fitted.shown(person.frame.height)}
    return {
        **lower.measures(person, stance, garment, shape, metrics),
        **upper.measures(person, stance.body, garment, warped, picture),
        "legs_invented": legs_invented,
    }
