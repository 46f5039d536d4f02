"""How often one key, or one address without a key, may ask; beyond it ``rate-limited`` with Retry-After."""

from __future__ import annotations

import ipaddress
import math
import time
from typing import Any

from flask import Flask, Response, g, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded

from gateway.access import is_public
from gateway.addresses import caller_address
from gateway.config import Settings
from gateway.keys import PAGE
from gateway.problems import ProblemError
from gateway.refusal import refuse

IPV6_SITE = 64
"""Bits of the network that one subscriber gets: counting single addresses would count nothing."""


STORAGE_TIMEOUT_S = 0.5
"""Longest wait for redis, and for a connection to it: counting must not hold requests up."""


def address() -> str:
    """What is counted for a caller without a key."""
    found = caller_address()
    if found is None:
        return "unknown"
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, IPV6_SITE), strict=False))


def _uncounted() -> bool:
    """Page, health and preflights cost nothing; signing in is counted, or keys could be guessed."""
    return is_public() and request.endpoint != "access.sign_in"


def _uncounted_by_address() -> bool:
    return _uncounted() or g.caller.kind == "key"


def _uncounted_by_key() -> bool:
    return _uncounted() or g.caller.key in {None, PAGE}


def _storage_options(storage: str) -> dict[str, Any]:
    """For redis, which would wait without end, and ask three more times with seconds between."""
    if storage.startswith("memory"):
        return {}
    from redis.backoff import NoBackoff  # the optional package; settings see that it is there
    from redis.retry import Retry

    once_more = Retry(NoBackoff(), 1)  # on a new connection: the one that was kept may be of another life
    return {
        "socket_timeout": STORAGE_TIMEOUT_S,
        "socket_connect_timeout": STORAGE_TIMEOUT_S,
        "retry": once_more,
    }


def init_app(app: Flask) -> None:
    """Between knowing the caller and refusing: attempts with wrong keys count too."""
    settings: Settings = app.extensions["cabine.settings"]
    by_address = ApplicationLimit(
        limit_provider=settings.rate_per_address,
        key_function=address,
        scope="address",
        exempt_when=_uncounted_by_address,
    )
    by_key = ApplicationLimit(
        limit_provider=settings.rate_per_key,
        key_function=lambda: str(g.caller.key),
        scope="key",
        exempt_when=_uncounted_by_key,
    )
    limiter = Limiter(
        key_func=address,
        application_limits=[limit for limit in (by_address, by_key) if limit.limit_provider],
        storage_uri=settings.rate_storage,
        storage_options=_storage_options(settings.rate_storage),
        # A store that is down must not take the service down: until it is back, this process counts alone.
        in_memory_fallback_enabled=True,
        headers_enabled=False,
    )
    limiter.init_app(app)

    def limited(_: RateLimitExceeded) -> Response:
        limit = limiter.current_limit
        seconds = 1 if limit is None else max(1, math.ceil(limit.reset_at - time.time()))
        words = f"Too many requests; try again in {seconds} s."
        return refuse(ProblemError("rate-limited", words, headers={"Retry-After": str(seconds)}))

    app.register_error_handler(RateLimitExceeded, limited)
