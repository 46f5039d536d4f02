"""``/v1/*``: the inference API, streamed both ways."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from urllib.parse import quote

from flask import Blueprint, Response, current_app, g, request

from gateway.inference_client import Answer, InferenceClient
from gateway.metrics import metrics_of
from gateway.problems import PROBLEM_TYPE, ProblemError, problem
from gateway.refusal import drain_later, upload
from gateway.upload_body import UploadBody

blueprint = Blueprint("proxy", __name__)

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110 section 7.6.1: about one connection, so never passed on."""

NOT_FORWARDED = HOP_BY_HOP | {
    "host",
    "content-length",
    "expect",
    "x-request-id",
    "cookie",
    "authorization",
    "x-api-key",
    "x-csrf-token",
    "origin",
    "sec-fetch-site",
}
"""Set anew for the next connection (length, host, id), already answered (expect), judged here (origin), or
nobody's business."""

OURS = "x-cabine-"
"""Headers that only this gateway may set towards inference."""

NOT_RETURNED = HOP_BY_HOP | {"server", "date", "set-cookie", "x-request-id"}


@blueprint.route("/v1/<path:rest>", methods=["GET", "POST", "DELETE"])
def v1(rest: str) -> Response:
    return relay(f"/v1/{rest}")


def relay(path: str) -> Response:
    """Send the current request to inference under ``path`` and stream the answer back."""
    body = upload()
    try:
        response = _exchange(_target(path), body)
    except ProblemError as error:
        response = problem(error.slug, error.detail, error.headers)
    return drain_later(response, body)


def _exchange(target: str, body: UploadBody | None) -> Response:
    client: InferenceClient = current_app.extensions["cabine.inference"]
    if body is not None:
        body.check_length()
    connection = request.environ.get("gunicorn.socket")
    started = monotonic()
    answer = client.send(request.method, target, _forwarded_headers(), body, connection)
    metrics_of(current_app).upstream(monotonic() - started)
    if answer.status >= 400 and not _is_problem(answer):
        answer.close()
        raise ProblemError("upstream-bad", "Inference failed without saying why.")
    response = Response(answer.blocks(), status=answer.status, headers=_returned_headers(answer, client))
    response.call_on_close(answer.close)
    return response


def _target(path: str) -> str:
    # The path arrives decoded; dot segments would be resolved on the way and leave /v1.
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise ProblemError(
            "not-found", "There is no such page; the API lies under /v1, /upload and /compose."
        )
    query = request.query_string.decode("latin-1")
    return quote(path, safe="/:@!$&'()*+,;=~-._") + (f"?{query}" if query else "")


def _forwarded_headers() -> dict[str, str]:
    dropped = NOT_FORWARDED | _listed_in_connection(request.headers.get("Connection", ""))
    headers = {
        name: value
        for name, value in request.headers.items()
        if name.lower() not in dropped and not name.lower().startswith(OURS)
    }
    headers["X-Request-Id"] = g.request_id
    if g.caller.key is not None:
        headers["X-Cabine-Key"] = g.caller.key
    return headers


def _returned_headers(answer: Answer, client: InferenceClient) -> Iterable[tuple[str, str]]:
    dropped = NOT_RETURNED | _listed_in_connection(answer.headers.get("Connection", ""))
    for name, value in answer.headers.items():
        lower = name.lower()
        if lower in dropped or lower.startswith("access-control-"):
            continue
        yield name, client.strip_address(value) if lower == "location" else value


def _listed_in_connection(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",")}


def _is_problem(answer: Answer) -> bool:
    return answer.headers.get("Content-Type", "").startswith(PROBLEM_TYPE)
