"""Both real services together: the same refusals through the gateway, and one try-on by both ways in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.bad_inputs import BAD_INPUTS, BadInput
from tests.gateway_process import Process, running_gateway, running_inference

SAMPLES = Path(__file__).parents[2] / "samples"
PERSON = SAMPLES / "people" / "p1_man__base.jpg"
GARMENT = SAMPLES / "garments" / "tshirt_mustard.jpg"
SHORT = {"/v1/tryon": "/compose", "/v1/assets": "/upload"}
"""Addresses of inference -> those of the gateway for the same call."""
SHORTENED = [
    bad
    for bad in BAD_INPUTS
    if bad.method == "POST" and bad.path in SHORT and dict(bad.headers).get("accept") != "text/html"
]
"""Who asks these for a page gets one: a form without scripts does."""


@pytest.fixture(scope="module")
def gateway() -> Iterator[Process]:
    with running_inference() as inference, running_gateway(inference.url) as gateway:
        yield gateway


def send(gateway: Process, bad: BadInput, path: str) -> requests.Response:
    return requests.request(
        bad.method,
        gateway.url + path,
        files=list(bad.parts) or None,
        data=bad.body,
        headers=dict(bad.headers),
        timeout=60,
    )


def assert_refused(answer: requests.Response, bad: BadInput) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (bad.status, f"urn:cabine:error:{bad.slug}"), problem
    assert problem["field"] == bad.field_name
    assert bad.says in problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name.replace(" ", "-"))
def test_refusals_are_those_of_inference(gateway: Process, bad: BadInput) -> None:
    assert_refused(send(gateway, bad, bad.path), bad)
    assert requests.get(f"{gateway.url}/health/ready", timeout=5).ok


@pytest.mark.parametrize("bad", SHORTENED, ids=lambda bad: bad.name.replace(" ", "-"))
def test_the_short_addresses_refuse_alike(gateway: Process, bad: BadInput) -> None:
    assert_refused(send(gateway, bad, SHORT[bad.path]), bad)


def hold(gateway: Process, path: Path, kind: str) -> str:
    answer = requests.post(
        f"{gateway.url}/upload", files={"image": path.read_bytes()}, data={"kind": kind}, timeout=60
    )
    assert answer.status_code == 201, answer.text
    body = answer.json()
    with Image.open(path) as image:
        assert (body["width"], body["height"]) == image.size
    assert body["checks"]["large_enough"] is True
    identifier: str = body["id"]
    return identifier


def test_a_try_on_is_the_same_with_files_and_with_held_photos(gateway: Process) -> None:
    options = {"seed": "7", "category": "upper"}
    files = {"person": PERSON.read_bytes(), "garment": GARMENT.read_bytes()}
    ids = {"person": hold(gateway, PERSON, "person"), "garment": hold(gateway, GARMENT, "garment")}

    direct = requests.post(f"{gateway.url}/v1/tryon", files=files, data=options, timeout=120)
    # A form without files is URL-encoded by requests; parts without a file name make it multipart.
    parts = {name: (None, value) for name, value in {**ids, **options}.items()}
    held = requests.post(f"{gateway.url}/compose", files=parts, timeout=120)

    for answer in (direct, held):
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Cabine-Seed"] == "7"
        assert answer.headers["X-Cabine-Engine"].startswith("warp/")
        assert 0 <= float(answer.headers["X-Cabine-Confidence"]) <= 1
    assert direct.content == held.content
    with Image.open(io.BytesIO(direct.content)) as result, Image.open(PERSON) as photo:
        assert result.size == photo.size
        assert not result.getexif()

    for identifier in ids.values():
        assert requests.delete(f"{gateway.url}/v1/assets/{identifier}", timeout=5).status_code == 204
    gone = requests.post(f"{gateway.url}/compose", files=parts, timeout=60)
    assert gone.status_code == 404
    assert gone.json()["field"] in ids
