"""Everything a running service holds, put together once; routes get it from the application's state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

import anyio
import anyio.to_thread
import structlog
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from inference import levels
from inference.assets import AssetStore
from inference.callers import WaitingCallers, stopping
from inference.config import Settings
from inference.dispatch import Dispatcher, Need, Ticket
from inference.engine_metrics import EngineCollector
from inference.engines.base import EngineSpec, EngineUnavailable, OutOfMemory
from inference.engines.lanes import Lane, lane_of
from inference.engines.pool import EnginePool
from inference.engines.registry import Registry
from inference.form import FormLimits
from inference.jobs.desk import JobDesk
from inference.jobs.model import Job
from inference.jobs.request import wish_of
from inference.local_dispatcher import LocalDispatcher
from inference.metrics import Metrics
from inference.pipeline import Tools
from inference.policy import load as load_policy
from inference.preparation import Preparation
from inference.problems import Problem
from inference.replays import Replays
from inference.reuse import Reuse
from inference.selection import choose
from inference.uploads import Budget, Part, Reader, UploadLimits, read_form
from preprocess.decode import Limits

log = structlog.get_logger("cabine.service")

T = TypeVar("T")

ANSWER_S = 2.0
"""Before the grace of a stop ends, callers whose work is not done are told: uvicorn's own answer then is no
problem document."""
RETRY_S = 5.0
"""How often a service that lacks something looks whether it has come."""
FORGET_S = 1.0
"""How much longer than its time a photo may stay in memory where nobody asks for anything."""


@dataclass(kw_only=True)
class Readiness:
    """Why the service cannot work yet; None once it can."""

    problem: Problem | None = field(
        default_factory=lambda: Problem(
            "not-ready", "Models are being loaded; try again in a moment.", headers={"Retry-After": "2"}
        )
    )
    stopping: bool = False
    """The process was told to end: what runs is finished, nothing new is begun."""
    started: bool = False
    """Everything was loaded once; stays true, whatever happens later."""


@dataclass(frozen=True, kw_only=True)
class Service:
    settings: Settings
    registry: Registry
    tools: Tools
    assets: AssetStore
    dispatcher: Dispatcher
    uploads: Budget
    jobs: JobDesk
    replays: Replays
    readiness: Readiness
    metrics: Metrics
    callers: WaitingCallers = field(default_factory=WaitingCallers)

    @property
    def form_limits(self) -> FormLimits:
        entries = self.registry.entries.values()
        return FormLimits(
            garments=self.settings.max_garments,
            samples=self.settings.max_samples,
            categories=frozenset().union(*(entry.spec.categories for entry in entries)),
        )

    def require_ready(self) -> None:
        if self.readiness.stopping:
            raise stopping()
        problem = self.readiness.problem
        if problem is not None:  # a new one each time: a raised exception keeps the frames it passed
            raise Problem(problem.slug, problem.detail, field=problem.field, headers=problem.headers)

    def stop(self) -> None:
        """On the event loop, when the process was told to end: nothing new is accepted or begun."""
        self.readiness.stopping = True
        self.jobs.stop()
        grace_s = max(0.0, self.jobs.grace_left_s() - ANSWER_S)
        asyncio.get_running_loop().call_later(grace_s, self.callers.cut_off)

    def form(self, request: Request) -> AbstractAsyncContextManager[tuple[Part, ...]]:
        """The parts of the body."""
        return self.received(request, read_form)

    @asynccontextmanager
    async def received(self, request: Request, read: Reader[T]) -> AsyncIterator[T]:
        """What ``read`` makes of the body; it counts against the memory for uploads until the block ends."""
        self.require_ready()
        limits = UploadLimits(
            file_bytes=self.settings.max_file_bytes, request_bytes=self.settings.max_request_bytes
        )
        with self.uploads.share() as take:
            try:
                with anyio.fail_after(self.settings.upload_timeout_s):
                    content = await read(request, limits, take)
            except TimeoutError as error:
                words = (
                    f"The upload did not arrive within {self.settings.upload_timeout_s:g} s; send it again."
                )
                raise Problem("deadline-exceeded", words) from error
            except ClientDisconnect as error:
                raise Problem("cancelled", "The client closed the connection during the upload.") from error
            yield content

    async def in_queue(
        self, request: Request, ticket: Ticket, work: Callable[[Ticket], T], spec: EngineSpec | None = None
    ) -> T:
        """Run work in its turn, off the event loop; it is told when the client leaves.

        ``spec`` is the engine of a try-on; None: preparation alone, which is done on the CPU.
        """
        need = Need(lane="cpu") if spec is None else Need(lane=self.lane_of(spec), engine=spec.name)
        try:
            with self.callers.wait(ticket):
                return await self.dispatcher.run(
                    work, need=need, ticket=ticket, disconnected=lambda: disconnected(request.receive)
                )
        finally:
            self.assets.trim()

    def lane_of(self, spec: EngineSpec) -> Lane:
        return lane_of(spec, self.settings.runtime)

    def new_ticket(self) -> Ticket:
        """The deadline counts from the first byte: upload and waiting included."""
        return Ticket(deadline=time.monotonic() + self.settings.request_timeout_s)

    async def warm_up(self) -> None:
        """Load models and the default engine; what is missing, ``/health/ready`` and every request tell.

        Tried again until it works: models that are fetched later need no restart.
        """
        while (problem := await self._try_to_load()) is not None:
            self.readiness.problem = problem
            await anyio.sleep(RETRY_S)
        self.readiness.problem = None
        self.readiness.started = True
        log.info("ready")

    async def forget_in_time(self) -> None:
        """Until it is cancelled: let go of photos whose time is over."""
        while True:
            await anyio.sleep(FORGET_S)
            self.assets.trim()
            self.tools.reuse.trim()

    async def _try_to_load(self) -> Problem | None:
        """What is missing; logged when it is not what was missing before."""
        try:
            await anyio.to_thread.run_sync(self._load)
        except Exception as error:  # in a background task: raised further, nobody would ever see it
            problem = _unready(error)
            before = self.readiness.problem
            if before is None or before.detail != problem.detail:
                log.error("not ready", exc_info=error)
            return problem
        return None

    def _load(self) -> None:
        self.jobs.open()
        name = choose("auto", self.registry, self.settings).spec.name
        self.tools.preparation.load()
        self.tools.engines.warm(name)
        self.jobs.store.sort(self._lane_now)

    def _lane_now(self, job: Job) -> Lane:
        """Where a job belongs that was accepted under earlier settings: they change by a restart only.

        One whose engine changes later, because its weights arrived, is worked on where it stands.
        """
        engine, categories = wish_of(job)
        try:
            return self.lane_of(choose(engine, self.registry, self.settings, categories).spec)
        except Problem:  # it fails in its turn, with these words
            return job.lane


def _unready(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, OutOfMemory):
        return Problem("out-of-memory", str(error))
    told = isinstance(error, EngineUnavailable)
    return Problem("engine-unavailable", str(error) if told else "Loading failed; the log says why.")


def build(
    settings: Settings,
    registry: Registry,
    preparation: Preparation,
    dispatcher: Dispatcher | None = None,
) -> Service:
    """Nothing is loaded yet."""
    assets = AssetStore(
        max_count=settings.max_assets, max_bytes=settings.max_assets_bytes, ttl_s=settings.asset_ttl_s
    )
    reuse = Reuse(keep_s=settings.reuse_s, max_bytes=settings.reuse_mb * 2**20)
    metrics = Metrics()
    dispatcher = dispatcher or LocalDispatcher(
        concurrency=settings.concurrency, queue=settings.max_queue, waited=metrics.waited
    )
    jobs = JobDesk(settings, dispatcher)
    engines = EnginePool(registry, settings.runtime, max_batch=settings.max_batch)
    levels.watch(metrics, dispatcher=dispatcher, assets=assets, reuse=reuse, jobs=jobs)
    metrics.registry.register(EngineCollector(loaded=engines.loaded))
    return Service(
        settings=settings,
        registry=registry,
        tools=Tools(
            preparation=preparation,
            engines=engines,
            policy=load_policy(settings.policy),
            limits=image_limits(settings),
            reuse=reuse,
            low_resolution_side=settings.low_resolution_side,
        ),
        assets=assets,
        uploads=Budget(settings.max_uploads_bytes),
        dispatcher=dispatcher,
        jobs=jobs,
        replays=Replays(ttl_s=settings.idempotency_s, max_bytes=settings.idempotency_mb * 2**20),
        readiness=Readiness(),
        metrics=metrics,
    )


def image_limits(settings: Settings) -> Limits:
    return Limits(
        max_bytes=settings.max_file_bytes,
        max_pixels=settings.max_pixels_mp * 1_000_000,
        min_side=settings.min_side,
    )


async def disconnected(receive: Receive) -> None:
    """Return when the client has left; the body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(receive: Receive, wait: Callable[[], Awaitable[T]]) -> T:
    """What ``wait`` gives; raises ``cancelled`` when the client leaves before. The body must be read."""
    outcome: T | Problem = Problem(
        "cancelled", "The client closed the connection before the answer was ready."
    )

    async def watch(scope: anyio.CancelScope) -> None:
        await disconnected(receive)
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        try:
            outcome = await wait()
        except Problem as problem:  # carried out of the task group, which would wrap it
            outcome = problem
        group.cancel_scope.cancel()
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


def service_of(request: Request) -> Service:
    return cast(Service, request.app.state.service)
