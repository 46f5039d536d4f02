"""Several requests in one batch of idm-vton: each gets its own picture, a known garment is known, memory."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import NO_TORCH

torch = pytest.importorskip("torch", reason=NO_TORCH)

from inference.engines.base import (  # noqa: E402 - after the skip
    Cancelled,
    EngineResult,
    Params,
    Prepared,
    Progress,
    Runtime,
    Stopped,
    Turn,
)
from inference.engines.idm_vton import outfit  # noqa: E402
from inference.engines.idm_vton.engine import IdmVtonEngine  # noqa: E402
from inference.engines.idm_vton.garment_cache import PackedFeatures  # noqa: E402
from inference.engines.idm_vton.spec import SPEC  # noqa: E402
from inference.engines.pool import EnginePool  # noqa: E402
from inference.engines.registry import Entry, Registry  # noqa: E402
from preprocess.decode import Limits, decode  # noqa: E402
from preprocess.errors import InputError  # noqa: E402
from preprocess.types import Mask, Photo  # noqa: E402
from tests.bad_inputs import garment_photo, person_photo  # noqa: E402
from tests.contract.conftest import until  # noqa: E402
from tests.fakes import FakePreparation, garment, person  # noqa: E402

CANVAS = (64, 96)
PARAMS = Params(seed=3, steps=2, quality="best")
WORDS = ("shirt", "low dress", "photo")


class Small(IdmVtonEngine):
    """On a small canvas; notes how many it is given at once."""

    spec = dataclasses.replace(SPEC, canvas=CANVAS)

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def run_batch(self, turns: Sequence[Turn]) -> list[EngineResult]:
        self.sizes.append(len(turns))
        assert self.gate.wait(60)
        return super().run_batch(turns)


def request(number: int, *, garment_number: int | None = None, **changes: Any) -> Prepared:
    """Another person, mask, pose, and another garment with another description, for each number."""
    someone = person(turned(decode(person_photo(), Limits()), number), CANVAS)
    shape = (someone.frame.height, someone.frame.width)
    alpha, parts = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    alpha[16 : -8 * (number + 2), 8 * (number + 1) : -8] = 1
    parts[: 24 * (number + 1), 16:40] = 2 + number
    worn = number if garment_number is None else garment_number
    piece = garment(turned(decode(garment_photo(), Limits()), worn))
    made = Prepared(
        person=someone,
        garments=(dataclasses.replace(piece, description=WORDS[worn]),),
        agnostic=(Mask(tag="agnostic", frame=someone.frame, alpha=alpha),),
        densepose=dataclasses.replace(FakePreparation().densepose(someone), parts=parts),
    )
    return dataclasses.replace(made, **changes)


def turned(photo: Photo, number: int) -> Photo:
    return dataclasses.replace(photo, rgb=np.ascontiguousarray(np.roll(photo.rgb, number, axis=2)))


def turn_of(
    prepared: Prepared,
    params: Params,
    *,
    progress: Progress = lambda stage, step, steps: None,
    cancelled: Cancelled = lambda: False,
) -> Turn:
    return Turn(prepared=prepared, params=params, progress=progress, cancelled=cancelled)


def alone(engine: IdmVtonEngine, turn: Turn) -> EngineResult:
    return engine.run(turn.prepared, turn.params, turn.progress, turn.cancelled)


def apart(one: EngineResult, other: EngineResult) -> int:
    pairs = zip(one.images, other.images, strict=True)
    return max(int(np.abs(a.rgb.astype(int) - b.rgb.astype(int)).max()) for a, b in pairs)


@pytest.fixture(scope="module")
def loaded(idm_vton_weights: Path) -> Callable[..., Small]:
    def load(**changes: Any) -> Small:
        engine = Small()
        engine.load(Runtime(weights=idm_vton_weights, device="cpu", **changes))
        return engine

    return load


@pytest.fixture(scope="module")
def engine(loaded: Callable[..., Small]) -> Small:
    return loaded()


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[IdmVtonEngine], list[int]]:
    """Rows of every pass of an engine's garment UNet from now on."""

    def watch(engine: IdmVtonEngine) -> list[int]:
        rows: list[int] = []
        checkpoint = engine._shelf.loaded
        assert checkpoint is not None
        module = checkpoint.models.garment_unet.module
        handle = module.conv_in.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
        handles.append(handle)
        return rows

    handles: list[Any] = []
    yield watch
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize(
    ("params", "runtime"),
    [
        (PARAMS, {}),
        (dataclasses.replace(PARAMS, quality="balanced", steps=3, samples=2), {}),
        (dataclasses.replace(PARAMS, guidance=1.0), {}),
        (PARAMS, {"uncond_lse": True}),
    ],
    ids=["best", "balanced, two samples", "no guidance", "log-sum-exp"],
)
def test_each_of_a_batch_gets_the_picture_that_it_gets_alone(
    loaded: Callable[..., Small], params: Params, runtime: dict[str, Any]
) -> None:
    engine = loaded(**runtime)
    turns = [
        turn_of(request(k), dataclasses.replace(params, seed=seed)) for k, seed in enumerate((7, 100, 8))
    ]

    together = engine.run_batch(turns)

    single = [alone(engine, turn) for turn in turns]
    for one, other in zip(together, single, strict=True):
        assert apart(one, other) <= 1  # a batch is added up in another order
        assert (one.sampling, one.notices, one.confidence) == (
            other.sampling,
            other.notices,
            other.confidence,
        )
        assert all(np.array_equal(a.alpha, b.alpha) for a, b in zip(one.images, other.images, strict=True))
    for k in range(3):  # rows that were mixed up would show
        assert apart(together[k], single[k - 1]) > 20


