"""The page's form where no script runs: the browser posts it, and shows whatever comes back.

Its token is its first field. It is read here, byte for byte as browsers write it, and taken out of the body;
what follows, the photos among it, is passed on unread.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, current_app, g, json, request

from gateway.config import Settings
from gateway.pages import page, words_of_visitor
from gateway.problems import PROBLEM_TYPE

ENDPOINT = "compose.compose"
FIELD = "csrf_token"

LONGEST_LINE = 512
"""Bytes: a boundary, a header and a token are shorter."""


def take_token() -> str | None:
    """The token of the form, or None where the body does not begin with one."""
    boundary = request.mimetype_params.get("boundary")
    if request.endpoint != ENDPOINT or request.mimetype != "multipart/form-data" or not boundary:
        return None
    if not request.content_length:  # browsers say how long their forms are
        return None
    expected = [f"--{boundary}\r\n", f'Content-Disposition: form-data; name="{FIELD}"\r\n', "\r\n"]
    for line in expected:
        if _next_line() != line.encode():
            return None
    return _next_line().decode("ascii", "replace").removesuffix("\r\n")


def _next_line() -> bytes:
    line: bytes = request.environ["wsgi.input"].readline(LONGEST_LINE)
    g.taken_bytes = g.get("taken_bytes", 0) + len(line)
    return line


def _explain(response: Response) -> Response:
    """A refusal of the form as a page: there is no script that would put it into words."""
    asked_by_browser = "text/html" in request.headers.get("Accept", "")
    if request.endpoint != ENDPOINT or response.mimetype != PROBLEM_TYPE or not asked_by_browser:
        return response
    problem: dict[str, Any] = json.loads(response.get_data())
    settings: Settings = current_app.extensions["cabine.settings"]
    explanation = words_of_visitor().of_problem(problem, mb=settings.max_file_mb)
    response.set_data(page("refused.html", explanation=explanation))
    response.content_type = "text/html; charset=utf-8"
    return response


def init_app(app: Flask) -> None:
    app.after_request(_explain)
