"""One job, carried out in a thread: its pictures out of the store, through the pipeline, results back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import cast

import structlog

from inference.assets import AssetStore
from inference.config import Settings
from inference.dispatch import Ticket
from inference.encode import encode_grey
from inference.engines.base import Stopped
from inference.engines.registry import Registry
from inference.form import FormLimits, read_tryon
from inference.jobs import eta
from inference.jobs.errors import LeaseLost, StoreDown, StoreFull
from inference.jobs.model import Job, JobError, Json, JsonObject, Success
from inference.jobs.previews import PREVIEW, Preview, Previewing, preview_engine
from inference.jobs.request import find_held, form_of, format_of, input_names
from inference.jobs.store import JobStore
from inference.metrics import EngineMeter
from inference.pipeline import Tools
from inference.problems import Problem, problem_of
from inference.produce import Produced, engine_used, produce, resolution
from inference.selection import choose
from inference.stages import Stages
from inference.tryon import TryOn

log = structlog.get_logger("cabine.jobs")

ANY_SIZE = 2**40
"""In place of the limit on uploads: they were held to it when they came in, and a picture of an asset, which
is stored as PNG, may have grown since."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What jobs are worked on with."""

    store: JobStore
    worker: str
    tools: Tools
    assets: AssetStore
    registry: Registry
    settings: Settings
    form_limits: FormLimits
    mean_s: Callable[[], float]
    """What jobs took lately."""
    meter: Callable[[str], EngineMeter]
    """Of an engine."""
    told: Callable[[str], None]
    """Called with the id of a job that something happened to."""


@dataclass(kw_only=True)
class Progress:
    """Writes down where a job is, and learns whether it was cancelled; called from several threads."""

    job: Job
    ticket: Ticket
    bench: Bench
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _began: float = field(default_factory=time.monotonic)
    _engine_began: float | None = None

    def __call__(self, stage: str, step: int, steps: int) -> None:
        """Raises ``LeaseLost``, which ends the work."""
        name = stage.partition(":")[0]
        with self._lock:
            now = time.monotonic()
            if name == "engine" and self._engine_began is None:
                self._engine_began = now
            engine_s = now - self._engine_began if name == "engine" and self._engine_began else None
            left = eta.while_running(self.bench.mean_s(), now - self._began, engine_s, step, steps)
            self._write(name, step, steps, round(left, 1))
        self.bench.told(self.job.id)

    def _write(self, stage: str, step: int, steps: int, left: float) -> None:
        try:
            job = self.bench.store.progress(self.job.id, self.bench.worker, stage, step, steps, left)
        except (StoreDown, StoreFull) as error:  # a try-on is worth more than a word about it
            log.warning("progress not written", error=str(error))
            return
        if job.cancel_requested:
            self.ticket.cancel()


def carry_out(job: Job, ticket: Ticket, bench: Bench) -> Success | JobError | None:
    """The job's outcome; None: it was stopped.

    Raises ``LeaseLost``, and ``StoreDown`` or ``StoreFull``: then its lease ends, and it is begun again.
    """
    try:
        return _success(job, ticket, bench)
    except (LeaseLost, StoreDown, StoreFull):
        raise
    except Stopped:
        return LATE if ticket.expired() else None
    except Exception as error:  # whatever went wrong is the job's end, never the worker's
        problem = problem_of(error)
        if problem.slug == "internal":
            log.error("job failed", exc_info=error)
        return _job_error(problem)
    finally:
        bench.assets.trim()  # of its pictures, those of assets may hold more now


def hand_in(job: Job, outcome: Success | JobError | None, bench: Bench) -> None:
    """Write the end down; raises ``LeaseLost``, ``StoreDown``, ``StoreFull``."""
    try:
        bench.store.finish(job.id, bench.worker, outcome)
    except StoreFull:
        if not isinstance(outcome, Success):
            raise
        bench.store.finish(job.id, bench.worker, NO_ROOM)


def _success(job: Job, ticket: Ticket, bench: Bench) -> Success:
    asked = _asked(job, bench)
    choice = choose(asked.options.engine, bench.registry, bench.settings, asked.categories)
    tools = replace(bench.tools, limits=replace(bench.tools.limits, max_bytes=ANY_SIZE))
    with Previewing(
        asked=asked,
        choice=preview_engine(asked, choice, bench.registry, bench.settings),
        tools=tools,
        least=bench.settings.preview_confidence,
        cancelled=ticket.cancelled,
        show=lambda preview: _show(job, preview, bench),
    ) as preview:
        stages = Stages(
            cancelled=ticket.cancelled,
            progress=preview.beside(Progress(job=job, ticket=ticket, bench=bench)),
            judged=preview.judged,
            meter=bench.meter(choice.spec.name),
        )
        made = produce(asked, choice, tools, stages, format_of(job))
    mask = encode_grey(made.outcome.pictures[0].mask)
    return Success(
        files={f"image-{index}": picture for index, picture in enumerate(made.pictures)} | {"mask": mask},
        seed=made.outcome.params.seed,
        confidence=round(made.outcome.confidence, 4),
        warnings=tuple(cast(JsonObject, asdict(notice)) for notice in made.outcome.notices),
        timings={name: round(seconds, 4) for name, seconds in made.timings.items()},
        results=_results(made),
    )


def _show(job: Job, preview: Preview, bench: Bench) -> None:
    """Keep a preview with the job, and tell of it; raises what the store raises."""
    about: JsonObject = {
        "engine": preview.engine,
        "confidence": preview.confidence,
        "width": preview.width,
        "height": preview.height,
    }
    bench.store.attach(job.id, bench.worker, f"{PREVIEW}-0", preview.jpeg, about)
    bench.told(job.id)


def _asked(job: Job, bench: Bench) -> TryOn:
    """The request, with the pictures of assets that are still here and files of the others."""
    here = find_held(job, bench.assets)
    names = (name for name in input_names(job) if name not in here.assets)
    files = {name: bench.store.read_input(job.id, name) for name in names}
    return read_tryon(form_of(job, files, here), here, bench.form_limits)


def _results(made: Produced) -> JsonObject:
    outcome, first = made.outcome, made.outcome.pictures[0]
    return {
        "engine": cast(Json, engine_used(outcome.choice, outcome.sampling).model_dump()),
        "format": made.image_format,
        "images": len(made.pictures),
        "width": int(first.rgb.shape[1]),
        "height": int(first.rgb.shape[0]),
        "mask_source": outcome.mask_source,
        "effective_resolution": cast(Json, resolution(outcome).model_dump()),
    }


def _job_error(problem: Problem) -> JobError:
    return JobError(
        slug=problem.slug, detail=problem.detail, retryable=problem.type.retryable, field=problem.field
    )


LATE = _job_error(Problem("deadline-exceeded", "The job's time was up before it was done; send it again."))
NO_ROOM = _job_error(Problem("store-full", "There was no room for the result; try again later."))