def test_one_garment_of_a_batch_takes_one_garment_pass(
    engine: Small, passes: Callable[[IdmVtonEngine], list[int]]
) -> None:
    turns = [turn_of(request(k, garment_number=0), PARAMS) for k in range(3)]
    single = [alone(engine, turn) for turn in turns]
    rows = passes(engine)

    together = engine.run_batch(turns)
    assert rows == [1, 1]  # a step each
    assert max(apart(*pair) for pair in zip(together, single, strict=True)) <= 1

    rows.clear()
    engine.run_batch([turn_of(request(k), PARAMS) for k in range(3)])
    assert rows == [3, 3]


def test_a_garment_that_is_known_is_not_computed_again_beside_new_ones(
    loaded: Callable[..., Small], passes: Callable[[IdmVtonEngine], list[int]]
) -> None:
    engine, fresh = loaded(garment_cache_mb=512), loaded(garment_cache_mb=512)
    turns = [turn_of(request(k), PARAMS) for k in range(3)]
    alone(engine, turns[1])
    rows = passes(engine)

    first = engine.run_batch(turns)
    assert rows == [2, 2]
    again = engine.run_batch(turns)
    assert rows == [2, 2]  # now all are known
    assert alone(engine, turns[2]).images
    assert rows == [2, 2]  # and each by itself

    expected = [alone(fresh, turn) for turn in turns]
    for results in (first, again):
        assert max(apart(*pair) for pair in zip(results, expected, strict=True)) <= 1


