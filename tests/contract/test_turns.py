"""Requests that take turns on a device, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from inference.config import Settings
from tests.bad_inputs import file, garment_photo, person_photo, value
from tests.contract.conftest import Rig, running, until

SETTINGS = Settings(accepted_licenses=("diffusion",), engine="diffusion", concurrency=2)
PAIR = [file("person", person_photo()), file("garment", garment_photo())]


def post(rig: Rig, seed: int) -> httpx.Response:
    return rig.client.post("/v1/tryon", files=[*PAIR, value("seed", seed)])


def test_the_next_request_is_prepared_while_the_engine_works() -> None:
    with running(SETTINGS) as rig, ThreadPoolExecutor(2) as threads:
        rig.diffusion.gate.clear()
        first = threads.submit(post, rig, 1)
        assert rig.diffusion.started.wait(10)
        second = threads.submit(post, rig, 2)
        until(lambda: rig.preparation.counts["densepose"] == 2)  # the last that is prepared
        assert rig.diffusion.runs == 1
        rig.diffusion.gate.set()

        assert [answer.result().status_code for answer in (first, second)] == [200, 200]


def test_waiting_for_the_device_is_a_stage_of_its_own() -> None:
    with running(SETTINGS) as rig:
        timings = post(rig, 1).headers["x-cabine-timings"]

    stages = [part.partition(";")[0].strip() for part in timings.split(",")]
    assert stages.index("mask") < stages.index("turn") < stages.index("engine")
