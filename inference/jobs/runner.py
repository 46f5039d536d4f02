"""Takes jobs from the store and works on them, in the same slots as requests whose callers wait.

The only part that knows that jobs are worked on in this process: something else that claims from the store
may stand in its place.
"""

from __future__ import annotations

import itertools
import math
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup

from inference.dispatch import Need, Slot, Ticket
from inference.engines.lanes import LANES, Lane
from inference.jobs.desk import JobDesk
from inference.jobs.errors import LeaseLost, StoreDown, StoreFull
from inference.jobs.model import Job, Success
from inference.jobs.store import JobStore
from inference.jobs.work import Bench, carry_out, hand_in
from inference.service import Service

log = structlog.get_logger("cabine.jobs")

T = TypeVar("T")

IDLE_S = 1.0
"""How often the store is looked at unasked: for jobs of a process that died, or that another one took in."""
SWEEP_S = 2.0
BEATS = 3
"""Heartbeats in a lease: two may be late."""


@dataclass(kw_only=True)
class Run:
    """A job that this process works on, since one claim of it."""

    job: Job
    worker: str
    """Name of this claim alone: a job that was lost and comes back to this process is another run."""
    ticket: Ticket
    slot: Slot
    put_back: bool = False
    """The process ends: the job goes back into the queue once its work has stopped."""


class _NoPicture(Exception):  # noqa: N818
    """The job was worked on and has none: how long that took tells nothing about those that get one."""


