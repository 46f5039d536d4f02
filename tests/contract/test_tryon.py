"""``POST /v1/tryon`` as callers see it: pictures, JSON, headers, options, engines."""

from __future__ import annotations

import base64
import io
import re
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, ImageCms

from inference.config import Settings
from inference.engines.base import EngineSpec, OutOfMemory
from preprocess.types import Garment, Person, Photo
from tests.bad_inputs import GARMENT, PAIR, PERSON, file, garment_photo, person_photo, picture, value
from tests.contract.conftest import SETTINGS, Rig, running
from tests.fakes import FakePreparation

JSON = {"accept": "application/json"}
DIGITAL_SOURCE = b"http://cv.iptc.org/newscodes/digitalsourcetype/"


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("urn:cabine:error:")


def test_png_by_default(rig: Rig) -> None:
    answer = rig.client.post("/v1/tryon", files=list(PAIR))

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-cabine-engine"] == "warp/1"
    assert answer.headers["x-cabine-confidence"] == "0.50"
    assert answer.headers["x-cabine-warnings"] == "fake"
    assert answer.headers["x-cabine-mask-source"] == "derived"
    assert answer.headers["x-cabine-seed"].isdigit()
    assert "engine;dur=" in answer.headers["x-cabine-timings"]
    assert answer.headers["x-cabine-engine-reason"] == "default"
    assert answer.headers["x-cabine-license"] == "Apache-2.0"
    assert "x-cabine-sampling" not in answer.headers
    assert pixels(answer.content).shape == pixels(person_photo()).shape


def test_plain_pictures_tell_what_json_tells_of_the_engine(rig: Rig) -> None:
    asked = [*PAIR, value("engine", "diffusion"), value("steps", 3)]
    rig.diffusion.sampling = "3 steps of DDPM; weights\nin 8 bits \N{MULTIPLICATION SIGN} 2"
    try:
        plain = rig.client.post("/v1/tryon", files=asked)
        engine = rig.client.post("/v1/tryon", files=asked, headers=JSON).json()["engine"]
    finally:
        rig.diffusion.sampling = ""

    assert plain.headers["content-type"] == "image/png"
    assert plain.headers["x-cabine-sampling"] == "3 steps of DDPM; weights in 8 bits ? 2"
    assert plain.headers["x-cabine-engine-reason"] == engine["reason"] == "requested"
    assert plain.headers["x-cabine-license"] == engine["license"]


def test_every_header_of_a_picture_is_in_the_reference(rig: Rig) -> None:
    answer = rig.client.post("/v1/tryon", files=list(PAIR))
    document = rig.client.get("/openapi.json").json()
    page = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text()

    told = document["paths"]["/v1/tryon"]["post"]["responses"]["200"]["headers"]
    sent = {name.title() for name in answer.headers if name.startswith(("x-cabine-", "x-request-"))}
    assert sent == set(told) - {"X-Cabine-Sampling"}
    assert set(re.findall(r"^\| `(X-[\w-]+)` \|", page, re.MULTILINE)) == set(told)


def test_json_guarantees_everything_outside_the_mask(rig: Rig) -> None:
    answer = rig.client.post("/v1/tryon", files=list(PAIR), headers=JSON).json()

    result = pixels(base64.b64decode(answer["images"][0]))
    mask = pixels(base64.b64decode(answer["mask"]))
    photo = pixels(person_photo())
    assert mask.dtype == np.uint8
    assert mask.shape == photo.shape[:2]
    assert (result[mask == 0] == photo[mask == 0]).all()
    assert (result[mask == 255] == (200, 30, 60)).all()
    assert 0 < (mask == 255).mean() < 0.5
    assert answer["engine"] == {
        "name": "warp",
        "revision": "1",
        "license": "Apache-2.0",
        "reason": "default",
        "preview": True,
        "sampling": "",
    }
    assert answer["warnings"] == [{"name": "fake", "detail": "This is not a try-on."}]
    assert set(answer["timings"]) >= {"decode", "person", "garment", "mask", "engine", "restore", "encode"}
    assert (answer["mask_source"], answer["confidence"]) == ("derived", 0.5)
    assert answer["effective_resolution"]["width"] == 96


