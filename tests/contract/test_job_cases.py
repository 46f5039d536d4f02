"""Cases other job services were found wanting in: repeated cancels, health at work, leaks, long histories."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.config import Settings
from inference.jobs import desk
from inference.jobs.errors import StoreDown, StoreFull
from inference.jobs.limits import Limits
from inference.routes import event_stream
from preprocess.errors import InputError
from tests.bad_inputs import GARMENT, file
from tests.contract.conftest import Rig, running, until
from tests.contract.test_job_events import following
from tests.contract.test_jobs import ASYNC, accepted, finished, slug

KEPT = Limits.max_events
FIELDS = {
    *("id", "state", "queue_position", "stage", "step", "steps", "eta_s", "engine", "seed", "confidence"),
    *("warnings", "timings", "error", "images", "mask", "previews", "created", "expires"),
}


@pytest.fixture
def held() -> Iterator[Rig]:
    """One job at a time; the engine is held up until its gate opens."""
    with running(Settings(concurrency=1)) as rig:
        rig.warp.gate.clear()
        yield rig
        rig.warp.gate.set()


@pytest.fixture
def never_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watchers hear of things when they happen, or not at all."""
    monkeypatch.setattr(desk, "LOOK_S", 3600.0)
    monkeypatch.setattr(event_stream, "LOOK_S", 3600.0)


def test_every_state_has_every_field(held: Rig) -> None:
    at_work, waiting = accepted(held), accepted(held)
    assert held.warp.started.wait(10)
    jobs = [held.client.get(address).json() for address in (at_work, waiting)]
    assert [job["state"] for job in jobs] == ["running", "queued"]
    jobs.append(held.client.delete(waiting).json())
    held.warp.gate.set()
    jobs.append(finished(held, at_work))
    held.warp.raises = InputError("no-garment", "Nothing there.")
    jobs.append(finished(held, accepted(held)))

    assert [job["state"] for job in jobs[2:]] == ["cancelled", "succeeded", "failed"]
    for job in jobs:
        assert set(job) >= FIELDS
        done = job["state"] not in ("running", "queued")
        assert (job["expires"] is not None) is (job["finished"] is not None) is done
        assert (job["error"] is not None) is (job["state"] == "failed")
        assert bool(job["images"]) is bool(job["mask"]) is (job["state"] == "succeeded")
        assert (job["queue_position"] is not None) is (job["state"] == "queued")
        assert (job["eta_s"] is None) is done


def test_a_running_job_may_be_cancelled_again_and_again(held: Rig) -> None:
    address = accepted(held)
    assert held.warp.started.wait(10)
    first = held.client.delete(address)
    assert (first.status_code, first.json()["state"]) == (200, "running")
    until(lambda: held.client.get(address).json()["state"] == "cancelled")

    again = [held.client.delete(address).status_code for _ in range(3)]
    assert again == [204, 204, 204]
    assert held.warp.runs == 1


def test_many_cancel_at_once(held: Rig) -> None:
    address = accepted(held)
    assert held.warp.started.wait(10)
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(held.client.delete(address).status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(codes) <= {200, 204}
    held.warp.gate.set()
    assert finished(held, accepted(held))["state"] == "succeeded"


def test_health_while_the_engine_works_and_right_after(held: Rig) -> None:
    addresses = [accepted(held) for _ in range(3)]
    assert held.warp.started.wait(10)
    at_work = [held.client.get(f"/health/{what}").status_code for what in ("live", "startup", "ready")]
    held.warp.gate.set()
    for address in addresses:
        finished(held, address)
    after = [held.client.get(f"/health/{what}").status_code for what in ("live", "startup", "ready")]

    assert at_work == after == [200, 200, 200]


def test_nothing_of_one_job_is_left_in_the_next(held: Rig) -> None:
    held.warp.gate.set()
    clean = finished(held, accepted(held, ("seed", 7)))
    picture = held.client.get(clean["images"][0]).content
    held.warp.raises = InputError("no-garment", "Nothing there.")
    assert finished(held, accepted(held, ("seed", 8)))["state"] == "failed"
    held.warp.raises = None
    held.warp.gate.clear()
    stopped = accepted(held, ("seed", 9))
    until(lambda: held.client.get(stopped).json()["stage"] == "engine")
    held.client.delete(stopped)
    held.warp.gate.set()
    last = finished(held, accepted(held, ("seed", 7)))

    its_own = {"id", "images", "mask", "created", "started", "finished", "expires", "timings", "request_id"}
    assert {name: last[name] for name in set(last) - its_own} == {
        name: clean[name] for name in set(clean) - its_own
    }
    assert set(last["timings"]) == set(clean["timings"])
    assert held.client.get(last["images"][0]).content == picture


def test_an_error_in_the_middle_ends_the_stream_with_its_reason(held: Rig) -> None:
    held.warp.steps = 3
    address = accepted(held)
    with following(held, address) as events:
        next(events)
        held.warp.raises = ZeroDivisionError("secret")
        held.warp.gate.set()
        last = list(events)[-1]

    assert (last.name, last.data["state"], last.data["error"]["status"]) == ("done", "failed", 500)
    assert "secret" not in str(last.data)


def test_of_a_long_history_the_last_events_are_kept(held: Rig) -> None:
    held.warp.steps = KEPT + 50
    held.warp.gate.set()
    address = accepted(held)
    done = finished(held, address)
    with following(held, address, 1) as events:
        told = list(events)

    assert done["state"] == "succeeded"
    assert [event.number for event in told] == list(range(told[-1].number - KEPT + 1, told[-1].number + 1))
    assert told[0].number > 2  # who was away for too long sees by the numbers that some are gone
    assert told[-1].name == "done"
    assert told[-1].data == done


def test_large_pictures_in_and_out(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), np.uint8)
    large = io.BytesIO()
    Image.fromarray(noise).save(large, "JPEG", quality=80)
    assert large.tell() > 8_000_000
    with running(Settings(jobs_store="sqlite", jobs_dir=tmp_path)) as rig:
        answer = rig.client.post(
            "/v1/tryon", files=[file("person", large.getvalue()), GARMENT], headers=ASYNC
        )
        job = finished(rig, answer.headers["location"])
        got = rig.client.get(job["images"][0]).content

    assert len(got) > 20_000_000
    result = np.asarray(Image.open(io.BytesIO(got)))
    assert result.shape == noise.shape
    assert (result[:100] == np.asarray(Image.open(large))[:100]).all()


