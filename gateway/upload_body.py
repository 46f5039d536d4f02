"""A client's request body as ``requests`` wants it: read while it is sent, counted, never kept."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import IO, Any

from gunicorn.http.errors import ParseException

from gateway.problems import ProblemError
from gateway.watched_connection import BLOCK
from gateway.worker import PunctualBody, stop_reading

DRAIN_S = 5.0
"""How long the rest of a refused upload is read: else the client sees a reset connection, not the refusal."""

DRAIN_STALL_S = 0.5
"""Silence that ends this: whoever still sends does so without pause."""

DRAIN_PLACES = 4
"""Drains at the same time; they wait for clients in threads that do not relay, and those must not run out."""


class UploadBody:
    """Hands the client's bytes on; knows whether all came (``complete``) or nothing more can (``gone``).

    ``requests`` keeps ``Content-Length`` for a body with ``__len__`` and sends one with ``__iter__`` chunked.
    """

    def __init__(self, stream: IO[bytes], *, length: int | None, most: int) -> None:
        self._stream = stream
        self._expected = length
        self._most = most
        self._received = 0
        self.complete = False
        self.gone = False

    def check_length(self) -> None:
        """Refuse what is declared to be too long, before any of it is read."""
        if self._expected is not None and self._expected > self._most:
            raise self._too_large(f"{self._expected} bytes")

    def read(self, size: int = -1) -> bytes:
        """The next bytes; ``cancelled`` when the client stops early, ``image-too-large`` above the limit.

        ``deadline-exceeded`` when it takes too long, ``request-malformed`` for broken chunks.
        """
        try:
            block = self._stream.read(size)
        except TimeoutError as error:
            self.gone = True
            raise ProblemError("deadline-exceeded", "The upload took too long; send it again.") from error
        except OSError as error:
            raise self._cancelled() from error
        except ParseException as error:
            self.gone = True  # where the body ends cannot be known any more
            raise ProblemError("request-malformed", "The chunks of the body are malformed.") from error
        self._received += len(block)
        if self._received > self._most:
            raise self._too_large(f"more than {self._most} bytes")
        if not block and self._expected is not None and self._received < self._expected:
            # Passed on, a short body would leave inference waiting for the rest.
            raise self._cancelled()
        self.complete = self._received == self._expected or not block
        return block

    def _too_large(self, got: str) -> ProblemError:
        return ProblemError("image-too-large", f"The request has {got}; at most {self._most} are accepted.")

    def _cancelled(self) -> ProblemError:
        self.gone = True
        return ProblemError("cancelled", "The upload stopped before it was complete.")


class SizedUploadBody(UploadBody):
    """A body whose length the client declared."""

    def __len__(self) -> int:
        return self._expected or 0


class ChunkedUploadBody(UploadBody):
    """A body of unknown length."""

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(BLOCK), b"")


class Drain:
    """Reads what a client still sends after its refusal, and throws it away; bounded in time and number."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(DRAIN_PLACES)

    def __call__(self, environ: dict[str, Any], body: UploadBody) -> None:
        client: socket.socket | None = environ.get("gunicorn.socket")
        finished = False
        if not body.gone and self._places.acquire(blocking=False):
            try:
                finished = _read_to_end(environ["wsgi.input"], client)
            finally:
                self._places.release()
        if not finished and client is not None:
            # Nothing more is read from here, so the server does not wait for the rest either.
            stop_reading(client)


def _read_to_end(stream: IO[bytes], client: socket.socket | None) -> bool:
    if client is not None:
        client.settimeout(DRAIN_STALL_S)
    if isinstance(stream, PunctualBody):
        stream.hurry(DRAIN_S)
    until = time.monotonic() + DRAIN_S
    try:
        while time.monotonic() < until:
            if not stream.read(BLOCK):
                return True
    except OSError:
        return False
    return False
