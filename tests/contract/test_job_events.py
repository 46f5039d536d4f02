"""``GET /v1/jobs/{id}/events``: a job followed as it happens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from inference.config import Settings
from tests.contract.conftest import Rig, running, until
from tests.contract.test_jobs import accepted, finished, slug, submit

STEPS = 4


@dataclass(frozen=True, kw_only=True)
class Told:
    name: str
    number: int | None
    data: dict[str, object]


class Turnstile(threading.Event):
    """In place of an engine's gate: lets one step through each time."""

    def __init__(self) -> None:
        super().__init__()
        self._passes = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set() or self._passes.acquire(timeout=timeout)

    def let_one_through(self) -> None:
        self._passes.release()


def read(lines: Iterator[str]) -> Iterator[Told]:
    """The events of a stream, comments left out."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, text = line.partition(": ")
        if line:
            fields[name] = text
        elif "data" in fields:
            number = int(fields["id"]) if "id" in fields else None
            yield Told(name=fields["event"], number=number, data=json.loads(fields["data"]))
            fields = {}


@contextmanager
def following(rig: Rig, address: str, seen: int | None = None) -> Iterator[Iterator[Told]]:
    headers = {} if seen is None else {"Last-Event-ID": str(seen)}
    with rig.client.stream("GET", f"{address}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield read(answer.iter_lines())


@pytest.fixture
def stepping() -> Iterator[tuple[Rig, Turnstile]]:
    """One job at a time, of an engine that does a step whenever it is let."""
    with running(Settings(concurrency=1, max_watchers=2)) as rig:
        rig.warp.steps = STEPS
        rig.warp.gate = turnstile = Turnstile()
        yield rig, turnstile
        turnstile.set()


def test_a_job_is_followed_from_the_queue_to_its_end(stepping: tuple[Rig, Turnstile]) -> None:
    rig, turnstile = stepping
    first = accepted(rig)
    assert rig.warp.started.wait(10)
    address = accepted(rig)

    with following(rig, address) as events:
        told = [next(events)]
        assert (told[0].name, told[0].data["state"], told[0].data["queue_position"]) == ("job", "queued", 1)
        assert told[0].data["eta_s"] > 0
        for _ in range(STEPS):
            turnstile.let_one_through()
        assert finished(rig, first)["state"] == "succeeded"
        while not (told[-1].name == "progress" and told[-1].data["stage"] == "engine"):
            told.append(next(events))
        for step in range(1, STEPS + 1):  # each is told before the next one begins
            turnstile.let_one_through()
            event = next(events)
            assert (event.name, event.data["step"], event.data["steps"]) == ("progress", step, STEPS)
            told.append(event)
        told += events

    assert told[-2].data["eta_s"] >= 0
    assert [event.name for event in told if event.name != "progress"] == ["job", "running", "done"]
    assert told[-1].data == rig.client.get(address).json()
    assert told[-1].data["state"] == "succeeded"
    stages = [event.data["stage"] for event in told if event.name == "progress"]
    assert set(stages) >= {"decode", "person", "garment", "mask", "engine", "restore", "encode"}
    numbers = [event.number for event in told]
    assert numbers == sorted(set(numbers))


def test_who_comes_back_gets_what_was_missed(stepping: tuple[Rig, Turnstile]) -> None:
    rig, turnstile = stepping
    address = accepted(rig)
    with following(rig, address) as events:
        told = [next(events)]
        while told[-1].data.get("stage") != "engine":
            told.append(next(events))
    seen = told[-1].number
    turnstile.set()
    finished(rig, address)

    with following(rig, address, seen) as events:
        missed = list(events)
    assert [event.number for event in missed] == list(range(seen + 1, seen + 1 + len(missed)))
    assert [event.data["step"] for event in missed if event.data.get("stage") == "engine"] == [1, 2, 3, 4]
    assert missed[-1].name == "done"

    with following(rig, address) as events:
        assert [event.name for event in events] == ["done"]
    ended = rig.client.get(f"{address}/events", headers={"Last-Event-ID": str(missed[-1].number)})
    assert (ended.status_code, ended.content) == (204, b"")


def test_cancelling_ends_the_stream(stepping: tuple[Rig, Turnstile]) -> None:
    rig, _ = stepping
    address = accepted(rig)
    assert rig.warp.started.wait(10)

    with following(rig, address) as events:
        next(events)
        rig.client.delete(address)
        last = list(events)[-1]
    assert (last.name, last.data["state"]) == ("done", "cancelled")


def test_followers_are_bounded_and_leaving_makes_room(stepping: tuple[Rig, Turnstile]) -> None:
    rig, _ = stepping
    address = accepted(rig)
    with following(rig, address) as one, following(rig, address) as other:
        next(one)
        next(other)
        refused = rig.client.get(f"{address}/events")
        assert (refused.status_code, slug(refused)) == (429, "busy")
        assert slug(rig.client.get(address, params={"wait": 5})) == "busy"
        until(lambda: rig.client.get(address).json()["state"] == "running")

    until(lambda: rig.service.jobs.watchers.taken == 0)
    with following(rig, address) as events:
        assert next(events).name == "job"


def test_one_key_does_not_take_all_places_of_followers() -> None:
    shop, blog = {"X-Cabine-Key": "shop"}, {"X-Cabine-Key": "blog"}
    with running(Settings(concurrency=1, max_watchers=8, max_watchers_per_key=1)) as rig:
        rig.warp.gate.clear()
        jobs = {key["X-Cabine-Key"]: submit(rig, headers=key).headers["location"] for key in (shop, blog)}
        with rig.client.stream("GET", f"{jobs['shop']}/events", headers=shop) as first:
            assert first.status_code == 200
            refused = rig.client.get(f"{jobs['shop']}/events", headers=shop)
            assert (refused.status_code, slug(refused)) == (429, "busy")
            assert slug(rig.client.get(jobs["shop"], params={"wait": 5}, headers=shop)) == "busy"
            with rig.client.stream("GET", f"{jobs['blog']}/events", headers=blog) as other:
                assert other.status_code == 200
        rig.warp.gate.set()


def test_waiting_ends_when_the_client_leaves(stepping: tuple[Rig, Turnstile]) -> None:
    rig, _ = stepping
    address = accepted(rig)
    with (
        pytest.raises(Exception, match="timed out"),
        rig.client.stream("GET", address, params={"wait": 20}, timeout=0.3),
    ):
        pass

    until(lambda: rig.service.jobs.watchers.taken == 0)


def test_streams_of_waiting_jobs_end_with_the_process(stepping: tuple[Rig, Turnstile]) -> None:
    rig, turnstile = stepping
    first = accepted(rig)
    assert rig.warp.started.wait(10)
    second = accepted(rig)
    with following(rig, first) as running_one, following(rig, second) as waiting_one:
        next(running_one)
        next(waiting_one)
        rig.stop()
        assert list(waiting_one) == []
        turnstile.set()
        assert list(running_one)[-1].name == "done"


@pytest.mark.parametrize("number", ["x", "-1", "1" * 20, ""])
def test_numbers_that_are_none_of_ours(rig: Rig, number: str) -> None:
    answer = rig.client.get(f"/v1/jobs/{'0' * 32}/events", headers={"Last-Event-ID": number})

    assert (slug(answer), answer.json()["field"]) == ("option-unsupported", "Last-Event-ID")
