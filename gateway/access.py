"""What a caller may do: with keys set, nothing of the API without one; other sites act for nobody."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, g, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import validate_csrf
from wtforms import ValidationError

from gateway.callers import begin_session, key_ring
from gateway.config import Settings
from gateway.plain_form import take_token
from gateway.problems import ProblemError
from gateway.refusal import refuse

blueprint = Blueprint("access", __name__)

PUBLIC = frozenset({"pages", "health", "access"})
"""Blueprints that ask for nothing: the page (it asks for a key itself), samples, health, signing in."""

READS = frozenset({"GET", "HEAD", "OPTIONS"})

SMALL_FORM_BYTES = 4096
"""A form with one short field."""


def is_public() -> bool:
    """Does this address work without a key? Preflights do too: browsers send them without any."""
    named = request.endpoint is not None and request.endpoint != "static"
    return not named or request.blueprint in PUBLIC or request.method == "OPTIONS"


def _enforce() -> Response | None:
    try:
        _refuse_other_sites()
        if not is_public():
            _require_key()
    except ProblemError as error:
        return refuse(error)
    return None


def _refuse_other_sites() -> None:
    """A page of another site can make a browser send things; only keys, which it cannot know, count then."""
    settings: Settings = current_app.extensions["cabine.settings"]
    listed = request.headers.get("Origin") in settings.cors_origins
    if request.method not in READS and _is_foreign() and not listed and g.caller.kind != "key":
        raise ProblemError("forbidden", "Another site sent this; the operator has not listed it.")


def _is_foreign() -> bool:
    """Did another site's page send this? Over plain http browsers tell only their page's origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin, host = request.headers.get("Origin"), request.host.lower()
    return origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}


def _require_key() -> None:
    kind = g.caller.kind
    if kind in {"unknown", "wrong"}:
        words = (
            "This key is not accepted." if kind == "wrong" else "A key is needed: Authorization: Bearer KEY."
        )
        raise ProblemError("unauthorized", words, headers={"WWW-Authenticate": 'Bearer realm="cabine"'})
    if kind == "session" and request.method not in READS:
        _require_token()


def _require_token() -> None:
    """From a header, or the first field of the form that a browser posts without scripts.

    Flask-WTF's own hook would parse the whole form, and so spool photos to the disk.
    """
    try:
        validate_csrf(request.headers.get("X-CSRF-Token") or take_token())
    except ValidationError as error:
        raise ProblemError("forbidden", "The page is too old; load it again.") from error


@blueprint.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The page's form: a right key begins a session."""
    secret = _small_form_field("key")
    if secret is None:
        return refuse(NO_SMALL_FORM)
    key = key_ring(current_app).find(secret)
    if key is None:
        return redirect("/?key=wrong", 303)
    begin_session(key)
    return redirect("/", 303)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """The page's button: ends the session, which another site could not do for its visitors."""
    token = _small_form_field("csrf_token")
    if token is None:
        return refuse(NO_SMALL_FORM)
    try:
        validate_csrf(token)
    except ValidationError:
        return refuse(ProblemError("forbidden", "The page is too old; load it again."))
    session.clear()
    return redirect("/", 303)


NO_SMALL_FORM = ProblemError("request-malformed", "Send the form of the page.")


def _small_form_field(name: str) -> str | None:
    """A field of one of the page's small forms; None for a body that is none."""
    long = (request.content_length or 0) > SMALL_FORM_BYTES
    if request.mimetype != "application/x-www-form-urlencoded" or long:
        return None
    request.max_content_length = SMALL_FORM_BYTES
    return request.form.get(name, "")


def init_app(app: Flask) -> None:
    app.before_request(_enforce)
    app.register_blueprint(blueprint)
