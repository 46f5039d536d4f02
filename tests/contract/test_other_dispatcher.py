"""Work done elsewhere: another dispatcher, and neither routes nor jobs, engines or store know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import anyio.to_thread
import pytest

from inference.dispatch import Need, Ticket
from inference.engines.base import Stopped
from inference.engines.lanes import Lane
from inference.problems import Problem
from tests.bad_inputs import PAIR, value
from tests.contract.conftest import SETTINGS, Rig, running, until
from tests.contract.test_jobs import accepted, finished, slug, submit

T = TypeVar("T")


@dataclass(kw_only=True)
class Machine:
    """Takes one thing at a time."""

    free: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(1))
    done: list[str | None] = field(default_factory=list)
    """Engines that it was asked for."""

    async def work(self, work: Callable[[], T], engine: str | None) -> T:
        self.done.append(engine)
        return await anyio.to_thread.run_sync(work)

    def leave(self) -> None:
        self.free.release()


class Farm:
    """A dispatcher: a machine for each lane, nobody queues for it, and who finds it busy is sent away."""

    def __init__(self) -> None:
        self.machines: dict[Lane, Machine] = {"cpu": Machine(), "gpu": Machine()}

    async def run(
        self,
        work: Callable[[Ticket], T],
        *,
        need: Need,
        ticket: Ticket,
        disconnected: Callable[[], Awaitable[None]],
    ) -> T:
        machine = self.machines[need.lane]
        if machine.free.value == 0:
            raise Problem("busy", "The machine has something else to do.", headers={"Retry-After": "7"})
        async with machine.free:
            try:
                return await machine.work(lambda: work(ticket), need.engine)
            except Stopped as stopped:
                raise Problem("deadline-exceeded", "Too late.") from stopped

    async def slot(self, lane: Lane) -> Machine:
        await self.machines[lane].free.acquire()
        return self.machines[lane]

    def waiting(self, lane: Lane) -> int:
        return 0

    def turn_s(self, lane: Lane, position: int) -> float:
        return 100.0 * position

    def takes_s(self, need: Need) -> float:
        return 11.0


@pytest.fixture
def farm() -> Farm:
    return Farm()


@pytest.fixture
def rig(farm: Farm) -> Iterator[Rig]:
    with running(SETTINGS, dispatcher=farm) as rig:
        yield rig
        rig.warp.gate.set()


def test_requests_and_jobs_are_done_elsewhere(rig: Rig, farm: Farm) -> None:
    sync = rig.client.post("/v1/tryon", files=[*PAIR, value("seed", 7)])
    job = finished(rig, accepted(rig, ("seed", 7)))
    asked = rig.client.post("/v1/tryon", files=[*PAIR, value("engine", "diffusion")])
    pose = rig.client.post("/v1/preprocess/pose", files=[PAIR[0]])

    assert [sync.status_code, job["state"], asked.status_code, pose.status_code] == [
        200,
        "succeeded",
        200,
        200,
    ]
    assert rig.client.get(job["images"][0]).content == sync.content  # type: ignore[index]
    assert farm.machines["cpu"].done == ["warp", "warp", None]
    assert farm.machines["gpu"].done == ["diffusion"]


def test_its_refusals_and_estimates_reach_the_client(rig: Rig) -> None:
    rig.warp.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        sync = pool.submit(rig.client.post, "/v1/tryon", files=list(PAIR))
        assert rig.warp.started.wait(10)
        refused = rig.client.post("/v1/tryon", files=list(PAIR))
        waiting = submit(rig).json()
        rig.warp.gate.set()

        assert (refused.status_code, slug(refused), refused.headers["retry-after"]) == (429, "busy", "7")
        assert (waiting["queue_position"], waiting["eta_s"]) == (1, 111.0)
        assert sync.result().status_code == 200
    assert finished(rig, f"/v1/jobs/{waiting['id']}")["state"] == "succeeded"


def test_a_job_on_it_is_cancelled(rig: Rig, farm: Farm) -> None:
    rig.warp.gate.clear()
    address = accepted(rig)
    assert rig.warp.started.wait(10)
    assert rig.client.delete(address).json()["state"] == "running"

    assert rig.warp.stopped.wait(10)
    assert finished(rig, address)["state"] == "cancelled"
    until(lambda: farm.machines["cpu"].free.value == 1)
