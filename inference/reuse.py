"""One picture for one file: who sends the same file under the same key shares what is prepared from it.

Requests and jobs that are worked on at the same time always do; then nothing is held longer than the last of
them takes. Only where the operator says so (``CABINE_REUSE_S``) a picture outlives them, for that time.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from inference.assets import Usage
from inference.pictures import Picture
from preprocess.types import Photo

Key = tuple[str | None, str]
"""Owner, and SHA-256 of the file."""


@dataclass(frozen=True, kw_only=True)
class OwnReuse:
    """The pictures of one owner; those of others are as good as new."""

    reuse: Reuse
    owner: str | None

    def picture(self, data: bytes, decode: Callable[[bytes], Photo]) -> Picture:
        """That of this file; raises what ``decode`` raises where there is none yet."""
        return self.reuse.picture(self.owner, data, decode)

    def keep(self, pictures: Iterable[Picture]) -> None:
        """Hold those that came from :meth:`picture`."""
        self.reuse.keep(self.owner, pictures)

    def forget(self, picture: Picture) -> None:
        """Nobody finds a picture of the same file from now on."""
        self.reuse.forget(self.owner, picture.photo.sha256)


@dataclass(frozen=True, kw_only=True)
class _Kept:
    picture: Picture
    until: float


class Reuse:
    """Safe for several threads."""

    def __init__(self, *, keep_s: float, max_bytes: int, now: Callable[[], float] = time.monotonic) -> None:
        """``keep_s``: 0 keeps nothing; ``max_bytes`` of photos and what was prepared from them."""
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._now = now
        self._lock = threading.Lock()
        self._shared: WeakValueDictionary[Key, Picture] = WeakValueDictionary()
        """Those that somebody works with, and those that are kept."""
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        """The least recently used first, which is the order in which they expire."""
        self._lookups: Counter[str] = Counter(shared=0, new=0)

    def of(self, owner: str | None) -> OwnReuse:
        return OwnReuse(reuse=self, owner=owner)

    def picture(self, owner: str | None, data: bytes, decode: Callable[[bytes], Photo]) -> Picture:
        """That of this file. Two who come at the same instant both decode it, and share what follows."""
        key = owner, hashlib.sha256(data).hexdigest()
        with self._lock:
            self._purge()
            known = self._shared.get(key)
            self._lookups["new" if known is None else "shared"] += 1
        if known is not None:
            return known
        made = Picture(decode(data))
        with self._lock:
            return self._shared.setdefault(key, made)

    def keep(self, owner: str | None, pictures: Iterable[Picture]) -> None:
        """Hold them for the time from now on, within the memory there is; those of assets have their own."""
        if not self._keep_s:
            return
        with self._lock:
            self._purge()
            for picture in pictures:
                key = owner, picture.photo.sha256
                if self._shared.get(key) is picture:
                    self._kept[key] = _Kept(picture=picture, until=self._now() + self._keep_s)
                    self._kept.move_to_end(key)
            self._trim()

    def forget(self, owner: str | None, sha256: str) -> None:
        """Let go; who works with it goes on, and nobody else finds it."""
        with self._lock:
            self._kept.pop((owner, sha256), None)
            self._shared.pop((owner, sha256), None)

    def trim(self) -> None:
        """Let go of what has expired, and of what has grown beyond the memory there is."""
        with self._lock:
            self._purge()
            self._trim()

    @property
    def lookups(self) -> dict[str, int]:
        """How often a file was that of a picture that was there, or a new one."""
        with self._lock:
            return dict(self._lookups)

    def usage(self) -> Usage:
        """Of what is kept."""
        with self._lock:
            self._purge()
            pictures = [kept.picture for kept in self._kept.values()]
        return Usage.of(pictures)

    def _purge(self) -> None:
        now = self._now()
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._kept.popitem(last=False)

    def _trim(self) -> None:
        sizes = {
            key: kept.picture.photo_bytes + kept.picture.prepared_bytes for key, kept in self._kept.items()
        }
        total = sum(sizes.values())
        for key, size in sizes.items():
            if total <= self._max_bytes:
                return
            del self._kept[key]
            total -= size
