"""Problems over HTTP (RFC 9457): one table of slugs, one exception, one answer format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from inference.engines.base import EngineUnavailable, OutOfMemory
from inference.fashn import errors as fashn
from preprocess.errors import InputError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, kw_only=True)
class ProblemType:
    status: int
    title: str
    retryable: bool = False
    """The same request may succeed later."""


def _type(status: int, title: str, *, retryable: bool = False) -> ProblemType:
    return ProblemType(status=status, title=title, retryable=retryable)


TYPES: Mapping[str, ProblemType] = MappingProxyType(
    {
        "field-missing": _type(422, "A field is missing"),
        "request-malformed": _type(400, "The request cannot be parsed"),
        "not-found": _type(404, "There is nothing here"),
        "method-not-allowed": _type(405, "This address takes another method"),
        "expired": _type(410, "This has expired"),
        "not-acceptable": _type(406, "No answer in an accepted format"),
        "idempotency-conflict": _type(409, "The idempotency key belongs to another request"),
        "store-full": _type(503, "The store is full", retryable=True),
        "store-unavailable": _type(503, "The store does not work", retryable=True),
        "worker-lost": _type(503, "The service stopped at this job", retryable=True),
        "image-unreadable": _type(422, "The image cannot be read"),
        "image-too-large": _type(413, "The image is too large"),
        "image-too-small": _type(422, "The image is too small"),
        "unsupported-media-type": _type(415, "This kind of data is not accepted"),
        "no-person": _type(422, "No person was found"),
        "several-people": _type(422, "There is more than one person"),
        "body-not-visible": _type(422, "Too little of the body is visible"),
        "no-garment": _type(422, "No garment was found"),
        "category-conflict": _type(422, "The garments do not fit their categories or each other"),
        "option-unsupported": _type(422, "An option is not supported"),
        "engine-unknown": _type(422, "There is no such engine"),
        "engine-unavailable": _type(503, "The engine cannot run here"),
        "not-ready": _type(503, "The service is starting", retryable=True),
        "busy": _type(429, "The service is busy", retryable=True),
        "deadline-exceeded": _type(504, "The request took too long", retryable=True),
        "cancelled": _type(409, "The request was cancelled"),
        "out-of-memory": _type(503, "There is not enough memory", retryable=True),
        "content-refused": _type(422, "The content was refused"),
        "unauthorized": _type(401, "A key is needed"),
        "forbidden": _type(403, "This is not allowed"),
        "rate-limited": _type(429, "Too many requests", retryable=True),
        "upstream-unavailable": _type(503, "The inference service cannot be reached", retryable=True),
        "upstream-timeout": _type(504, "The inference service did not answer in time", retryable=True),
        "upstream-bad": _type(502, "The inference service answered nonsense", retryable=True),
        "internal": _type(500, "Something went wrong on this side"),
    }
)


class Problem(Exception):  # noqa: N818 - the name RFC 9457 gives it
    """A refusal that an HTTP client sees; ``detail`` says what was got, what is accepted, what to do."""

    def __init__(
        self, slug: str, detail: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.type = TYPES[slug]
        self.slug = slug
        self.detail = detail
        self.field = field
        self.headers = dict(headers or {})


def answer(problem: Problem, scope: Scope) -> Response:
    """The ``application/problem+json`` response of a problem, in the words of the address that was asked."""
    headers = problem.headers
    body: fashn.Document = {
        "type": f"urn:cabine:error:{problem.slug}",
        "title": problem.type.title,
        "status": problem.type.status,
        "detail": problem.detail,
        "retryable": problem.type.retryable,
        "field": problem.field,
        "request_id": str(scope.get("request_id", "")),
    }
    if fashn.is_spoken_at(scope["path"]):
        body = fashn.translated(problem.slug, body)
        headers = headers | fashn.retry_header(body)
    return Response(
        json.dumps(body, ensure_ascii=False),
        status_code=body["status"],
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def from_input_error(error: InputError, *, field: str | None = None) -> Problem:
    """The problem of a refused input; ``field`` counts where the error does not know its own."""
    return Problem(error.slug, error.detail, field=error.field or field)


def problem_of(error: Exception) -> Problem:
    """What a client is told of an error; of one that nobody expected, nothing: ``internal``."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, InputError):
        return from_input_error(error)
    if isinstance(error, EngineUnavailable):
        return Problem("engine-unavailable", str(error), field="engine")
    if isinstance(error, OutOfMemory):
        return Problem("out-of-memory", str(error))
    if isinstance(error, MemoryError):
        words = "There is not enough memory for this request now; try a smaller photo."
        return Problem("out-of-memory", words)
    words = "Something went wrong on this side; the request id finds it in the log."
    return Problem("internal", words)


def from_http_exception(error: HTTPException, path: str) -> Problem:
    """Routing errors of the framework in our words."""
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return Problem("method-not-allowed", f"{path} takes {allowed}.", headers={"Allow": allowed})
    if error.status_code == 404:
        return Problem("not-found", f"There is nothing at {path}. GET /docs lists every address.")
    return Problem("request-malformed", str(error.detail))


def install(app: FastAPI) -> None:
    """Every refusal leaves the application as a problem document."""

    async def on_problem(request: Request, error: Exception) -> Response:
        return answer(error, request.scope)  # type: ignore[arg-type]

    async def on_input_error(request: Request, error: Exception) -> Response:
        return answer(from_input_error(error), request.scope)  # type: ignore[arg-type]

    async def on_http(request: Request, error: Exception) -> Response:
        return answer(from_http_exception(error, request.url.path), request.scope)  # type: ignore[arg-type]

    async def on_validation(request: Request, error: Exception) -> Response:
        first = error.errors()[0]  # type: ignore[attr-defined]
        name = str(first["loc"][-1])
        return answer(Problem("option-unsupported", f"{name}: {first['msg']}.", field=name), request.scope)

    async def on_unavailable(request: Request, error: Exception) -> Response:
        return answer(Problem("engine-unavailable", str(error), field="engine"), request.scope)

    async def on_memory(request: Request, error: Exception) -> Response:
        return answer(Problem("out-of-memory", str(error)), request.scope)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(OutOfMemory, on_memory)
    app.add_exception_handler(EngineUnavailable, on_unavailable)
    app.add_exception_handler(InputError, on_input_error)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)
