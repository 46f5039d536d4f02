"""Who sends a request: the holder of a key, a session of the page, or nobody known."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal, cast

from flask import Flask, current_app, g, request, session
from flask.sessions import SecureCookieSessionInterface

from gateway.config import Settings
from gateway.keys import PAGE, Key, KeyRing, parse

SESSION_S = 12 * 3600
"""A session of the page lasts a working day at most; the browser forgets it earlier, when it is closed."""

PRINT_LENGTH = 16
"""Hex digits of a key's digest in its session: a session ends when its name gets another key."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """``open``: no keys are set. ``unknown``: neither key nor session. ``wrong``: a key that is not ours."""

    kind: Literal["open", "key", "session", "unknown", "wrong"]
    key: str | None = None
    """Name of the key, which inference and the log are told."""


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        """Flask's setting is fixed at start, but one gateway may be reached both ways."""
        return request.is_secure

    def get_cookie_name(self, app: Flask) -> str:
        """Over https one that browsers take from no other host, not even from a neighbour's subdomain."""
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if request.is_secure else name


def key_ring(app: Flask) -> KeyRing:
    return cast(KeyRing, app.extensions["cabine.keys"])


def begin_session(key: Key | None) -> None:
    """The page acts for the holder of ``key`` from now on; None: for whoever opened it."""
    session.clear()  # what another visitor of this browser did does not carry over
    session["key"] = PAGE if key is None else key.name
    session["print"] = "" if key is None else key.digest[:PRINT_LENGTH]


def _identify() -> None:
    g.caller = _caller(key_ring(current_app))


def _caller(ring: KeyRing) -> Caller:
    if not ring:
        return Caller(kind="open")
    offered = _offered_key()
    if offered is not None:
        key = ring.find(offered)
        return Caller(kind="wrong") if key is None else Caller(kind="key", key=key.name)
    name = session.get("key")
    if name is not None and _is_valid_session(name, ring):
        return Caller(kind="session", key=name)
    return Caller(kind="unknown")


def _offered_key() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.headers.get("X-API-Key")


def _is_valid_session(name: str, ring: KeyRing) -> bool:
    settings: Settings = current_app.extensions["cabine.settings"]
    if name == PAGE:
        return settings.page == "open"
    return session.get("print") in {key.digest[:PRINT_LENGTH] for key in ring.of(name)}


def init_app(app: Flask) -> None:
    settings: Settings = app.extensions["cabine.settings"]
    app.extensions["cabine.keys"] = KeyRing(parse(settings.api_keys))
    app.session_interface = _Sessions()
    app.config.update(
        SECRET_KEY=settings.session_secret.get_secret_value() or secrets.token_bytes(32),
        SESSION_COOKIE_NAME="cabine_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=SESSION_S,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session, which has its own limit
    )
    app.before_request(_identify)
