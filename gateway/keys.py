"""API keys: the operator keeps only digests, and callers prove that they hold a key."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

PREFIX = "cabine_"
"""Lets people and scanners for leaked secrets see what it is."""
KEY_BYTES = 32

ENTRY = re.compile(r"(?P<name>[a-z0-9][a-z0-9_-]{0,31}):(?P<digest>[0-9a-f]{64})")

PAGE = "page"
"""What requests of the page count as where it asks for no key; no key may have this name."""


@dataclass(frozen=True, kw_only=True)
class Key:
    name: str
    digest: str
    """SHA-256 in hex. A key has 256 random bits, so neither salt nor a slow hash would add anything."""


class KeyRing:
    """The keys that are accepted; none means that nobody needs one. Keys of one name are one caller's."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def find(self, secret: str) -> Key | None:
        """The entry of this secret; takes as long whichever it is, and whether or not it is one."""
        digest = digest_of(secret)
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def of(self, name: str) -> tuple[Key, ...]:
        return tuple(key for key in self._keys if key.name == name)


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def parse(entries: Iterable[str]) -> tuple[Key, ...]:
    """Entries ``name:sha256hex``; raises ``ValueError`` that tells the place, never the content."""
    keys: list[Key] = []
    for place, entry in enumerate(entries, start=1):
        match = ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(
                f"entry {place} is not 'name:digest' with a name of a-z, 0-9, '-', '_' and 64 hex digits; "
                "python -m gateway keys new makes one"
            )
        if match["name"] == PAGE:
            raise ValueError(f"entry {place} has a name that is taken")
        if any(key.digest == match["digest"] for key in keys):
            raise ValueError(f"entry {place} is a key that is there already")
        keys.append(Key(name=match["name"], digest=match["digest"]))
    return tuple(keys)
