"""Form bodies read into memory and nowhere else, every size bounded while the bytes arrive.

Starlette's own form reader spools parts over 1 MB into temporary files on disk; photos must never get there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from inference.problems import Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_TEXT_BYTES = 8_192
"""Longest plain value: a garment's description; far above any option."""
MAX_PARTS = 64
"""Four garments with three fields each, and every option, make about 25."""
JSON_COPIES = 3
"""Of a JSON body while it is read: as it came, its texts, and what those stand for."""


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    file_bytes: int
    request_bytes: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """One value of a form, in the order they were sent."""

    name: str
    data: bytes
    is_file: bool

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", errors="replace").strip()


T = TypeVar("T")
Reader: TypeAlias = Callable[[Request, UploadLimits, Callable[[int], None]], Awaitable[T]]
"""Makes something of a body; the function takes the bytes that it needs from a :class:`Budget`."""


class Budget:
    """Bytes of request bodies in memory, over all requests; used from the event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0
        """Taken and not yet given back."""

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """A function that takes bytes for one request, given back at the end; it raises ``busy``."""
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            if self.held + count > self._most:
                raise Problem(
                    "busy", "Too much is being uploaded now; try again.", headers={"Retry-After": "2"}
                )
            self.held += count
            mine += count

        try:
            yield take
        finally:
            self.held -= mine


@dataclass(kw_only=True)
class _Collector:
    """Callbacks of the multipart parser; holds the part that is arriving."""

    limits: UploadLimits
    parts: list[Part] = field(default_factory=list)
    complete: bool = False
    _begun: int = 0
    _header: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    _disposition: bytes = b""
    _name: str = ""
    _filename: bytes | None = None
    _data: bytearray = field(default_factory=bytearray)

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._receive,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._begun += 1  # also those that are not kept: each costs time
        if self._begun > MAX_PARTS:
            raise Problem(
                "request-malformed", f"The form has too many parts; at most {MAX_PARTS} are accepted."
            )
        self._disposition = b""

    def _header_end(self) -> None:
        name, content = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(content)
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if not options.get(b"name"):
            raise Problem("request-malformed", "A part of the form has no name.")
        self._name = options[b"name"].decode("utf-8", errors="replace")
        self._filename = options.get(b"filename")

    def _receive(self, data: bytes, start: int, end: int) -> None:
        size = len(self._data) + end - start
        if self._filename is None and size > MAX_TEXT_BYTES:
            raise Problem(
                "option-unsupported",
                f"The value of '{self._name}' is over {MAX_TEXT_BYTES} bytes; send a picture as a file "
                f"(curl: -F {self._name}=@photo.jpg).",
                field=self._name,
            )
        if size > self.limits.file_bytes:
            raise Problem(
                "image-too-large",
                f"The file is over {self.limits.file_bytes // 2**20} MB, the most that is accepted.",
                field=self._name,
            )
        self._data += memoryview(data)[start:end]

    def _end(self) -> None:
        unchosen = self._filename == b"" and not self._data  # a browser's file input that was left empty
        if not unchosen:
            self.parts.append(
                Part(name=self._name, data=bytes(self._data), is_file=self._filename is not None)
            )
        self._data = bytearray()  # one part at most is here twice, for this moment

    def _finish(self) -> None:
        self.complete = True


async def read_form(request: Request, limits: UploadLimits, take: Callable[[int], None]) -> tuple[Part, ...]:
    """The parts of a ``multipart/form-data`` or ``application/x-www-form-urlencoded`` body.

    Raises :class:`Problem`: ``unsupported-media-type``, ``request-malformed``, ``image-too-large``, ``busy``.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    await _refuse_announced(request, limits)
    if kind == b"application/x-www-form-urlencoded":
        return await _read_urlencoded(request)
    if kind != b"multipart/form-data":
        raise Problem(
            "unsupported-media-type",
            f"The body is {kind.decode('latin-1') or 'of no declared type'}; send multipart/form-data "
            "(curl: -F person=@me.jpg -F garment=@shirt.jpg).",
        )
    if b"boundary" not in options:
        raise Problem(
            "request-malformed", "The Content-Type names no boundary; let your HTTP library set that header."
        )
    return await _read_multipart(request, options[b"boundary"], limits, take)


async def read_json(request: Request, limits: UploadLimits, take: Callable[[int], None]) -> bytearray:
    """A body of type ``application/json``, unparsed.

    Raises :class:`Problem`: ``request-malformed``, ``image-too-large``, ``busy``.
    """
    kind, _ = parse_options_header(request.headers.get("content-type"))
    await _refuse_announced(request, limits)
    if kind != b"application/json":
        raise Problem("request-malformed", "The body is not declared as application/json; send JSON.")
    body = bytearray()
    total = 0
    refusal: Problem | None = None
    async for chunk in request.stream():
        total += len(chunk)
        if total > limits.request_bytes:
            raise refusal or _too_large(limits)
        if refusal is None:
            try:
                take(JSON_COPIES * len(chunk))
                body += chunk
            except Problem as problem:  # the rest is read and dropped, so that the client sees the answer
                refusal = problem
                body.clear()
    if refusal is not None:
        raise refusal
    return body


async def _refuse_announced(request: Request, limits: UploadLimits) -> None:
    """Refuse by Content-Length, before the body is read."""
    announced = request.headers.get("content-length", "")
    if not announced.isdecimal() or int(announced) <= limits.request_bytes:
        return
    if request.headers.get("expect", "").lower() != "100-continue":
        await _drain(request, limits.request_bytes)
    raise _too_large(limits)


def _too_large(limits: UploadLimits) -> Problem:
    return Problem(
        "image-too-large",
        f"The request is over {limits.request_bytes // 2**20} MB, the most that is accepted in one request.",
    )


async def _drain(request: Request, most: int) -> None:
    """Read and drop: a client that is still sending would see a broken connection in place of the answer."""
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > most:
            return


async def _read_urlencoded(request: Request) -> tuple[Part, ...]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_TEXT_BYTES * 4:
            raise Problem("image-too-large", "The form is too long; send pictures as multipart/form-data.")
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_PARTS)
    except ValueError as error:
        raise Problem("request-malformed", "The form is not URL-encoded UTF-8.") from error
    return tuple(Part(name=name, data=text.encode(), is_file=False) for name, text in pairs)


async def _read_multipart(
    request: Request, boundary: bytes, limits: UploadLimits, take: Callable[[int], None]
) -> tuple[Part, ...]:
    collector = _Collector(limits=limits)
    total = 0
    refusal: Problem | None = None
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        async for chunk in request.stream():
            total += len(chunk)
            if total > limits.request_bytes:
                raise refusal or _too_large(limits)
            if refusal is None:
                try:
                    take(len(chunk))
                    parser.write(chunk)
                except Problem as problem:
                    refusal = problem
                    collector.parts.clear()
    except FormParserError as error:
        raise Problem("request-malformed", "The body is not valid multipart/form-data.") from error
    if refusal is not None:
        raise refusal
    if not collector.complete:
        raise Problem(
            "request-malformed", "The body ends before its last boundary: the upload was cut short."
        )
    return tuple(collector.parts)
