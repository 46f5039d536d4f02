"""The store that survives: real processes killed, several at once, a full disk, a broken file."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference.jobs import sqlite
from inference.jobs.errors import StoreDown
from inference.jobs.sqlite import sqlite_store
from inference.jobs.store import ORPHAN_S
from tests.job_stores import BIG_LIMITS, LEASE_S, LIMITS, Clock, running, submission, success

ROOT = Path(__file__).resolve().parents[2]
SMALL_DISK = "mount -t tmpfs -o size=20m cabine {0} && exec {1} -m tests.job_process fill {0}/jobs"

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "jobs"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start a process of ``tests/job_process.py``; none of them outlives the test."""
    processes: list[subprocess.Popen[str]] = []

    def one(what: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.job_process", what, str(folder)]
        process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        processes.append(process)
        return process

    yield one
    for process in processes:
        process.kill()
        process.communicate()


def read(process: subprocess.Popen[str]) -> list[str]:
    """Words of the next line."""
    assert process.stdout is not None
    return process.stdout.readline().split()


def tell_to_go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def later() -> float:
    """The clock of somebody who comes when all leases have ended."""
    return time.time() + 2000.0


def test_killed_in_the_middle_of_a_job(folder: Path, start: Start) -> None:
    with_job = sqlite_store(folder, BIG_LIMITS)
    job, _ = with_job.submit(submission("shirt"))
    with_job.close()
    worker = start("hold")
    assert read(worker) == [job.id]
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    too_early = sqlite_store(folder, BIG_LIMITS)
    assert too_early.claim("other", LEASE_S, "cpu") is None
    too_early.close()
    store = sqlite_store(folder, BIG_LIMITS, now=later)
    taken = store.claim("other", LEASE_S, "cpu")
    assert taken is not None
    assert (taken.id, taken.attempts) == (job.id, 2)
    assert store.read_input(job.id, "person") == b"person of shirt"
    assert store.finish(job.id, "other", success()).state == "succeeded"
    assert store.read_result(job.id, "image-0") == b"picture"
    seen = [event.kind for event in store.events(job.id)]
    assert seen == ["queued", "running", "progress", "preview", "queued", "running", "succeeded"]
    store.close()


@pytest.mark.parametrize("lines", [1, 4, 12])
def test_killed_anywhere(folder: Path, start: Start, lines: int) -> None:
    """Whatever it was doing: what was accepted ends well, what was finished can be fetched, no more."""
    process = start("live")
    told = [read(process) for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    process.wait()

    store = sqlite_store(folder, replace(BIG_LIMITS, max_attempts=1000), now=later)
    while (job := store.claim("other", LEASE_S, "cpu")) is not None:
        assert store.read_input(job.id, "garment-0")
        store.finish(job.id, "other", success(b"x" * 100_000))
    for _, job_id in told:
        found = store.get(job_id)
        assert found is not None
        assert found.state == "succeeded"
        assert store.read_result(job_id, "image-0") == b"x" * 100_000
    store.sweep()
    held = [path.name.partition(".")[0] for path in (folder / "files").iterdir()]
    assert sorted(held) == sorted(set(held))
    assert len(held) == store.counts().states["succeeded"]
    assert not list(folder.rglob("*.part"))
    store.close()
    with sqlite3.connect(folder / "jobs.sqlite3") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_two_processes_never_get_the_same_job(folder: Path, start: Start) -> None:
    """They also open the store at the same moment, before it is there."""
    workers = [start("drain"), start("drain")]
    for worker in workers:
        tell_to_go_on(worker)
    for worker in workers:
        assert read(worker) == ["ready"]
    for worker in workers:
        tell_to_go_on(worker)
    assert [read(worker) for worker in workers] == [[], []]
    store = sqlite_store(folder, BIG_LIMITS)
    ids = [store.submit(replace(submission(), inputs={}))[0].id for _ in range(200)]
    store.close()

    workers = [start("drain"), start("drain")]
    for worker in workers:
        tell_to_go_on(worker)
        assert read(worker) == ["ready"]  # with a job in hand: neither comes away empty
    for worker in workers:
        tell_to_go_on(worker)
    first, second = (read(worker) for worker in workers)
    assert first
    assert second
    assert sorted(first + second) == sorted(ids)


def test_full_disk(tmp_path: Path) -> None:
    """A real process on a real file system of 20 MB."""
    if shutil.which("unshare") is None:
        pytest.skip("no file system of its own for a test here: there is no unshare")
    script = SMALL_DISK.format(tmp_path, sys.executable)
    run = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True)
    if not run.stdout and ("unshare" in run.stderr or "mount" in run.stderr):
        pytest.skip(f"no file system of its own for a test here: {run.stderr.strip()[:80]}")

    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "full True True",
        "room for the database True",
        "no room for results failed",
        "room again True",
        "brim",
        "database full True",
        "works again 7",
        "ended failed",
    ]