def test_garments_that_wait_for_the_cache_stay_within_it_together(
    loaded: Callable[..., Small], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would not fit beside the others is not even collected."""
    engine = loaded(garment_cache_mb=512)
    alone(engine, turn_of(request(0), PARAMS))
    cache, pack, packed = engine._garments, PackedFeatures.pack, []
    assert cache is not None
    cache.limit = 2 * cache.nbytes  # room for two of the three
    other = dataclasses.replace(PARAMS, guidance=2.0, steps=2, quality="balanced")  # other timesteps: all new

    def counted(features: Sequence[Any], device: Any) -> PackedFeatures:
        packed.append(device)
        return pack(features, device)

    monkeypatch.setattr(PackedFeatures, "pack", counted)
    engine.run_batch([turn_of(request(k), other) for k in range(3)])

    assert len(packed) == 2 * 2  # garments, steps
    assert (len(cache), cache.nbytes) == (2, cache.limit)


def test_who_may_share_a_batch(engine: Small) -> None:
    outfit = request(0)

    def key(prepared: Prepared = outfit, **changes: Any) -> object:
        return engine.batch_key(turn_of(prepared, dataclasses.replace(PARAMS, **changes)))

    assert key() is not None
    assert key() == key(request(1), seed=9, mask_algorithm="reference")
    assert key(quality="balanced", steps=None) == key(quality="balanced", steps=20)
    others = [{"steps": 3}, {"guidance": 3.0}, {"quality": "fast"}, {"samples": 2}]
    assert len({key(), *(key(**change) for change in others)}) == 5
    assert key(dataclasses.replace(outfit, garments=outfit.garments * 2)) is None
    skirt = dataclasses.replace(outfit.garments[0], category="lower")
    assert key(dataclasses.replace(outfit, garments=(skirt,))) != key()  # has no checkpoint here


def test_memory_bounds_the_batch(loaded: Callable[..., Small], monkeypatch: pytest.MonkeyPatch) -> None:
    engine, turn = loaded(), turn_of(request(0), PARAMS)
    assert engine.most_at_once(turn, 4) == 1  # nothing is loaded, nothing is planned
    alone(engine, turn)
    assert engine.most_at_once(turn, 4) == 4

    checkpoint = engine._shelf.loaded
    assert checkpoint is not None
    planned = checkpoint.planned
    small = dataclasses.replace(planned.budget, host_bytes=planned.plan.host - 1)
    monkeypatch.setattr(
        engine._shelf,
        "_loaded",
        dataclasses.replace(checkpoint, planned=dataclasses.replace(planned, budget=small)),
    )
    assert engine.most_at_once(turn, 4) == 1


def test_all_are_told_of_every_step_and_all_must_leave(engine: Small) -> None:
    told: list[list[tuple[str, int, int]]] = [[], []]

    def turns(*leave_after: int) -> list[Turn]:
        return [
            turn_of(
                request(k),
                PARAMS,
                progress=lambda *at, k=k: told[k].append(at),
                cancelled=lambda k=k, after=after: len(told[k]) > after,
            )
            for k, after in enumerate(leave_after)
        ]

    engine.run_batch(turns(1, 99))
    assert told[0] == told[1]
    assert [at for at in told[0] if at[0] == "denoise"] == [("denoise", 1, 2), ("denoise", 2, 2)]

    for each in told:
        each.clear()
    with pytest.raises(Stopped):
        engine.run_batch(turns(1, 0))
    assert ("denoise", 1, 2) in told[0]
    assert ("denoise", 2, 2) not in told[0]


@pytest.mark.parametrize("fails", [False, True], ids=["a refusal", "memory"])
def test_what_fails_together_is_drawn_one_by_one(
    loaded: Callable[..., Small], monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    engine = loaded()
    pool = EnginePool(
        Registry(entries={SPEC.name: Entry(spec=Small.spec, create=lambda: engine)}),
        engine._shelf._runtime,
        max_batch=4,
    )
    nowhere = request(1)
    empty = dataclasses.replace(nowhere.agnostic[0], alpha=np.zeros_like(nowhere.agnostic[0].alpha))
    asked = [request(0), request(1, agnostic=(empty,)), request(2)]
    expected = {k: alone(engine, turn_of(asked[k], PARAMS)) for k in (0, 2)}
    if fails:
        asked[1], real = asked[0], outfit.try_on

        def try_on(models: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
            if len(inputs.person) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return real(models, inputs, *rest, **named)

        monkeypatch.setattr(outfit, "try_on", try_on)
        expected[1] = expected[0]

    engine.sizes.clear()
    engine.gate.clear()
    with ExitStack() as stack:
        blocker = stack.enter_context(pool.turn(SPEC.name, asked[0], PARAMS, lambda: False))
        blocker.wait()
        until(lambda: engine.sizes == [1])  # it runs alone: who comes now is no part of its batch
        turns = [stack.enter_context(pool.turn(SPEC.name, each, PARAMS, lambda: False)) for each in asked]
        engine.gate.set()
        for turn in turns:
            turn.wait()
        if not fails:
            with pytest.raises(InputError, match="where a garment"):
                turns[1].result(lambda *at: None)
        results = {k: turns[k].result(lambda *at: None) for k in expected}
    pool.close()

    assert engine.sizes == [1, 3, 1, 1, 1]
    assert max(apart(results[k], expected[k]) for k in expected) <= 1
