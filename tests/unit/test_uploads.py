"""Multipart bodies in memory: however they are cut into chunks, and whatever somebody sends."""

from __future__ import annotations

from contextlib import suppress

import anyio
import httpx
import pytest
from fastapi import Request
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.problems import Problem
from inference.uploads import MAX_PARTS, Budget, Part, UploadLimits, read_form

LIMITS = UploadLimits(file_bytes=5_000, request_bytes=20_000)


def parse(body: bytes, kind: str, *, chunk: int = 64, limits: UploadLimits = LIMITS) -> tuple[Part, ...]:
    """The form read from a request that arrives in chunks of this size, without a Content-Length."""
    chunks = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}
    with Budget(10**9).share() as take:
        return anyio.run(read_form, Request(scope, receive), limits, take)


def encoded(parts: list[tuple[str, bytes, bool]]) -> tuple[bytes, str]:
    files = [(name, ("name.bin" if is_file else None, data, None)) for name, data, is_file in parts]
    request = httpx.Request("POST", "http://here", files=files)
    return request.read(), request.headers["content-type"]


parts_of_forms = st.lists(
    st.tuples(st.sampled_from(["person", "garment", "ünï"]), st.binary(max_size=300), st.booleans()),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=100)
@given(parts=parts_of_forms, chunk=st.integers(1, 400))
def test_every_byte_arrives_in_order(parts: list[tuple[str, bytes, bool]], chunk: int) -> None:
    body, kind = encoded(parts)

    assert parse(body, kind, chunk=chunk) == tuple(
        Part(name=name, data=data, is_file=is_file) for name, data, is_file in parts
    )


@settings(deadline=None, max_examples=300)
@given(
    at=st.integers(0, 400),
    junk=st.binary(min_size=1, max_size=12),
    cut=st.integers(0, 400),
    chunk=st.integers(1, 99),
)
def test_damage_is_a_problem_or_a_form_never_a_crash(at: int, junk: bytes, cut: int, chunk: int) -> None:
    body, kind = encoded([("person", b"picture" * 20, True), ("seed", b"7", False)])
    damaged = (body[:at] + junk + body[at:])[: len(body) + len(junk) - cut]
    with suppress(Problem):  # anything else is a crash
        parse(damaged, kind, chunk=chunk)


@pytest.mark.parametrize("size", [5_001, 19_000, 60_000])
def test_a_file_over_its_limit_is_named_and_read_to_the_end(size: int) -> None:
    body, kind = encoded([("garment", bytes(size), True)])

    with pytest.raises(Problem) as raised:
        parse(body, kind, chunk=1000)

    assert (raised.value.slug, raised.value.field) == ("image-too-large", "garment")


def test_a_browser_s_empty_file_field_counts_as_missing() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="mask"; filename=""\r\n\r\n\r\n--x--\r\n'

    assert parse(body, "multipart/form-data; boundary=x") == ()


@pytest.mark.parametrize("head", ['name="mask"; filename=""', 'name="seed"'])
def test_parts_are_counted_when_they_begin(head: str) -> None:
    part = f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n\r\n".encode()

    parse(part * MAX_PARTS + b"--x--\r\n", "multipart/form-data; boundary=x", chunk=4096)
    with pytest.raises(Problem, match="too many parts"):
        parse(part * (MAX_PARTS + 1) + b"--x--\r\n", "multipart/form-data; boundary=x", chunk=4096)


def test_urlencoded() -> None:
    parts = parse(b"person=abc&category=&category=upper", "application/x-www-form-urlencoded")

    assert [(part.name, part.text) for part in parts] == [
        ("person", "abc"),
        ("category", ""),
        ("category", "upper"),
    ]


@pytest.mark.parametrize("body", [b"\xff\xfe=1", b"a=" + bytes(40_000), b"&".join([b"a=1"] * 100)])
def test_bad_urlencoded(body: bytes) -> None:
    with pytest.raises(Problem) as raised:
        parse(body, "application/x-www-form-urlencoded")

    assert raised.value.slug in {"request-malformed", "image-too-large"}


def test_budget_is_given_back() -> None:
    budget = Budget(100)
    with budget.share() as take:
        take(80)
        with budget.share() as other, pytest.raises(Problem, match="uploaded"):
            other(30)
    with budget.share() as take:
        take(100)
