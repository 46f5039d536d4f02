"""A job as its callers see it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from inference.jobs.desk import JobDesk
from inference.jobs.model import Job
from inference.jobs.previews import PREVIEW
from inference.problems import TYPES
from inference.schemas import EngineUsed, JobAnswer, ProblemBody, Resolution, WarningBody


def describe(job: Job, desk: JobDesk) -> JobAnswer:
    """The job object: the same for every way to ask."""
    results = cast(dict[str, Any], job.results if job.state == "succeeded" else {})
    size = results.get("effective_resolution")
    left = desk.remaining_s(job)
    return JobAnswer(
        id=job.id,
        state=job.state,
        queue_position=job.queue_position,
        stage=job.stage or None,
        step=job.step,
        steps=job.steps,
        eta_s=None if left is None else round(left, 1),
        attempts=job.attempts,
        engine=EngineUsed(**(results.get("engine") or cast(dict[str, Any], job.request["engine"]))),
        seed=cast(int | None, job.seed if job.seed is not None else job.request.get("seed")),
        confidence=job.confidence,
        warnings=[WarningBody(**cast(dict[str, Any], warning)) for warning in job.warnings],
        timings=dict(job.timings),
        error=_error(job),
        images=[f"/v1/jobs/{job.id}/images/{index}" for index in range(results.get("images", 0))],
        mask=f"/v1/jobs/{job.id}/mask" if results else None,
        previews=[address_of(job.id, name) for name in job.files if name.startswith(f"{PREVIEW}-")],
        format=results.get("format"),
        width=results.get("width"),
        height=results.get("height"),
        mask_source=results.get("mask_source"),
        effective_resolution=None if size is None else Resolution(**size),
        created=_time(job.created),
        started=None if job.started is None else _time(job.started),
        finished=None if job.finished is None else _time(job.finished),
        expires=None if job.expires is None else _time(job.expires),
        request_id=_request_id(job),
    )


def address_of(job_id: str, preview: str) -> str:
    """Where a preview is fetched; ``preview`` is the name of its file, ``preview-0``."""
    return f"/v1/jobs/{job_id}/previews/{preview.removeprefix(f'{PREVIEW}-')}"


def _error(job: Job) -> ProblemBody | None:
    """The problem that a caller who waited would have got."""
    error = job.error
    if error is None:
        return None
    kind = TYPES[error.slug]
    return ProblemBody(
        type=f"urn:cabine:error:{error.slug}",
        title=kind.title,
        status=kind.status,
        detail=error.detail,
        retryable=error.retryable,
        field=error.field,
        request_id=_request_id(job),
    )


def _request_id(job: Job) -> str:
    return str(job.request["request_id"])


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
