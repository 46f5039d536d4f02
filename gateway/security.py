"""Headers that every answer carries. Other origins get the API only where the operator lists them."""

from __future__ import annotations

from flask import Flask, Response, request
from flask_cors import CORS

from gateway.config import Settings

HEADERS = {
    # blob: shows the chosen photo and the result, which exist only in the browser's memory.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    # The page takes a photo where its visitor asks for it.
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


HTTPS_ONLY = "max-age=31536000"
"""Only said over https; for this name alone, since the operator may have others."""

API = (r"/v1/*", r"/upload", r"/compose")
CORS_HEADERS = (
    "Authorization",
    "X-API-Key",
    "Content-Type",
    "Accept",
    "Prefer",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-Request-Id",
)
CORS_EXPOSED = (
    "Location",
    "Retry-After",
    "Preference-Applied",
    "Idempotency-Replayed",
    "X-Request-Id",
    "X-Cabine-Engine",
    "X-Cabine-Engine-Reason",
    "X-Cabine-License",
    "X-Cabine-Sampling",
    "X-Cabine-Seed",
    "X-Cabine-Confidence",
    "X-Cabine-Warnings",
    "X-Cabine-Mask-Source",
    "X-Cabine-Timings",
)
PREFLIGHT_S = 600


def _protect(response: Response) -> Response:
    response.headers.update(HEADERS)
    # Photos and results are private; what may be cached (style sheets, samples) says so itself.
    response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = HTTPS_ONLY
    return response


def init_app(app: Flask) -> None:
    app.after_request(_protect)
    settings: Settings = app.extensions["cabine.settings"]
    if settings.cors_origins:
        CORS(
            app,
            resources=list(API),
            origins=list(settings.cors_origins),
            methods=["GET", "POST", "DELETE"],
            allow_headers=list(CORS_HEADERS),
            expose_headers=list(CORS_EXPOSED),
            max_age=PREFLIGHT_S,
            supports_credentials=False,  # the page's session is for this origin alone
        )