@pytest.mark.parametrize(
    ("accept", "asked", "media_type"),
    [
        (None, None, "image/png"),
        ("*/*", None, "image/png"),
        ("*/*", "jpeg", "image/jpeg"),
        ("image/*", "webp", "image/webp"),
        ("image/webp", None, "image/webp"),
        ("image/avif,image/webp;q=0.9,*/*;q=0.1", None, "image/webp"),
        ("text/html, application/json;q=0.5", None, "application/json"),
        ("image/png;q=0, image/jpeg", None, "image/jpeg"),
        ("application/json", "jpeg", "application/json"),
    ],
)
def test_negotiates_the_format(rig: Rig, accept: str | None, asked: str | None, media_type: str) -> None:
    parts = [*PAIR, value("format", asked or "")]
    headers = {"accept": accept} if accept else {}

    answer = rig.client.post("/v1/tryon", files=parts, headers=headers)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media_type
    if media_type.startswith("image/"):
        assert Image.open(io.BytesIO(answer.content)).get_format_mimetype() == media_type
    else:
        assert answer.json()["format"] == (asked or "png")


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_results_carry_no_metadata_but_the_mark(rig: Rig, image_format: str) -> None:
    original = Image.open(io.BytesIO(person_photo())).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = "SecretCam"
    exif.get_ifd(0x8825)[1] = "N"
    sent = io.BytesIO()
    original.save(sent, "JPEG", exif=exif, comment=b"secret comment", quality=90)
    parts = [file("person", sent.getvalue()), GARMENT, value("format", image_format), value("photo", "flat")]

    answer = rig.client.post("/v1/tryon", files=parts)

    image = Image.open(io.BytesIO(answer.content))
    image.load()
    assert not image.getexif()
    assert b"ecret" not in answer.content
    assert DIGITAL_SOURCE + b"compositeSynthetic" in answer.content
    if image_format == "png":
        assert image.info["srgb"] == 0
        assert set(image.info) == {"srgb", "xmp", "XML:com.adobe.xmp"}
    else:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_person_and_garment_are_prepared_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)

    class Meeting(FakePreparation):
        def person(self, photo: Photo, canvas: tuple[int, int]) -> Person:
            both.wait()
            return super().person(photo, canvas)

        def garment(self, photo: Photo, *, category: str) -> Garment:
            both.wait()
            return super().garment(photo, category=category)

    with running(SETTINGS, Meeting()) as rig:
        assert rig.client.post("/v1/tryon", files=list(PAIR)).status_code == 200


def test_what_is_wrong_with_the_person_is_told_first(rig: Rig) -> None:
    even = picture("PNG", 768, 1024)

    answer = rig.client.post("/v1/tryon", files=[file("person", even), file("garment", even)])

    assert (slug(answer), answer.json()["field"]) == ("no-person", "person")


def test_upright_photo_decides_the_size(rig: Rig) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sent = io.BytesIO()
    Image.open(io.BytesIO(person_photo())).save(sent, "JPEG", exif=exif)

    answer = rig.client.post("/v1/tryon", files=[file("person", sent.getvalue()), GARMENT])

    height, width = pixels(person_photo()).shape[:2]
    assert pixels(answer.content).shape[:2] == (width, height)


def test_seed_comes_back(rig: Rig) -> None:
    parts = [*PAIR, value("seed", 4_294_967_295)]

    assert rig.client.post("/v1/tryon", files=parts).headers["x-cabine-seed"] == "4294967295"


def test_options_of_another_engine(rig: Rig) -> None:
    options = {"engine": "diffusion", "steps": 4, "guidance": 1.5, "samples": 3, "quality": "fast", "seed": 7}
    parts = [*PAIR, *(value(name, given) for name, given in options.items())]

    answer = rig.client.post("/v1/tryon", files=parts).json()

    assert len(answer["images"]) == 3
    assert (answer["seed"], answer["engine"]["reason"], answer["engine"]["preview"]) == (
        7,
        "requested",
        False,
    )


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        *(("steps", given, "diffusion takes 1 to 50") for given in (-1, 0, 51, 5000)),
        *(("guidance", given, "diffusion takes 0 to 10") for given in (-0.5, 11, 500)),
        ("steps", 20.5, "a whole number"),
        ("guidance", "inf", "a number"),
        ("quality", "best", "fast"),
    ],
)
def test_limits_of_an_engine_are_named(rig: Rig, name: str, given: object, says: str) -> None:
    answer = rig.client.post("/v1/tryon", files=[*PAIR, value("engine", "diffusion"), value(name, given)])

    assert (slug(answer), answer.json()["field"]) == ("option-unsupported", name)
    assert says in answer.json()["detail"]


def test_samples_as_png_are_not_acceptable(rig: Rig) -> None:
    parts = [*PAIR, value("engine", "diffusion"), value("samples", 2)]

    answer = rig.client.post("/v1/tryon", files=parts, headers={"accept": "image/png"})

    assert (answer.status_code, slug(answer)) == (406, "not-acceptable")


