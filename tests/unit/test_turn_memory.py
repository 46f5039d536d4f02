"""A request's pictures go with it, at once: the garbage collector's next full pass may be minutes away."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from inference.engines.base import Cancelled, Params, Prepared, Runtime, Stopped
from inference.engines.pool import EnginePool
from tests.contract.conftest import until
from tests.fakes import FakeEngine, prepared_pair, registry, spec

Trace = weakref.ref[Prepared]


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def work(engine: FakeEngine, cancelled: Cancelled = lambda: False) -> tuple[EnginePool, Trace]:
    """A request that came, and went with whatever was raised."""
    pool = EnginePool(registry(engine), Runtime())
    prepared = prepared_pair()
    trace = weakref.ref(prepared)
    try:
        with pool.turn(engine.spec.name, prepared, Params(seed=0), cancelled) as turn:
            turn.wait()
            turn.result(lambda stage, step, steps: None)
    except (Stopped, ZeroDivisionError):
        pass
    return pool, trace


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_of_a_request_that_was_answered(fails: bool) -> None:
    engine = FakeEngine(spec=spec(), raises=ZeroDivisionError("deep inside") if fails else None)
    pool, trace = work(engine)
    engine.raises = None
    pool.close()  # its thread has ended

    assert trace() is None


def test_nothing_is_left_of_one_that_left_before_its_engine_stopped() -> None:
    """What the engine raises then, nobody fetches."""
    engine = FakeEngine(spec=spec())
    engine.gate.clear()
    pool, trace = work(engine, cancelled=engine.started.is_set)

    until(lambda: trace() is None)
    assert engine.stopped.is_set()
    pool.close()