@pytest.mark.usefixtures("never_looking")
def test_everything_is_told_when_it_happens(held: Rig) -> None:
    first, second = accepted(held), accepted(held)
    assert held.warp.started.wait(10)
    with following(held, first) as one, following(held, second) as other:
        assert next(one).data["state"] == "running"
        assert next(other).data["queue_position"] == 1
        third = accepted(held)
        with following(held, third) as last:
            assert next(last).data["queue_position"] == 2
            held.client.delete(second)
            assert [event.data["state"] for event in other] == ["cancelled"]
            moved = next(last)
            assert (moved.name, moved.number, moved.data["queue_position"]) == ("queued", None, 1)
            assert moved.data["eta_s"] > 0
            held.warp.gate.set()
            assert list(one)[-1].data["state"] == "succeeded"
            assert list(last)[-1].data["state"] == "succeeded"


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_what_a_caller_wrote_goes_with_the_work(held: Rig, end: str) -> None:
    address = accepted(held, ("description", "Anna's wedding dress"))
    store, job_id = held.service.jobs.store, address.rpartition("/")[2]
    assert "Anna" in str(store.get(job_id))
    assert held.warp.started.wait(10)
    if end == "failed":
        held.warp.raises = InputError("no-garment", "Nothing there.")
    if end == "cancelled":
        held.client.delete(address)
    held.warp.gate.set()

    assert finished(held, address)["state"] == end
    assert "Anna" not in str(store.get(job_id))


@pytest.mark.parametrize("fault", [StoreDown("broken"), StoreFull()])
def test_metrics_of_a_store_that_does_not_work(
    held: Rig, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counts() -> None:
        raise fault

    monkeypatch.setattr(held.service.jobs.store, "counts", counts)

    assert held.client.get("/metrics").status_code == 200


@pytest.mark.usefixtures("never_looking")
def test_a_long_poll_ends_with_its_job(held: Rig) -> None:
    address = accepted(held)
    assert held.warp.started.wait(10)
    threading.Timer(0.1, held.warp.gate.set).start()

    answer = held.client.get(address, params={"wait": 30})  # this client itself waits for 20 s only
    assert answer.json()["state"] == "succeeded"


def test_silence_is_broken_by_comments(held: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_S", 0.0)
    monkeypatch.setattr(event_stream, "LOOK_S", 0.01)
    address = accepted(held)
    with held.client.stream("GET", f"{address}/events") as answer:
        assert any(line.startswith(": ") for line in answer.iter_lines())


def test_two_follow_the_same_job(held: Rig) -> None:
    address = accepted(held, ("seed", 7))
    assert held.warp.started.wait(10)
    with following(held, address) as one, following(held, address) as other:
        next(one)
        next(other)
        held.warp.gate.set()
        assert list(one) == list(other)


def test_a_job_without_an_owner_is_nobodys_by_name(held: Rig) -> None:
    address = accepted(held)

    assert slug(held.client.get(address, headers={"X-Cabine-Key": "shop"})) == "not-found"
    assert held.client.get(address).status_code == 200
