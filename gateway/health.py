"""Is the gateway alive, has inference started, and could they do their work now?"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, g, jsonify

from gateway.inference_client import InferenceClient
from gateway.problems import PROBLEM_TYPE, ProblemError

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
def live() -> Response:
    return jsonify(status="live")


@blueprint.get("/startup")
def startup() -> Response:
    """200 once inference has loaded everything; the gateway itself has nothing to load."""
    return _ask("startup", "started")


@blueprint.get("/ready")
def ready() -> Response:
    """200 when inference is ready too; otherwise a problem, inference's own where it has one."""
    return _ask("ready", "ready")


def _ask(what: str, good: str) -> Response:
    client: InferenceClient = current_app.extensions["cabine.inference"]
    status, content_type, body = client.health(what, g.request_id)
    if status == 200:
        return jsonify(status=good)
    if content_type.startswith(PROBLEM_TYPE):
        return Response(body, status, content_type=content_type)
    raise ProblemError("not-ready", "Inference runs but is not ready yet; it may still be loading.")
