"""The page and its sample photos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, render_template, request, send_file
from flask_wtf.csrf import generate_csrf
from jinja2 import StrictUndefined

from gateway.callers import begin_session
from gateway.config import Settings
from gateway.problems import ProblemError
from gateway.samples import Sample, SampleShelf, thumbnail
from gateway.words import Catalogue, Words

blueprint = Blueprint("pages", __name__)

SAMPLE_MAX_AGE_S = 3600
"""Samples change only with a restart; an hour spares the reloads of a visit."""

FIRST = {"person": "p2_woman__base.jpg", "garment": "tshirt_print.jpg"}
"""What a visitor finds chosen, or the first where the operator has others: one press shows what this is."""

LAZY_MODULES = frozenset({"camera", "history-panel", "lens", "masking", "preprocess", "zoom"})
"""Scripts, and folders of scripts, that are fetched when they are first used."""


@blueprint.get("/")
def index() -> str:
    """The page; where keys are set, for a session that began with one, unless the page is open to all."""
    settings: Settings = current_app.extensions["cabine.settings"]
    if g.caller.kind in {"unknown", "wrong"}:
        if settings.page == "key":
            return page("sign_in.html", wrong=request.args.get("key") == "wrong")
        begin_session(None)
    shelf: SampleShelf = current_app.extensions["cabine.samples"]
    chosen = [_first(shelf.people, "person"), _first(shelf.garments, "garment")]
    token = "" if g.caller.kind == "open" else generate_csrf()
    words = words_of_visitor()
    return page(
        "page.html",
        people=shelf.people.values(),
        garments=shelf.garments.values(),
        chosen=chosen,
        csrf_token=token,
        signed_in=bool(token) and settings.page == "key",
        modules=modules(),
        reuse_s=round(settings.reuse_s),
        data={"words": words.texts, "maxFileMb": settings.max_file_mb, "csrfToken": token},
    )


def page(template: str, **values: Any) -> str:
    """A template with the words of the visitor's language."""
    words = words_of_visitor()
    return render_template(template, words=words.texts, language=words.language, **values)


def words_of_visitor() -> Words:
    catalogue: Catalogue = current_app.extensions["cabine.words"]
    return catalogue.best(request.accept_languages)


def modules() -> list[str]:
    """Scripts that the page begins with, told at once so that the browser fetches them side by side."""
    folder = Path(current_app.static_folder or "")
    scripts = sorted(folder.glob("app/**/*.js"))
    first = (path for path in scripts if LAZY_MODULES.isdisjoint({path.stem, path.parent.name}))
    return [path.relative_to(folder).as_posix() for path in first]


@blueprint.get("/samples/<kind>/<name>")
def sample(kind: str, name: str) -> Response:
    found = _find(kind, name)
    return send_file(found.path, mimetype=found.media_type, max_age=SAMPLE_MAX_AGE_S)


@blueprint.get("/samples/<kind>/<name>/thumbnail")
def sample_thumbnail(kind: str, name: str) -> Response:
    response = Response(thumbnail(_find(kind, name).path), content_type="image/webp")
    response.cache_control.max_age = SAMPLE_MAX_AGE_S
    return response


def _first(samples: Mapping[str, Sample], kind: str) -> Sample | None:
    return samples.get(FIRST[kind]) or next(iter(samples.values()), None)


def _find(kind: str, name: str) -> Sample:
    shelf: SampleShelf = current_app.extensions["cabine.samples"]
    found = shelf.find(kind, name)
    if found is None:
        raise ProblemError("not-found", "There is no such sample.")
    return found


def init_app(app: Flask) -> None:
    app.extensions["cabine.words"] = Catalogue.read()
    app.jinja_env.undefined = StrictUndefined  # a word that is missing fails a test instead of vanishing
