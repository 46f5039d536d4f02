"""``POST /v1/tryon``: a person and garments in, a picture out."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from inference.dispatch import Ticket
from inference.encode import MEDIA_TYPES, encode_grey
from inference.form import read_format, read_tryon
from inference.middleware import owner_of
from inference.problems import Problem
from inference.produce import Produced, engine_used, produce, resolution
from inference.replays import Entry, digest_of, key_of
from inference.routes.accept import JSON, preferred
from inference.routes.forms import IMAGE, TRYON_BODY, UPLOAD_REFUSALS, refusals
from inference.routes.submission import Proposal, submit, wants_job
from inference.schemas import JobAnswer, TryOnAnswer, warning_bodies
from inference.selection import Choice, choose
from inference.service import Service, service_of, while_connected
from inference.stages import Stages
from inference.tryon import ImageFormat, TryOn
from inference.uploads import Part

router = APIRouter(tags=["try-on"])

FORMAT_OF = {media_type: name for name, media_type in MEDIA_TYPES.items()}

HEADERS = {
    "X-Cabine-Engine": "Name and revision of the engine.",
    "X-Cabine-Engine-Reason": "Why this engine.",
    "X-Cabine-License": "Licence of the engine's weights.",
    "X-Cabine-Sampling": "How a generative engine drew it and what is approximate about it; else absent.",
    "X-Cabine-Seed": "The seed that was used.",
    "X-Cabine-Confidence": "0..1, the engine's own judgement.",
    "X-Cabine-Warnings": "Names of warnings, comma separated.",
    "X-Cabine-Mask-Source": "`input`, `derived` or `full`.",
    "X-Cabine-Timings": "Stages with milliseconds, in the syntax of Server-Timing.",
    "X-Request-Id": "The id of the request, to find it in the log.",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the caller takes for an answer."""

    media_type: str
    image_format: ImageFormat


@router.post(
    "/v1/tryon",
    summary="Try garments on",
    response_class=Response,
    openapi_extra=TRYON_BODY,
    responses={
        200: {
            "description": "The person wearing the garments, in the size of the upright photo.",
            "model": TryOnAnswer,
            "content": {media_type: {"schema": IMAGE} for media_type in FORMAT_OF},
            "headers": {
                name: {"description": words, "schema": {"type": "string"}} for name, words in HEADERS.items()
            },
        },
        202: {
            "description": "With `Prefer: respond-async`: the job.",
            "model": JobAnswer,
            "headers": {"Location": {"description": "Address of the job.", "schema": {"type": "string"}}},
        },
        **refusals(
            *UPLOAD_REFUSALS,
            "idempotency-conflict",
            "store-full",
            "store-unavailable",
            "not-acceptable",
            "no-person",
            "several-people",
            "body-not-visible",
            "no-garment",
            "category-conflict",
            "engine-unknown",
            "engine-unavailable",
            "content-refused",
            "out-of-memory",
        ),
    },
)
async def post_tryon(request: Request) -> Response:
    """Send `person` and one to four `garment`s, as files or as ids from `POST /v1/assets`.

    The answer is a picture; with `Accept: application/json` one object with pictures, mask and warnings.
    Every pixel outside the mask is identical to the photo (PNG). With `Prefer: respond-async` the answer is a
    job, which `GET /v1/jobs/{id}` tells about.

    With an `Idempotency-Key` the same request is worked on once, however often it is sent.
    """
    service = service_of(request)
    ticket = service.new_ticket()
    begun = await begin(request, service, ticket)
    if isinstance(begun, Response):
        return begun
    with service.callers.wait(ticket), anyio.move_on_after(ticket.left()):
        return await while_connected(request.receive, begun.again)
    words = "The request with this key that came before takes longer than this one may; try again later."
    raise Problem("deadline-exceeded", words)


