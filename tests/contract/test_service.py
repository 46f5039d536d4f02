"""Health, engines, preprocessing, documentation, request ids."""

from __future__ import annotations

import io
import json
import re
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from inference.app import create_app
from inference.config import Settings
from inference.engines.base import EngineUnavailable, Variant
from inference.problems import TYPES
from tests.bad_inputs import PAIR, PERSON, file, garment_photo, person_photo, value
from tests.contract.conftest import SETTINGS, Rig, listening, running, until
from tests.fakes import FakeEngine, FakePreparation, registry, spec

JSON = {"accept": "application/json"}


def test_health(rig: Rig) -> None:
    assert rig.client.get("/health/live").json() == {"status": "live"}
    assert rig.client.get("/health/ready").json() == {"status": "ready"}


def test_not_ready_until_warm() -> None:
    warm = threading.Event()

    class Slow(FakePreparation):
        def load(self) -> None:
            warm.wait(10)

    engine = FakeEngine(spec=spec())
    app = create_app(Settings(), registry=registry(engine), preparation=Slow())
    with listening(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        ready = client.get("/health/ready")
        live = client.get("/health/live")
        refused = client.post("/v1/tryon", files=[PERSON])
        warm.set()

    assert (ready.status_code, ready.json()["type"]) == (503, "urn:cabine:error:not-ready")
    assert ready.headers["content-type"] == "application/problem+json"
    assert (live.status_code, refused.status_code) == (200, 503)


def test_missing_models_are_told_with_the_command() -> None:
    missing = FakePreparation(
        load_error=EngineUnavailable("no models; run: python -m preprocess.models fetch")
    )
    with running(SETTINGS, missing) as rig:
        answer = rig.client.get("/health/ready")

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:cabine:error:engine-unavailable")
    assert "preprocess.models fetch" in answer.json()["detail"]


def test_models_fetched_later_need_no_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.service.RETRY_S", 0.01)
    with running(SETTINGS, FakePreparation(load_error=EngineUnavailable("no models"))) as rig:
        before = rig.client.get("/health/ready")
        rig.preparation.load_error = None
        until(lambda: rig.client.get("/health/ready").status_code == 200)

        assert before.status_code == 503
        assert rig.client.post("/v1/tryon", files=list(PAIR)).status_code == 200


def test_engines_say_what_they_take_and_why_not(rig: Rig) -> None:
    answer = rig.client.get("/v1/engines").json()

    engines = {engine["name"]: engine for engine in answer["engines"]}
    assert answer["default"] == "warp"
    assert engines["warp"]["available"] is True
    assert engines["warp"]["preview"] is True
    assert engines["warp"]["reason"] is None
    assert engines["warp"]["served"] == ["upper"]
    assert engines["gpu-only"]["available"] is False
    assert engines["gpu-only"]["served"] == []
    assert ".[torch]" in engines["gpu-only"]["reason"]
    steps = next(option for option in engines["diffusion"]["options"] if option["name"] == "steps")
    assert (steps["least"], steps["most"], steps["default"]) == (1, 50, 30)


def test_engines_say_which_checkpoints_are_here(tmp_path: Path) -> None:
    def variant(name: str) -> Variant:
        categories = frozenset({"upper"})
        return Variant(name=name, categories=categories, repo=f"who/{name}", revision="", files={"a": ""})

    (tmp_path / "warp" / "one").mkdir(parents=True)
    (tmp_path / "warp" / "one" / "a").touch()
    engine = FakeEngine(spec=spec(variants=(variant("one"), variant("two"))))
    app = create_app(Settings(weights=tmp_path), registry=registry(engine), preparation=FakePreparation())
    with listening(app) as url:
        answer = httpx.get(f"{url}/v1/engines", trust_env=False).json()

    warp = next(engine for engine in answer["engines"] if engine["name"] == "warp")
    assert warp["variants"] == [
        {"name": "one", "categories": ["upper"], "repo": "who/one", "here": True},
        {"name": "two", "categories": ["upper"], "repo": "who/two", "here": False},
    ]


@pytest.mark.parametrize(("tag", "joints"), [("blaze33", 33), ("coco18", 18), ("body25", 25)])
def test_pose_in_every_convention(rig: Rig, tag: str, joints: int) -> None:
    answer = rig.client.post("/v1/preprocess/pose", files=[PERSON, value("tag", tag)], headers=JSON).json()

    assert (answer["tag"], len(answer["points"]), len(answer["visibility"])) == (tag, joints, joints)
    assert answer["frame"]["width"] == 768


def test_mask_comes_on_the_grid_of_the_photo(rig: Rig) -> None:
    answer = rig.client.post("/v1/preprocess/mask", files=[PERSON])

    mask = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert answer.headers["content-type"] == "image/png"
    assert (mask.shape, mask.dtype) == ((1024, 768), np.uint8)


def test_mask_by_the_algorithm_that_was_asked_for(rig: Rig) -> None:
    asked = [PERSON, value("category", "dress"), value("mask_algorithm", "reference")]

    answers = [rig.client.post("/v1/preprocess/mask", files=parts).status_code for parts in (asked, [PERSON])]

    assert answers == [200, 200]
    assert rig.preparation.algorithms[-2:] == ["reference", "default"]


def test_parse_names_its_labels(rig: Rig) -> None:
    answer = rig.client.post("/v1/preprocess/parse", files=[PERSON], headers=JSON).json()

    assert (answer["tag"], answer["labels"][0], answer["confidence"]) == (
        "basic",
        "background",
        {"upper": 0.9},
    )


def test_garment_is_cut_out(rig: Rig) -> None:
    parts = [file("garment", garment_photo())]

    picture = rig.client.post("/v1/preprocess/garment", files=parts)
    words = rig.client.post("/v1/preprocess/garment", files=parts, headers=JSON).json()

    assert Image.open(io.BytesIO(picture.content)).mode == "RGBA"
    assert (words["category"], words["kind"], words["landmarks"]) == ("upper", "flat", None)
    assert (words["tag"], words["frame"]["width"]) == ("garment", 96)


def test_garments_are_cut_out_of_photos_of_people_too(rig: Rig) -> None:
    parts = [file("garment", person_photo())]

    kinds = {}
    for asked in ("auto", "flat", "worn"):
        answer = rig.client.post(
            "/v1/preprocess/garment", files=[*parts, value("photo", asked)], headers=JSON
        )
        kinds[asked] = answer.json()["kind"]

    assert kinds == {"auto": "worn", "flat": "flat", "worn": "worn"}


@pytest.mark.parametrize("given", ["abcd-1234", "A.b_c-123"])
def test_sane_request_id_is_kept(rig: Rig, given: str) -> None:
    assert rig.client.get("/health/live", headers={"x-request-id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["short", "x" * 65, "new line\t{}", "<script>alert(1)</script>", ""])
def test_other_request_ids_are_replaced(rig: Rig, given: str) -> None:
    made = rig.client.get("/health/live", headers={"x-request-id": given}).headers["x-request-id"]

    assert re.fullmatch("[0-9a-f]{32}", made)


def test_documentation_needs_no_internet(rig: Rig) -> None:
    page = rig.client.get("/docs").text

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded
    for address in loaded:
        assert address.startswith("/")
        assert rig.client.get(address).status_code == 200


def test_openapi_tells_forms_answers_and_refusals(rig: Rig) -> None:
    paths = rig.client.get("/openapi.json").json()["paths"]

    tryon = paths["/v1/tryon"]["post"]
    form = tryon["requestBody"]["content"]["multipart/form-data"]
    assert {"person", "garment", "category", "seed", "format"} <= set(form["schema"]["properties"])
    assert form["example"]["person"]
    assert {"200", "406", "413", "415", "422", "429", "503", "504"} <= set(tryon["responses"])
    assert "`no-person`" in tryon["responses"]["422"]["description"]
    assert set(paths) >= {"/v1/assets", "/v1/engines", "/v1/preprocess/pose", "/health/ready"}


def test_every_reference_in_openapi_resolves(rig: Rig) -> None:
    document = rig.client.get("/openapi.json").json()

    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    assert document["paths"]["/v1/tryon"]["post"]["responses"]["200"]["content"].keys() >= {
        "image/png",
        "application/json",
    }


def test_failure_while_loading_is_told_without_its_words() -> None:
    with running(SETTINGS, FakePreparation(load_error=RuntimeError("secret"))) as rig:
        answer = rig.client.get("/health/ready")

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:cabine:error:engine-unavailable")
    assert "secret" not in answer.text


def test_slugs_of_the_design_are_all_there() -> None:
    assert {"idempotency-conflict", "rate-limited", "unauthorized", "upstream-bad", "content-refused"} <= set(
        TYPES
    )
    assert {slug: kind.status for slug, kind in TYPES.items() if slug in ("busy", "expired", "internal")} == {
        "busy": 429,
        "expired": 410,
        "internal": 500,
    }
