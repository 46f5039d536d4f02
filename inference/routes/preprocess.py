"""``/v1/preprocess/*``: single artefacts of a photo, as PNG or JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from inference.dispatch import Ticket
from inference.encode import encode_grey, encode_rgb, encode_rgba
from inference.engines.base import MaskAlgorithm
from inference.form import MASK_ALGORITHMS, PHOTO_KINDS, Form, missing
from inference.form import source as source_of
from inference.middleware import owner_of
from inference.opening import named, open_picture
from inference.pictures import Picture
from inference.preparation import CANVAS, PhotoKindAsked
from inference.routes.accept import JSON, preferred
from inference.routes.forms import IMAGE, IMAGE_OR_ASSET, UPLOAD_REFUSALS, body, refusals
from inference.schemas import FrameBody, GarmentAnswer, MaskAnswer, ParseAnswer, PoseAnswer, warning_bodies
from inference.service import Service, service_of
from preprocess.agnostic import CATEGORIES
from preprocess.artefacts import frame_json, landmarks_json, pose_json
from preprocess.geometry import unframe
from preprocess.overlays import draw_pose
from preprocess.pose import convert
from preprocess.types import BASIC_LABELS, Frame

router = APIRouter(tags=["preprocess"], prefix="/v1/preprocess")

PNG = "image/png"
POSE_TAGS = ("blaze33", "coco18", "body25")


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """One answer, both ways."""

    answer: BaseModel
    png: bytes


Step = Callable[[Form, Picture, Service], Artefact]


def _image(field: str, *options: str) -> dict[str, object]:
    return body({field: IMAGE_OR_ASSET, **{name: {"type": "string"} for name in options}}, [field])


def _answers(model: type[BaseModel], *slugs: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "content": {PNG: {"schema": IMAGE}}}, **refusals(*UPLOAD_REFUSALS, *slugs)}


async def answer(request: Request, field: str, options: Sequence[str], step: Step) -> Response:
    """Read the form, do one step in the queue, answer in the accepted format."""
    service = service_of(request)
    ticket = service.new_ticket()
    async with service.form(request) as parts:
        form = Form(parts, (field, *options))
        part = form.one(field)
        if part is None:
            raise missing(field)
        media_type = preferred(request.headers.get("accept"), (PNG, JSON))
        owner = owner_of(request.headers)
        source = source_of(part, service.assets.of(owner), field=field)

        def work(turn: Ticket) -> Response:
            picture = open_picture(source, service.tools.limits, service.tools.reuse.of(owner), field=field)
            with named(field):
                artefact = step(form, picture, service)
            content = artefact.png if media_type == PNG else artefact.answer.model_dump_json().encode()
            return Response(content, media_type=media_type)

        return await service.in_queue(request, ticket, work)


@router.post(
    "/pose",
    summary="Body landmarks",
    openapi_extra=_image("person", "tag"),
    responses=_answers(PoseAnswer, "no-person", "several-people", "body-not-visible"),
)
async def pose(request: Request) -> Response:
    """`tag`: `blaze33` (default), `coco18` or `body25`. The PNG shows them on the framed photo."""
    return await answer(request, "person", ("tag",), find_pose)


@router.post(
    "/parse",
    summary="Body part labels",
    openapi_extra=_image("person"),
    responses=_answers(ParseAnswer, "no-person", "several-people", "body-not-visible"),
)
async def parse(request: Request) -> Response:
    """The PNG holds one label a pixel, in the person's frame (names and frame: JSON)."""
    return await answer(request, "person", (), parse_person)


@router.post(
    "/mask",
    summary="What may change for a garment",
    openapi_extra=_image("person", "category", "mask_algorithm"),
    responses=_answers(MaskAnswer, "no-person", "several-people", "body-not-visible"),
)
async def mask(request: Request) -> Response:
    """White may change; the size of the upright photo, so that it can be edited and sent back as `mask`."""
    return await answer(request, "person", ("category", "mask_algorithm"), make_mask)


@router.post(
    "/garment",
    summary="A garment cut out of its photo",
    openapi_extra=_image("garment", "category", "photo"),
    responses=_answers(
        GarmentAnswer, "no-garment", "no-person", "several-people", "body-not-visible", "category-conflict"
    ),
)
async def garment(request: Request) -> Response:
    """The PNG has an alpha channel. `photo`: `flat`, `worn` by somebody, or `auto` (default)."""
    return await answer(request, "garment", ("category", "photo"), cut_garment)


def find_pose(form: Form, picture: Picture, service: Service) -> Artefact:
    tag = form.choice("tag", POSE_TAGS) or "blaze33"
    person = picture.person(service.tools.preparation, CANVAS)
    found = convert(person.pose, tag)  # type: ignore[arg-type]
    return Artefact(
        answer=PoseAnswer.model_validate(pose_json(found)),
        png=encode_rgb(draw_pose(person.image, found)),
    )


def parse_person(form: Form, picture: Picture, service: Service) -> Artefact:
    person = picture.person(service.tools.preparation, CANVAS)
    labels = person.parsing
    png = encode_grey(labels.labels)
    return Artefact(
        answer=ParseAnswer(
            tag=labels.tag,
            frame=_frame(labels.frame),
            labels=list(BASIC_LABELS),
            map=_base64(png),
            confidence=dict(labels.confidence),
            warnings=warning_bodies(person.notices),
        ),
        png=png,
    )


def make_mask(form: Form, picture: Picture, service: Service) -> Artefact:
    category = form.choice("category", CATEGORIES) or "upper"
    algorithm = cast(MaskAlgorithm, form.choice("mask_algorithm", MASK_ALGORITHMS) or "default")
    agnostic = picture.agnostic(service.tools.preparation, CANVAS, category, algorithm)
    size = (picture.photo.width, picture.photo.height)
    grey = np.rint(unframe(agnostic.alpha, agnostic.frame, size) * 255).astype(np.uint8)
    png = encode_grey(grey)
    return Artefact(
        answer=MaskAnswer(tag=agnostic.tag, frame=_frame(Frame.whole(*size)), mask=_base64(png)), png=png
    )


def cut_garment(form: Form, picture: Picture, service: Service) -> Artefact:
    category = form.choice("category", ("auto", *sorted(service.form_limits.categories))) or "auto"
    asked = cast(PhotoKindAsked, form.choice("photo", PHOTO_KINDS) or "auto")
    kind = picture.kind(service.tools.preparation, asked)
    cut = picture.garment(service.tools.preparation, category=category, kind=kind, description="")
    png = encode_rgba(cut.image, np.rint(cut.alpha * 255).astype(np.uint8))
    return Artefact(
        answer=GarmentAnswer(
            tag="garment",
            frame=_frame(cut.frame),
            category=cut.category,
            kind=cut.kind,
            sleeve_length=cut.sleeve_length,
            collar=None if cut.collar is None else cut.collar.kind,
            cutout_confidence=cut.cutout_confidence,
            landmarks=None if cut.landmarks is None else landmarks_json(cut.landmarks),
            cutout=_base64(png),
            warnings=warning_bodies(cut.notices),
        ),
        png=png,
    )


def _frame(frame: Frame) -> FrameBody:
    return FrameBody.model_validate(frame_json(frame))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
