"""``Prefer: respond-async``: a try-on becomes a job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio.to_thread
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
    """A request that wants to become a job."""

    parts: tuple[Part, ...]
    read: Callable[[], tuple[TryOn, Choice]]
    """What its parts say, and who does it; raises what it is refused for. Not asked of a request that was
    accepted before: the assets that it names may have gone since."""
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
    jobs, owner, key = service.jobs, proposal.owner, proposal.idempotency_key
    idempotency = None
    if key is not None:
        digest = await anyio.to_thread.run_sync(digest_of, proposal.parts, limiter=jobs.admission)
        idempotency = Idempotency(key=key, digest=digest)
        earlier = await jobs.recall(owner, idempotency)
        if earlier is not None:
            return earlier, False
    asked, choice = proposal.read()
    return await jobs.submit(
        choice.spec,
        owner,
        idempotency=idempotency,
        accept=lambda: _accept(proposal, asked, choice, service),
    )


async def submit(proposal: Proposal, service: Service) -> Response:
    """202 with the job; raises as :func:`enqueue` does."""
    job, new = await enqueue(proposal, service)
    headers = {"Location": f"/v1/jobs/{job.id}", "Preference-Applied": RESPOND_ASYNC}
    if not new:
        headers[REPLAYED] = "true"
    body = describe(job, service.jobs).model_dump_json()
    return Response(body, status_code=202, media_type=JSON, headers=headers)


def _accept(proposal: Proposal, asked: TryOn, choice: Choice, service: Service) -> Accepted:
    """Every check that needs no preparation; the pictures are decoded again in their turn."""
    params = check(asked, choice)
    open_inputs(asked, service.tools.limits, service.tools.reuse.of(asked.owner))
    return Accepted(
        asked=asked,
        parts=proposal.parts,
        choice=choice,
        params=params,
        image_format=read_format(proposal.parts) or "png",
        request_id=proposal.request_id,
        owner=proposal.owner,
    )
