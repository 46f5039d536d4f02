"""``/v1/jobs``: what became of a try-on that was sent with ``Prefer: respond-async``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from inference.encode import MEDIA_TYPES
from inference.jobs.answers import describe
from inference.jobs.desk import JobDesk
from inference.jobs.model import Job
from inference.jobs.previews import PREVIEW
from inference.middleware import owner_of
from inference.routes.event_stream import EventStream, last_event_id
from inference.routes.forms import IMAGE, refusals
from inference.schemas import JobAnswer
from inference.service import service_of, while_connected

router = APIRouter(tags=["jobs"], prefix="/v1/jobs")

Responses = dict[int | str, dict[str, Any]]

REFUSALS = ("not-found", "expired", "not-ready", "store-unavailable")
GONE: Responses = {204: {"description": "It had finished; its results are removed."}}
SEEN: Responses = {204: {"description": "It is done, and `Last-Event-ID` says that you know: stop asking."}}

Seconds = Annotated[
    float, Query(ge=0, description="Answer only when the job is done, or after this many seconds.")
]


@router.get(
    "/{job_id}", response_model=JobAnswer, summary="Look at a job", responses=refusals(*REFUSALS, "busy")
)
async def get_job(request: Request, job_id: str, wait: Seconds = 0) -> JobAnswer:
    """With `wait` a long poll, for clients that cannot read events; bounded by `CABINE_JOB_WAIT_S`."""
    desk, job = await look(request, job_id)
    seconds = min(wait, service_of(request).settings.job_wait_s)
    if seconds > 0 and not job.done:
        job = await while_connected(request.receive, lambda: desk.wait(job, seconds))
    return describe(job, desk)


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=Response,
    responses={
        200: {"description": "Server-sent events.", "content": {"text/event-stream": {}}},
        **SEEN,
        **refusals(*REFUSALS, "busy", "option-unsupported"),
    },
)
async def get_events(request: Request, job_id: str) -> Response:
    """`job` at once, then what happens (`queued`, `running`, `progress`, `preview`), then `done`; the first
    and the last carry the job object. A client that comes back with `Last-Event-ID` gets what it missed.
    """
    seen = last_event_id(request.headers)
    desk, job = await look(request, job_id)
    if job.done and seen is not None and seen >= job.last_event:
        return Response(status_code=204)
    return EventStream(job, seen, desk)


@router.get(
    "/{job_id}/images/{index}",
    summary="A picture of a finished job",
    response_class=Response,
    responses={
        200: {"content": {media_type: {"schema": IMAGE} for media_type in MEDIA_TYPES.values()}},
        **refusals(*REFUSALS),
    },
)
async def get_image(request: Request, job_id: str, index: Annotated[int, Path(ge=0, le=999)]) -> Response:
    """`format` of the request decides the media type."""
    desk, job = await look(request, job_id)
    data = await desk.result(job, f"image-{index}")
    return Response(data, media_type=MEDIA_TYPES[job.results["format"]])  # type: ignore[index]


@router.get(
    "/{job_id}/mask",
    summary="What changed in the picture",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": IMAGE}}}, **refusals(*REFUSALS)},
)
async def get_mask(request: Request, job_id: str) -> Response:
    """8 bit grey, the photo's size; 0 = identical to the photo."""
    desk, job = await look(request, job_id)
    return Response(await desk.result(job, "mask"), media_type="image/png")


@router.get(
    "/{job_id}/previews/{index}",
    summary="A picture to show while a job runs",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {"schema": IMAGE}}}, **refusals(*REFUSALS)},
)
async def get_preview(request: Request, job_id: str, index: Annotated[int, Path(ge=0, le=999)]) -> Response:
    """Rough and at most 1024 pixels long, whatever `format` and size the result will have."""
    desk, job = await look(request, job_id)
    return Response(await desk.result(job, f"{PREVIEW}-{index}"), media_type=MEDIA_TYPES["jpeg"])


@router.delete(
    "/{job_id}",
    response_model=JobAnswer,
    summary="Cancel a job, or remove its results",
    responses={**GONE, **refusals("not-found", "not-ready", "store-unavailable")},
)
async def delete_job(request: Request, job_id: str) -> JobAnswer | Response:
    """A queued job is cancelled at once, a running one at its next step; of a finished one all is removed."""
    desk = service_of(request).jobs
    await desk.find_of(owner_of(request.headers), job_id)
    job = await desk.cancel(job_id)
    return Response(status_code=204) if job is None else describe(job, desk)


async def look(request: Request, job_id: str) -> tuple[JobDesk, Job]:
    """The job, and whom to ask about it; raises ``not-found`` where it is another key's, and ``expired``."""
    desk = service_of(request).jobs
    return desk, await desk.get_of(owner_of(request.headers), job_id)
