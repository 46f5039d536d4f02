"""The web side of Cabine: a page, ``/upload``, ``/compose``, and the inference API under ``/v1/*``.

It keeps no state and never looks inside a photo: bodies are streamed to the inference service as they arrive.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from gateway import (
    access,
    callers,
    compose,
    compression,
    health,
    metrics,
    pages,
    plain_form,
    problems,
    proxy,
    rates,
    request_log,
    security,
)
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
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    # In the order of what they do before a request: name it, know its caller, count it, let it in.
    for part in (
        metrics,
        request_log,
        security,
        compression,
        problems,
        callers,
        rates,
        access,
        pages,
        plain_form,
    ):
        part.init_app(app)
    for blueprint in (pages.blueprint, compose.blueprint, proxy.blueprint, health.blueprint):
        app.register_blueprint(blueprint)
    return app
