"""``/upload`` and ``/compose``: the two short addresses of the API, each one call of the inference service.

Both take the same form fields as the call behind them, so the body is passed on unparsed.
"""

from __future__ import annotations

from flask import Blueprint, Response

from gateway.proxy import relay

blueprint = Blueprint("compose", __name__)


@blueprint.post("/upload")
def upload() -> Response:
    """Hold a photo for later: 201 with its id, size and checks."""
    return relay("/v1/assets")


@blueprint.post("/compose")
def compose() -> Response:
    """Put one or more garments (files or ids) on a person (file or id): 200 with the picture."""
    return relay("/v1/tryon")
