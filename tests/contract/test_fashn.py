"""FASHN's API over our jobs: requests, refusals and states in its words."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from PIL import Image

from inference.config import Settings
from inference.engines.base import OutOfMemory
from inference.fashn.errors import NAMES, Later, Names
from inference.problems import TYPES
from inference.service import Readiness
from preprocess.errors import InputError
from tests.bad_inputs import PAIR, person_photo, picture, value
from tests.contract.conftest import Rig, running
from tests.fashn_requests import BAD_RUNS, GOOD, BadRun, body, data_uri, inputs

ROOT = Path(__file__).resolve().parents[2]
KEY = {"X-Cabine-Key": "shop"}


def run(
    rig: Rig, model_name: str = "tryon-v1.6", headers: dict[str, str] | None = None, **changes: Any
) -> str:
    """The id of an accepted prediction."""
    answer = post(rig, body(model_name, **changes), headers)
    assert (answer.status_code, answer.json().get("error")) == (200, None), answer.text
    return str(answer.json()["id"])


def post(rig: Rig, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    return rig.client.post(
        "/v1/run", content=content, headers={"Content-Type": "application/json", **(headers or {})}
    )


def ended(rig: Rig, prediction: str) -> dict[str, Any]:
    """Its status once the job is done."""
    rig.client.get(f"/v1/jobs/{prediction}", params={"wait": 20})
    answer = rig.client.get(f"/v1/status/{prediction}")
    assert answer.headers["content-type"] == "application/json"
    status: dict[str, Any] = answer.json()
    assert set(status) == {"id", "status", "output", "error"}
    return status


@pytest.fixture
def held() -> Iterator[Rig]:
    """One place, one may wait, and an engine that is held up until the gate opens."""
    with running(Settings(concurrency=1, max_queue=1)) as rig:
        rig.warp.gate.clear()
        yield rig
        rig.warp.gate.set()


def test_the_picture_is_that_of_our_own_api(rig: Rig) -> None:
    status = ended(rig, run(rig, seed=7, category="tops", garment_photo_type="flat-lay"))

    assert (status["status"], status["error"]) == ("completed", None)
    sync = rig.client.post("/v1/tryon", files=[*PAIR, value("seed", 7)])
    assert status["output"] == [data_uri(sync.content, "image/png")]


def test_samples_format_engine_and_mode(rig: Rig) -> None:
    wanted = {"num_samples": 3, "output_format": "jpeg", "garment_photo_type": "model", "mode": "performance"}
    status = ended(rig, run(rig, "diffusion", **wanted))

    heads, payloads = zip(*(uri.split(",") for uri in status["output"]), strict=True)
    assert heads == ("data:image/jpeg;base64",) * 3
    assert {Image.open(io.BytesIO(base64.b64decode(data))).format for data in payloads} == {"JPEG"}


@pytest.mark.parametrize("mode", ["performance", "balanced", "quality"])
@pytest.mark.parametrize("model", ["tryon-v1.6", "warp", "diffusion"])
def test_a_mode_that_an_engine_has_not_is_left_to_it(rig: Rig, model: str, mode: str) -> None:
    assert ended(rig, run(rig, model, mode=mode))["status"] == "completed"


def test_every_input_that_fashn_has(rig: Rig) -> None:
    everything = {
        "category": "auto",
        "garment_photo_type": "auto",
        "mode": "quality",
        "moderation_level": "none",
        "num_samples": 1,
        "seed": 2**32 - 1,
        "segmentation_free": False,
        "output_format": "png",
    }
    assert ended(rig, run(rig, **everything))["status"] == "completed"


@pytest.mark.parametrize(
    "header", ["data:image/jpg", "DATA:IMAGE/JPEG", "data:image/webp", "data:image/jpeg;name=me.jpg"]
)
def test_the_file_counts_and_not_its_declaration(rig: Rig, header: str) -> None:
    uri = f"{header};base64,{base64.b64encode(person_photo()).decode()}"
    assert ended(rig, run(rig, model_image=uri))["status"] == "completed"


def test_slashes_may_be_escaped_and_members_repeated(rig: Rig) -> None:
    escaped = GOOD.replace("/", "\\/").replace('{"model_name"', '{"model_name":"x","model_name"')
    assert post(rig, escaped.encode()).status_code == 200


@pytest.mark.parametrize("bad", BAD_RUNS, ids=lambda bad: bad.name.replace(" ", "-"))
def test_is_refused_by_name(rig: Rig, bad: BadRun) -> None:
    answer = rig.client.post(bad.path, content=bad.body, headers={"Content-Type": bad.kind})

    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (problem["type"], problem["error"]) == (f"urn:cabine:error:{bad.slug}", bad.error), problem
    assert (answer.status_code, problem["status"], problem["field"]) == (400, 400, bad.field), problem
    assert bad.says in problem["message"] == problem["detail"]
    assert len(answer.content) < 1500
    assert answer.headers["x-should-retry"] == "false"
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_goes_on_serving_and_gives_the_memory_back(rig: Rig) -> None:
    for bad in BAD_RUNS[::7]:
        rig.client.post(bad.path, content=bad.body, headers={"Content-Type": bad.kind})

    assert ended(rig, run(rig))["status"] == "completed"
    assert rig.service.uploads.held == 0


def test_states(held: Rig) -> None:
    first = run(held)
    assert held.warp.started.wait(10)
    second = run(held)
    refused = post(held, body())

    states = [held.client.get(f"/v1/status/{prediction}").json() for prediction in (first, second)]
    assert [state["status"] for state in states] == ["processing", "in_queue"]
    assert [state["output"] for state in states] == [None, None]
    assert (refused.status_code, refused.json()["error"]) == (429, "ConcurrencyLimitExceeded")
    assert refused.headers["x-should-retry"] == "true"
    assert int(refused.headers["retry-after"]) >= 1

    held.client.delete(f"/v1/jobs/{second}")
    assert ended(held, second) == {"id": second, "status": "canceled", "output": None, "error": None}


@pytest.mark.parametrize(
    ("raised", "name"),
    [
        (InputError("image-unreadable", "Why."), "ImageLoadError"),
        (InputError("several-people", "Why."), "PoseError"),
        (InputError("category-conflict", "Why."), "InputValidationError"),
        (OutOfMemory("Why."), "PipelineError"),
        (ZeroDivisionError("secret"), "InternalServerError"),
    ],
)
def test_a_failed_prediction_says_why_in_their_words(rig: Rig, raised: Exception, name: str) -> None:
    rig.warp.raises = raised
    try:
        status = ended(rig, run(rig))
    finally:
        rig.warp.raises = None

    assert (status["status"], status["error"]["name"], status["output"]) == ("failed", name, None)
    assert "secret" not in status["error"]["message"]


def test_nobody_in_the_picture_is_seen_later(rig: Rig) -> None:
    status = ended(rig, run(rig, model_image=data_uri(picture("PNG", 600, 800))))

    assert (status["status"], status["error"]["name"]) == ("failed", "PoseError")


def test_late_is_timed_out() -> None:
    with running(Settings(concurrency=1, job_timeout_s=0.5)) as rig:
        rig.warp.gate.clear()
        status = ended(rig, run(rig))
        rig.warp.gate.set()

    assert (status["status"], status["error"]["name"]) == ("time_out", "PollingTimeout")


def test_refused_content_is_named_and_a_policy_answers_for_levels() -> None:
    policy = Settings(policy="tests.fakes:RefuseGarments")
    with running(policy) as rig:
        status = ended(rig, run(rig, moderation_level="permissive"))

    assert (status["status"], status["error"]["name"]) == ("failed", "ContentModerationError")


def test_a_prediction_is_seen_by_its_key_alone(rig: Rig) -> None:
    prediction = run(rig, headers=KEY)

    other = rig.client.get(f"/v1/status/{prediction}")
    own = rig.client.get(f"/v1/status/{prediction}", headers=KEY)
    assert (other.status_code, other.json()["error"], own.status_code) == (404, "NotFound", 200)


def test_an_idempotency_key_makes_one_job_of_two_requests(rig: Rig) -> None:
    key = {"Idempotency-Key": "fashn-1"}
    first, second = (post(rig, body(seed=3), key) for _ in range(2))
    other = post(rig, body(seed=4), key)

    assert first.json()["id"] == second.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["error"]) == (409, "BadRequest")
    assert other.headers["x-should-retry"] == "false"


def test_gone_and_unknown_predictions(rig: Rig) -> None:
    prediction = run(rig)
    ended(rig, prediction)
    rig.client.delete(f"/v1/jobs/{prediction}")

    for path in (prediction, "0" * 32, "nonsense", "a/b", "%00"):
        answer = rig.client.get(f"/v1/status/{path}")
        assert (answer.status_code, answer.json()["error"], answer.json()["status"]) == (404, "NotFound", 404)


def test_pictures_that_go_while_they_are_asked_for_are_an_answer_too(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction = run(rig)
    ended(rig, prediction)

    def gone(job_id: str, name: str) -> bytes:
        monkeypatch.undo()
        rig.client.delete(f"/v1/jobs/{job_id}")
        return rig.service.jobs.store.read_result(job_id, name)

    monkeypatch.setattr(rig.service.jobs.store, "read_result", gone)
    answer = rig.client.get(f"/v1/status/{prediction}")
    assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")


def test_other_methods_are_refused_in_both_forms(rig: Rig) -> None:
    answer = rig.client.get("/v1/run")

    assert (answer.status_code, answer.json()["error"]) == (405, "BadRequest")
    assert "error" not in rig.client.get("/v1/tryon").json()


def test_bodies_over_the_limit_are_refused_before_they_are_read() -> None:
    with running(Settings(max_request_mb=1)) as rig:
        announced = post(rig, bytes(2**20 + 1))
        chunked = rig.client.post(
            "/v1/run",
            content=(bytes(2**16) for _ in range(17)),
            headers={"Content-Type": "application/json"},
        )
        assert rig.service.uploads.held == 0

    for answer in (announced, chunked):
        assert (answer.status_code, answer.json()["error"]) == (400, "ImageLoadError")


def test_bodies_count_against_the_memory_for_uploads() -> None:
    """Three times: as it came, its texts, and what those stand for."""
    with running(Settings(max_uploads_mb=1)) as rig:
        fits = post(rig, b" " * (2**20 // 3 - 8))
        busy = post(rig, b" " * (2**20 // 3 + 8))
        assert rig.service.uploads.held == 0

    assert fits.json()["type"] == "urn:cabine:error:request-malformed"
    assert (busy.status_code, busy.json()["error"]) == (429, "ConcurrencyLimitExceeded")


def test_not_ready_is_worth_another_try(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.service.readiness, "problem", Readiness().problem)
    answer = post(rig, body())

    assert (answer.status_code, answer.json()["error"]) == (503, "InternalServerError")
    assert answer.headers["x-should-retry"] == "true"


def test_every_slug_has_its_names_and_the_documentation_says_them() -> None:
    assert set(NAMES) == set(TYPES)

    section = (ROOT / "docs/api.md").read_text().partition("## FASHN-compatible")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z`, -]+`) \| `(\w+)` \| `(\w+)` \|$", section, re.MULTILINE)
    documented = {
        slug: Names(at_once=at_once, later=later)
        for slugs, at_once, later in rows
        for slug in re.findall(r"[a-z-]+", slugs)
    }
    assert documented == dict(NAMES)


def test_names_of_failures_are_known_to_the_sdk() -> None:
    from fashn.types.prediction_status_response import Error

    assert set(get_args(Later)) <= set(get_args(Error.model_fields["name"].annotation))


def test_the_documentation_shows_the_fields(rig: Rig) -> None:
    paths = rig.client.get("/openapi.json").json()["paths"]

    schema = paths["/v1/run"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    asked = schema["properties"]["inputs"]
    assert set(inputs()) <= set(asked["properties"])
    assert asked["required"] == ["model_image", "garment_image"]
    assert "$ref" not in json.dumps(schema)
    assert set(paths["/v1/run"]["post"]["responses"]) >= {"200", "400", "409", "429", "503"}
