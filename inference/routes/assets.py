"""``/v1/assets``: pictures uploaded once and used in several requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from inference.assets import Asset, OwnedAssets
from inference.checks import AssetKind, check
from inference.form import Form, missing
from inference.look import look_at
from inference.middleware import owner_of
from inference.opening import named
from inference.pictures import Picture
from inference.problems import Problem
from inference.routes.forms import ASSET_BODY, UPLOAD_REFUSALS, refusals
from inference.schemas import AssetAnswer, ChecksBody, LookAnswer, warning_bodies
from inference.service import Service, service_of
from inference.uploads import Part
from preprocess.decode import decode

router = APIRouter(tags=["assets"], prefix="/v1/assets")

KINDS = ("person", "garment")


@router.post(
    "",
    status_code=201,
    response_model=AssetAnswer,
    summary="Upload a picture for later requests",
    openapi_extra=ASSET_BODY,
    responses=refusals(*UPLOAD_REFUSALS, "store-full"),
)
async def post_asset(request: Request, response: Response) -> AssetAnswer:
    """Held in memory until it expires, together with what was prepared from it; the checks refuse nothing."""
    service = service_of(request)
    ticket = service.new_ticket()
    async with service.form(request) as parts:
        image, kind = read_asset(parts)
        assets = assets_of(request)
        asset = await service.in_queue(request, ticket, lambda turn: hold(image, kind, assets, service))
    response.headers["Location"] = f"/v1/assets/{asset.id}"
    return describe(asset)


@router.get(
    "/{asset_id}",
    response_model=AssetAnswer,
    summary="Look at an uploaded picture's checks",
    responses=refusals("not-found", "expired"),
)
async def get_asset(request: Request, asset_id: str) -> AssetAnswer:
    """Is it still held, and until when; the picture itself is never given out."""
    return describe(assets_of(request).get(asset_id))


@router.get(
    "/{asset_id}/look",
    response_model=LookAnswer,
    summary="Look closer at an uploaded picture",
    responses=refusals("not-found", "expired", "busy", "deadline-exceeded", "not-ready"),
)
async def get_look(request: Request, asset_id: str) -> LookAnswer:
    """What a try-on would warn of or be refused for, and what a garment is.

    It is prepared for that, as for a try-on, which is quicker afterwards.
    """
    service = service_of(request)
    asset = assets_of(request).get(asset_id)
    ticket = service.new_ticket()
    look = await service.in_queue(request, ticket, lambda turn: look_at(asset, service.tools.preparation))
    refusal = None if look.refusal is None else warning_bodies([look.refusal])[0]
    return LookAnswer(category=look.category, refusal=refusal, warnings=warning_bodies(look.warnings))


@router.delete(
    "/{asset_id}",
    status_code=204,
    summary="Forget an uploaded picture",
    responses=refusals("not-found", "expired"),
)
async def delete_asset(request: Request, asset_id: str) -> None:
    """It and everything made from it is gone from memory once running requests are done with it.

    So is what is kept of requests that sent the same file.
    """
    assets = assets_of(request)
    forgotten = assets.delete(asset_id)
    service_of(request).tools.reuse.of(assets.owner).forget(forgotten.picture)


def assets_of(request: Request) -> OwnedAssets:
    """Those of the caller's key."""
    return service_of(request).assets.of(owner_of(request.headers))


def read_asset(parts: Sequence[Part]) -> tuple[bytes, AssetKind]:
    """The file and what it shows; raises ``field-missing``, ``option-unsupported``."""
    form = Form(parts, ("image", "kind"))
    image = form.one("image")
    if image is None:
        raise missing("image")
    if not image.is_file:
        raise Problem(
            "option-unsupported", "'image' must be a file (curl: -F image=@photo.jpg).", field="image"
        )
    return image.data, cast(AssetKind, form.choice("kind", KINDS) or "person")


def hold(data: bytes, kind: AssetKind, assets: OwnedAssets, service: Service) -> Asset:
    """Decode, look at and keep a picture, in a thread."""
    with named("image"):
        picture = Picture(decode(data, service.tools.limits))
    checks = check(picture, kind, service.tools.preparation, service.settings.low_resolution_side)
    return assets.put(picture, kind, checks)


def describe(asset: Asset) -> AssetAnswer:
    checks = asset.checks
    return AssetAnswer(
        id=asset.id,
        kind=asset.kind,
        width=asset.picture.photo.width,
        height=asset.picture.photo.height,
        expires=datetime.fromtimestamp(asset.expires, UTC)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z"),
        checks=ChecksBody(
            person_visible=checks.person_visible,
            sharp=checks.sharp,
            large_enough=checks.large_enough,
            warnings=warning_bodies(checks.warnings),
        ),
    )
