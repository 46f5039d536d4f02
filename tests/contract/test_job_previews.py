"""Previews: what is shown of a job while a slow engine works on it, at no cost to the job."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image

from inference.config import Settings
from inference.jobs import previews
from inference.policy import AllowAll, Refused
from inference.tryon import ImageFormat
from preprocess.errors import InputError
from preprocess.types import Rgb
from tests.bad_inputs import GARMENT, PAIR, PERSON, file, person_photo, value
from tests.contract.conftest import Rig, running, until
from tests.contract.test_job_events import Told, following
from tests.contract.test_jobs import ASYNC, finished, slug
from tests.gateway_process import running_gateway

SLOW = value("engine", "diffusion")


@contextmanager
def slow(**settings: object) -> Iterator[Rig]:
    """One job at a time, whose engine is held up until its gate opens; previews come unhindered."""
    given = {"concurrency": 1, "accepted_licenses": ("diffusion",), **settings}
    with running(Settings(**given)) as rig:  # type: ignore[arg-type]
        rig.diffusion.gate.clear()
        yield rig
        for engine in (rig.warp, rig.diffusion):
            engine.gate.set()


def accepted(client: httpx.Client, *parts: object) -> str:
    answer = client.post("/v1/tryon", files=list(parts or (*PAIR, SLOW)), headers=ASYNC)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def at_the_engine(rig: Rig, address: str) -> None:
    """The preview, if there is to be one, has begun before."""
    until(lambda: rig.client.get(address).json()["stage"] == "engine")


def until_no_preview_is_made() -> None:
    until(lambda: all(thread.name != "preview" for thread in threading.enumerate()))


def told_of_preview(events: Iterator[Told]) -> Told:
    return next(event for event in events if event.name == "preview")


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_shown_while_the_slow_engine_works(store: str, tmp_path: Path) -> None:
    with slow(jobs_store=store, jobs_dir=tmp_path) as rig:
        address = accepted(rig.client)
        with following(rig, address) as events:
            told = told_of_preview(events)
            job = rig.client.get(address).json()
            shown = rig.client.get(str(told.data["url"]))
            rig.diffusion.gate.set()
            done = list(events)[-1].data

        assert told.data == {
            "url": f"{address}/previews/0",
            "engine": "warp",
            "confidence": 0.5,
            "width": 768,
            "height": 1024,
        }
        assert (job["state"], job["previews"]) == ("running", [told.data["url"]])
        assert shown.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(shown.content)).size == (768, 1024)
        assert b"compositeSynthetic" in shown.content  # marked as what an algorithm made
        assert (rig.preparation.counts["person"], rig.preparation.counts["garment"]) == (1, 1)
        assert (rig.warp.runs, rig.diffusion.runs) == (1, 1)

        assert (done["state"], done["engine"]["name"]) == ("succeeded", "diffusion")
        assert done["previews"] == [told.data["url"]]
        assert rig.client.get(done["previews"][0]).content == shown.content
        assert slug(rig.client.get(f"{address}/previews/1")) == "not-found"
        assert rig.client.delete(address).status_code == 204
        assert slug(rig.client.get(f"{address}/previews/0")) == "expired"


def test_large_photos_are_shown_small_and_found_by_who_comes_later() -> None:
    with slow() as rig:
        large = io.BytesIO()
        Image.open(io.BytesIO(person_photo())).resize((1500, 2000)).save(large, "JPEG")
        address = accepted(rig.client, file("person", large.getvalue()), GARMENT, SLOW)
        until(lambda: rig.client.get(address).json()["previews"])
        with following(rig, address) as events:  # comes when the preview is told already
            shown = rig.client.get(next(events).data["previews"][0])

        assert Image.open(io.BytesIO(shown.content)).size == (768, 1024)


def test_through_the_gateway() -> None:
    with (
        slow() as rig,
        running_gateway(str(rig.client.base_url)) as gateway,
        httpx.Client(base_url=gateway.url, timeout=30, trust_env=False) as client,
    ):
        address = accepted(client)
        with client.stream("GET", f"{address}/events") as answer:
            lines = answer.iter_lines()
            assert any(line == "event: preview" for line in lines)
            shown = client.get(f"{address}/previews/0")
            rig.diffusion.gate.set()
            assert any(line == "event: done" for line in lines)
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        assert shown.headers["cache-control"] == "no-store"


NONE: dict[str, tuple[dict[str, object], tuple[object, ...]]] = {
    "switched off": ({"previews": False}, (*PAIR, SLOW)),
    "not sure enough": ({"preview_confidence": 0.6}, (*PAIR, SLOW)),
    "a category of its own": ({}, (*PAIR, SLOW, value("category", "lower"))),
    "a photo of its own": ({}, (*PAIR, SLOW, value("photo", "worn"))),
    "somebody wears it": ({}, (PERSON, file("garment", person_photo()), SLOW)),
    "no other device": ({"device": "cpu"}, (*PAIR, SLOW)),
}


@pytest.mark.parametrize(("settings", "parts"), NONE.values(), ids=[name.replace(" ", "-") for name in NONE])
def test_none_where_there_can_be_none(settings: dict[str, object], parts: tuple[object, ...]) -> None:
    with slow(**settings) as rig:
        address = accepted(rig.client, *parts)
        at_the_engine(rig, address)
        until_no_preview_is_made()

        assert rig.client.get(address).json()["previews"] == []
        rig.diffusion.gate.set()
        done = finished(rig, address)
        assert (done["state"], done["previews"]) == ("succeeded", [])


@pytest.mark.parametrize("error", [InputError("category-conflict", "One only."), ZeroDivisionError("bug")])
def test_what_goes_wrong_with_a_preview_is_not_the_jobs(error: Exception) -> None:
    with slow() as rig:
        rig.warp.raises = error
        address = accepted(rig.client)
        at_the_engine(rig, address)
        until_no_preview_is_made()
        rig.diffusion.gate.set()

        done = finished(rig, address)
        assert (done["state"], done["previews"], rig.warp.runs) == ("succeeded", [], 1)


def test_a_preview_that_gets_no_thread_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "preview":
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with slow() as rig:
        rig.diffusion.gate.set()
        done = finished(rig, accepted(rig.client))

    assert (done["state"], done["previews"]) == ("succeeded", [])


def test_previews_and_results_are_their_owners() -> None:
    keys = [{"X-Cabine-Key": "shop"}, {"X-Cabine-Key": "blog"}, {}]
    with slow() as rig:
        asked = rig.client.post("/v1/tryon", files=[*PAIR, SLOW], headers={**ASYNC, **keys[0]})
        address = asked.headers["location"]
        until(lambda: rig.client.get(address, headers=keys[0]).json()["previews"])
        rig.diffusion.gate.set()
        assert finished(rig, address, keys[0])["state"] == "succeeded"

        for path in ("/previews/0", "/images/0", "/mask", "/events", ""):
            answers = [rig.client.get(address + path, headers=key) for key in keys]
            assert [answer.status_code for answer in answers] == [200, 404, 404]


class RefusesOnce(AllowAll):
    """The first picture that would leave."""

    def __init__(self) -> None:
        self.judged = 0

    def judge_output(self, rgb: Rgb) -> None:
        self.judged += 1
        if self.judged == 1:
            raise Refused("Not to be shown.")


def create() -> RefusesOnce:
    return RefusesOnce()


def test_the_policy_judges_previews_too() -> None:
    with slow(policy=f"{__name__}:create") as rig:
        address = accepted(rig.client)
        at_the_engine(rig, address)
        until_no_preview_is_made()
        assert rig.client.get(address).json()["previews"] == []
        rig.diffusion.gate.set()

        assert finished(rig, address)["state"] == "succeeded"
        policy = rig.service.tools.policy
        assert isinstance(policy, RefusesOnce)
        assert policy.judged == 2


def test_the_result_never_waits_for_a_preview() -> None:
    with slow() as rig:
        rig.warp.gate.clear()
        rig.diffusion.gate.set()

        done = finished(rig, accepted(rig.client))
        assert (done["state"], done["previews"]) == ("succeeded", [])
        assert rig.warp.stopped.wait(10)  # the job's end is its end


def test_cancelled_with_its_job() -> None:
    with slow() as rig:
        rig.warp.gate.clear()
        address = accepted(rig.client)
        assert rig.warp.started.wait(10)
        rig.client.delete(address)

        assert rig.warp.stopped.wait(10)
        done = finished(rig, address)
        assert (done["state"], done["previews"]) == ("cancelled", [])


def test_one_that_is_ready_after_its_job_was_cancelled_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses, known, kept = [""], threading.Event(), []
    encode = previews.encode

    def late(rgb: Rgb, image_format: ImageFormat, xmp: bytes) -> bytes:
        assert known.wait(10)
        rig.client.delete(addresses[0])
        return encode(rgb, image_format, xmp)

    with slow() as rig:
        monkeypatch.setattr(previews, "encode", late)
        monkeypatch.setattr(rig.service.jobs.store, "attach", lambda *given: kept.append(given))
        addresses[0] = accepted(rig.client)
        known.set()
        assert finished(rig, addresses[0])["state"] == "cancelled"
        until_no_preview_is_made()

    assert kept == []


def test_a_job_that_somebody_else_took_over_gets_no_preview_of_ours() -> None:
    with slow() as rig:
        rig.warp.gate.clear()
        address = accepted(rig.client)
        assert rig.warp.started.wait(10)
        at_the_engine(rig, address)
        store, job_id = rig.service.jobs.store, address.rpartition("/")[2]
        job = store.get(job_id)
        assert job is not None
        assert job.lease is not None
        store.release(job_id, job.lease.worker)
        rig.warp.gate.set()
        until_no_preview_is_made()

        assert rig.client.get(address).json()["previews"] == []
        rig.diffusion.gate.set()  # whoever works on it next makes one of its own, or none
        assert finished(rig, address)["state"] == "succeeded"


def test_a_preview_engines_own_jobs_have_none() -> None:
    with running(Settings()) as rig:
        done = finished(rig, accepted(rig.client, *PAIR))

        assert (done["state"], done["previews"], rig.warp.runs) == ("succeeded", [], 1)
