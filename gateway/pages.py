"""The page and its sample photos."""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, g, render_template, request, send_file
from flask_wtf.csrf import generate_csrf

from gateway.callers import begin_session
from gateway.config import Settings
from gateway.samples import Sample, SampleShelf, thumbnail

blueprint = Blueprint("pages", __name__)

SAMPLE_MAX_AGE_S = 3600
"""Samples change only with a restart; an hour spares the reloads of a visit."""


@blueprint.get("/")
def index() -> str:
    """The page; where keys are set, for a session that began with one, unless the page is open to all."""
    settings: Settings = current_app.extensions["cabine.settings"]
    if g.caller.kind in {"unknown", "wrong"}:
        if settings.page == "key":
            return render_template("sign_in.html", wrong=request.args.get("key") == "wrong")
        begin_session(None)
    shelf: SampleShelf = current_app.extensions["cabine.samples"]
    return render_template(
        "page.html",
        people=shelf.people.values(),
        garments=shelf.garments.values(),
        max_file_mb=settings.max_file_mb,
        csrf_token="" if g.caller.kind == "open" else generate_csrf(),
    )


@blueprint.get("/samples/<kind>/<name>")
def sample(kind: str, name: str) -> Response:
    found = _find(kind, name)
    return send_file(found.path, mimetype=found.media_type, max_age=SAMPLE_MAX_AGE_S)


@blueprint.get("/samples/<kind>/<name>/thumbnail")
def sample_thumbnail(kind: str, name: str) -> Response:
    response = Response(thumbnail(_find(kind, name).path), content_type="image/webp")
    response.cache_control.max_age = SAMPLE_MAX_AGE_S
    return response


def _find(kind: str, name: str) -> Sample:
    shelf: SampleShelf = current_app.extensions["cabine.samples"]
    found = shelf.find(kind, name)
    if found is None:
        abort(404)
    return found
