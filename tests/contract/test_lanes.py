"""Each device has a queue of its own: what one is slow at, holds nobody up who needs the other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from inference.config import Settings
from inference.jobs.model import Submission
from tests.bad_inputs import GARMENT, PAIR, person_photo, value
from tests.contract.conftest import Rig, running, until
from tests.contract.test_jobs import accepted, finished, slug, submit

WARP, DIFFUSION = ("engine", "warp"), ("engine", "diffusion")
"""Engines of the CPU's lane and of the GPU's."""
LICENSED = {"accepted_licenses": ("diffusion",), "engine": "warp"}


def post(rig: Rig, *fields: tuple[str, object], key: str = "shop") -> httpx.Response:
    """Requests of one key share what is prepared."""
    parts = [*PAIR, *(value(name, text) for name, text in fields)]
    return rig.client.post("/v1/tryon", files=parts, headers={"X-Cabine-Key": key})


@pytest.fixture
def held() -> Iterator[Rig]:
    """In each lane one place, and one may wait; the diffusion engine is held up until its gate opens."""
    with running(Settings(concurrency=1, max_queue=1, **LICENSED)) as rig:
        rig.diffusion.gate.clear()
        yield rig
        rig.diffusion.gate.set()


def test_requests_never_wait_behind_those_of_another_device(held: Rig) -> None:
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(post, held, DIFFUSION)]
        assert held.diffusion.started.wait(10)
        slow.append(pool.submit(post, held, DIFFUSION))
        until(lambda: held.service.dispatcher.waiting("gpu") == 1)

        refused = post(held, DIFFUSION)
        assert (refused.status_code, slug(refused)) == (429, "busy")
        assert post(held, WARP).status_code == 200
        pose = held.client.post("/v1/preprocess/pose", files=[PAIR[0]])
        assert pose.status_code == 200
        assert finished(held, accepted(held, WARP))["state"] == "succeeded"
        assert held.service.dispatcher.waiting("cpu") == 0
        held.diffusion.gate.set()
        assert [answer.result().status_code for answer in slow] == [200, 200]


def test_jobs_never_wait_behind_those_of_another_device(held: Rig) -> None:
    at_work = accepted(held, DIFFUSION)
    assert held.diffusion.started.wait(10)
    waiting = accepted(held, DIFFUSION)

    refused = submit(held, DIFFUSION)
    assert (refused.status_code, slug(refused)) == (429, "busy")
    assert post(held, WARP).status_code == 200
    assert finished(held, accepted(held, WARP))["state"] == "succeeded"
    job = held.client.get(waiting).json()
    assert (job["state"], job["queue_position"]) == ("queued", 1)
    held.diffusion.gate.set()
    assert [finished(held, address)["state"] for address in (at_work, waiting)] == ["succeeded"] * 2
    metrics = held.client.get("/metrics").text
    for lane in ("cpu", "gpu"):
        assert f'cabine_queue_wait_seconds_count{{lane="{lane}"}} 2.0' in metrics


def test_positions_and_estimates_are_those_of_the_lane() -> None:
    with running(Settings(concurrency=1, max_queue=3, **LICENSED)) as rig:
        engines = (rig.warp, rig.diffusion)
        for engine in engines:
            engine.gate.clear()
        addresses = {
            name: [accepted(rig, ("engine", name)) for _ in range(3)] for name in ("diffusion", "warp")
        }
        assert all(engine.started.wait(10) for engine in engines)
        jobs = {name: [rig.client.get(address).json() for address in addresses[name]] for name in addresses}
        for engine in engines:
            engine.gate.set()
        states = [finished(rig, address)["state"] for name in addresses for address in addresses[name]]

    assert states == ["succeeded"] * 6
    for name in addresses:
        assert [job["queue_position"] for job in jobs[name]] == [None, 1, 2]
    # nothing was measured yet: the first guesses of the two lanes
    assert [[job["eta_s"] for job in jobs[name][1:]] for name in ("warp", "diffusion")] == [[8, 12], [30, 45]]


def test_one_key_is_bounded_over_all_lanes() -> None:
    with running(Settings(concurrency=1, max_queued_per_key=1, **LICENSED)) as rig:
        rig.diffusion.gate.clear()
        shop = {"X-Cabine-Key": "shop"}
        assert submit(rig, DIFFUSION).status_code == 202
        assert rig.diffusion.started.wait(10)
        answers = [submit(rig, engine, headers=shop) for engine in (DIFFUSION, WARP)]
        rig.diffusion.gate.set()

    assert [answer.status_code for answer in answers] == [202, 429]
    assert "of yours" in answers[1].json()["detail"]


def test_the_next_is_prepared_while_the_engine_works_and_the_other_lane_goes_on() -> None:
    """Two places: one has the engine, the other is prepared up to it."""
    with running(Settings(concurrency=2, **LICENSED)) as rig, ThreadPoolExecutor(2) as pool:
        rig.diffusion.gate.clear()
        first = pool.submit(post, rig, DIFFUSION)
        assert rig.diffusion.started.wait(10)
        assert rig.preparation.counts["densepose"] == 1  # the last step of preparation
        second = pool.submit(post, rig, DIFFUSION, key="studio")
        until(lambda: rig.preparation.counts["densepose"] == 2)

        assert post(rig, WARP).status_code == 200
        assert rig.diffusion.runs == 1
        assert not second.done()
        rig.diffusion.gate.set()
        assert first.result().status_code == second.result().status_code == 200
        assert rig.diffusion.runs == 2


def test_jobs_follow_their_engine_to_another_device_over_a_restart(tmp_path: Path) -> None:
    """The operator takes the GPU away: what waited for it is worked on where its engine runs now."""
    on_disk = {"jobs_store": "sqlite", "jobs_dir": tmp_path / "jobs", "concurrency": 1, **LICENSED}
    with running(Settings(shutdown_grace_s=0, **on_disk)) as before:
        before.diffusion.gate.clear()
        addresses = [accepted(before, DIFFUSION) for _ in range(2)]
        assert before.diffusion.started.wait(10)
        assert before.service.jobs.store.counts().queued == {"cpu": 0, "gpu": 1}

    with running(Settings(device="cpu", **on_disk)) as after:
        jobs = [finished(after, address) for address in addresses]
        lanes = {found.lane for job in jobs if (found := after.service.jobs.store.get(str(job["id"])))}

    assert [(job["state"], job["engine"]["name"]) for job in jobs] == [("succeeded", "diffusion")] * 2  # type: ignore[index]
    assert lanes == {"cpu"}


def test_a_job_in_the_wrong_lane_runs_all_the_same(held: Rig) -> None:
    """What ``auto`` means has changed since it was accepted: weights have arrived, or have been removed."""
    request = {"values": [], "format": "png", "seed": 7, "inputs": ["person", "garment-0"], "request_id": "r"}
    inputs = {"person": person_photo(), "garment-0": GARMENT[1][1]}
    wrong = Submission(
        engine="diffusion", lane="gpu", request={**request, "engine": engine_of(held)}, inputs=inputs
    )
    job, _ = held.service.jobs.store.submit(wrong)

    done = finished(held, f"/v1/jobs/{job.id}")
    assert (done["state"], done["engine"]["name"]) == ("succeeded", "warp")  # type: ignore[index]


def engine_of(rig: Rig) -> dict[str, object]:
    """An engine as a job's request holds it."""
    engine: dict[str, object] = finished(rig, accepted(rig, WARP))["engine"]  # type: ignore[assignment]
    return engine
