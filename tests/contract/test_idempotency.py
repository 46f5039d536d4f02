"""``Idempotency-Key``: the same request is worked on once, whoever sends it how often."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
from starlette.responses import Response

from inference.config import Settings
from inference.dispatch import Ticket
from inference.replays import Entry, Replays
from tests.bad_inputs import GARMENT, PAIR, file, person_photo, value
from tests.contract.conftest import Rig, running, until
from tests.contract.test_jobs import ASYNC, finished, slug


@pytest.fixture
def service() -> Iterator[Rig]:
    with running(Settings(concurrency=1)) as rig:
        yield rig
        rig.warp.gate.set()


def post(rig: Rig, key: str, *more: tuple[str, object], **headers: str) -> httpx.Response:
    parts = [*PAIR, *(value(name, text) for name, text in more)]
    return rig.client.post("/v1/tryon", files=parts, headers={"Idempotency-Key": key, **headers})


def test_the_same_key_and_body_is_the_same_job(service: Rig) -> None:
    first, second = post(service, "a", **ASYNC), post(service, "a", **ASYNC)
    assert first.status_code == second.status_code == 202
    assert first.headers["location"] == second.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"

    finished(service, first.headers["location"])
    assert post(service, "a", **ASYNC).json()["state"] == "succeeded"
    assert post(service, "b", **ASYNC).headers["location"] != first.headers["location"]
    conflict = post(service, "a", ("seed", 5), **ASYNC)
    assert (conflict.status_code, slug(conflict)) == (409, "idempotency-conflict")
    assert conflict.json()["field"] == "Idempotency-Key"


def test_keys_of_others_are_others(service: Rig) -> None:
    answers = [post(service, "a", **ASYNC, **{"X-Cabine-Key": name}) for name in ("shop", "blog", "shop")]

    places = [answer.headers["location"] for answer in answers]
    assert places[0] == places[2] != places[1]


def test_a_sync_answer_is_repeated(service: Rig) -> None:
    first, second = post(service, "a"), post(service, "a")

    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-cabine-seed"] == first.headers["x-cabine-seed"]  # drawn at random the first time
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert slug(post(service, "a", ("seed", 5))) == "idempotency-conflict"
    assert slug(post(service, "a", Accept="application/json")) == "idempotency-conflict"
    assert service.warp.runs == 1


def test_who_asks_again_in_the_meantime_gets_the_same_answer(service: Rig) -> None:
    service.warp.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(post, service, "a") for _ in range(2)]
        assert service.warp.started.wait(10)
        service.warp.gate.set()
        contents = {answer.result().content for answer in answers}

    assert len(contents) == service.warp.runs == 1


def test_sync_keys_of_others_are_others(service: Rig) -> None:
    """An answer is a picture of a person."""
    answers = [post(service, "a", **{"X-Cabine-Key": name}) for name in ("shop", "blog", "shop")]

    assert ["idempotency-replayed" in answer.headers for answer in answers] == [False, False, True]
    assert service.warp.runs == 2


def test_bytes_under_another_field_are_another_request(service: Rig) -> None:
    """Two options that take the same values."""
    assert post(service, "a", ("category", "auto")).status_code == 200
    assert slug(post(service, "a", ("photo", "auto"))) == "idempotency-conflict"


def test_an_answer_at_once_and_a_job_have_keys_of_their_own(service: Rig) -> None:
    at_once, job, again = post(service, "a"), post(service, "a", **ASYNC), post(service, "a", **ASYNC)

    assert (at_once.status_code, job.status_code) == (200, 202)
    assert "idempotency-replayed" not in job.headers
    assert again.headers["location"] == job.headers["location"]


@pytest.mark.parametrize("headers", [{}, ASYNC])
def test_a_repeated_request_is_answered_when_its_asset_has_gone(
    service: Rig, headers: dict[str, str]
) -> None:
    asset = service.client.post("/v1/assets", files=[file("image", person_photo())]).json()["id"]

    def send(key: str) -> httpx.Response:
        parts = [value("person", asset), GARMENT]
        return service.client.post("/v1/tryon", files=parts, headers={"Idempotency-Key": key, **headers})

    first = send("a")
    assert first.is_success, first.text
    service.client.delete(f"/v1/assets/{asset}")

    again = send("a")
    assert again.status_code == first.status_code
    assert again.headers["idempotency-replayed"] == "true"
    assert slug(send("b")) == "not-found"


@pytest.fixture
def second(service: Rig) -> Iterator[tuple[Rig, Entry]]:
    """The first is at the engine, and what a second with the same key would wait for."""
    service.warp.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, service, "a")
        assert service.warp.started.wait(10)
        yield service, next(iter(service.service.replays._entries.values()))
        service.warp.gate.set()
        first.result()


def waiting(entry: Entry) -> int:
    return entry.done.statistics().tasks_waiting


def test_who_waits_for_the_first_holds_no_upload_and_may_leave(second: tuple[Rig, Entry]) -> None:
    rig, entry = second
    held = rig.service.uploads.held
    patience = httpx.Timeout(20, read=1)

    with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=rig.client.base_url, trust_env=False) as client:
        asked = pool.submit(
            client.post, "/v1/tryon", files=PAIR, headers={"Idempotency-Key": "a"}, timeout=patience
        )
        until(lambda: waiting(entry) == 1)
        assert rig.service.uploads.held == held > 0
        with pytest.raises(httpx.ReadTimeout):
            asked.result()
    until(lambda: waiting(entry) == 0)


def test_who_waits_for_the_first_has_a_deadline_of_its_own(
    second: tuple[Rig, Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, _ = second
    soon = time.monotonic() + 0.5
    monkeypatch.setattr(type(rig.service), "new_ticket", lambda _: Ticket(deadline=soon))

    assert slug(post(rig, "a")) == "deadline-exceeded"


def test_a_failure_is_not_repeated(service: Rig) -> None:
    service.warp.raises = MemoryError()
    assert slug(post(service, "a")) == "out-of-memory"
    service.warp.raises = None

    again = post(service, "a")
    assert again.status_code == 200
    assert "idempotency-replayed" not in again.headers


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
@pytest.mark.parametrize("headers", [{}, ASYNC])
def test_keys_that_are_none(service: Rig, key: str, headers: dict[str, str]) -> None:
    answer = post(service, key, **headers)

    assert (answer.status_code, slug(answer)) == (400, "request-malformed")


def test_answers_are_forgotten_after_their_time_and_beyond_their_room() -> None:
    now, made = 0.0, 0

    async def make() -> Response:
        nonlocal made
        made += 1
        return Response(bytes(60))

    async def ask(replays: Replays, key: str) -> bool:
        """Was it made anew?"""
        before = made
        earlier = replays.find(None, key, "digest")
        await (replays.keep(None, key, "digest", make) if earlier is None else earlier.again())
        return made > before

    async def main() -> None:
        nonlocal now
        replays = Replays(ttl_s=10, max_bytes=100, now=lambda: now)
        assert [await ask(replays, key) for key in "aa"] == [True, False]
        assert [await ask(replays, key) for key in "ba"] == [True, True]  # no room for both
        now = 11
        assert await ask(replays, "a")

    anyio.run(main)


def test_when_the_first_fails_the_second_is_asked_to_send_again(second: tuple[Rig, Entry]) -> None:
    """Its body is not held for that long."""
    rig, entry = second
    rig.warp.raises = MemoryError()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(post, rig, "a")
        until(lambda: waiting(entry) == 1)
        rig.warp.gate.set()
        told = asked.result()

    assert (told.status_code, slug(told)) == (429, "busy")
    assert told.json()["retryable"]
    rig.warp.raises = None
    assert post(rig, "a").status_code == 200
