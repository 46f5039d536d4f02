"""``Idempotency-Key`` of requests whose callers wait: the same key and body is answered once, then repeated.

Held in memory, for a short time: it is for the client whose connection broke while the answer was on its way.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import anyio
from starlette.datastructures import Headers
from starlette.responses import Response

from inference.problems import Problem
from inference.uploads import Part

REPLAYED = "Idempotency-Replayed"
"""Header of an answer that was made for an earlier request with the same key."""
Name = tuple[str | None, str]
"""Owner and key."""

KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, kw_only=True)
class _Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    def response(self) -> Response:
        return Response(self.body, self.status, headers={**self.headers, REPLAYED: "true"})


@dataclass(kw_only=True)
class Entry:
    """A request that was sent with a key."""

    digest: str
    expires: float
    done: anyio.Event = field(default_factory=anyio.Event)
    answer: _Answered | None = None

    async def again(self) -> Response:
        """Its answer, once there is one; raises ``busy`` where it came to nothing."""
        await self.done.wait()
        if self.answer is None:
            words = "The request with this Idempotency-Key that came before was not answered; send it again."
            raise Problem("busy", words, headers={"Retry-After": "1"})
        return self.answer.response()


class Replays:
    """Used from the event loop only."""

    def __init__(self, *, ttl_s: float, max_bytes: int, now: Callable[[], float] = time.monotonic) -> None:
        self._ttl_s = ttl_s
        self._max_bytes = max_bytes
        self._now = now
        self._entries: OrderedDict[Name, Entry] = OrderedDict()

    def find(self, owner: str | None, key: str, digest: str) -> Entry | None:
        """The same request, answered or worked on; raises ``idempotency-conflict`` for another body."""
        entry = self._known((owner, key))
        if entry is not None and entry.digest != digest:
            raise conflict()
        return entry

    async def keep(
        self, owner: str | None, key: str, digest: str, make: Callable[[], Awaitable[Response]]
    ) -> Response:
        """The answer of ``make``, kept for those who send the same again; only where none is found."""
        name = owner, key
        entry = Entry(digest=digest, expires=self._now() + self._ttl_s)
        self._entries[name] = entry
        try:
            response = await make()
            if response.status_code < 300:
                body = bytes(response.body)
                headers = dict(response.headers)  # a copy: the middleware adds to those that are sent
                entry.answer = _Answered(status=response.status_code, headers=headers, body=body)
        finally:
            if entry.answer is None:
                del self._entries[name]
            entry.done.set()
        self._trim()
        return response

    def _known(self, name: Name) -> Entry | None:
        now = self._now()
        over = [each for each, entry in self._entries.items() if entry.answer and entry.expires <= now]
        for each in over:
            del self._entries[each]
        return self._entries.get(name)

    def _trim(self) -> None:
        """Drop the oldest answers beyond the memory for them."""
        kept = [(each, len(entry.answer.body)) for each, entry in self._entries.items() if entry.answer]
        total = sum(size for _, size in kept)
        for each, size in kept:
            if total <= self._max_bytes:
                return
            del self._entries[each]
            total -= size


def key_of(headers: Headers) -> str | None:
    """The caller's ``Idempotency-Key``; raises ``request-malformed`` for one that is no printable ASCII."""
    key = headers.get("idempotency-key")
    if key is not None and not KEY.fullmatch(key):
        raise Problem(
            "request-malformed",
            "Idempotency-Key takes 1 to 255 printable ASCII characters without spaces, such as a UUID.",
            field="Idempotency-Key",
        )
    return key


def digest_of(parts: Sequence[Part], *also: str) -> str:
    """SHA-256 of what the caller sent, whatever the boundary of its form; ``also``: what headers ask for."""
    digest = hashlib.sha256()
    for part in parts:
        head = f"{part.name}\0{part.is_file}\0{len(part.data)}\0"
        digest.update(head.encode())
        digest.update(part.data)
    digest.update("\0".join(also).encode())
    return digest.hexdigest()


def conflict() -> Problem:
    return Problem(
        "idempotency-conflict",
        "This Idempotency-Key was used for another request; take a new key for a new request.",
        field="Idempotency-Key",
    )
