"""A process that works on a SQLite job store, for tests: told what to do by its arguments, it tells by lines.

It waits for a line on its input where the test must decide when it goes on.
"""

from __future__ import annotations

import itertools
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from inference import logs
from inference.jobs.errors import StoreFull
from inference.jobs.files import RESERVE_BYTES
from inference.jobs.sqlite import sqlite_store
from inference.jobs.store import JobStore
from tests.job_stores import BIG_LIMITS, BROKEN, submission, success

LONG_S = 1000.0


def tell(*words: object) -> None:
    print(*words, flush=True)


def wait() -> None:
    sys.stdin.readline()


def opened(folder: Path) -> JobStore:
    return sqlite_store(folder, BIG_LIMITS)


def hold(folder: Path) -> None:
    """Claim a job, show progress and a preview, and never come back."""
    store = opened(folder)
    job = store.claim("doomed", LONG_S, "cpu")
    assert job is not None
    store.progress(job.id, "doomed", "engine", 3, 20)
    store.attach(job.id, "doomed", "preview", b"rough")
    tell(job.id)
    wait()


def live(folder: Path) -> None:
    """Whole lives of jobs, one after another, until killed."""
    store = opened(folder)
    for number in itertools.count():
        job, _ = store.submit(submission(f"shirt {number}"))
        tell("accepted", job.id)
        if number % 3 == 0:
            continue
        claimed = store.claim("doomed", LONG_S, "cpu")
        assert claimed is not None
        store.progress(claimed.id, "doomed", "engine", 1, 2)
        store.finish(claimed.id, "doomed", success(b"x" * 100_000))
        tell("finished", claimed.id)


def drain(folder: Path) -> None:
    """Claim one job; when told to, all that are left."""
    wait()
    store = opened(folder)
    job = store.claim("drain", LONG_S, "cpu")
    tell("ready")
    wait()
    ids = []
    while job is not None:
        ids.append(job.id)
        store.finish(job.id, "drain", BROKEN)
        job = store.claim("drain", LONG_S, "cpu")
    store.close()
    tell(*ids)


def fill(folder: Path) -> None:
    """On a small disk: accept until it is full, and show that accepted jobs can end and make room."""
    store = opened(folder)
    big = replace(submission(), inputs={"person": b"x" * 400_000})
    accepted = []
    try:
        while len(accepted) < 1000:
            accepted.append(store.submit(big)[0].id)
    except StoreFull:
        tell("full", len(accepted) > 0, len(list((folder / "files").iterdir())) == len(accepted))
        tell("room for the database", shutil.disk_usage(folder).free > RESERVE_BYTES - 2**20)
    claimed = store.claim("w", LONG_S, "cpu")
    assert claimed is not None
    store.progress(claimed.id, "w", "engine", 1, 2)
    try:
        store.finish(claimed.id, "w", success(b"x" * 2_000_000))
    except StoreFull:
        tell("no room for results", store.finish(claimed.id, "w", BROKEN).state)
    tell("room again", store.submit(replace(big, inputs={"person": b"x" * 200_000}))[1])
    _fill_to_the_brim(folder, store)
    store.close()


def _fill_to_the_brim(folder: Path, store: JobStore) -> None:
    """Something else takes the rest of the disk, and later gives it back."""
    job = store.claim("w", LONG_S, "cpu")
    assert job is not None
    ballast = folder.parent / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
    except OSError:
        tell("brim")
    step = 0
    try:
        for step in range(100_000):
            store.progress(job.id, "w", "engine", step, 100_000)
    except StoreFull:
        found = store.get(job.id)
        assert found is not None
        tell("database full", found.step == step - 1 or step == 0)
    ballast.unlink()
    tell("works again", store.progress(job.id, "w", "engine", 7, 8).step)
    tell("ended", store.finish(job.id, "w", BROKEN).state)


if __name__ == "__main__":
    logs.configure("error", "json")  # the lines of this process are its own
    {"hold": hold, "live": live, "drain": drain, "fill": fill}[sys.argv[1]](Path(sys.argv[2]))
