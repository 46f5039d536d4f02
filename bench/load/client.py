"""An HTTP/1.1 client that costs little.

It shares two cores with what it measures, and httpx would cost more than the gateway.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

BLOCK = 256 * 1024
TIMEOUT_S = 120.0
"""Longest exchange: whatever takes longer is a failure of its own kind."""
BOUNDARY = "cabine-load"


class BrokenExchangeError(Exception):
    """The exchange ended without a whole answer."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``body`` is kept for small answers only; ``size`` is in bytes."""

    status: int
    headers: Mapping[str, str]
    size: int
    body: bytes
    seconds: float

    @property
    def retry_after_s(self) -> float | None:
        value = self.headers.get("retry-after")
        return None if value is None else float(value)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A server-sent event; ``number`` is its id, ``at`` the clock of :func:`time.perf_counter`."""

    name: str
    number: int | None
    data: bytes
    at: float


def form(files: Mapping[str, bytes], **headers: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a multipart upload."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in files.items()
    ]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **headers}, body


def photos(person: Path, garment: Path) -> Mapping[str, bytes]:
    return {"person": person.read_bytes(), "garment": garment.read_bytes()}


class Connection:
    """One client: its connection is kept, and opened again where the server closed it."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """One exchange; raises :class:`BrokenExchangeError`."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reader, status, fields = await self._begin(method, path, headers or {}, body)
                size, kept = 0, b""
                async for block in _body(reader, fields, method):
                    size += len(block)
                    kept = kept + block if size <= BLOCK else b""
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self.close()
            raise BrokenExchangeError(f"{method} {path}: {error!r}") from error
        if fields.get("connection", "").lower() == "close":
            self.close()
        seconds = time.perf_counter() - started
        return Answer(status=status, headers=fields, size=size, body=kept, seconds=seconds)

    async def follow(self, path: str) -> AsyncIterator[Event]:
        """Server-sent events until their end; raises :class:`BrokenExchangeError`, also where refused."""
        try:
            reader, status, fields = await self._begin("GET", path, {"Accept": "text/event-stream"}, b"")
            if status != 200:
                raise BrokenExchangeError(f"GET {path}: {status}")
            rest = b""
            async for block in _body(reader, fields, "GET"):
                *whole, rest = (rest + block).split(b"\n\n")
                now = time.perf_counter()
                for text in whole:
                    if event := _event(text, now):
                        yield event
        except (OSError, EOFError, ValueError) as error:
            raise BrokenExchangeError(f"GET {path}: {error!r}") from error
        finally:
            self.close()

    async def _begin(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[asyncio.StreamReader, int, dict[str, str]]:
        """Send the request and read the head of its answer, which may come before all was sent."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=BLOCK)
        reader, writer = self._streams
        fields = {"Host": f"{self._host}:{self._port}", "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines[1:] if line)
        return reader, int(lines[0].split()[1]), {name.lower(): value for name, _, value in pairs}

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _body(
    reader: asyncio.StreamReader, headers: Mapping[str, str], method: str
) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return
    left = 0 if method == "HEAD" else int(headers.get("content-length", 0))
    while left:
        block = await reader.read(min(left, BLOCK))
        if not block:
            raise EOFError(f"{left} bytes are missing")
        left -= len(block)
        yield block


def _event(text: bytes, now: float) -> Event | None:
    """None for comments."""
    fields = dict(line.split(b": ", 1) for line in text.split(b"\n") if b": " in line and line[:1] != b":")
    if b"event" not in fields:
        return None
    number = int(fields[b"id"]) if b"id" in fields else None
    return Event(name=fields[b"event"].decode(), number=number, data=fields.get(b"data", b""), at=now)
