"""Jobs whose process loses them, and work on jobs that falters: what was accepted is done all the same."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference.config import Settings
from inference.dispatch import Need
from inference.jobs.model import Job
from inference.jobs.sqlite import sqlite_store
from inference.jobs.store import JobStore
from inference.local_dispatcher import FIRST_GUESS_S
from tests.bad_inputs import PAIR
from tests.contract.conftest import Rig, running, until
from tests.contract.test_jobs import ASYNC, accepted, finished
from tests.job_service import job_service
from tests.job_stores import success


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Rig]:
    """A store on the disk, two slots, and an engine that is held up until the gate opens.

    The lease is so long that nobody renews one by chance.
    """
    settings = Settings(jobs_store="sqlite", jobs_dir=tmp_path / "jobs", job_lease_s=1000)
    with running(settings) as rig:
        rig.warp.gate.clear()
        yield rig
        rig.warp.gate.set()


def test_a_job_that_comes_back_to_the_process_that_lost_it_runs_once_more(held: Rig) -> None:
    """Another process found its lease lapsed; this one still works on it, and claims it again."""
    address = accepted(held)
    assert held.warp.started.wait(10)
    settings = held.service.settings
    other = sqlite_store(settings.jobs_dir, settings.job_limits, now=lambda: time.time() + 2000)
    other.close()  # to open it is to look for leases that have ended

    assert held.warp.stopped.wait(10), "the run that lost its lease was not told"
    until(lambda: held.warp.runs == 2)
    held.warp.gate.set()
    job = finished(held, address)
    assert (job["state"], job["attempts"]) == ("succeeded", 2)
    assert finished(held, accepted(held))["state"] == "succeeded"


def test_jobs_without_a_picture_say_nothing_about_durations() -> None:
    with running(Settings()) as rig:
        rig.warp.raises = ZeroDivisionError("at once")
        address = accepted(rig)
        until(lambda: rig.client.get(address).json()["state"] == "failed" and not rig.service.jobs.running)

        assert rig.service.dispatcher.takes_s(Need(lane="cpu", engine="warp")) == FIRST_GUESS_S["cpu"]


def test_work_on_jobs_survives_a_fault_that_nobody_expected(
    held: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, faults = held.service.jobs.store, []
    addresses = [accepted(held)]
    assert held.warp.started.wait(10)

    def falters(method: str) -> None:
        sound = getattr(store, method)

        def once(*arguments: object) -> object:
            if method not in faults:
                faults.append(method)
                raise RuntimeError("can't start new thread")
            return sound(*arguments)

        monkeypatch.setattr(store, method, once)

    for method in ("claim", "sweep", "heartbeat", "counts"):
        falters(method)
    addresses += [accepted(held), accepted(held)]
    until(lambda: set(faults) == {"claim", "sweep", "heartbeat", "counts"})
    held.warp.gate.set()

    assert [finished(held, address)["state"] for address in addresses] == ["succeeded"] * 3
    held.warp.gate.clear()
    both = [accepted(held), accepted(held)]  # no slot was lost either
    until(lambda: [held.client.get(address).json()["state"] for address in both] == ["running"] * 2)


def test_a_job_that_ends_while_it_is_deleted_leaves_nothing(
    held: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = held.service.jobs.store
    address = accepted(held)
    assert held.warp.started.wait(10)
    asked: list[Job | None] = []

    def ends_meanwhile(store: JobStore, job_id: str) -> Job | None:
        found = seen(store, job_id)
        if found is not None and found.state == "running" and len(asked) == 1:
            assert found.lease is not None
            store.finish(job_id, found.lease.worker, success())
        asked.append(found)
        return found

    seen = JobStore.get
    monkeypatch.setattr(JobStore, "get", ends_meanwhile)  # the second time: the first asks whose job it is
    assert held.client.delete(address).status_code == 204
    monkeypatch.setattr(JobStore, "get", seen)

    assert len(asked) == 2
    gone = store.get(address.rpartition("/")[2])
    assert gone is not None
    assert (gone.state, gone.files) == ("expired", ())


def test_a_job_goes_on_when_the_machine_wakes_up(tmp_path: Path) -> None:
    """All leases have ended meanwhile; a real process, stopped as a lid that is closed stops it."""
    with (
        job_service(tmp_path, JOB_LEASE_S=1) as service,
        httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client,
    ):
        address = client.post("/v1/tryon", files=list(PAIR), headers=ASYNC).headers["location"]
        until(lambda: client.get(address).json()["stage"] == "engine", seconds=30)
        assert service.process
        service.process.send_signal(signal.SIGSTOP)
        try:
            until(lambda: time.time() > lease_until(service.jobs))
        finally:
            service.process.send_signal(signal.SIGCONT)
        until(lambda: lease_until(service.jobs) > time.time())
        service.gate.touch()

        job = client.get(address, params={"wait": 20}).json()
        assert (job["state"], job["attempts"]) == ("succeeded", 1)


def lease_until(folder: Path) -> float:
    """Of the only job; read past the store, which would look for leases that have ended."""
    connection = sqlite3.connect(folder / "jobs.sqlite3")
    (until,) = connection.execute("SELECT lease_until FROM jobs").fetchone()
    connection.close()
    return float(until)
