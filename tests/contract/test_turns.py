"""Requests that take turns on a device, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from inference.app import create_app
from inference.config import Settings
from tests.bad_inputs import file, garment_photo, person_photo, value
from tests.contract.conftest import Rig, listening, running, until, wait_until_settled
from tests.fake_batches import Drawing
from tests.fakes import DIFFUSION, FakePreparation, registry, spec

SETTINGS = Settings(accepted_licenses=("diffusion",), engine="diffusion", concurrency=2)
PAIR = [file("person", person_photo()), file("garment", garment_photo())]


def post(rig: Rig, seed: int, key: str = "shop") -> httpx.Response:
    """Requests of one key share what is prepared."""
    return rig.client.post("/v1/tryon", files=[*PAIR, value("seed", seed)], headers={"X-Cabine-Key": key})


def test_the_next_request_is_prepared_while_the_engine_works() -> None:
    with running(SETTINGS) as rig, ThreadPoolExecutor(2) as threads:
        rig.diffusion.gate.clear()
        first = threads.submit(post, rig, 1)
        assert rig.diffusion.started.wait(10)
        second = threads.submit(post, rig, 2, "studio")
        until(lambda: rig.preparation.counts["densepose"] == 2)  # the last that is prepared
        assert rig.diffusion.runs == 1
        rig.diffusion.gate.set()

        assert [answer.result().status_code for answer in (first, second)] == [200, 200]


def test_waiting_for_the_device_is_a_stage_of_its_own() -> None:
    with running(SETTINGS) as rig:
        timings = post(rig, 1).headers["x-cabine-timings"]

    stages = [part.partition(";")[0].strip() for part in timings.split(",")]
    assert stages.index("mask") < stages.index("turn") < stages.index("engine")


def test_jobs_that_wait_for_the_device_share_a_batch_up_to_the_setting() -> None:
    engine = Drawing(spec=spec("warp", **DIFFUSION))
    settings = Settings(engine="warp", concurrency=5, max_batch=3)
    app = create_app(settings, registry=registry(engine), preparation=FakePreparation())
    with listening(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        wait_until_settled(client)
        engine.gate.clear()
        jobs = []
        for seed in range(5):
            asked = client.post(
                "/v1/tryon", files=[*PAIR, value("seed", seed)], headers={"Prefer": "respond-async"}
            )
            jobs.append(asked.headers["location"])
            stage = "turn" if seed else "engine"
            until(lambda job=jobs[-1], stage=stage: client.get(job).json()["stage"] == stage)
        engine.gate.set()

        ended = [client.get(job, params={"wait": 20}).json() for job in jobs]

    assert [job["state"] for job in ended] == ["succeeded"] * 5
    assert [job["seed"] for job in ended] == [0, 1, 2, 3, 4]
    assert sorted(map(len, engine.batches)) == [1, 1, 3]
    assert engine.batches[1] == [1, 2, 3]
