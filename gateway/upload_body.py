"""A client's request body as ``requests`` wants it: read while it is sent, counted, never kept."""

from __future__ import annotations

from typing import IO

from gateway.problems import ProblemError


class UploadBody:
    """Hands the client's bytes on; remembers when it was the client that failed.

    ``requests`` keeps ``Content-Length`` for a body with ``__len__`` and sends one with ``__iter__`` chunked.
    """

    def __init__(self, stream: IO[bytes], *, length: int | None, most: int) -> None:
        self._stream = stream
        self._expected = length
        self._most = most
        self.received = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes; ``cancelled`` when the client stops early, ``image-too-large`` at the limit."""
        try:
            block = self._stream.read(size)
        except OSError as error:
            raise ProblemError("cancelled", "The upload stopped before it was complete.") from error
        self.received += len(block)
        if self.received > self._most:
            raise ProblemError("image-too-large", f"The request body is larger than {self._most} bytes.")
        if not block and self._expected is not None and self.received < self._expected:
            # Passed on, a short body would leave inference waiting for the rest.
            raise ProblemError("cancelled", "The upload stopped before it was complete.")
        return block


class SizedUploadBody(UploadBody):
    """A body whose length the client declared."""

    def __len__(self) -> int:
        return self._expected or 0


class ChunkedUploadBody(UploadBody):
    """A body of unknown length: goes out chunked as well."""

    def __iter__(self) -> ChunkedUploadBody:
        return self

    def __next__(self) -> bytes:
        block = self.read(65536)
        if not block:
            raise StopIteration
        return block
