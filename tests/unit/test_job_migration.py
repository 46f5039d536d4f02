"""A file of the SQLite store that an earlier Cabine wrote: nothing in it is lost."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path

import pytest

from inference.jobs import sqlite, tables
from inference.jobs.errors import StoreDown
from inference.jobs.model import Job
from inference.jobs.sqlite import sqlite_store
from inference.jobs.store import JobStore
from inference.jobs.tables import VERSION
from tests.job_stores import LEASE_S, LIMITS, Clock, submission, success

OLD = (Path(__file__).parents[1] / "data" / "jobs_version_1.sql").read_text(encoding="utf-8")
DONE, AT_WORK, FIRST, SECOND = (f"{number:032x}" for number in range(1, 5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the earlier version left it; the pictures of those that are still to be done are there."""
    folder = tmp_path / "jobs"
    for job_id in (AT_WORK, FIRST, SECOND):
        (folder / "files" / f"{job_id}.in").mkdir(parents=True)
        (folder / "files" / f"{job_id}.in" / "person").write_bytes(b"person")
    connection = sqlite3.connect(folder / "jobs.sqlite3")
    connection.executescript(OLD)
    connection.close()
    return folder


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_other_fields_are_another_version() -> None:
    """An earlier or a later Cabine must refuse the file instead of misreading its jobs."""
    fields = (
        "attempts bytes cancel_requested claims confidence created deadline engine eta_s error expires files "
        "finished id lane last_event lease owner queue_position request results seed stage started state "
        "step steps timings warnings"
    )
    assert ({field.name for field in dataclasses.fields(Job)}, VERSION) == (set(fields.split()), 2)


def columns(folder: Path) -> tuple[int, list[str], list[str]]:
    """Version, columns of the jobs and columns of their index."""
    connection = sqlite3.connect(folder / "jobs.sqlite3")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    names = [row[1] for row in connection.execute("PRAGMA table_info(jobs)")]
    index = [row[2] for row in connection.execute("PRAGMA index_info(jobs_by_state)")]
    connection.close()
    return version, sorted(names), index


def work_off(store: JobStore) -> list[str]:
    done = []
    while (job := store.claim("w", LEASE_S, "gpu")) is not None:
        assert store.read_input(job.id, "person") == b"person"
        store.finish(job.id, "w", success())
        done.append(job.id)
    return done


def test_no_job_is_lost(folder: Path, clock: Clock) -> None:
    store = sqlite_store(folder, LIMITS, now=clock)

    assert store.counts().queued == {"cpu": 2, "gpu": 0}
    before = store.get(DONE)
    assert before is not None
    assert (before.state, before.lane, before.request["text"]) == ("succeeded", "cpu", "Größe 1e3")
    assert (before.expires, before.confidence, before.files) == (9_000_003_600.0, 0.9, ("image-0", "mask"))
    assert store.submit(submission("first", owner="me", key="first"))[0].id == FIRST
    assert [event.kind for event in store.events(AT_WORK)] == ["queued", "running", "progress"]

    store.sort(lambda job: "gpu")
    clock.now += LEASE_S  # the earlier process is gone, and what it worked on begins again
    store.sweep()
    assert work_off(store) == [AT_WORK, FIRST, SECOND]
    store.close()


def test_only_once(folder: Path, clock: Clock, tmp_path: Path) -> None:
    sqlite_store(folder, LIMITS, now=clock).close()
    store = sqlite_store(folder, LIMITS, now=clock)
    assert store.counts().states["queued"] == 2
    store.close()
    sqlite_store(tmp_path / "new", LIMITS, now=clock).close()

    assert columns(folder) == columns(tmp_path / "new")


def test_a_migration_that_breaks_off_leaves_the_file_as_it_was(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = columns(folder)
    with monkeypatch.context() as broken:
        broken.setitem(sqlite.STEPS, 1, f"{tables.LANES_CAME}; DROP TABLE there_is_none")
        with pytest.raises(StoreDown, match="there_is_none"):
            sqlite_store(folder, LIMITS, now=clock)
    assert columns(folder) == before

    store = sqlite_store(folder, LIMITS, now=clock)
    assert store.counts().states["queued"] == 2
    store.close()
