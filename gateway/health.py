"""Is the gateway alive, and could it do its work now?"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, g, jsonify

from gateway.inference_client import InferenceClient
from gateway.problems import ProblemError

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
def live() -> Response:
    return jsonify(status="live")


@blueprint.get("/ready")
def ready() -> Response:
    """200 when inference is ready too; otherwise a problem, within three seconds."""
    client: InferenceClient = current_app.extensions["cabine.inference"]
    status, _ = client.ready(g.request_id)
    if status != 200:
        raise ProblemError("not-ready", "Inference runs but is not ready yet; it may still be loading.")
    return jsonify(status="ready")
