"""Headers that every answer carries. Nothing is shared with other origins: no CORS header is ever sent."""

from __future__ import annotations

from flask import Flask, Response

HEADERS = {
    # blob: shows the chosen photo and the result, which exist only in the browser's memory.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def _protect(response: Response) -> Response:
    response.headers.update(HEADERS)
    # Photos and results are private; what may be cached (style sheets, samples) says so itself.
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def init_app(app: Flask) -> None:
    app.after_request(_protect)
