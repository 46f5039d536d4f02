"""The self-test of ``weights pull``: what it runs, what it measures, when it fails."""

from __future__ import annotations

import dataclasses
import getpass
import platform
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from inference.config import Settings
from inference.engines.base import Cancelled, EngineResult, EngineSpec, Limit, Params, Prepared, Progress
from inference.engines.idm_vton.spec import SPEC
from inference.engines.registry import Entry, Registry
from inference.weights import selftest
from inference.weights.selftest import Steps, cannot_run, category_of, self_test
from tests.fakes import FakeEngine, FakePreparation, paint, spec

BASE, DC = SPEC.variants
STEPPED = spec(
    "stepped",
    preview=False,
    categories=frozenset({"upper", "lower", "dress"}),
    options={"seed": None, "steps": Limit(least=1, most=50, default=None)},
)


class Stepping(FakeEngine):
    """Takes the steps it is asked for and paints noise, or one even colour."""

    def __init__(self, *, even: bool = False) -> None:
        super().__init__(spec=STEPPED)
        self.even = even
        self.params: list[Params] = []
        self.categories: list[str] = []

    def run(
        self, prepared: Prepared, params: Params, progress: Progress, cancelled: Cancelled
    ) -> EngineResult:
        self.params.append(params)
        self.categories.append(prepared.garments[0].category)
        for step in range(1, (params.steps or 9) + 1):
            progress("denoise", step, params.steps or 9)
        image = paint(prepared.person.frame)
        if not self.even:
            noise = np.random.default_rng(0).integers(0, 255, image.rgb.shape).astype(np.uint8)
            image = dataclasses.replace(image, rgb=noise)
        return EngineResult(images=(image,), mask_source="derived", confidence=0.5)

    def facts(self) -> Mapping[str, str]:
        return {"device": "a card", "peak VRAM": "17 MB"}


def registry(engine: FakeEngine, lacks: Callable[[EngineSpec], str | None] = lambda _: None) -> Registry:
    return Registry(
        entries={engine.spec.name: Entry(spec=engine.spec, create=lambda: engine)}, requirements=(lacks,)
    )


@pytest.fixture(autouse=True)
def _any_picture_shows_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "EmbeddedPreparation", lambda *_: FakePreparation())


def test_two_steps_are_run_timed_and_reported() -> None:
    engine = Stepping()

    report = self_test(STEPPED, "lower", registry(engine), Settings())

    assert [params.steps for params in engine.params] == [2]
    assert engine.categories == ["lower"]
    assert report.passed
    assert report.step_seconds is not None
    assert report.step_seconds >= 0
    assert {"load and warm up", "engine", "restore"} <= set(report.seconds)
    assert report.peak_memory_mb > 10
    assert report.facts["peak VRAM"] == "17 MB"
    assert "stepped, lower: passed" in report.text()
    assert "device: a card" in report.text()


def test_the_report_names_neither_the_machine_nor_its_user() -> None:
    text = self_test(STEPPED, "upper", registry(Stepping()), Settings()).text()

    for secret in (getpass.getuser(), platform.node(), str(Path.cwd()), str(Path.home()), "/"):
        assert secret not in text


def test_one_even_colour_fails() -> None:
    report = self_test(STEPPED, "upper", registry(Stepping(even=True)), Settings())

    assert not report.passed
    assert "one even colour" in report.verdict
    assert "FAILED" in report.text()


def test_the_second_step_is_what_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.5, 100.0])
    monkeypatch.setattr(selftest.time, "perf_counter", lambda: next(clock))
    steps = Steps()

    steps.note("decode", 0, 1)
    steps.note("engine", 0, 1)
    steps.note("engine: denoise", 1, 2)
    steps.note("engine: denoise", 2, 2)
    steps.note("engine: decode", 1, 1)

    assert steps.seconds() == 2.5
    assert Steps().seconds() is None


def test_a_test_that_cannot_run_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blind = registry(Stepping(), lambda _: "There is no GPU; CABINE_DEVICE=cpu tries it on the CPU.")
    assert "CABINE_DEVICE=cpu" in str(cannot_run(STEPPED, blind, Settings()))
    assert cannot_run(STEPPED, registry(Stepping()), Settings()) is None

    monkeypatch.setattr(selftest, "SAMPLES", tmp_path)
    assert "sample photos" in str(cannot_run(STEPPED, registry(Stepping()), Settings()))


def test_each_variant_is_tried_on_a_garment_that_only_it_gets() -> None:
    assert category_of("base", (BASE, DC)) == "upper"
    assert category_of("dc", (BASE, DC)) == "lower"
    assert category_of("dc", (DC,)) == "upper"


def test_samples_of_every_category_are_there() -> None:
    for garment in selftest.GARMENTS.values():
        assert (selftest.SAMPLES / garment).is_file()
    assert set(selftest.GARMENTS) == SPEC.categories
