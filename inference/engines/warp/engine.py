"""The ``warp`` engine: one garment after the other, the inner ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
from inference.engines.warp import upper
from inference.engines.warp.dress import put_on as dress
from inference.engines.warp.lower import put_on as lower
from inference.engines.warp.spec import SPEC
from inference.engines.warp.types import STAGES, PutOn, Step, TriedOn
from preprocess.errors import InputError
from preprocess.types import Garment, Person

T = TypeVar("T")

WEARS: Mapping[str, PutOn] = {"dress": dress.put_on, "lower": lower.put_on, "upper": upper.put_on}
"""What puts on each category, in the order in which they are worn: tops hang over trousers or are tucked
into them, and only what lies under them can be known before."""


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
        """Put the garments on. The picture depends on the inputs alone, not on ``params.seed``.

        Raises :class:`InputError` (``category-conflict``, ``option-unsupported``) and :class:`Stopped`.
        """
        garments = in_order(prepared.garments)
        if params.samples != 1:
            raise InputError(
                "option-unsupported", "warp gives one picture: leave samples at 1", field="samples"
            )
        done = 0

        def step(stage: str, work: Callable[[], T]) -> T:
            nonlocal done
            if cancelled():
                raise Stopped
            done += 1
            progress(stage, done, len(STAGES) * len(garments))
            return work()

        person = prepared.person
        alpha = np.zeros(person.matte.alpha.shape, np.float32)
        confidence, notices = 1.0, []
        for tried_on in put_on_each(person, garments, step):
            person = tried_on.person
            alpha = np.maximum(alpha, tried_on.alpha)
            confidence *= tried_on.confidence
            notices += [notice for notice in tried_on.notices if notice not in notices]
        if cancelled():
            raise Stopped
        agnostic = prepared.agnostic[0]
        own_mask = agnostic.tag == "input"
        if own_mask:
            alpha = np.minimum(alpha, agnostic.alpha)
        return EngineResult(
            images=(EngineImage(frame=person.frame, rgb=person.image, alpha=alpha),),
            mask_source="input" if own_mask else "derived",
            confidence=round(confidence, 2),
            notices=tuple(notices),
        )


def put_on_each(person: Person, garments: tuple[Garment, ...], step: Step) -> Iterator[TriedOn]:
    """Every garment on the person who wears those before it."""
    for garment in garments:
        tried_on = WEARS[garment.category](person, garment, step)
        person = tried_on.person
        yield tried_on


def in_order(garments: tuple[Garment, ...]) -> tuple[Garment, ...]:
    """Garments as they are worn, inner ones first; raises :class:`InputError` for what warp cannot put on."""
    for garment in garments:
        if garment.category not in WEARS:
            raise InputError(
                "category-conflict",
                f"warp has the categories {', '.join(sorted(WEARS))}, got {garment.category!r}",
                field="garment",
            )
    order = list(WEARS)
    return tuple(sorted(garments, key=lambda garment: order.index(garment.category)))


def create() -> Engine:
    """A new engine, to be loaded before use."""
    return WarpEngine()
