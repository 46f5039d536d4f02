"""The only way to the inference service: one bounded, pooled session; every failure becomes a problem."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol

import requests
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError

from gateway.config import Settings
from gateway.problems import ProblemError
from gateway.watched_connection import BLOCK, WatchedAdapter, watched_client

READY_TIMEOUT_S = (1.0, 2.0)
"""A health check must answer while inference hangs."""

SAFE_TO_REPEAT = frozenset({"GET", "HEAD"})


class Body(Protocol):
    """What is sent: its ``read`` may raise a problem, which passes through unchanged."""

    def read(self, size: int = -1) -> bytes: ...


class Answer:
    """An answer of inference whose body is still on the way; ``close`` must be called once done."""

    def __init__(self, response: requests.Response, slots: threading.BoundedSemaphore) -> None:
        self._response = response
        self._slots = slots
        self._closing = threading.Lock()
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def blocks(self) -> Iterator[bytes]:
        """The body as it comes in, not decoded; ``ConnectionResetError`` where inference breaks off."""
        try:
            yield from self._response.raw.stream(BLOCK, decode_content=False)
        except HTTPError as error:
            # The status is already out: the only honest sign left is to cut the connection, which is what
            # servers do on this error, and without a traceback.
            raise ConnectionResetError(104, "inference broke off its answer") from error

    def close(self) -> None:
        """Give the slot back; an answer that was not read to its end closes the connection to inference."""
        if self._closing.acquire(blocking=False):
            self._response.close()
            self._slots.release()


class InferenceClient:
    """Thread safe. Holds at most ``settings.relay_slots`` requests open; more are refused as ``busy``."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.inference_url.rstrip("/")
        self._timeout = (settings.connect_timeout_s, settings.read_timeout_s)
        self._slots = threading.BoundedSemaphore(settings.relay_slots)
        self._session = requests.Session()
        self._session.trust_env = False
        # Only the caller's headers go on, and no caller ever sees another one's cookies.
        self._session.headers.clear()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, WatchedAdapter(pool_connections=1, pool_maxsize=settings.threads))

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Body | None,
        client: socket.socket | None = None,
    ) -> Answer:
        """Send one request; ``target`` is a path with its query. The answer's body is not read yet.

        ``client`` is the connection of whoever waits for the answer: ``cancelled`` when it closes first.
        """
        if not self._slots.acquire(blocking=False):
            raise ProblemError("busy", "Every place is taken; try again in a moment.")
        watching = watched_client.set(client)
        try:
            return Answer(self._exchange(method, target, headers, body, self._timeout), self._slots)
        except BaseException:
            self._slots.release()
            raise
        finally:
            watched_client.reset(watching)

    def health(self, what: str, request_id: str) -> tuple[int, str, bytes]:
        """Status, media type and body of ``/health/<what>``, within three seconds, come what may."""
        headers = {"X-Request-Id": request_id, "Accept": "application/json"}
        with self._exchange("GET", f"/health/{what}", headers, None, READY_TIMEOUT_S) as response:
            try:
                body = response.raw.read(BLOCK)
                return response.status_code, response.headers.get("Content-Type", ""), body
            except HTTPError as error:
                raise ProblemError("upstream-bad", "Inference broke off its answer.") from error

    def strip_address(self, location: str) -> str:
        """A redirect's target without inference's own address, which callers cannot reach."""
        return location.removeprefix(self._url)

    def _exchange(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Body | None,
        timeout: tuple[float, float],
    ) -> requests.Response:
        attempts = 2 if method in SAFE_TO_REPEAT and body is None else 1
        while True:
            attempts -= 1
            try:
                return self._session.request(
                    method,
                    self._url + target,
                    headers=dict(headers),
                    data=body,
                    timeout=timeout,
                    stream=True,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                # Inference may have closed a kept connection a moment ago: once more, on a new one.
                if attempts and _broke_off(error):
                    continue
                raise _problem_of(error) from error


def _cause(error: requests.RequestException) -> object:
    inner = error.args[0] if error.args else None
    return getattr(inner, "reason", inner)


def _broke_off(error: requests.RequestException) -> bool:
    return isinstance(_cause(error), ProtocolError) and not _timed_out(error)


def _timed_out(error: requests.RequestException) -> bool:
    cause = _cause(error)
    return isinstance(error, requests.ReadTimeout) or (
        isinstance(cause, ProtocolError) and any(isinstance(arg, TimeoutError) for arg in cause.args)
    )


def _problem_of(error: requests.RequestException) -> ProblemError:
    if _timed_out(error):
        return ProblemError("upstream-timeout", "Inference did not answer in time; try again.")
    if isinstance(error, requests.ConnectTimeout) or isinstance(_cause(error), NewConnectionError):
        return ProblemError("upstream-unavailable", "Inference cannot be reached; it may still be starting.")
    return ProblemError("upstream-bad", "Inference broke off or sent something that is not HTTP; try again.")
