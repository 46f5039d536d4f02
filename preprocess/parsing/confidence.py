"""How far each label can be trusted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from preprocess.parsing.colour import Codes
from preprocess.parsing.filters import erode
from preprocess.parsing.layout import Layout
from preprocess.parsing.regions import SURFACES, Appearance, scores
from preprocess.parsing.surfaces import Surfaces
from preprocess.types import BASIC_LABELS, Notice

ARMS = {"left_arm": 0, "right_arm": 1}
ALIKE = 0.35
"""Change of colour at the waist below which top and bottoms may be one garment."""
UNSEEN_SKIN = 0.15


def label_confidence(
    labels: NDArray[np.uint8],
    surface: Surfaces,
    codes: Codes,
    layout: Layout,
    appearance: Appearance,
    waist: float,
) -> Mapping[str, float]:
    """0..1 for every part that occurs: mean margin of the winner, times how well its colour model fits.

    The margin (best minus second posterior, before any smoothing) is small where two surfaces share colours
    or where colour and position disagree; the fit is small where the region's colours are strange to its
    own model. Skin is also bounded by how much of face and hands was seen, arms by the visibility of elbow
    and wrist.
    """
    posterior = scores(codes, layout, appearance, waist)
    posterior /= posterior.sum(-1, keepdims=True)
    own = np.take_along_axis(posterior, surface[..., None], -1)[..., 0]
    other = posterior.copy()
    np.put_along_axis(other, surface[..., None], 0.0, -1)
    margin = np.clip(own - other.max(-1), 0.0, 1.0)
    fit = _fit(surface, codes, appearance)
    result: dict[str, float] = {}
    for k in np.unique(labels[labels > 0]):
        region = labels == k
        inside = erode(region, 3)
        inside = inside if inside.any() else region
        name = BASIC_LABELS[k]
        value = float(margin[inside].mean()) * float(0.4 + 0.6 * fit[inside].mean())
        if name in ARMS:
            value *= float(np.sqrt(layout.visibility[[13 + ARMS[name], 15 + ARMS[name]]].mean()))
        if name in ("face", "neck", "hands", "legs", *ARMS):
            value *= 0.5 + 0.5 * min(1.0, appearance.skin.seen / 0.5)
        result[name] = round(min(1.0, value), 3)
    return result


def _fit(surface: Surfaces, codes: Codes, appearance: Appearance) -> NDArray[np.float32]:
    """Likelihood of each pixel's colour under the model of its own surface, 0..1."""
    result = np.zeros(codes.shape, np.float32)
    for k, name in enumerate(SURFACES):
        model = getattr(appearance, name)
        region = surface == k
        if model is not None and region.any():
            result[region] = np.minimum(1.0, 2.0 * model.likelihood(codes[region]))
    return result


def notices(change: float, appearance: Appearance, labels: NDArray[np.uint8]) -> tuple[Notice, ...]:
    """What a user should know about this photo's parsing."""
    found: list[Notice] = []
    dressed = np.isin((BASIC_LABELS.index("upper"), BASIC_LABELS.index("lower")), labels).all()
    if dressed and change < ALIKE:
        found.append(
            Notice(
                name="waist-unclear",
                detail="upper and lower clothes look alike (a dress, or one colour); "
                "they were divided at the hips",
            )
        )
    if appearance.skin.seen < UNSEEN_SKIN:
        found.append(
            Notice(
                name="skin-unseen",
                detail="neither face nor hands show skin; a usual skin colour was assumed, "
                "so bare arms may be missed",
            )
        )
    return tuple(found)
