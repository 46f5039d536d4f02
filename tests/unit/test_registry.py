"""Discovery of engines, and which one is chosen."""

from __future__ import annotations

import pytest

from inference.config import Settings
from inference.engines.base import Runtime
from inference.engines.pool import EnginePool
from inference.engines.registry import discover
from inference.problems import Problem
from inference.selection import choose
from tests.fakes import DIFFUSION, FakeEngine, registry, spec


def test_every_engine_folder_is_found_and_complete() -> None:
    found = discover()

    assert "warp" in found.entries
    for name, entry in found.entries.items():
        assert entry.spec.name == name
        assert entry.spec.categories
        assert entry.spec.photo_kinds <= {"flat", "worn"}
        assert entry.spec.devices
        assert entry.spec.summary
        assert entry.create().spec is entry.spec


def test_requirements_are_asked_in_order() -> None:
    found = discover((lambda _: None, lambda spec: f"{spec.name} lacks a thing", lambda _: "never asked"))

    assert found.why_not(found.entries["warp"].spec) == "warp lacks a thing"


def test_previews_come_last() -> None:
    engines = registry(FakeEngine(spec=spec("a-preview")), FakeEngine(spec=spec("z-real", **DIFFUSION)))

    assert [found.name for found in engines.in_order(())] == ["gpu-only", "z-real", "a-preview"]
    assert [found.name for found in engines.in_order(("a-preview", "unheard-of"))] == ["a-preview"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(engine="wrap"), "CABINE_ENGINE names 'wrap'"),
        (Settings(engine="gpu-only", fallback="wrap"), "CABINE_FALLBACK names 'wrap'"),
        (Settings(engines=("gpu-only",)), "needs a GPU"),
        (Settings(engines=("unheard-of",)), "No engine"),
    ],
)
def test_operators_mistakes_are_not_the_callers(settings: Settings, words: str) -> None:
    with pytest.raises(Problem, match=words) as raised:
        choose("auto", registry(FakeEngine(spec=spec())), settings)

    assert raised.value.slug == "engine-unavailable"


def test_unknown_engine_lists_the_known() -> None:
    with pytest.raises(Problem, match="auto, gpu-only, warp") as raised:
        choose("magic", registry(FakeEngine(spec=spec())), Settings())

    assert raised.value.slug == "engine-unknown"


def test_engines_load_once() -> None:
    loads = []

    class Counting(FakeEngine):
        def load(self, runtime: Runtime) -> None:
            loads.append(runtime.device)

    pool = EnginePool(registry(Counting(spec=spec())), Runtime(device="cpu"))
    pool.warm("warp")
    with pool.engine("warp", cancelled=lambda: False) as engine:
        assert engine.spec.name == "warp"

    assert loads == ["cpu"]