def test_outfit_of_two_garments(rig: Rig) -> None:
    parts = [PERSON, GARMENT, GARMENT, value("category", "upper"), value("category", "lower")]

    answer = rig.client.post("/v1/tryon", files=[*parts, value("engine", "diffusion")])

    assert answer.status_code == 200, answer.text


def test_dress_and_skirt_conflict(rig: Rig) -> None:
    parts = [PERSON, GARMENT, GARMENT, value("category", "dress"), value("category", "lower")]

    answer = rig.client.post("/v1/tryon", files=[*parts, value("engine", "diffusion")])

    assert slug(answer) == "category-conflict"
    assert "garment[0] (dress) and garment[1] (lower)" in answer.json()["detail"]


def test_garment_worn_by_somebody_is_refused_with_the_fix(rig: Rig) -> None:
    answer = rig.client.post("/v1/tryon", files=[PERSON, file("garment", person_photo())])

    assert (slug(answer), answer.json()["field"]) == ("option-unsupported", "garment")
    assert "photo=flat" in answer.json()["detail"]


def test_photo_flat_overrules_the_detector(rig: Rig) -> None:
    parts = [PERSON, file("garment", person_photo()), value("photo", "flat")]

    assert rig.client.post("/v1/tryon", files=parts).status_code == 200


def test_engine_that_takes_worn_photos_gets_them(rig: Rig) -> None:
    parts = [PERSON, file("garment", person_photo()), value("engine", "diffusion")]

    before = rig.preparation.counts.copy()
    for asked in ("auto", "worn"):
        assert rig.client.post("/v1/tryon", files=[*parts, value("photo", asked)]).status_code == 200
    done = rig.preparation.counts - before
    assert (done["worn"], done["garment"]) == (2, 0)


def test_own_mask_bounds_the_change(rig: Rig) -> None:
    photo = pixels(person_photo())
    own = np.zeros(photo.shape[:2], np.uint8)
    own[400:600, 300:500] = 255
    sent = io.BytesIO()
    Image.fromarray(own).save(sent, "PNG")

    answer = rig.client.post("/v1/tryon", files=[*PAIR, file("mask", sent.getvalue())], headers=JSON).json()

    mask = pixels(base64.b64decode(answer["mask"]))
    result = pixels(base64.b64decode(answer["images"][0]))
    assert answer["mask_source"] == "input"
    assert mask.any()
    assert (mask[own == 0] == 0).all()
    assert (result[own == 0] == photo[own == 0]).all()


def test_empty_fields_count_as_not_given(rig: Rig) -> None:
    names = ("mask", "engine", "seed", "format", "category", "photo", "description")

    answer = rig.client.post("/v1/tryon", files=[*PAIR, *(value(name, "") for name in names)])

    assert answer.status_code == 200, answer.text


def test_unavailable_engine_names_the_command(rig: Rig) -> None:
    answer = rig.client.post("/v1/tryon", files=[*PAIR, value("engine", "gpu-only")])

    assert (answer.status_code, slug(answer)) == (503, "engine-unavailable")
    assert ".[torch]" in answer.json()["detail"]


def test_default_engine_never_falls_back_silently() -> None:
    with running(Settings(engine="gpu-only")) as rig:
        answer = rig.client.post("/v1/tryon", files=list(PAIR))
        ready = rig.client.get("/health/ready")

    assert (answer.status_code, slug(answer)) == (503, "engine-unavailable")
    assert (ready.status_code, slug(ready)) == (503, "engine-unavailable")


def test_fallback_says_so() -> None:
    with running(Settings(engine="gpu-only", fallback="warp")) as rig:
        engine = rig.client.post("/v1/tryon", files=list(PAIR), headers=JSON).json()["engine"]

    assert engine["name"] == "warp"
    assert engine["reason"].startswith("fallback: gpu-only needs a GPU")


def test_non_commercial_engine_waits_for_acceptance() -> None:
    with running(Settings()) as rig:
        asked = rig.client.post("/v1/tryon", files=[*PAIR, value("engine", "diffusion")])
        auto = rig.client.post("/v1/tryon", files=list(PAIR))

    assert (asked.status_code, slug(asked)) == (503, "engine-unavailable")
    assert "CABINE_ACCEPTED_LICENSES=diffusion" in asked.json()["detail"]
    assert auto.headers["x-cabine-engine"] == "warp/1"


