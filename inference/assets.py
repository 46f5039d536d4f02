"""Uploaded pictures held for later requests, with what was prepared from them: in memory, bounded.

Photos count against the limit of bytes when they come in (``store-full``); what is prepared from them is a
cache in the same budget and is dropped first, least recently used first.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from inference.checks import AssetKind, Checks
from inference.pictures import Picture
from inference.problems import Problem

ID_BYTES = 16
"""128 random bits: an id is what proves that the asset is yours."""
REMEMBERED_EXPIRED = 1024
"""Ids of expired assets kept, so that ``expired`` can be told from ``not-found``."""


def since_boot() -> float:
    """Seconds; the time that the machine sleeps counts too, where its system has such a clock (Linux)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, kw_only=True)
class Asset:
    id: str
    kind: AssetKind
    picture: Picture
    checks: Checks
    expires: float
    """Seconds since the epoch: what its owner is told."""
    until: float
    """The same moment by the store's clock, which nobody sets."""
    owner: str | None = None
    """Name of the key that sent it; None where the gateway asks for none."""


class Assets(Protocol):
    """Where the ids of a request are looked up."""

    @property
    def owner(self) -> str | None:
        """Whose they are."""
        ...

    def get(self, asset_id: str, *, field: str | None = None) -> Asset: ...


@dataclass(frozen=True, kw_only=True)
class OwnedAssets:
    """The pictures of one owner; those of others are not found."""

    store: AssetStore
    owner: str | None

    def put(self, picture: Picture, kind: AssetKind, checks: Checks) -> Asset:
        """Hold a picture; raises ``store-full`` when there is no room for it."""
        return self.store.put(picture, kind, checks, owner=self.owner)

    def get(self, asset_id: str, *, field: str | None = None) -> Asset:
        """Raises ``expired`` or ``not-found``."""
        return self.store.get(asset_id, field=field, owner=self.owner)

    def delete(self, asset_id: str) -> Asset:
        """Forget at once; raises ``expired`` or ``not-found``."""
        return self.store.delete(asset_id, owner=self.owner)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What is held, in pictures and bytes."""

    count: int
    photos: int
    prepared: int

    @classmethod
    def of(cls, pictures: Sequence[Picture]) -> Self:
        return cls(
            count=len(pictures),
            photos=sum(picture.photo_bytes for picture in pictures),
            prepared=sum(picture.prepared_bytes for picture in pictures),
        )


class AssetStore:
    """Safe for several threads."""

    def __init__(
        self, *, max_count: int, max_bytes: int, ttl_s: float, now: Callable[[], float] = since_boot
    ) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._now = now
        self._lock = threading.Lock()
        self._assets: OrderedDict[str, Asset] = OrderedDict()
        self._expired: OrderedDict[str, str | None] = OrderedDict()
        """Owners of what was here."""
        self._lookups: Counter[str] = Counter(prepared=0, bare=0, expired=0, unknown=0)

    def of(self, owner: str | None) -> OwnedAssets:
        return OwnedAssets(store=self, owner=owner)

    def put(self, picture: Picture, kind: AssetKind, checks: Checks, *, owner: str | None = None) -> Asset:
        """Hold a picture; raises ``store-full`` when there is no room for it."""
        with self._lock:
            self._purge()
            photos = sum(asset.picture.photo_bytes for asset in self._assets.values())
            if len(self._assets) >= self._max_count or photos + picture.photo_bytes > self._max_bytes:
                raise self._full()
            asset = Asset(
                id=secrets.token_urlsafe(ID_BYTES),
                kind=kind,
                picture=picture,
                checks=checks,
                expires=time.time() + self._ttl_s,
                until=self._now() + self._ttl_s,
                owner=owner,
            )
            self._assets[asset.id] = asset
            self._trim()
            return asset

    def get(self, asset_id: str, *, field: str | None = None, owner: str | None = None) -> Asset:
        """Raises ``expired`` or ``not-found``."""
        with self._lock:
            self._purge()
            self._lookups[self._found(asset_id, owner)] += 1
            self._require(asset_id, field, owner)
            self._assets.move_to_end(asset_id)
            return self._assets[asset_id]

    @property
    def lookups(self) -> dict[str, int]:
        """How often ``get`` found a picture with prepared artefacts, a bare one, an expired or unknown id."""
        with self._lock:
            return dict(self._lookups)

    def usage(self) -> Usage:
        with self._lock:
            self._purge()
            pictures = [asset.picture for asset in self._assets.values()]
        return Usage.of(pictures)

    def delete(self, asset_id: str, *, owner: str | None = None) -> Asset:
        """Forget at once; raises ``expired`` or ``not-found``."""
        with self._lock:
            self._purge()
            self._require(asset_id, None, owner)
            return self._assets.pop(asset_id)

    def trim(self) -> None:
        """Keep the budget after something was prepared, and drop what has expired."""
        with self._lock:
            self._purge()
            self._trim()

    def _found(self, asset_id: str, owner: str | None) -> str:
        """``unknown`` also where it is somebody else's."""
        if asset_id in self._assets and self._assets[asset_id].owner == owner:
            return "prepared" if self._assets[asset_id].picture.prepared_bytes else "bare"
        if asset_id in self._expired and self._expired[asset_id] == owner:
            return "expired"
        return "unknown"

    def _require(self, asset_id: str, field: str | None, owner: str | None) -> None:
        found = self._found(asset_id, owner)
        if found == "expired":
            raise Problem("expired", "The uploaded picture has expired; upload it again.", field=field)
        if found == "unknown":
            raise Problem("not-found", "There is no uploaded picture with this id.", field=field)

    def _purge(self) -> None:
        now = self._now()
        for asset_id in [key for key, asset in self._assets.items() if asset.until <= now]:
            self._expired[asset_id] = self._assets.pop(asset_id).owner
        while len(self._expired) > REMEMBERED_EXPIRED:
            self._expired.popitem(last=False)

    def _trim(self) -> None:
        sizes = [(asset, asset.picture.prepared_bytes) for asset in self._assets.values()]
        total = sum(asset.picture.photo_bytes + prepared for asset, prepared in sizes)
        for asset, prepared in sizes:
            if total <= self._max_bytes:
                return
            asset.picture.forget()
            total -= prepared

    def _full(self) -> Problem:
        oldest = min((asset.until for asset in self._assets.values()), default=self._now())
        wait = max(1, round(oldest - self._now()))
        return Problem(
            "store-full",
            "There is no room for another uploaded picture; delete one, or send it with the request itself.",
            headers={"Retry-After": str(wait)},
        )