def test_everything_is_there_after_a_restart(folder: Path) -> None:
    clock = Clock()
    store = sqlite_store(folder, LIMITS, now=clock)
    queued, _ = store.submit(submission("queued", owner="me", key="k"))
    store.close()
    store = sqlite_store(folder, LIMITS, now=clock)

    assert store.get(queued.id) == queued
    assert store.submit(submission("queued", owner="me", key="k")) == (queued, False)
    assert store.read_input(queued.id, "garment-0") == b"queued"
    store.close()


def test_files_without_a_job_go_at_the_start(folder: Path) -> None:
    store = sqlite_store(folder, LIMITS)
    job = running(store)
    store.close()
    old = time.time() - ORPHAN_S - 1
    fresh = f"{'1' * 32}.in"  # a job that is just being submitted by another process
    for name in (f"{'0' * 32}.in", f"{job.id}.9", f"{job.id}.in", fresh):
        (folder / "files" / name).mkdir(exist_ok=True)
        (folder / "files" / name / "person").write_bytes(b"face")
        if name != fresh:
            os.utime(folder / "files" / name, (old, old))
    sqlite_store(folder, LIMITS).close()

    left = sorted(path.name for path in (folder / "files").iterdir())
    assert left == sorted([fresh, f"{job.id}.in"])


def test_expired_while_nobody_was_there(folder: Path) -> None:
    store = sqlite_store(folder, LIMITS)
    job = running(store)
    store.finish(job.id, "w", success())
    store.close()
    store = sqlite_store(folder, LIMITS, now=lambda: time.time() + LIMITS.keep_s)

    found = store.get(job.id)
    assert found is not None
    assert found.state == "expired"
    assert list((folder / "files").iterdir()) == []
    store.close()


def test_only_this_user_may_read(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        store = sqlite_store(folder, LIMITS)
        store.submit(submission())
    finally:
        os.umask(before)

    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "files": 0o700,
        "jobs.sqlite3": 0o600,
        "jobs.sqlite3-wal": 0o600,
        "jobs.sqlite3-shm": 0o600,
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755  # it was there already, perhaps for others too
    store.close()


def test_a_folder_of_our_own_is_closed(folder: Path) -> None:
    sqlite_store(folder, LIMITS).close()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_tables_of_another_version(folder: Path) -> None:
    sqlite_store(folder, LIMITS).close()
    connection = sqlite3.connect(folder / "jobs.sqlite3")
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(StoreDown, match=r"another version.*99.*CABINE_JOBS_DIR"):
        sqlite_store(folder, LIMITS)


def test_a_file_that_is_no_database(folder: Path) -> None:
    folder.mkdir()
    (folder / "jobs.sqlite3").write_bytes(b"garbage " * 1000)

    with pytest.raises(StoreDown, match="SQLITE_NOTADB"):
        sqlite_store(folder, LIMITS)


def test_database_held_by_somebody_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.01)
    store = sqlite_store(folder, LIMITS)
    job, _ = store.submit(submission())
    somebody = sqlite3.connect(folder / "jobs.sqlite3", isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreDown, match="SQLITE_BUSY"):
        store.submit(submission())
    assert store.get(job.id) == job
    somebody.execute("ROLLBACK")
    assert store.submit(submission())[1]
    somebody.close()
    store.close()


def test_folder_taken_away(folder: Path) -> None:
    store = sqlite_store(folder, LIMITS)
    folder.rename(folder.with_name("elsewhere"))

    with pytest.raises(StoreDown):
        store.submit(submission())
    folder.with_name("elsewhere").rename(folder)
    assert store.submit(submission())[1]
    store.close()


def test_closed_store(folder: Path) -> None:
    store = sqlite_store(folder, LIMITS)
    store.close()

    with pytest.raises(StoreDown):
        store.get("0" * 32)


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"of": "another version"}'])
def test_a_damaged_job_is_lost_alone(folder: Path, damage: str) -> None:
    store = sqlite_store(folder, LIMITS)
    ids = [store.submit(submission(str(number), key=str(number)))[0].id for number in range(3)]
    connection = sqlite3.connect(folder / "jobs.sqlite3")
    connection.execute("UPDATE jobs SET job = ? WHERE id = ?", (damage, ids[0]))
    connection.commit()
    connection.close()
    store.sweep()

    claimed = store.claim("w", LEASE_S, "cpu")
    assert claimed is not None
    assert claimed.id == ids[1]
    assert [store.get(job_id) is None for job_id in ids] == [True, False, False]
    assert store.counts().states["queued"] == 1
    assert store.submit(submission("0", key="0"))[1]  # as if it had never been sent
    store.close()
