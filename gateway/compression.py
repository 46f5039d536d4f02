"""The page, its style sheets and scripts travel compressed: a third of their size on a phone's network.

Only what the gateway itself says, never what it relays: pictures gain nothing, and events must not be
gathered. No page repeats what a caller sent beside a secret, so sizes of answers tell nothing (BREACH).
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

TEXTS = frozenset({"text/html", "text/css", "text/javascript", "image/svg+xml"})
"""Media types of the gateway alone; inference answers with JSON, problems, events and pictures."""

LEAST_BYTES = 500
"""Below this it is one packet either way."""


def _compress(response: Response) -> Response:
    if response.mimetype not in TEXTS or response.status_code != 200:
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings.quality("gzip") or (response.content_length or 0) < LEAST_BYTES:
        return response
    response.direct_passthrough = False  # a file is read here instead of by the server
    response.set_data(gzip.compress(response.get_data(), mtime=0))
    response.content_encoding = "gzip"
    tag, _ = response.get_etag()
    if tag is not None:
        response.set_etag(tag, weak=True)  # the same text, other bytes: a copy in either form is current
    return response


def init_app(app: Flask) -> None:
    app.after_request(_compress)
