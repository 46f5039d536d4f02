"""Jobs in one SQLite file: they survive the process, and several processes of one machine may share them.

Every operation is one short transaction. WAL with ``synchronous=FULL``: what was committed survives kill -9
and a power cut.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import structlog

from inference.engines.lanes import LANES, Lane
from inference.jobs.errors import StoreDown, StoreFull
from inference.jobs.files import DiskFiles
from inference.jobs.limits import Limits
from inference.jobs.model import Event, Idempotency, Job, State, dumps, loads
from inference.jobs.records import Counts
from inference.jobs.store import JobStore
from inference.jobs.tables import STEPS, VERSION

log = structlog.get_logger("cabine.jobs")

BUSY_S = 5.0
"""How long to wait for another process's transaction; they take a millisecond."""
NOBODY = ""
"""Owner of a key that came without an owner: NULLs would all be different."""


class SqliteRecords:
    """Records (see there) in the file ``path``; one connection, which its threads take turns with."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        with _faults():
            os.close(
                os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            )  # SQLite gives its other files the same mode
            self._connection = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare(path)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: Path) -> None:
        with _faults():
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._connection.execute(f"PRAGMA {pragma}")
        with self.writing():
            (version,) = self._row("PRAGMA user_version") or (0,)
            if version not in (*STEPS, VERSION):
                raise StoreDown(
                    f"{path} was written by another version of Cabine (tables {version}, not {VERSION}); "
                    "remove it, or set another CABINE_JOBS_DIR."
                )
            if version != VERSION:
                for statement in STEPS[version].split(";"):
                    self._run(statement)
                self._run(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._lock:
            self._run("BEGIN IMMEDIATE")
            try:
                yield
                self._run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back after some errors
                    self._run("ROLLBACK")
                raise

    def add(self, job: Job) -> None:
        self._run(
            "INSERT INTO jobs (state, lane, owner, created, deadline, lease_until, expires, bytes, job, id) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *_columns(job),
        )

    def save(self, job: Job) -> None:
        self._run(
            "UPDATE jobs SET state = ?, lane = ?, owner = ?, created = ?, deadline = ?, lease_until = ?, "
            "expires = ?, bytes = ?, job = ? WHERE id = ?",
            *_columns(job),
        )

    def remove(self, job_id: str) -> None:
        self._run("DELETE FROM jobs WHERE id = ?", job_id)

    def find(self, job_id: str) -> Job | None:
        return next(iter(self._jobs("id = ?", job_id)), None)

    def first_queued(self, lane: Lane) -> Job | None:
        first = "SELECT min(number) FROM jobs WHERE state = 'queued' AND lane = ?"
        while self._row(first, lane) != (None,):
            found = self._jobs(f"number = ({first})", lane)
            if found:
                return found[0]
        return None

    def ahead_of(self, job_id: str) -> int:
        return self._number(
            "SELECT count(*) FROM jobs AS mine JOIN jobs AS other ON other.state = 'queued' "
            "AND other.lane = mine.lane AND other.number < mine.number WHERE mine.id = ?",
            job_id,
        )

    def queued_of(self, owner: str) -> int:
        return self._number("SELECT count(*) FROM jobs WHERE state = 'queued' AND owner = ?", owner)

    def counts(self) -> Counts:
        with self._lock:
            found = self._run("SELECT state, lane, count(*) FROM jobs GROUP BY state, lane")
            size, oldest, first = self._run(
                "SELECT coalesce(sum(bytes), 0), min(CASE state WHEN 'queued' THEN created END), "
                "min(CASE state WHEN 'succeeded' THEN expires END) FROM jobs"
            )[0]
        states: dict[State, int] = dict.fromkeys(get_args(State), 0)
        queued: dict[Lane, int] = dict.fromkeys(LANES, 0)
        for state, lane, count in found:
            states[state] += count
            queued[lane] += count if state == "queued" else 0
        return Counts(states=states, queued=queued, bytes=size, oldest_queued=oldest, first_expiry=first)

    def unfinished(self) -> list[Job]:
        return self._jobs("state IN ('queued', 'running')")

    def lapsed(self, now: float) -> list[Job]:
        return self._jobs("state = 'running' AND lease_until <= ?", now)

    def overdue(self, now: float) -> list[Job]:
        return self._jobs("state = 'queued' AND deadline <= ?", now)

    def ended(self, now: float) -> list[Job]:
        return self._jobs("state IN ('succeeded', 'failed', 'cancelled') AND expires <= ?", now)

    def spent(self, before: float, keep: int) -> list[Job]:
        return self._jobs(
            "state = 'expired' AND expires <= ? OR number IN (SELECT number FROM jobs WHERE state IN "
            "('failed', 'cancelled', 'expired') ORDER BY expires DESC LIMIT -1 OFFSET ?)",
            before,
            keep,
        )

    def append(self, job_id: str, event: Event, keep: int) -> None:
        self._run(
            "INSERT INTO events (job_id, seq, at, kind, data) VALUES (?, ?, ?, ?, ?)",
            job_id,
            event.seq,
            event.at,
            event.kind,
            json.dumps(event.data, ensure_ascii=False),
        )
        self._run("DELETE FROM events WHERE job_id = ? AND seq <= ?", job_id, event.seq - keep)

    def events(self, job_id: str, after: int) -> tuple[Event, ...]:
        rows = self._run(
            "SELECT seq, at, kind, data FROM events WHERE job_id = ? AND seq > ? ORDER BY seq", job_id, after
        )
        return tuple(Event(seq=seq, at=at, kind=kind, data=json.loads(data)) for seq, at, kind, data in rows)

    def remember(self, owner: str | None, idempotency: Idempotency, job_id: str) -> None:
        self._run(
            "INSERT INTO keys (owner, key, digest, job_id) VALUES (?, ?, ?, ?)",
            owner or NOBODY,
            idempotency.key,
            idempotency.digest,
            job_id,
        )

    def recall(self, owner: str | None, key: str) -> tuple[str, str] | None:
        row = self._row("SELECT digest, job_id FROM keys WHERE owner = ? AND key = ?", owner or NOBODY, key)
        return None if row is None else (row[0], row[1])

    def forget(self, job_id: str) -> None:
        self._run("DELETE FROM keys WHERE job_id = ?", job_id)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _jobs(self, condition: str, *values: object) -> list[Job]:
        rows = self._run(f"SELECT id, job FROM jobs WHERE {condition} ORDER BY number", *values)
        return [job for job_id, text in rows if (job := self._read(job_id, text)) is not None]

    def _read(self, job_id: str, text: str) -> Job | None:
        """None: damaged. Such a job is lost and goes, so that it costs no other its turn."""
        try:
            return loads(text)
        except (KeyError, TypeError, ValueError) as error:
            log.error("a job that cannot be read was removed", job_id=job_id, exc_info=error)
            self.remove(job_id)
            return None

    def _number(self, statement: str, *values: object) -> int:
        return int(self._run(statement, *values)[0][0])

    def _row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        rows = self._run(statement, *values)
        return rows[0] if rows else None

    def _run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows at once: a statement left open would hold back the log's checkpoints."""
        with self._lock, _faults():
            return self._connection.execute(statement, values).fetchall()


def _columns(job: Job) -> tuple[object, ...]:
    lease_until = None if job.lease is None else job.lease.until
    return (
        job.state,
        job.lane,
        job.owner,
        job.created,
        job.deadline,
        lease_until,
        job.expires,
        job.bytes,
        dumps(job),
        job.id,
    )


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StoreFull from error
        raise StoreDown(f"{getattr(error, 'sqlite_errorname', 'SQLite')}: {error}") from error
    except OSError as error:
        raise StoreDown(str(error)) from error


def sqlite_store(folder: Path, limits: Limits, *, now: Callable[[], float] = time.time) -> JobStore:
    """A store in ``folder``, which is made if need be; raises ``StoreDown``.

    Other users get at nothing in it, and not into a folder made here; one that was there may be shared.
    What an earlier process left behind is put in order: dead leases, expired jobs, files without a job.
    """
    with _faults():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = DiskFiles(folder / "files")
    store = JobStore(SqliteRecords(folder / "jobs.sqlite3"), files, limits, now=now)
    store.sweep()
    return store