class Runner:
    """Lives as long as the application; everything here runs on the event loop unless it says otherwise."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._desk: JobDesk = service.jobs
        self._dispatcher = service.dispatcher
        self._settings = service.settings
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._workers = (f"{name}-{number}" for number in itertools.count(1))
        self._runs: dict[str, Run] = {}
        """By worker."""
        self._claiming = anyio.CancelScope()
        # Of its own: heartbeats must not wait behind those who watch.
        self._thread = anyio.CapacityLimiter(2)

    async def run(self) -> None:
        """Until it is cancelled; :meth:`drain` first."""
        self._desk.bells.start()
        while not self._desk.is_open:
            await anyio.sleep(IDLE_S / 10)
        async with anyio.create_task_group() as group:
            group.start_soon(self._claim_jobs, group)
            group.start_soon(self._forever, self._beat, self._settings.job_lease_s / BEATS)
            group.start_soon(self._forever, self._sweep, SWEEP_S)

    async def drain(self) -> None:
        """Begin nothing new; let what runs finish within the grace, then put it back into the queue."""
        self._claiming.cancel()
        with anyio.move_on_after(self._desk.grace_left_s()):
            await self._until_idle()
        for run in self._runs.values():
            run.put_back = not run.ticket.cancelled()
            run.ticket.cancel()
        await self._until_idle()

    async def _until_idle(self) -> None:
        while self._runs:
            await anyio.sleep(0.02)

    async def _claim_jobs(self, group: TaskGroup) -> None:
        with self._claiming:
            async with anyio.create_task_group() as lanes:
                for lane in LANES:
                    lanes.start_soon(self._forever, partial(self._claim_in, lane, group))

    async def _claim_in(self, lane: Lane, group: TaskGroup) -> None:
        """What waits there, one after another; then until there is more, or it is time to look."""
        while self._service.readiness.problem is None and await self._waiting(lane):
            slot = await self._dispatcher.slot(lane)
            if not await self._begin_one(lane, slot, group):
                break
        with anyio.move_on_after(IDLE_S):
            await self._desk.submitted[lane].wait()
            self._desk.submitted[lane] = anyio.Event()

    async def _waiting(self, lane: Lane) -> bool:
        """Is there something to claim? Asked first, so that an empty queue takes no slot from anybody.

        The jobs of a worker that died come back with the next sweep.
        """
        return bool(await self._ask(lambda store: store.counts().queued[lane]))

    async def _begin_one(self, lane: Lane, slot: Slot, group: TaskGroup) -> bool:
        """Claim a job for the slot, which is left with the job, or at once where there is none."""
        run = None
        with anyio.CancelScope(shield=True):  # a job that was claimed must be begun
            try:
                run = None if self._desk.stopping else await self._claim(lane, slot)
            finally:
                if run is None:
                    slot.leave()
            if run is None:
                return False
            self._service.metrics.waited(lane, time.time() - run.job.created)
            self._runs[run.worker] = run
            self._desk.running[run.job.id] = run.ticket
            group.start_soon(self._perform, run)
        self._desk.bells.ring_all()
        return True

    async def _claim(self, lane: Lane, slot: Slot) -> Run | None:
        worker, lease_s = next(self._workers), self._settings.job_lease_s
        await self._beat()
        job = await self._ask(lambda store: store.claim(worker, lease_s, lane))
        return None if job is None else Run(job=job, worker=worker, ticket=_ticket(job), slot=slot)

    async def _perform(self, run: Run) -> None:
        job = run.job
        structlog.contextvars.bind_contextvars(job_id=job.id, request_id=job.request.get("request_id"))
        try:
            await run.slot.work(lambda: self._work(run), job.engine)
        except LeaseLost:
            log.warning("job taken over by another worker")
        except _NoPicture:
            pass
        except Exception as error:  # the job is begun again when its lease ends; the others go on
            log.error("job not handed in", exc_info=error)
        finally:
            run.slot.leave()
            del self._runs[run.worker]
            if self._desk.running.get(job.id) is run.ticket:
                del self._desk.running[job.id]
            self._desk.bells.ring_all()

    def _work(self, run: Run) -> None:
        """In a thread; raises ``LeaseLost``, :class:`_NoPicture`."""
        bench = self._bench(run)
        outcome = carry_out(run.job, run.ticket, bench)
        if outcome is None and run.put_back:
            bench.store.release(run.job.id, run.worker)
        else:
            hand_in(run.job, outcome, bench)
        if not isinstance(outcome, Success):
            raise _NoPicture

    def _bench(self, run: Run) -> Bench:
        service = self._service
        need = Need(lane=run.job.lane, engine=run.job.engine)
        return Bench(
            store=self._desk.store,
            worker=run.worker,
            tools=service.tools,
            assets=service.assets,
            registry=service.registry,
            settings=self._settings,
            form_limits=service.form_limits,
            mean_s=lambda: self._dispatcher.takes_s(need),
            meter=service.metrics.meter,
            told=self._desk.bells.ring,
        )

    async def _forever(self, task: Callable[[], Awaitable[None]], pause_s: float = 0.0) -> None:
        while True:
            await anyio.sleep(pause_s)
            try:
                await task()
            except Exception as error:  # whatever it is: it must not end the work on all jobs unseen
                log.error("work on jobs faltered", exc_info=error)
                await anyio.sleep(IDLE_S)

    async def _beat(self) -> None:
        """Renew the leases; learn of jobs that were cancelled in another process.

        Also before anybody looks for leases that have ended: when a machine wakes up, all have.
        """
        await self._ask(partial(self._renew, list(self._runs.values())))

    def _renew(self, runs: list[Run], store: JobStore) -> None:
        """In a thread."""
        for run in runs:
            try:
                job = store.heartbeat(run.job.id, run.worker, self._settings.job_lease_s)
            except LeaseLost:
                run.ticket.cancel()
            else:
                if job.cancel_requested:
                    run.ticket.cancel()

    async def _sweep(self) -> None:
        await self._beat()
        await self._ask(lambda store: store.sweep())

    async def _ask(self, question: Callable[[JobStore], T]) -> T | None:
        """The store's answer; None where it does not work: it is asked again soon."""
        store = self._desk.store
        try:
            return await anyio.to_thread.run_sync(lambda: question(store), limiter=self._thread)
        except (StoreDown, StoreFull) as error:
            log.error("store of jobs does not work", exc_info=error)
            return None


def _ticket(job: Job) -> Ticket:
    left = math.inf if job.deadline is None else job.deadline - time.time()
    return Ticket(deadline=time.monotonic() + left)
