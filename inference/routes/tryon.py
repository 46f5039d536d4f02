"""``POST /v1/tryon``: a person and garments in, a picture out."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from inference.dispatch import Ticket
from inference.encode import MEDIA_TYPES, encode_grey
from inference.form import read_format, read_tryon
from inference.pipeline import Outcome, Stages, encode_pictures, try_on
from inference.routes.accept import JSON, preferred
from inference.routes.forms import IMAGE, TRYON_BODY, UPLOAD_REFUSALS, refusals
from inference.schemas import EngineUsed, Resolution, TryOnAnswer, warning_bodies
from inference.selection import Choice, choose
from inference.service import Service, service_of
from inference.tryon import ImageFormat, TryOn
from inference.uploads import Part

router = APIRouter(tags=["try-on"])
log = structlog.get_logger("cabine.tryon")

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
        **refusals(
            *UPLOAD_REFUSALS,
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
    Every pixel outside the mask is identical to the photo (PNG).
    """
    service = service_of(request)
    ticket = service.new_ticket()
    async with service.form(request) as parts:
        asked = read_tryon(parts, service.assets, service.form_limits)
        wanted = negotiate(parts, request.headers.get("accept"), asked.options.samples or 1)
        choice = choose(asked.options.engine, service.registry, service.settings, asked.categories)
        request_id = str(request.scope["request_id"])
        return await service.in_queue(
            request, ticket, lambda turn: perform(asked, choice, wanted, service, turn, request_id)
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
    stages = Stages(cancelled=turn.cancelled)
    outcome = try_on(asked, choice, service.tools, stages)
    pictures = encode_pictures(outcome, wanted.image_format, stages)
    log.info(
        "tryon",
        engine=choice.spec.name,
        sampling=outcome.sampling,
        confidence=round(outcome.confidence, 3),
        warnings=[notice.name for notice in outcome.notices],
        timings={name: round(seconds, 3) for name, seconds in stages.seconds.items()},
    )
    if wanted.media_type == JSON:
        answer = as_json(outcome, pictures, wanted.image_format, stages.seconds, request_id)
        return Response(answer, media_type=JSON)
    return Response(pictures[0], media_type=wanted.media_type, headers=headers(outcome, stages.seconds))


def headers(outcome: Outcome, timings: dict[str, float]) -> dict[str, str]:
    """What a plain picture answer says about itself."""
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
            f"{name};dur={1000 * seconds:.0f}" for name, seconds in timings.items()
        ),
    }


def in_ascii(words: str) -> str:
    """One line that any client reads alike: a reason may name a folder in any script."""
    return " ".join(words.encode("ascii", "replace").decode().split())


def as_json(
    outcome: Outcome,
    pictures: tuple[bytes, ...],
    image_format: ImageFormat,
    timings: dict[str, float],
    request_id: str,
) -> bytes:
    """The JSON answer, serialised."""
    spec, frame = outcome.choice.spec, outcome.working_frame
    first = outcome.pictures[0]
    answer = TryOnAnswer(
        images=[base64.b64encode(picture).decode() for picture in pictures],
        mask=base64.b64encode(encode_grey(first.mask)).decode(),
        format=image_format,
        width=first.rgb.shape[1],
        height=first.rgb.shape[0],
        mask_source=outcome.mask_source,
        seed=outcome.params.seed,
        engine=EngineUsed(
            name=spec.name,
            revision=spec.revision,
            license=spec.weights_license,
            reason=outcome.choice.reason,
            preview=spec.preview,
            sampling=outcome.sampling,
        ),
        confidence=round(outcome.confidence, 4),
        warnings=warning_bodies(outcome.notices),
        timings={name: round(seconds, 4) for name, seconds in timings.items()},
        effective_resolution=Resolution(width=frame.width, height=frame.height, scale=frame.scale),
        request_id=request_id,
    )
    return json.dumps(answer.model_dump()).encode()