def test_auto_takes_the_first_that_can() -> None:
    settings = Settings(engines=("gpu-only", "diffusion", "warp"), accepted_licenses=("diffusion",))
    with running(settings) as rig:
        answer = rig.client.post("/v1/tryon", files=list(PAIR))

    assert answer.headers["x-cabine-engine"] == "diffusion/1"


def lacks_all_but_upper(of: EngineSpec, category: str) -> str | None:
    return (
        f"{of.name} has no weights for {category}; run: cabine weights pull" if category != "upper" else None
    )


@pytest.mark.parametrize("named", [True, False], ids=["named", "recognised"])
@pytest.mark.parametrize("engine", ["auto", "diffusion"])
def test_missing_checkpoint_of_a_category_is_told_with_the_command(engine: str, named: bool) -> None:
    class Trousers(FakePreparation):
        def garment(self, photo: Photo, *, category: str) -> Garment:
            return super().garment(photo, category="lower")

    settings = Settings(engines=("diffusion", "warp"), accepted_licenses=("diffusion",))
    with running(settings, Trousers(), category_requirements=(lacks_all_but_upper,)) as rig:
        parts = [*PAIR, value("engine", engine), *([value("category", "lower")] if named else [])]
        answer = rig.client.post("/v1/tryon", files=parts)

    assert (answer.status_code, slug(answer)) == (503, "engine-unavailable")
    assert answer.json()["detail"].endswith("diffusion has no weights for lower; run: cabine weights pull")
    assert answer.json()["field"] == ("category" if named else "garment")


def test_dense_pose_is_made_only_for_engines_that_need_it_and_told_when_painted(rig: Rig) -> None:
    before = rig.preparation.counts["densepose"]
    plain = rig.client.post("/v1/tryon", files=list(PAIR))
    between = rig.preparation.counts["densepose"]
    posed = rig.client.post("/v1/tryon", files=[*PAIR, value("engine", "diffusion")])

    assert (between - before, rig.preparation.counts["densepose"] - between) == (0, 1)
    assert "pose-approximate" not in plain.headers["x-cabine-warnings"]
    assert "pose-approximate" in posed.headers["x-cabine-warnings"]


def test_algorithm_of_the_mask_reaches_the_preparation(rig: Rig) -> None:
    parts = [*PAIR, value("engine", "diffusion"), value("mask_algorithm", "reference")]

    assert rig.client.post("/v1/tryon", files=parts).status_code == 200
    assert rig.preparation.algorithms[-1] == "reference"


def test_failure_of_ours_tells_nothing_to_the_caller() -> None:
    with running(SETTINGS) as rig:
        rig.warp.raises = RuntimeError("secret path /srv/weights")
        answer = rig.client.post("/v1/tryon", files=list(PAIR))
        rig.warp.raises = MemoryError("12 GB")
        memory = rig.client.post("/v1/tryon", files=list(PAIR))
        rig.warp.raises = OutOfMemory("Choose CABINE_MEMORY_PROFILE=8gb.")
        advice = rig.client.post("/v1/tryon", files=list(PAIR))
        rig.warp.raises = None
        good = rig.client.post("/v1/tryon", files=list(PAIR))

    assert (answer.status_code, slug(answer)) == (500, "internal")
    assert "secret" not in answer.text
    assert (memory.status_code, slug(memory)) == (503, "out-of-memory")
    assert (advice.status_code, slug(advice)) == (503, "out-of-memory")
    assert advice.json()["detail"] == "Choose CABINE_MEMORY_PROFILE=8gb."
    assert good.status_code == 200


def test_policy_names_the_image_that_it_refuses() -> None:
    with running(Settings(policy="tests.fakes:RefuseGarments")) as rig:
        answer = rig.client.post("/v1/tryon", files=list(PAIR))

        assert (answer.status_code, slug(answer)) == (422, "content-refused")
        assert (answer.json()["field"], answer.json()["retryable"]) == ("garment", False)
        assert rig.preparation.counts["person"] == 0


def test_small_photos_are_warned_about(rig: Rig) -> None:
    small = io.BytesIO()
    Image.open(io.BytesIO(person_photo())).resize((384, 512)).save(small, "JPEG")

    answer = rig.client.post("/v1/tryon", files=[file("person", small.getvalue()), GARMENT])

    assert answer.headers["x-cabine-warnings"] == "fake, low-resolution"


def test_plain_form_with_asset_ids(rig: Rig) -> None:
    ids = {
        kind: rig.client.post("/v1/assets", files=[file("image", data), value("kind", kind)]).json()["id"]
        for kind, data in (("person", person_photo()), ("garment", garment_photo()))
    }

    assert rig.client.post("/v1/tryon", data=ids).status_code == 200
