"""Garment features kept between requests, bounded in bytes.

The garment UNet sees neither the person nor the noise: its features depend on the garment, its caption,
the timesteps, the size, the number format and the checkpoint, and on nothing else once the garment's
latent is fixed. The reference samples that latent with the request's noise; with the cache on it is the
posterior's mean, whether the garment is there or not: a picture made with the cache differs a little from the
reference, and between a miss and a hit only by the rounding of other batch sizes.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from inference.engines.idm_vton.unets import Features
from inference.engines.observation import CacheUse


@dataclass(frozen=True, kw_only=True)
class GarmentKey:
    """Everything that a garment's features depend on."""

    pixels: str
    """SHA-256 of the garment's tensor."""
    caption: str
    timesteps: tuple[int, ...]
    size: tuple[int, int]
    """Height and width in pixels."""
    dtype: torch.dtype
    checkpoint: str


def garment_digest(garment: Tensor) -> str:
    """SHA-256 of the bytes of a ``float32`` tensor on the CPU."""
    return hashlib.sha256(garment.contiguous().numpy().tobytes()).hexdigest()


PIECE = 32 * 2**20
"""Bytes of one buffer: a power of two, because torch rounds pinned memory up to the next one (157 MB in one
piece would take 268); and all alike, because torch keeps what is let go for another of the same size."""


@dataclass(frozen=True, kw_only=True)
class PackedFeatures:
    """The features of one timestep in a few flat buffers: five copies to the GPU instead of seventy."""

    buffers: tuple[Tensor, ...]
    shapes: tuple[torch.Size, ...]

    @classmethod
    def pack(cls, features: Sequence[Tensor], device: torch.device) -> PackedFeatures:
        """Copy ``features`` (of one dtype) to ``device``; host memory is pinned when they come from a GPU.

        The host does not wait for the GPU then: numbers arrive some time after this returns, but before those
        of any :meth:`unpack` leave, because a GPU copies in the order it was asked.
        """
        flat = torch.cat([feature.flatten() for feature in features])
        pinned = flat.is_cuda and device.type == "cpu"

        def copy(piece: Tensor) -> Tensor:
            buffer = torch.empty(piece.shape, dtype=piece.dtype, device=device, pin_memory=pinned)
            return buffer.copy_(piece, non_blocking=pinned)

        buffers = tuple(copy(piece) for piece in flat.split(PIECE // flat.itemsize))
        return cls(buffers=buffers, shapes=tuple(feature.shape for feature in features))

    def unpack(self, device: torch.device) -> Features:
        """The features as they were, on ``device``: views of one buffer."""
        sizes = [len(buffer) for buffer in self.buffers]
        flat = torch.empty(sum(sizes), dtype=self.buffers[0].dtype, device=device)
        for place, buffer in zip(flat.split(sizes), self.buffers, strict=True):
            place.copy_(buffer, non_blocking=True)
        parts = flat.split([shape.numel() for shape in self.shapes])
        return tuple(part.view(shape) for part, shape in zip(parts, self.shapes, strict=True))

    @property
    def nbytes(self) -> int:
        return sum(buffer.nbytes for buffer in self.buffers)


Kept = tuple[PackedFeatures, ...]
"""The features of every timestep of a schedule."""


class GarmentCache:
    """The most recently used garments that fit into ``limit`` bytes. Safe to share between threads.

    Full size holds 157 MB for each timestep in half precision: 4.7 GB for 30 steps, 3.1 GB for 20.
    """

    def __init__(self, limit: int, device: torch.device = torch.device("cpu")) -> None:  # noqa: B008 - immutable
        self.limit = limit
        self.device = device
        """Where features are kept."""
        self._kept: OrderedDict[GarmentKey, Kept] = OrderedDict()
        self._bytes = 0
        self._hits = self._misses = 0
        self._lock = Lock()

    def get(self, key: GarmentKey) -> Kept | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                self._misses += 1
            else:
                self._hits += 1
                self._kept.move_to_end(key)
            return kept

    def make_room(self, size: int) -> bool:
        """Drop the garments not used for longest until ``size`` more bytes fit.

        False where they never will; nothing is dropped then.
        """
        if size > self.limit:
            return False
        with self._lock:
            self._drop_for(size)
        return True

    def put(self, key: GarmentKey, kept: Kept) -> None:
        """Keep ``kept``, dropping the garments not used for longest; dropped itself where it alone is too
        large."""
        size = _bytes(kept)
        if size > self.limit:
            return
        with self._lock:
            if key in self._kept:
                self._bytes -= _bytes(self._kept.pop(key))
            self._drop_for(size)
            self._kept[key] = kept
            self._bytes += size

    def _drop_for(self, size: int) -> None:
        while self._bytes + size > self.limit:
            self._bytes -= _bytes(self._kept.popitem(last=False)[1])

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        with self._lock:
            return self._bytes

    def use(self) -> CacheUse:
        with self._lock:
            return CacheUse(hits=self._hits, misses=self._misses, nbytes=self._bytes)

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)


@dataclass(frozen=True)
class GarmentPlace:
    """One garment's place in a cache."""

    cache: GarmentCache
    key: GarmentKey

    def get(self) -> Kept | None:
        return self.cache.get(self.key)

    def put(self, kept: Kept) -> None:
        self.cache.put(self.key, kept)


def _bytes(kept: Kept) -> int:
    return sum(features.nbytes for features in kept)
