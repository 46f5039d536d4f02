"""FASHN's API passes through like any other; only the gateway's own refusals need its words there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES: Mapping[str, str] = {
    "request-malformed": "BadRequest",
    "unauthorized": "UnauthorizedAccess",
    "forbidden": "UnauthorizedAccess",
    "not-found": "NotFound",
    "method-not-allowed": "BadRequest",
    "cancelled": "BadRequest",
    "image-too-large": "ImageLoadError",
    "busy": "ConcurrencyLimitExceeded",
    "rate-limited": "RateLimitExceeded",
    "internal": "InternalServerError",
    "upstream-bad": "InternalServerError",
    "upstream-unavailable": "InternalServerError",
    "not-ready": "InternalServerError",
    "deadline-exceeded": "InternalServerError",
    "upstream-timeout": "InternalServerError",
}
"""For every error of the gateway; with the statuses below a part of inference's, held equal by a test."""

STATUSES: Mapping[int, int] = {413: 400}


def is_spoken_at(path: str) -> bool:
    """Are answers of this address FASHN's?"""
    return path == "/v1/run" or path.startswith("/v1/status/")


def translated(slug: str, document: dict[str, Any]) -> dict[str, Any]:
    """The same problem with FASHN's status, and its ``error`` and ``message``."""
    status = STATUSES.get(document["status"], document["status"])
    return {**document, "status": status, "error": NAMES[slug], "message": document["detail"]}


def retry_header(document: Mapping[str, Any]) -> dict[str, str]:
    """What the SDK obeys: without it, it would repeat every 409 and 5xx three times, hopeless or not."""
    return {"X-Should-Retry": "true" if document["retryable"] else "false"}
