"""The web side of Cabine: a page, ``/upload``, ``/compose``, and the inference API under ``/v1/*``.

It keeps no state and never looks inside a photo: bodies are streamed to the inference service as they arrive.
"""

from __future__ import annotations

from flask import Flask

from gateway import compose, health, pages, problems, proxy, request_log, security
from gateway.config import Settings
from gateway.inference_client import InferenceClient
from gateway.samples import SampleShelf
from gateway.upload_body import Drain

__all__ = ["Settings", "create_app"]


def create_app(settings: Settings | None = None) -> Flask:
    """Build the WSGI application; without ``settings`` they are read from the environment."""
    settings = settings or Settings()
    app = Flask(__name__)
    # A redirect from /v1//x would name whatever the Host header says.
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_bytes
    app.extensions["cabine.settings"] = settings
    app.extensions["cabine.inference"] = InferenceClient(settings)
    app.extensions["cabine.drain"] = Drain()
    app.extensions["cabine.samples"] = SampleShelf.read(settings.samples)
    for part in (request_log, security, problems):
        part.init_app(app)
    for blueprint in (pages.blueprint, compose.blueprint, proxy.blueprint, health.blueprint):
        app.register_blueprint(blueprint)
    return app
