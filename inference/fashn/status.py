"""A job as FASHN tells of a prediction."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from inference.encode import MEDIA_TYPES
from inference.fashn.errors import NAMES, Later
from inference.jobs.desk import JobDesk
from inference.jobs.model import Job, State
from inference.jobs.request import format_of

Status = Literal["starting", "in_queue", "processing", "completed", "failed", "canceled", "time_out"]

STATUSES: dict[State, Status] = {
    "queued": "in_queue",
    "running": "processing",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "canceled",
}
"""An expired job is ``not-found``."""

BLOCK = 3 * 2**16
"""Bytes encoded at a time; a multiple of three, so that the pieces of base64 join."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class RunAnswer(_Answer):
    id: str = Field(description="Also that of the job: `/v1/jobs/{id}` tells more, and cancels.")
    error: None = None


class ErrorBody(_Answer):
    name: Later
    message: str


class StatusAnswer(_Answer):
    id: str
    status: Status
    output: list[str] | None = Field(description="Data URIs once it is `completed`, else null.")
    error: ErrorBody | None


def unfinished(job: Job) -> StatusAnswer:
    """A job that has no pictures: it waits, runs, failed or was cancelled."""
    error, status = job.error, STATUSES[job.state]
    if error is None:
        return StatusAnswer(id=job.id, status=status, output=None, error=None)
    name = NAMES[error.slug].later
    return StatusAnswer(
        id=job.id,
        status="time_out" if name == "PollingTimeout" else status,
        output=None,
        error=ErrorBody(name=name, message=error.detail),
    )


async def completed(job: Job, desk: JobDesk) -> AsyncIterator[str]:
    """The :class:`StatusAnswer` of a job that succeeded, in pieces: one picture in memory at a time.

    Raises what :meth:`JobDesk.result` raises where the pictures have gone meanwhile: before the first piece.
    """
    return _pieces(job, desk, await desk.result(job, "image-0"))


async def _pieces(job: Job, desk: JobDesk, picture: bytes) -> AsyncIterator[str]:
    """``picture`` is the first."""
    prefix = f"data:{MEDIA_TYPES[format_of(job)]};base64,"
    yield f'{{"id":"{job.id}","status":"completed","error":null,"output":['
    for index in range(cast(int, job.results["images"])):
        if index:
            picture = await desk.result(job, f"image-{index}")
        yield f'{"," if index else ""}"{prefix}'
        for start in range(0, len(picture), BLOCK):
            yield base64.b64encode(picture[start : start + BLOCK]).decode("ascii")
        yield '"'
    yield "]}"
