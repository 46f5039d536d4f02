"""Our refusals in FASHN's words: names, statuses and fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Document = dict[str, Any]
"""A problem document (RFC 9457)."""

AtOnce = Literal[
    "BadRequest",
    "UnauthorizedAccess",
    "NotFound",
    "RateLimitExceeded",
    "ConcurrencyLimitExceeded",
    "InternalServerError",
    "ImageLoadError",
    "PoseError",
    "ContentModerationError",
]
Later = Literal[
    "ImageLoadError",
    "PoseError",
    "ContentModerationError",
    "InputValidationError",
    "PipelineError",
    "PollingTimeout",
    "InternalServerError",
]


@dataclass(frozen=True, kw_only=True)
class Names:
    """What FASHN calls a problem."""

    at_once: AtOnce
    """``error`` of a refusal."""
    later: Later
    """``error.name`` of a failed prediction."""


def _names(at_once: AtOnce, later: Later = "InternalServerError") -> Names:
    return Names(at_once=at_once, later=later)


_IMAGE = _names("ImageLoadError", "ImageLoadError")
_POSE = _names("PoseError", "PoseError")
_INPUT = _names("BadRequest", "InputValidationError")
_SERVER = _names("InternalServerError")
_PIPELINE = _names("InternalServerError", "PipelineError")

NAMES: Mapping[str, Names] = MappingProxyType(
    {
        "field-missing": _INPUT,
        "request-malformed": _INPUT,
        "not-found": _names("NotFound"),
        "method-not-allowed": _names("BadRequest"),
        "expired": _names("NotFound"),
        "not-acceptable": _names("BadRequest"),
        "idempotency-conflict": _names("BadRequest"),
        "store-full": _SERVER,
        "store-unavailable": _SERVER,
        "image-unreadable": _IMAGE,
        "image-too-large": _IMAGE,
        "image-too-small": _IMAGE,
        "unsupported-media-type": _IMAGE,
        "no-person": _POSE,
        "several-people": _POSE,
        "body-not-visible": _POSE,
        "no-garment": _INPUT,
        "category-conflict": _INPUT,
        "option-unsupported": _INPUT,
        "engine-unknown": _INPUT,
        "engine-unavailable": _PIPELINE,
        "not-ready": _SERVER,
        "busy": _names("ConcurrencyLimitExceeded"),
        "deadline-exceeded": _names("InternalServerError", "PollingTimeout"),
        "cancelled": _names("BadRequest"),
        "worker-lost": _PIPELINE,
        "out-of-memory": _PIPELINE,
        "content-refused": _names("ContentModerationError", "ContentModerationError"),
        "unauthorized": _names("UnauthorizedAccess"),
        "forbidden": _names("UnauthorizedAccess"),
        "rate-limited": _names("RateLimitExceeded"),
        "upstream-unavailable": _SERVER,
        "upstream-timeout": _SERVER,
        "upstream-bad": _SERVER,
        "internal": _SERVER,
    }
)
"""Every slug; that of a job can be any of them as far as this module knows."""

STATUSES: Mapping[int, int] = MappingProxyType({406: 400, 410: 404, 413: 400, 415: 400, 422: 400})
"""Ours to FASHN's where they differ: its SDK raises ``BadRequestError`` for 400 alone."""

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "person": "model_image",
        "garment": "garment_image",
        "photo": "garment_photo_type",
        "quality": "mode",
        "samples": "num_samples",
        "format": "output_format",
        "engine": "model_name",
    }
)
"""Ours to FASHN's where they differ."""


def is_spoken_at(path: str) -> bool:
    """Are answers of this address FASHN's?"""
    return path == "/v1/run" or path.startswith("/v1/status/")


def translated(slug: str, document: Document) -> Document:
    """The same problem with FASHN's status and field, and its ``error`` and ``message``."""
    field = document["field"]
    return {
        **document,
        "status": STATUSES.get(document["status"], document["status"]),
        "field": FIELDS.get(field, field),
        "error": NAMES[slug].at_once,
        "message": document["detail"],
    }


def retry_header(document: Document) -> dict[str, str]:
    """What the SDK obeys: without it, it would repeat every 409 and 5xx three times, hopeless or not."""
    return {"X-Should-Retry": "true" if document["retryable"] else "false"}
