"""How forms look in the API's documentation; :mod:`inference.uploads` reads them, not FastAPI."""

from __future__ import annotations

from typing import Any

from inference.problems import MEDIA_TYPE, TYPES
from inference.schemas import ProblemBody

Schema = dict[str, Any]
"""A piece of an OpenAPI document."""

IMAGE: Schema = {"type": "string", "format": "binary"}
IMAGE_OR_ASSET: Schema = {
    **IMAGE,
    "description": "A JPEG, PNG, WebP, AVIF or HEIC file, or (as a plain value) the id of an uploaded asset.",
}


def body(properties: dict[str, Schema], required: list[str], example: Schema | None = None) -> Schema:
    """The ``requestBody`` of a multipart form."""
    schema: Schema = {"type": "object", "properties": properties, "required": required}
    content: Schema = {"schema": schema}
    if example:
        content["example"] = example
    return {"requestBody": {"required": True, "content": {"multipart/form-data": content}}}


def refusals(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route for the problems it may answer."""
    by_status: dict[int | str, list[str]] = {}
    for slug in (*slugs, "internal"):
        by_status.setdefault(TYPES[slug].status, []).append(slug)
    return {
        status: {
            "description": ", ".join(f"`{slug}`" for slug in names),
            "content": {MEDIA_TYPE: {"schema": ProblemBody.model_json_schema()}},
        }
        for status, names in by_status.items()
    }


UPLOAD_REFUSALS = (
    "field-missing",
    "request-malformed",
    "unsupported-media-type",
    "image-unreadable",
    "image-too-large",
    "image-too-small",
    "option-unsupported",
    "not-found",
    "expired",
    "busy",
    "deadline-exceeded",
    "not-ready",
)

_TEXT: Schema = {"type": "string"}
_CATEGORY: Schema = {
    "type": "array",
    "items": _TEXT,
    "description": "One for each garment, in their order: auto, upper, ...",
}

TRYON_BODY = body(
    {
        "person": IMAGE_OR_ASSET,
        "garment": {"type": "array", "items": IMAGE_OR_ASSET, "minItems": 1, "maxItems": 4},
        "category": _CATEGORY,
        "photo": {
            "type": "array",
            "items": {"enum": ["auto", "flat", "worn"]},
            "description": "One for each garment.",
        },
        "description": {
            "type": "array",
            "items": _TEXT,
            "description": "Words about each garment, for engines that read.",
        },
        "engine": {**_TEXT, "default": "auto", "description": "auto or a name of GET /v1/engines."},
        "seed": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
        "steps": {"type": "integer", "minimum": 1},
        "guidance": {"type": "number", "minimum": 0},
        "samples": {
            "type": "integer",
            "minimum": 1,
            "maximum": 4,
            "description": "More than one is answered as JSON.",
        },
        "mask": {
            **IMAGE,
            "description": "Own mask: the size of the upright person photo, white = may change; one garment.",
        },
        "mask_algorithm": {"enum": ["default", "reference"]},
        "quality": {"enum": ["fast", "balanced", "best"]},
        "format": {"enum": ["png", "jpeg", "webp"], "default": "png"},
    },
    ["person", "garment"],
    {
        "person": "@samples/people/p1_man__base.jpg",
        "garment": ["@samples/garments/tshirt_print.jpg"],
        "category": ["upper"],
    },
)

ASSET_BODY = body(
    {"image": IMAGE, "kind": {"enum": ["person", "garment"], "default": "person"}},
    ["image"],
    {"image": "@samples/people/p1_man__base.jpg", "kind": "person"},
)
