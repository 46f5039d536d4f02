"""Pictures as data URIs, strictly: what cannot be a picture is refused by what is wrong with it."""

from __future__ import annotations

import binascii
import re

from inference.problems import Problem

MAX_HEADER = 128
"""Characters before the comma: a media type and parameters nobody reads."""

_HEADER = re.compile(r"data:image/[a-z0-9.+-]+(;[^;,]+)*;base64", re.IGNORECASE)
_OTHER_TYPE = re.compile(r"data:[^;,]*(;[^;,]+)*;base64", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-z][a-z0-9.-]*://", re.IGNORECASE)

EXPECTED = "send the picture itself as data:image/jpeg;base64,..."


def read_data_uri(uri: str, *, field: str, most: int) -> bytes:
    """The file in it, at most ``most`` bytes; the decoder looks at what it really is.

    Raises :class:`Problem`: ``image-unreadable``, ``image-too-large``, ``unsupported-media-type``.
    """
    header, comma, payload = uri[:MAX_HEADER].partition(",")
    if not comma or not _HEADER.fullmatch(header):
        raise _no_picture(header, comma, field)
    payload = uri[len(header) + 1 :]
    if not payload:
        raise Problem("image-unreadable", f"{field} is empty after 'base64,'; {EXPECTED}.", field=field)
    if len(payload) // 4 * 3 - payload[-2:].count("=") > most:
        words = f"{field} is over {most // 2**20} MB once decoded, the most that is accepted."
        raise Problem("image-too-large", words, field=field)
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except ValueError as error:
        words = f"{field} is no valid base64: {_fault(payload)}."
        raise Problem("image-unreadable", words, field=field) from error


def _no_picture(header: str, comma: str, field: str) -> Problem:
    if not header:
        return Problem("image-unreadable", f"{field} is empty; {EXPECTED}.", field=field)
    if _ADDRESS.match(header):
        words = f"{field} is a URL, and nothing is fetched here; {EXPECTED}."
    elif header.startswith("saved:"):
        words = f"{field} names a saved model, and none are kept here; {EXPECTED}."
    elif comma and _OTHER_TYPE.fullmatch(header):
        words = f"{field} says that it is no image; {EXPECTED}."
        return Problem("unsupported-media-type", words, field=field)
    else:
        words = f"{field} does not begin as a data URI in base64 does; {EXPECTED}."
    return Problem("image-unreadable", words, field=field)


def _fault(payload: str) -> str:
    """What is wrong, in the order of how often it happens."""
    if re.search(r"\s", payload):
        return "it contains line breaks or spaces"
    if re.search(r"[-_]", payload):
        return "it is in the alphabet for URLs; use + and /, not - and _"
    if len(payload) % 4:
        return "its padding is missing, or its end; the length must be a multiple of 4"
    return "it contains characters that base64 has not, or '=' before its end"
