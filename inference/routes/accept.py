"""Content negotiation: which of the offered media types the Accept header prefers."""

from __future__ import annotations

from collections.abc import Sequence

from inference.problems import Problem

JSON = "application/json"


def preferred(accept: str | None, offers: Sequence[str]) -> str:
    """The best offer, the earlier one on equal terms; raises ``not-acceptable`` naming the offers."""
    if not accept or not accept.strip():
        return offers[0]
    ranges = [_parse(part) for part in accept.split(",") if part.strip()]
    weighted = [(_weight(offer, ranges), -index, offer) for index, offer in enumerate(offers)]
    weight, _, best = max(weighted)
    if weight <= 0:
        raise Problem("not-acceptable", f"This request can be answered as {', '.join(offers)}.")
    return best


def _parse(part: str) -> tuple[str, float]:
    media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, number = parameter.partition("=")
        if name == "q":
            quality = _number(number)
    return media_type, quality


def _number(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def _weight(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Quality of the most specific range that matches (RFC 9110, 12.5.1)."""
    family = offer.partition("/")[0] + "/*"
    for wanted in (offer, family, "*/*"):
        found = [quality for media_type, quality in ranges if media_type == wanted]
        if found:
            return max(found)
    return 0.0
