"""The diffusion engine from end to end: both service processes, a tiny random checkpoint, real photos."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

pytest.importorskip("torch", reason="torch is not installed: make test")

from inference.engines.idm_vton.spec import SPEC  # noqa: E402
from tests.gateway_process import Process, running_gateway, running_inference  # noqa: E402

SAMPLES = Path(__file__).parents[2] / "samples"
PERSON = SAMPLES / "people" / "p1_man__base.jpg"
GARMENT = SAMPLES / "garments" / "tshirt_mustard.jpg"
OPTIONS = {"seed": "7", "steps": "2", "quality": "best"}


@pytest.fixture(scope="module")
def gateway(idm_vton_weights: Path) -> Iterator[Process]:
    settings = {"WEIGHTS": idm_vton_weights, "DEVICE": "cpu", "ACCEPTED_LICENSES": "idm-vton"}
    with running_inference(**settings) as inference, running_gateway(inference.url) as gateway:
        yield gateway


def ask(gateway: Process, address: str, *, accept: str = "image/png", **options: str) -> requests.Response:
    return requests.post(
        gateway.url + address,
        files={"person": PERSON.read_bytes(), "garment": GARMENT.read_bytes()},
        data={**OPTIONS, **options},
        headers={"accept": accept},
        timeout=120,
    )


def test_named_engine_answers_a_picture_of_the_photos_size(gateway: Process) -> None:
    answer = ask(gateway, "/v1/tryon", engine="idm-vton")

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Cabine-Engine"].startswith("idm-vton/")
    assert answer.headers["X-Cabine-Seed"] == "7"
    assert answer.headers["X-Cabine-Engine-Reason"] == "requested"
    assert answer.headers["X-Cabine-Sampling"] == "2 steps of DDPM"
    assert answer.headers["X-Cabine-License"] == SPEC.weights_license
    with Image.open(io.BytesIO(answer.content)) as result, Image.open(PERSON) as photo:
        assert result.size == photo.size


def test_auto_picks_it_and_says_why(gateway: Process) -> None:
    answer = ask(gateway, "/compose", engine="auto", accept="application/json").json()

    assert answer["engine"]["name"] == "idm-vton"
    assert answer["engine"]["reason"] == "first available: weights, device and accepted licence are there"
    assert answer["engine"]["sampling"] == "2 steps of DDPM"
    result, mask = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
        for encoded in (answer["images"][0], answer["mask"])
    )
    photo = np.asarray(Image.open(PERSON))
    assert (result[mask == 0] == photo[mask == 0]).all()
    assert 0.1 < (mask > 0).mean() < 0.6


def test_engines_are_told_through_the_gateway(gateway: Process) -> None:
    told = requests.get(f"{gateway.url}/v1/engines", timeout=10).json()

    engine = next(engine for engine in told["engines"] if engine["name"] == "idm-vton")
    assert told["default"] == "idm-vton"
    assert (engine["available"], engine["weights_license"]) == (True, "CC BY-NC-SA 4.0")
    assert engine["served"] == ["upper"]
    assert {variant["name"]: variant["here"] for variant in engine["variants"]} == {"base": True, "dc": False}
