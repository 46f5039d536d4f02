"""Discovery of engines, and which one is chosen."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from inference.config import Settings
from inference.engines.base import EngineSpec, Runtime, Variant
from inference.engines.pool import EnginePool
from inference.engines.registry import Registry, discover, needs_device, needs_packages
from inference.problems import Problem
from inference.selection import choose, why_not
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
        if needs_packages(entry.spec) is None:
            assert entry.create().spec is entry.spec


def test_requirements_are_asked_in_order() -> None:
    found = discover((lambda _: None, lambda spec: f"{spec.name} lacks a thing", lambda _: "and another"))

    reasons = found.reasons(found.entries["warp"].spec)

    assert (next(reasons), next(reasons), next(reasons, None)) == (
        "warp lacks a thing",
        "and another",
        None,
    )


def test_packages_are_looked_for_without_importing_them() -> None:
    lacking = needs_packages(spec("diffusion", packages=("numpy", "surely_not_installed")))

    assert lacking == "diffusion needs surely_not_installed: pip install -e '.[torch]' (docs/install.md)."
    assert needs_packages(spec(packages=("numpy",))) is None


def test_device_is_asked_of_the_engines_folder_until_it_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["no GPU", None, "its own weights fill the GPU"])
    module = types.ModuleType("device")
    module.lacks = lambda runtime: f"{runtime.device}: {said}" if (said := next(answers)) else None  # type: ignore[attr-defined]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr("importlib.import_module", {"inference.engines.a_b.device": module}.__getitem__)
    lacks = needs_device(Runtime(device="cuda:1"))

    assert [lacks(spec("a-b")) for _ in range(3)] == ["cuda:1: no GPU", None, None]


def test_engine_without_a_device_file_runs_anywhere() -> None:
    assert needs_device(Runtime())(spec("warp")) is None
    assert needs_device(Runtime())(spec("unheard-of")) is None


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


def several(*engines: FakeEngine) -> Registry:
    return registry(*engines, category_requirements=(lacks_all_but_upper,))


def lacks_all_but_upper(of: EngineSpec, category: str) -> str | None:
    return f"{of.name} has no weights for {category}" if of.name == "real" and category != "upper" else None


@pytest.mark.parametrize(
    ("categories", "chosen"),
    [((), "real"), (("upper",), "real"), (("lower",), "skirts"), (("dress",), "real")],
)
def test_auto_passes_over_an_engine_that_lacks_the_checkpoint(
    categories: tuple[str, ...], chosen: str
) -> None:
    real = spec("real", **DIFFUSION)
    skirts = spec("skirts", categories=frozenset({"lower"}))

    choice = choose("auto", several(FakeEngine(spec=real), FakeEngine(spec=skirts)), Settings(), categories)

    assert choice.spec.name == chosen
    assert choice.lacking.keys() == ({"lower", "dress"} if chosen == "real" else set())


def test_auto_says_what_it_found_there() -> None:
    variant = Variant(name="base", categories=frozenset({"upper"}), repo="", revision="", files={})
    real = spec("real", commercial_use=False, variants=(variant,), **DIFFUSION)

    choice = choose("auto", registry(FakeEngine(spec=real)), Settings(accepted_licenses=("real",)))

    assert choice.reason == "first available: weights, device and accepted licence are there"


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
    pool.warm("warp")
    pool.close()

    assert loads == ["cpu"]


def test_licence_is_accepted_by_command_or_by_setting(tmp_path: Path) -> None:
    real = spec("real", commercial_use=False, weights_license="CC BY-NC-SA 4.0", **DIFFUSION)
    here = registry(FakeEngine(spec=real))

    refusal = why_not(real, here, Settings(weights=tmp_path))
    (tmp_path / "licenses.json").write_text('{"real": {"CC BY-NC-SA 4.0": {}}}')

    assert refusal is not None
    assert "cabine weights pull real --accept-license" in refusal
    assert why_not(real, here, Settings(weights=tmp_path)) is None
    assert why_not(real, here, Settings(accepted_licenses=("real",))) is None
