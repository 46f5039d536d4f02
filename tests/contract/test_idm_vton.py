"""The service with the real ``idm-vton`` engine: tiny random checkpoint, small canvas, made-up person."""

from __future__ import annotations

import base64
import dataclasses
import io
import shutil
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="torch is not installed: make test")

from inference.app import create_app  # noqa: E402
from inference.config import Settings  # noqa: E402
from inference.engines.base import Engine, EngineUnavailable, OutOfMemory, Params, Prepared, Stopped  # noqa: E402
from inference.engines.idm_vton import engine as idm_vton  # noqa: E402
from inference.engines.idm_vton import outfit  # noqa: E402
from inference.engines.idm_vton.spec import SPEC  # noqa: E402
from inference.engines.registry import Entry, Registry  # noqa: E402
from inference.weights.requirement import lacks_variant, needs_weights  # noqa: E402
from preprocess.decode import Limits, decode  # noqa: E402
from preprocess.types import Mask, Person  # noqa: E402
from tests.bad_inputs import file, garment_photo, person_photo, value  # noqa: E402
from tests.contract.conftest import listening, wait_until_settled  # noqa: E402
from tests.fakes import FakePreparation, garment, person  # noqa: E402

SMALL = dataclasses.replace(SPEC, canvas=(96, 128))
JSON = {"accept": "application/json"}
GARMENT = file("garment", garment_photo())
OPTIONS = {"seed": 7, "steps": 2, "guidance": 2}


