"""``Idempotency-Key``: the same request is worked on once, whoever sends it how often."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
from starlette.responses import Response

from inference.config import Settings
from inference.problems import Problem
from inference.replays import Replays
from tests.bad_inputs import PAIR, value
from tests.contract.conftest import Rig, running
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
        await replays.once(None, key, "digest", make)
        return made > before

    async def main() -> None:
        nonlocal now
        replays = Replays(ttl_s=10, max_bytes=100, now=lambda: now)
        assert [await ask(replays, key) for key in "aa"] == [True, False]
        assert [await ask(replays, key) for key in "ba"] == [True, True]  # no room for both
        now = 11
        assert await ask(replays, "a")

    anyio.run(main)


def test_when_the_first_fails_the_second_has_its_try() -> None:
    async def main() -> None:
        replays = Replays(ttl_s=10, max_bytes=100)
        entered, leave = anyio.Event(), anyio.Event()

        async def fail() -> Response:
            entered.set()
            await leave.wait()
            raise Problem("busy", "Full.")

        async def succeed() -> Response:
            return Response(b"yes")

        async def first() -> None:
            with pytest.raises(Problem):
                await replays.once(None, "a", "digest", fail)

        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await entered.wait()
            leave.set()
            answer = await replays.once(None, "a", "digest", succeed)
        assert answer.body == b"yes"

    anyio.run(main)
