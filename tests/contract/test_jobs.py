"""``Prefer: respond-async``: a try-on as a job, from its acceptance to its removal."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

from inference.config import Settings
from inference.engines.base import OutOfMemory
from preprocess.errors import InputError
from tests.bad_inputs import (
    BAD_INPUTS,
    GARMENT,
    PAIR,
    BadInput,
    file,
    garment_photo,
    person_photo,
    picture,
    value,
)
from tests.contract.conftest import SETTINGS, Rig, running, until

ASYNC = {"Prefer": "respond-async"}
REFUSED_EARLY = [
    bad
    for bad in BAD_INPUTS
    if bad.path == "/v1/tryon" and bad.method == "POST" and not bad.headers and bad.slug != "not-acceptable"
]
"""All that a sync request refuses."""
SEEN_LATER = {"no-person", "no-garment", "several-people", "body-not-visible"}
"""Only once somebody looks for a person or a garment."""


def submit(rig: Rig, *more: tuple[str, object], headers: dict[str, str] | None = None) -> httpx.Response:
    parts = [*PAIR, *(value(name, text) for name, text in more)]
    return rig.client.post("/v1/tryon", files=parts, headers={**ASYNC, **(headers or {})})


def accepted(rig: Rig, *more: tuple[str, object]) -> str:
    """The address of a new job."""
    answer = submit(rig, *more)
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("urn:cabine:error:")


def finished(rig: Rig, address: str, headers: dict[str, str] | None = None) -> dict[str, object]:
    job: dict[str, object] = rig.client.get(address, params={"wait": 20}, headers=headers).json()
    return job


@pytest.fixture
def held() -> Iterator[Rig]:
    """One place, two may wait, and an engine that is held up until the gate opens."""
    with running(Settings(concurrency=1, max_queue=2, job_lease_s=1)) as rig:
        rig.warp.gate.clear()
        yield rig
        rig.warp.gate.set()


def test_a_job_from_acceptance_to_removal(rig: Rig) -> None:
    answer = submit(rig, ("seed", 7))

    assert answer.status_code == 202, answer.text
    assert answer.headers["preference-applied"] == "respond-async"
    job = answer.json()
    address = answer.headers["location"]
    assert address == f"/v1/jobs/{job['id']}"
    assert job["state"] == "queued"
    assert job["request_id"] == answer.headers["x-request-id"]
    assert job["engine"]["name"] == "warp"

    done = finished(rig, address)
    assert (done["state"], done["error"]) == ("succeeded", None)
    assert (done["seed"], done["confidence"], done["attempts"]) == (7, 0.5, 1)
    assert done["warnings"] == [{"name": "fake", "detail": "This is not a try-on."}]
    assert set(done["timings"]) >= {"decode", "person", "engine", "encode"}
    assert (done["mask_source"], done["format"]) == ("derived", "png")
    assert done["images"] == [f"{address}/images/0"]
    assert done["expires"] > done["finished"] >= done["started"] >= done["created"]

    assert rig.client.delete(address).status_code == 204
    assert slug(rig.client.get(address)) == slug(rig.client.get(f"{address}/mask")) == "expired"
    assert rig.client.delete(address).status_code == 204


def test_the_pictures_are_those_of_a_sync_request(rig: Rig) -> None:
    done = finished(rig, accepted(rig, ("seed", 7)))
    sync = rig.client.post("/v1/tryon", files=[*PAIR, value("seed", 7)])

    image = rig.client.get(done["images"][0])
    mask = rig.client.get(done["mask"])
    assert image.content == sync.content
    assert image.headers["content-type"] == mask.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(mask.content)).size == (done["width"], done["height"]) == (768, 1024)


def test_format_and_samples(rig: Rig) -> None:
    done = finished(rig, accepted(rig, ("engine", "diffusion"), ("samples", 3), ("format", "webp")))

    answers = [rig.client.get(address) for address in done["images"]]
    assert [answer.headers["content-type"] for answer in answers] == ["image/webp"] * 3
    assert slug(rig.client.get(f"/v1/jobs/{done['id']}/images/3")) == "not-found"


def test_pictures_of_assets_are_kept_with_the_job(rig: Rig) -> None:
    asset = rig.client.post("/v1/assets", files=[file("image", person_photo())]).json()["id"]
    parts = [value("person", asset), GARMENT, value("seed", 7)]
    rig.warp.gate.clear()
    answer = rig.client.post("/v1/tryon", files=parts, headers=ASYNC)
    rig.client.delete(f"/v1/assets/{asset}")
    rig.warp.gate.set()

    done = finished(rig, answer.headers["location"])
    sync = rig.client.post("/v1/tryon", files=[*PAIR, value("seed", 7)])
    assert rig.client.get(done["images"][0]).content == sync.content


def test_what_was_prepared_from_assets_is_not_prepared_again_for_jobs() -> None:
    with running(SETTINGS) as rig:
        keys = [{"X-Cabine-Key": name} for name in ("shop", "blog")]
        person, shirt = (
            rig.client.post(
                "/v1/assets", files=[file("image", data), value("kind", kind)], headers=keys[0]
            ).json()["id"]
            for data, kind in ((person_photo(), "person"), (garment_photo(), "garment"))
        )
        parts = [value("person", person), value("garment", shirt)]
        for _ in range(3):
            answer = rig.client.post("/v1/tryon", files=parts, headers={**ASYNC, **keys[0]})
            assert finished(rig, answer.headers["location"], keys[0])["state"] == "succeeded"

        assert (rig.preparation.counts["person"], rig.preparation.counts["garment"]) == (1, 1)
        assert rig.service.assets.usage().prepared > 0
        other = rig.client.post("/v1/tryon", files=parts, headers={**ASYNC, **keys[1]})
        assert slug(other) == "not-found"  # of another key


@pytest.mark.parametrize("bad", REFUSED_EARLY, ids=lambda bad: bad.name.replace(" ", "-"))
def test_refused_before_it_is_accepted_as_far_as_no_model_is_needed(rig: Rig, bad: BadInput) -> None:
    answer = rig.client.post("/v1/tryon", files=list(bad.parts), content=bad.body, headers=ASYNC)

    if bad.slug in SEEN_LATER or answer.status_code == 202:
        error = finished(rig, answer.headers["location"])["error"]
        assert (error["type"], error["status"]) == (f"urn:cabine:error:{bad.slug}", bad.status)
        assert error["field"] == bad.field_name
    else:
        assert (slug(answer), answer.status_code) == (bad.slug, bad.status)
        assert answer.json()["field"] == bad.field_name


def test_damaged_pictures_are_refused_at_once(rig: Rig) -> None:
    answer = rig.client.post(
        "/v1/tryon", files=[file("person", person_photo()[:5000]), GARMENT], headers=ASYNC
    )

    assert (slug(answer), answer.json()["field"]) == ("image-unreadable", "person")


@pytest.mark.parametrize(
    ("raised", "expected", "retryable"),
    [
        (InputError("no-garment", "Nothing there."), "no-garment", False),
        (OutOfMemory("Too large."), "out-of-memory", True),
        (MemoryError(), "out-of-memory", True),
        (ZeroDivisionError("secret"), "internal", False),
    ],
)
def test_what_goes_wrong_is_told_as_a_problem(
    held: Rig, raised: Exception, expected: str, retryable: bool
) -> None:
    held.warp.raises = raised
    address = accepted(held)
    held.warp.gate.set()

    done = finished(held, address)
    assert done["state"] == "failed"
    assert done["error"]["type"] == f"urn:cabine:error:{expected}"
    assert done["error"]["retryable"] is retryable
    assert done["error"]["request_id"] == done["request_id"]
    assert "secret" not in done["error"]["detail"]
    assert (done["images"], done["mask"]) == ([], None)
    assert slug(held.client.get(f"{address}/mask")) == "not-found"


def test_queue_positions_and_a_full_queue(held: Rig) -> None:
    first = accepted(held)
    assert held.warp.started.wait(10)
    second, third = accepted(held), accepted(held)
    refused = submit(held)
    damaged = [file("person", person_photo()[:5000]), GARMENT]
    unseen = held.client.post("/v1/tryon", files=damaged, headers=ASYNC)

    positions = [held.client.get(address).json()["queue_position"] for address in (first, second, third)]
    assert positions == [None, 1, 2]
    assert (refused.status_code, slug(refused)) == (429, "busy")
    assert int(refused.headers["retry-after"]) >= 1
    assert slug(unseen) == "busy", "pictures are looked at only where there is a place"
    held.warp.gate.set()
    assert [finished(held, address)["state"] for address in (first, second, third)] == ["succeeded"] * 3


def test_a_queued_job_is_cancelled_at_once(held: Rig) -> None:
    accepted(held)
    assert held.warp.started.wait(10)
    waiting = accepted(held)

    answer = held.client.delete(waiting)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert held.client.get(waiting).json()["state"] == "cancelled"
    assert held.client.delete(waiting).status_code == 204  # of a finished one everything is removed
    assert held.client.delete(waiting).status_code == 204
    assert held.warp.runs == 1


def test_a_running_job_stops_at_its_next_step(held: Rig) -> None:
    address = accepted(held)
    assert held.warp.started.wait(10)

    answer = held.client.delete(address)
    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    assert held.warp.stopped.wait(10)
    assert finished(held, address)["state"] == "cancelled"
    held.warp.gate.set()
    assert finished(held, accepted(held))["state"] == "succeeded"


def test_another_process_may_cancel_a_running_job(held: Rig) -> None:
    address = accepted(held)
    assert held.warp.started.wait(10)
    held.service.jobs.store.cancel(address.rpartition("/")[2])  # as it does: nothing else is told

    assert held.warp.stopped.wait(10)
    assert finished(held, address)["state"] == "cancelled"


def test_a_job_that_is_late_never_reaches_the_engine() -> None:
    with running(Settings(concurrency=1, job_timeout_s=0.5)) as rig:
        rig.warp.gate.clear()
        with ThreadPoolExecutor(1) as pool:
            sync = pool.submit(rig.client.post, "/v1/tryon", files=list(PAIR))
            assert rig.warp.started.wait(10)
            error = finished(rig, accepted(rig))["error"]
            rig.warp.gate.set()

            assert (error["type"], error["retryable"]) == ("urn:cabine:error:deadline-exceeded", True)
            assert sync.result().status_code == 200
        assert rig.warp.runs == 1


def test_a_job_that_runs_too_long_is_stopped() -> None:
    with running(Settings(job_timeout_s=0.5)) as rig:
        rig.warp.gate.clear()
        error = finished(rig, accepted(rig))["error"]

        assert error["type"] == "urn:cabine:error:deadline-exceeded"
        assert rig.warp.stopped.is_set() or not rig.warp.started.is_set()


def test_jobs_and_waiting_callers_share_the_places(held: Rig) -> None:
    accepted(held)
    assert held.warp.started.wait(10)
    with pytest.raises(httpx.ReadTimeout):
        held.client.post("/v1/tryon", files=list(PAIR), timeout=0.5)

    assert held.warp.runs == 1
    assert held.client.get("/health/live").status_code == 200


def test_the_store_is_bounded() -> None:
    with running(Settings(max_jobs=1, concurrency=1)) as rig:
        address = accepted(rig)
        finished(rig, address)
        refused = submit(rig)
        assert (refused.status_code, slug(refused)) == (503, "store-full")
        assert int(refused.headers["retry-after"]) > 1
        assert rig.client.delete(address).status_code == 204
        assert submit(rig).status_code == 202


def test_finished_jobs_expire() -> None:
    with running(Settings(job_ttl_s=2.5)) as rig:
        address = accepted(rig)
        until(lambda: rig.client.get(address).status_code == 410, seconds=15)


def test_waiting_ends_with_the_time_asked_for(held: Rig) -> None:
    address = accepted(held)
    began = time.monotonic()

    assert held.client.get(address, params={"wait": 0.3}).json()["state"] in ("queued", "running")
    assert time.monotonic() - began >= 0.3
    assert slug(held.client.get(address, params={"wait": -1})) == "option-unsupported"


@pytest.mark.parametrize("path", ["", "/events", "/mask", "/images/0"])
def test_unknown_jobs(rig: Rig, path: str) -> None:
    answer = rig.client.get(f"/v1/jobs/{'0' * 32}{path}")

    assert (answer.status_code, slug(answer)) == (404, "not-found")


def test_delete_of_an_unknown_job(rig: Rig) -> None:
    assert slug(rig.client.delete(f"/v1/jobs/{'0' * 32}")) == "not-found"


@pytest.mark.parametrize("prefer", ["respond-async", "wait=5, Respond-Async", "respond-async; x=1"])
def test_the_preference_is_read_as_rfc_7240_says(rig: Rig, prefer: str) -> None:
    answer = rig.client.post("/v1/tryon", files=list(PAIR), headers={"Prefer": prefer})

    assert answer.status_code == 202
    assert finished(rig, answer.headers["location"])["state"] == "succeeded"


def test_other_preferences_are_answered_at_once(rig: Rig) -> None:
    answer = rig.client.post("/v1/tryon", files=list(PAIR), headers={"Prefer": "respond-asynchronously"})

    assert answer.status_code == 200


def test_an_even_picture_fails_as_a_job(rig: Rig) -> None:
    even = [file("person", picture("PNG", 768, 1024)), GARMENT]
    answer = rig.client.post("/v1/tryon", files=even, headers=ASYNC)

    done = finished(rig, answer.headers["location"])
    assert (done["state"], done["error"]["field"]) == ("failed", "person")


def test_jobs_of_a_key_are_its_own(held: Rig) -> None:
    keys = [{"X-Cabine-Key": name} for name in ("shop", "blog")]
    address = submit(held, headers=keys[0]).headers["location"]

    for path in ("", "/events"):  # its pictures: test_job_previews.py
        assert slug(held.client.get(address + path, headers=keys[1])) == "not-found"
        assert slug(held.client.get(address + path)) == "not-found"
    assert slug(held.client.delete(address, headers=keys[1])) == "not-found"
    assert held.client.get(address, headers=keys[0]).json()["state"] in ("queued", "running")


def test_jobs_of_a_key_that_wait_are_bounded() -> None:
    with running(Settings(concurrency=1, max_queued_per_key=1)) as rig:
        rig.warp.gate.clear()
        accepted(rig)
        assert rig.warp.started.wait(10)
        keys = [{"X-Cabine-Key": name} for name in ("shop", "shop", "blog")]
        answers = [submit(rig, headers=key) for key in keys]
        assert [answer.status_code for answer in answers] == [202, 429, 202]
        assert "of yours" in answers[1].json()["detail"]
        rig.warp.gate.set()


def test_nothing_is_accepted_while_the_process_ends() -> None:
    with running(SETTINGS) as rig:
        address = accepted(rig)
        finished(rig, address)
        rig.stop()

        assert slug(submit(rig)) == "not-ready"
        assert rig.client.get("/health/ready").status_code == 503
        assert rig.client.get(address).json()["state"] == "succeeded"


def test_ten_times_too_many_are_refused_at_once_and_none_is_lost(held: Rig) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: submit(held), range(30)))
    taken = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]

    assert len(taken) in (2, 3)  # two may wait; one of them may have been begun in between
    assert {(answer.status_code, slug(answer)) for answer in refused} == {(429, "busy")}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    held.warp.gate.set()
    states = [finished(held, answer.headers["location"])["state"] for answer in taken]
    assert states == ["succeeded"] * len(taken)