class MiddleMask(FakePreparation):
    """What may change is the middle of the frame; of other categories the lower part of that."""

    def agnostic(self, person: Person, category: str, algorithm: str) -> Mask:
        height, width = person.frame.height, person.frame.width
        alpha = np.zeros((height, width), np.float32)
        top = height // 4 if category == "upper" else height // 2
        alpha[top : 3 * height // 4, width // 4 : 3 * width // 4] = 1
        return Mask(tag="agnostic", frame=person.frame, alpha=alpha)


def small_engine() -> Engine:
    made = idm_vton.create()
    made.spec = SMALL
    return made


@contextmanager
def serving(weights: Path, **settings: Any) -> Iterator[httpx.Client]:
    registry = Registry(
        entries={SMALL.name: Entry(spec=SMALL, create=small_engine)},
        requirements=(needs_weights(weights),),
        category_requirements=(lacks_variant(weights),),
    )
    chosen = Settings(weights=weights, device="cpu", accepted_licenses=(SMALL.name,), **settings)
    app = create_app(chosen, registry=registry, preparation=MiddleMask(people=frozenset()))
    with listening(app) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        wait_until_settled(client)
        yield client


@pytest.fixture(scope="module")
def client(idm_vton_weights: Path) -> Iterator[httpx.Client]:
    with serving(idm_vton_weights) as client:
        yield client


def post(client: httpx.Client, photo: bytes = b"", **changes: object) -> dict[str, Any]:
    options = [value(name, given) for name, given in {**OPTIONS, **changes}.items()]
    parts = [file("person", photo or person_photo()), GARMENT, *options]
    answer = client.post("/v1/tryon", files=parts, headers=JSON)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def pixels(encoded: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


def resized(width: int, height: int) -> bytes:
    """The sample at a size and an aspect of its own."""
    out = io.BytesIO()
    Image.open(io.BytesIO(person_photo())).resize((width, height)).save(out, "PNG")
    return out.getvalue()


def turned() -> bytes:
    """Stored lying on its side, with the EXIF tag that sets it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.open(io.BytesIO(person_photo())).save(out, "JPEG", exif=exif, quality=95)
    return out.getvalue()


@pytest.mark.parametrize(
    "photo",
    [resized(200, 200), resized(200, 620), resized(900, 301), resized(1801, 1203), turned()],
    ids=["200-px", "tall", "wide", "larger-than-the-canvas", "exif"],
)
def test_any_photo_keeps_its_size_and_everything_outside_the_mask(client: httpx.Client, photo: bytes) -> None:
    answer = post(client, photo)

    upright = decode(photo, Limits()).rgb
    result, mask = pixels(answer["images"][0]), pixels(answer["mask"])
    assert result.shape == upright.shape
    assert (answer["width"], answer["height"]) == upright.shape[1::-1]
    assert (result[mask == 0] == upright[mask == 0]).all()
    assert 0.05 < (mask > 0).mean() < 0.6
    assert (result[mask > 0] != upright[mask > 0]).any()


def test_answer_says_how_it_was_made(client: httpx.Client) -> None:
    answer = post(client)

    assert (answer["seed"], answer["mask_source"]) == (7, "derived")
    assert answer["engine"] == {
        "name": "idm-vton",
        "revision": SPEC.revision,
        "license": "CC BY-NC-SA 4.0",
        "reason": "first available: weights, device and accepted licence are there",
        "preview": False,
        "sampling": answer["engine"]["sampling"],
    }
    assert answer["engine"]["sampling"].startswith("2 steps of ")
    assert "pose-approximate" in {warning["name"] for warning in answer["warnings"]}


def test_quality_decides_how_it_is_sampled_and_is_told(client: httpx.Client) -> None:
    best = post(client, quality="best")["engine"]["sampling"]
    balanced = post(client, quality="balanced")["engine"]["sampling"]

    assert best == "2 steps of DDPM"
    assert balanced.endswith("approximate")


def test_seed_fixes_the_picture(client: httpx.Client) -> None:
    first, again, other = (post(client, seed=seed)["images"][0] for seed in (7, 7, 8))

    assert first == again
    assert (pixels(first) != pixels(other)).any()


def test_every_sample_is_the_picture_of_its_own_seed(client: httpx.Client) -> None:
    pair = post(client, seed=7, samples=2)["images"]

    assert len(pair) == 2
    for offset, picture in enumerate(pair):
        alone = pixels(post(client, seed=7 + offset)["images"][0]).astype(int)
        assert np.abs(pixels(picture) - alone).max() <= 1  # another batch size rounds another way


def test_two_requests_at_once_do_not_touch_each_other(client: httpx.Client) -> None:
    asked = [{"seed": 1, "guidance": 1}, {"seed": 2, "quality": "best"}, {"seed": 3, "samples": 2}]
    alone = [post(client, **options)["images"] for options in asked]

    with ThreadPoolExecutor(len(asked)) as threads:
        together = list(threads.map(lambda options: post(client, **options)["images"], asked))

    assert together == alone


def test_own_mask_bounds_the_change(client: httpx.Client) -> None:
    photo = decode(person_photo(), Limits()).rgb
    own = np.zeros(photo.shape[:2], np.uint8)
    own[400:600, 300:500] = 255
    sent = io.BytesIO()
    Image.fromarray(own).save(sent, "PNG")
    parts = [file("person", person_photo()), GARMENT, file("mask", sent.getvalue()), value("steps", 1)]

    answer = client.post("/v1/tryon", files=parts, headers=JSON).json()

    result, mask = pixels(answer["images"][0]), pixels(answer["mask"])
    assert answer["mask_source"] == "input"
    assert mask.any()
    assert (result[own == 0] == photo[own == 0]).all()


def test_garment_without_a_checkpoint_names_the_variant(client: httpx.Client) -> None:
    parts = [file("person", person_photo()), GARMENT, value("category", "lower")]

    answer = client.post("/v1/tryon", files=parts)

    assert (answer.status_code, answer.json()["field"]) == (503, "category")
    assert "cabine weights pull idm-vton --variant dc --accept-license" in answer.json()["detail"]


def test_outfit_is_drawn_garment_by_garment(idm_vton_weights: Path, tmp_path: Path) -> None:
    shutil.copytree(idm_vton_weights / "idm-vton" / "base", tmp_path / "idm-vton" / "dc")
    shirt, trousers = value("category", "upper"), value("category", "lower")
    options = [value("steps", 1), value("seed", 3), value("samples", 2)]
    with serving(tmp_path) as client:
        outfit = client.post(
            "/v1/tryon",
            files=[file("person", person_photo()), GARMENT, GARMENT, shirt, trousers, *options],
            headers=JSON,
        ).json()
        top = client.post(
            "/v1/tryon", files=[file("person", person_photo()), GARMENT, shirt, *options], headers=JSON
        ).json()

    assert len(outfit["images"]) == 2
    both, only = (pixels(answer["images"][1]) for answer in (outfit, top))
    shirt_only, trousers_too = np.s_[300:460, 300:-300], np.s_[560:720, 300:-300]  # well inside the masks
    assert (both[shirt_only] == only[shirt_only]).all()
    assert (both[trousers_too] != only[trousers_too]).mean() > 0.5


def loaded(weights: Path) -> Engine:
    made = small_engine()
    made.load(Settings(weights=weights, device="cpu").runtime)
    return made


def prepared() -> Prepared:
    preparation = MiddleMask()
    someone = person(decode(person_photo(), Limits()), SMALL.canvas)
    return Prepared(
        person=someone,
        garments=(garment(decode(garment_photo(), Limits())),),
        agnostic=(preparation.agnostic(someone, "upper", "default"),),
        densepose=preparation.densepose(someone),
    )


def test_progress_is_told_and_cancelling_stops_before_the_next_step(idm_vton_weights: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def cancel_after_two() -> bool:
        return ("denoise", 2, 5) in told

    with pytest.raises(Stopped):
        loaded(idm_vton_weights).run(
            prepared(), Params(seed=1, steps=5), lambda *at: told.append(at), cancel_after_two
        )

    assert told == [("load", 0, 1), ("encode", 1, 1), ("denoise", 1, 5), ("denoise", 2, 5)]


@pytest.mark.parametrize("changes", [{"attention": "cudnn"}, {"attention": "math", "uncond_lse": True}])
def test_kernel_that_is_not_there_is_told_while_loading(
    idm_vton_weights: Path, changes: dict[str, Any]
) -> None:
    settings = Settings(weights=idm_vton_weights, device="cpu", **changes)

    with pytest.raises(EngineUnavailable, match="CABINE_ATTENTION=auto"):
        small_engine().load(settings.runtime)


def test_facts_name_device_format_profile_and_variant(idm_vton_weights: Path) -> None:
    engine = loaded(idm_vton_weights)

    before = engine.facts()
    engine.warmup()

    assert before == {}
    assert engine.facts() == {
        "device": "cpu",
        "number format": "float32",
        "memory profile": "cpu",
        "variant": "base",
        "attention": "auto",
    }


def test_garments_choose_the_checkpoint_whatever_was_loaded_before(
    idm_vton_weights: Path, tmp_path: Path
) -> None:
    for name in ("base", "dc"):
        shutil.copytree(idm_vton_weights / "idm-vton" / "base", tmp_path / "idm-vton" / name)
    top, engine = prepared(), loaded(tmp_path)
    skirt = dataclasses.replace(top, garments=(dataclasses.replace(top.garments[0], category="lower"),))

    used = []
    for worn in (top, skirt, top):
        engine.run(worn, Params(seed=1, steps=1), lambda *at: None, lambda: False)
        used.append(engine.facts()["variant"])

    assert used == ["base", "dc", "base"]


@pytest.mark.parametrize("variant", ["base", "dc"])
def test_a_checkpoint_that_does_not_load_names_the_command_of_its_variant(
    idm_vton_weights: Path, tmp_path: Path, variant: str
) -> None:
    folder = shutil.copytree(idm_vton_weights / "idm-vton" / "base", tmp_path / "idm-vton" / variant)
    (folder / "manifest.json").unlink(missing_ok=True)  # as if copied by hand
    (folder / "tokenizer" / "vocab.json").write_text("{")
    wanted = "" if variant == "base" else " --variant dc"

    with pytest.raises(
        EngineUnavailable,
        match=rf"\({variant}\): tokenizer/vocab.json cannot be read; "
        rf"run: cabine weights pull idm-vton{wanted} --accept-license",
    ):
        loaded(tmp_path).warmup()


def test_description_that_is_cut_is_warned_about(idm_vton_weights: Path) -> None:
    given = prepared()
    long = dataclasses.replace(given.garments[0], description="very " * 200)

    engine, params = loaded(idm_vton_weights), Params(seed=1, steps=1)
    names = [
        [notice.name for notice in engine.run(each, params, lambda *at: None, lambda: False).notices]
        for each in (given, dataclasses.replace(given, garments=(long,)))
    ]

    assert names == [[], ["description-cut"]]


def cuda_runs_out() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory")


def cpu_runs_out() -> None:
    torch.empty(2**60)


class Activations:
    """Something large that a request holds."""


@pytest.mark.parametrize("run_out", [cuda_runs_out, cpu_runs_out])
def test_memory_that_runs_out_is_told_with_advice_and_given_back(
    idm_vton_weights: Path, monkeypatch: pytest.MonkeyPatch, run_out: Callable[[], None]
) -> None:
    held: list[weakref.ref[Activations]] = []

    def try_on(*given: object, **named: object) -> None:
        activations = Activations()
        held.append(weakref.ref(activations))
        run_out()

    engine = loaded(idm_vton_weights)
    monkeypatch.setattr(outfit, "try_on", try_on)

    with pytest.raises(OutOfMemory, match="CABINE_MEMORY_PROFILE") as raised:
        engine.run(prepared(), Params(seed=1), lambda *at: None, lambda: False)
    assert raised.value.__cause__ is not None  # with its traceback, which must hold nothing large
    assert held[0]() is None


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (idm_vton.NotFinite("choose CABINE_DTYPE=fp32"), (EngineUnavailable, "CABINE_DTYPE=fp32")),
        (RuntimeError("a fault of ours"), (RuntimeError, "a fault of ours")),
    ],
)
def test_other_failures_keep_their_meaning(
    idm_vton_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    told: tuple[type[Exception], str],
) -> None:
    def try_on(*given: object, **named: object) -> None:
        raise raised

    engine = loaded(idm_vton_weights)
    monkeypatch.setattr(outfit, "try_on", try_on)

    with pytest.raises(told[0], match=told[1]) as caught:
        engine.run(prepared(), Params(seed=1), lambda *at: None, lambda: False)
    assert not isinstance(caught.value, OutOfMemory)


def test_confidence_is_the_least_of_what_was_seen() -> None:
    given = prepared()
    hidden = dataclasses.replace(given.person.pose, visibility=np.linspace(0.0, 1.0, 33, dtype=np.float32))
    blurry = dataclasses.replace(given.garments[0], cutout_confidence=0.3)

    assert idm_vton.seen(given.person, given.garments) == pytest.approx(0.9)
    assert idm_vton.seen(given.person, (blurry,)) == pytest.approx(0.3)
    assert idm_vton.seen(dataclasses.replace(given.person, pose=hidden), given.garments) < 0.6
