"""The warp engine as a whole: contract, refusals, cancelling, own masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from inference.engines.base import Params, Prepared, Stopped
from inference.engines.warp.engine import create
from inference.engines.warp.spec import SPEC
from inference.engines.warp.types import STAGES
from preprocess.errors import InputError
from preprocess.types import Alpha, Garment, Mask, Person

People = Callable[[str], Person]
Garments = Callable[[str], Garment]


def prepared(person: Person, *garments: Garment, mask: Alpha | None = None) -> Prepared:
    tag = "agnostic" if mask is None else "input"
    alpha = np.ones_like(person.matte.alpha) if mask is None else mask
    agnostic = Mask(tag=tag, frame=person.frame, alpha=alpha)
    return Prepared(person=person, garments=garments, agnostic=(agnostic,))


@pytest.fixture(scope="module")
def person(people: People) -> Person:
    return people("p2_woman__base")


@pytest.fixture(scope="module")
def polo(garments: Garments) -> Garment:
    return garments("polo_green")


def silent(stage: str, step: int, steps: int) -> None:
    """A caller that does not care."""


def test_spec_says_what_it_is() -> None:
    assert SPEC.preview
    assert SPEC.commercial_use
    assert SPEC.categories == {"upper", "lower", "dress"}
    assert "steps" not in SPEC.options
    assert "samples" not in SPEC.options


def test_run_reports_stages_and_repeats_itself(person: Person, polo: Garment) -> None:
    calls: list[tuple[str, int, int]] = []
    inputs = prepared(person, polo)
    first = create().run(inputs, Params(seed=1), lambda *call: calls.append(call), lambda: False)
    second = create().run(inputs, Params(seed=2), silent, lambda: False)
    assert calls == [(name, k + 1, len(STAGES)) for k, name in enumerate(STAGES)]
    assert first.mask_source == "derived"
    assert 0.0 <= first.confidence <= 1.0
    (one,), (other,) = first.images, second.images
    assert one.frame == person.frame
    assert one.rgb.shape == person.image.shape
    assert one.rgb.dtype == np.uint8
    assert np.array_equal(one.rgb, other.rgb), "the seed must not change a deterministic engine"
    assert np.array_equal(one.alpha, other.alpha)


def test_own_mask_limits_the_change(person: Person, polo: Garment) -> None:
    mask = np.zeros_like(person.matte.alpha)
    mask[:, : mask.shape[1] // 2] = 1.0
    result = create().run(prepared(person, polo, mask=mask), Params(seed=0), silent, lambda: False)
    assert result.mask_source == "input"
    alpha = result.images[0].alpha
    assert alpha[:, mask.shape[1] // 2 :].max() == 0.0
    assert alpha.max() == 1.0


@pytest.mark.parametrize("allowed", range(len(STAGES) + 1))
def test_cancel_is_heard_before_every_stage(person: Person, polo: Garment, allowed: int) -> None:
    asked = iter([False] * allowed + [True] * 9)
    started: list[str] = []
    with pytest.raises(Stopped):
        create().run(
            prepared(person, polo),
            Params(seed=0),
            lambda stage, step, steps: started.append(stage),
            lambda: next(asked),
        )
    assert len(started) == allowed


def test_refusals_name_the_problem(person: Person, polo: Garment) -> None:
    engine = create()
    with pytest.raises(InputError) as refused:
        engine.run(prepared(person, replace(polo, category="shoes")), Params(seed=0), silent, lambda: False)
    assert (refused.value.slug, refused.value.field) == ("category-conflict", "garment")
    with pytest.raises(InputError) as refused:
        engine.run(prepared(person, polo), Params(seed=0, samples=2), silent, lambda: False)
    assert refused.value.slug == "option-unsupported"
