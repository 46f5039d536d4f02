"""Pages of other sites use nothing here, also where a visitor's own browser reaches this service.

There are no keys between a browser on this machine and a service on its loopback: any page that it shows
could send photos and work to it. Programs and the gateway send none of the headers that are looked at.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from inference.problems import Problem, answer

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Whose answers browsers keep from other sites' pages."""


class OwnPagesOnly:
    """ASGI middleware: answers ``forbidden`` to what another site's page sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in READS and is_foreign(Headers(scope=scope)):
            words = "A page of another site sent this; send it from a program, or through the gateway."
            await answer(Problem("forbidden", words), scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_foreign(headers: Headers) -> bool:
    """Did a page send this that is not of this service?

    Its own is at an address, or ``localhost``: another name may be anybody's, who lets it point here.
    """
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return True
    origin, host = headers.get("origin"), headers.get("host", "").lower()
    return origin is not None and not (
        origin.lower() in {f"http://{host}", f"https://{host}"} and is_address(host)
    )


def is_address(host: str) -> bool:
    """``host`` as in the header of that name, with or without a port."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False
