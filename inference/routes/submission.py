"""``Prefer: respond-async``: a try-on becomes a job."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from starlette.datastructures import Headers
from starlette.responses import Response

from inference.form import read_format
from inference.jobs.answers import describe
from inference.jobs.model import Idempotency, Job
from inference.jobs.request import Accepted
from inference.opening import open_inputs
from inference.pipeline import check
from inference.replays import REPLAYED, digest_of
from inference.routes.accept import JSON
from inference.selection import Choice
from inference.service import Service
from inference.tryon import TryOn
from inference.uploads import Part

RESPOND_ASYNC = "respond-async"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A request whose fields have been read."""

    asked: TryOn
    parts: tuple[Part, ...]
    choice: Choice
    request_id: str
    idempotency_key: str | None
    owner: str | None


def wants_job(headers: Headers) -> bool:
    """Is ``respond-async`` among the preferences (RFC 7240)?"""
    preferences = ",".join(headers.getlist("prefer")).split(",")
    return any(preference.partition(";")[0].strip().lower() == RESPOND_ASYNC for preference in preferences)


async def enqueue(proposal: Proposal, service: Service) -> tuple[Job, bool]:
    """The job, and whether it is new.

    Raises what a sync request would be refused for before anybody is looked for, and ``busy``,
    ``store-full``, ``store-unavailable``, ``idempotency-conflict``.
    """
    return await service.jobs.submit(
        proposal.choice.spec,
        proposal.owner,
        identify=partial(_identify, proposal),
        accept=partial(_accept, proposal, service),
    )


async def submit(proposal: Proposal, service: Service) -> Response:
    """202 with the job; raises as :func:`enqueue` does."""
    job, new = await enqueue(proposal, service)
    headers = {"Location": f"/v1/jobs/{job.id}", "Preference-Applied": RESPOND_ASYNC}
    if not new:
        headers[REPLAYED] = "true"
    body = describe(job, service.jobs).model_dump_json()
    return Response(body, status_code=202, media_type=JSON, headers=headers)


def _identify(proposal: Proposal) -> Idempotency | None:
    key = proposal.idempotency_key
    return None if key is None else Idempotency(key=key, digest=digest_of(proposal.parts))


def _accept(proposal: Proposal, service: Service) -> Accepted:
    """Every check that needs no preparation; the pictures are decoded again in their turn."""
    params = check(proposal.asked, proposal.choice)
    open_inputs(proposal.asked, service.tools.limits)
    return Accepted(
        asked=proposal.asked,
        parts=proposal.parts,
        choice=proposal.choice,
        params=params,
        image_format=read_format(proposal.parts) or "png",
        request_id=proposal.request_id,
        owner=proposal.owner,
    )
