"""``/v1/run`` and ``/v1/status/{id}``: FASHN's API over the jobs of this service."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from inference.fashn.errors import NAMES, STATUSES
from inference.fashn.fields import Inputs, Run, check_promises, engine_of, form_of, read_run
from inference.fashn.status import RunAnswer, StatusAnswer, completed, unfinished
from inference.form import read_tryon
from inference.middleware import owner_of
from inference.problems import MEDIA_TYPE, TYPES, Problem
from inference.replays import REPLAYED, key_of
from inference.routes.accept import JSON
from inference.routes.forms import Schema
from inference.routes.jobs import look
from inference.routes.submission import Proposal, enqueue
from inference.schemas import ProblemBody
from inference.selection import choose
from inference.service import Service, service_of
from inference.uploads import read_json

router = APIRouter(tags=["FASHN-compatible"], prefix="/v1")


class RefusalBody(ProblemBody):
    """A problem document that FASHN's clients read too."""

    error: str
    message: str


def refusals(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route for the problems it may answer, by FASHN's statuses."""
    by_status: dict[int | str, list[str]] = {}
    for slug in (*slugs, "internal"):
        status = STATUSES.get(TYPES[slug].status, TYPES[slug].status)
        by_status.setdefault(status, []).append(f"`{slug}` ({NAMES[slug].at_once})")
    return {
        status: {
            "description": ", ".join(names),
            "content": {MEDIA_TYPE: {"schema": RefusalBody.model_json_schema()}},
        }
        for status, names in by_status.items()
    }


RUN_SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "model_name": Run.model_json_schema()["properties"]["model_name"],
        "inputs": Inputs.model_json_schema(),
    },
    "required": ["model_name", "inputs"],
    "additionalProperties": False,
}


@router.post(
    "/run",
    response_model=RunAnswer,
    summary="Begin a prediction",
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": RUN_SCHEMA}}}},
    responses=refusals(
        "field-missing",
        "request-malformed",
        "image-unreadable",
        "image-too-large",
        "image-too-small",
        "unsupported-media-type",
        "option-unsupported",
        "engine-unknown",
        "engine-unavailable",
        "idempotency-conflict",
        "busy",
        "store-full",
        "store-unavailable",
        "deadline-exceeded",
        "not-ready",
    ),
)
async def post_run(request: Request) -> Response:
    """For FASHN's SDK, with pictures as data URIs in both directions. An `Idempotency-Key` works too."""
    if "webhook_url" in request.query_params:
        words = "No address is called from here, so there are no webhooks; ask GET /v1/status/ID."
        raise Problem("option-unsupported", words, field="webhook_url")
    service = service_of(request)
    async with service.received(request, read_json) as body:
        proposal = await anyio.to_thread.run_sync(
            _propose, body, request, service, limiter=service.jobs.admission
        )
        job, new = await enqueue(proposal, service)
    headers = {} if new else {REPLAYED: "true"}
    return Response(RunAnswer(id=job.id).model_dump_json(), media_type=JSON, headers=headers)


def _propose(body: bytearray, request: Request, service: Service) -> Proposal:
    """The try-on that a body asks for, in a thread: base64 of large pictures takes a while."""
    run = read_run(body)
    body.clear()  # its texts have been copied
    owner = owner_of(request.headers)
    check_promises(run.inputs, judged=bool(service.settings.policy))
    engine = engine_of(run, service.registry)
    choice = choose(engine, service.registry, service.settings, run.inputs.categories)
    parts = form_of(run, engine, choice.spec, most=service.settings.max_file_bytes)
    asked = read_tryon(parts, service.assets.of(owner), service.form_limits)
    return Proposal(
        parts=parts,
        read=lambda: (asked, choice),
        request_id=str(request.scope["request_id"]),
        idempotency_key=key_of(request.headers),
        owner=owner,
    )


@router.get(
    "/status/{prediction_id}",
    response_model=StatusAnswer,
    summary="Look at a prediction",
    responses=refusals("not-found", "expired", "not-ready", "store-unavailable"),
)
async def get_status(request: Request, prediction_id: str) -> StatusAnswer | Response:
    """A failed prediction is an answer like others (200); its `error` says why."""
    desk, job = await look(request, prediction_id)
    if job.state == "succeeded":
        return StreamingResponse(await completed(job, desk), media_type=JSON)
    return unfinished(job)
