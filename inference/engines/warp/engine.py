"""The ``warp`` engine: measure the body, lay the garment on it, compose the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from inference.engines.base import (
    Cancelled,
    Engine,
    EngineImage,
    EngineResult,
    EngineSpec,
    Params,
    Prepared,
    Progress,
    Runtime,
    Stopped,
)
from inference.engines.warp.body import measure
from inference.engines.warp.composite import compose
from inference.engines.warp.confidence import judge
from inference.engines.warp.lay import lay
from inference.engines.warp.spec import SPEC
from preprocess.errors import InputError
from preprocess.types import Garment

T = TypeVar("T")

STAGES = ("measure", "lay", "compose")


class WarpEngine:
    """Pure functions behind the engine interface: nothing is loaded, nothing is kept between requests."""

    spec: EngineSpec = SPEC

    def load(self, runtime: Runtime) -> None:
        """Nothing to load: there are no weights, and it runs on the CPU whatever the device setting is."""

    def warmup(self) -> None:
        """Nothing to warm: the models belong to the preparation."""

    def run(
        self, prepared: Prepared, params: Params, progress: Progress, cancelled: Cancelled
    ) -> EngineResult:
        """Put one flat upper garment on. The picture depends on the inputs alone, not on ``params.seed``.

        Raises :class:`InputError` (``category-conflict``, ``option-unsupported``) and :class:`Stopped`.
        """
        garment = wearable(prepared.garments)
        if params.samples != 1:
            raise InputError(
                "option-unsupported", "warp gives one picture: leave samples at 1", field="samples"
            )

        def stage(step: int, work: Callable[[], T]) -> T:
            if cancelled():
                raise Stopped
            progress(STAGES[step], step + 1, len(STAGES))
            return work()

        person = prepared.person
        body = stage(0, lambda: measure(person))
        warped = stage(1, lambda: lay(garment, person, body))
        composed = stage(2, lambda: compose(person, body, warped))
        if cancelled():
            raise Stopped
        agnostic = prepared.agnostic[0]
        own_mask = agnostic.tag == "input"
        alpha = composed.alpha
        if own_mask:
            alpha = np.minimum(alpha, agnostic.alpha)
        confidence, notices = judge(person, body, garment, warped, composed.metrics)
        image = EngineImage(frame=person.frame, rgb=composed.rgb, alpha=alpha)
        return EngineResult(
            images=(image,),
            mask_source="input" if own_mask else "derived",
            confidence=confidence,
            notices=notices,
        )


def wearable(garments: tuple[Garment, ...]) -> Garment:
    """The one garment this engine can put on; raises :class:`InputError` otherwise."""
    if len(garments) != 1:
        raise InputError(
            "category-conflict",
            f"warp puts on one garment at a time, got {len(garments)}; send them one by one",
            field="garment",
        )
    garment = garments[0]
    if garment.category not in SPEC.categories:
        raise InputError(
            "category-conflict",
            f"warp has the categories {', '.join(sorted(SPEC.categories))}, got {garment.category!r}",
            field="garment",
        )
    if garment.kind not in SPEC.photo_kinds:
        raise InputError(
            "category-conflict",
            f"warp needs a product photo of the garment alone (flat), got a {garment.kind} one",
            field="garment",
        )
    return garment


def create() -> Engine:
    """A new engine, to be loaded before use."""
    return WarpEngine()