async def begin(request: Request, service: Service, ticket: Ticket) -> Response | Entry:
    """The answer; or the request before, with the same key, whose answer is this one's too.

    Who waits for that holds nothing of its body any more.
    """
    key, owner = key_of(request.headers), owner_of(request.headers)
    async with service.form(request) as parts:

        def read() -> tuple[TryOn, Choice]:
            asked = read_tryon(parts, service.assets.of(owner), service.form_limits)
            return asked, choose(asked.options.engine, service.registry, service.settings, asked.categories)

        if wants_job(request.headers):
            request_id = str(request.scope["request_id"])
            proposal = Proposal(
                parts=parts, read=read, request_id=request_id, idempotency_key=key, owner=owner
            )
            return await submit(proposal, service)
        if key is None:
            return await work(request, parts, *read(), service, ticket)
        accept = request.headers.get("accept", "")
        digest = await anyio.to_thread.run_sync(digest_of, parts, accept, limiter=service.jobs.admission)
        earlier = service.replays.find(owner, key, digest)
        if earlier is not None:
            return earlier
        return await service.replays.keep(
            owner, key, digest, lambda: work(request, parts, *read(), service, ticket)
        )


async def work(
    request: Request, parts: tuple[Part, ...], asked: TryOn, choice: Choice, service: Service, ticket: Ticket
) -> Response:
    """The answer that is made anew."""
    wanted = negotiate(parts, request.headers.get("accept"), asked.options.samples or 1)
    request_id = str(request.scope["request_id"])
    return await service.in_queue(
        request,
        ticket,
        lambda turn: perform(asked, choice, wanted, service, turn, request_id),
        choice.spec,
    )


def negotiate(parts: tuple[Part, ...], accept: str | None, samples: int) -> Wanted:
    """Field ``format`` and the Accept header together; several samples are always JSON."""
    image_format = read_format(parts)
    pictures = list(MEDIA_TYPES.values()) if image_format is None else [MEDIA_TYPES[image_format]]
    media_type = preferred(accept, [JSON] if samples > 1 else [*pictures, JSON])
    return Wanted(media_type=media_type, image_format=FORMAT_OF.get(media_type) or image_format or "png")


def perform(
    asked: TryOn, choice: Choice, wanted: Wanted, service: Service, turn: Ticket, request_id: str
) -> Response:
    """The work of a request, in a thread."""
    stages = Stages(cancelled=turn.cancelled, meter=service.metrics.meter(choice.spec.name))
    made = produce(asked, choice, service.tools, stages, wanted.image_format)
    if wanted.media_type == JSON:
        return Response(as_json(made, request_id), media_type=JSON)
    return Response(made.pictures[0], media_type=wanted.media_type, headers=headers(made))


def headers(made: Produced) -> dict[str, str]:
    """What a plain picture answer says about itself."""
    outcome = made.outcome
    spec = outcome.choice.spec
    sampling = {"X-Cabine-Sampling": in_ascii(outcome.sampling)} if outcome.sampling else {}
    return {
        "X-Cabine-Engine": f"{spec.name}/{spec.revision}",
        "X-Cabine-Engine-Reason": in_ascii(outcome.choice.reason),
        "X-Cabine-License": in_ascii(spec.weights_license),
        **sampling,
        "X-Cabine-Seed": str(outcome.params.seed),
        "X-Cabine-Confidence": f"{outcome.confidence:.2f}",
        "X-Cabine-Warnings": ", ".join(notice.name for notice in outcome.notices),
        "X-Cabine-Mask-Source": outcome.mask_source,
        "X-Cabine-Timings": ", ".join(
            f"{name};dur={1000 * seconds:.0f}" for name, seconds in made.timings.items()
        ),
    }


def in_ascii(words: str) -> str:
    """One line that any client reads alike: a reason may name a folder in any script."""
    return " ".join(words.encode("ascii", "replace").decode().split())


def as_json(made: Produced, request_id: str) -> bytes:
    """The JSON answer, serialised."""
    outcome, first = made.outcome, made.outcome.pictures[0]
    answer = TryOnAnswer(
        images=[base64.b64encode(picture).decode() for picture in made.pictures],
        mask=base64.b64encode(encode_grey(first.mask)).decode(),
        format=made.image_format,
        width=first.rgb.shape[1],
        height=first.rgb.shape[0],
        mask_source=outcome.mask_source,
        seed=outcome.params.seed,
        engine=engine_used(outcome.choice, outcome.sampling),
        confidence=round(outcome.confidence, 4),
        warnings=warning_bodies(outcome.notices),
        timings={name: round(seconds, 4) for name, seconds in made.timings.items()},
        effective_resolution=resolution(outcome),
        request_id=request_id,
    )
    return json.dumps(answer.model_dump()).encode()
