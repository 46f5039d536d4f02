"""The garment's side of the denoise loop: features for each timestep, computed or remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from inference.engines.idm_vton.attention import Savings, TextKV
from inference.engines.idm_vton.garment_cache import GarmentPlace, Kept, PackedFeatures
from inference.engines.idm_vton.kernels import Backend
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.settings import SamplingSettings
from inference.engines.idm_vton.sizes import Component
from inference.engines.idm_vton.unets import Features, GarmentUnet


class GarmentFeatures(Protocol):
    """What the person's self-attentions look at, timestep by timestep."""

    @property
    def components(self) -> tuple[Component, ...]:
        """What has to be on the device meanwhile."""

    def at(self, k: int, timestep: Tensor) -> Features:
        """Features of step ``k`` (from 0, in order), one row for each garment."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """One pass of the garment UNet for each timestep, whatever the number of persons and samples."""

    unet: GarmentUnet
    latent: Tensor
    """``(G, 4, h, w)``, clean at every timestep: the UNet was trained so."""
    text: TextKV
    savings: Savings
    backend: Backend
    components: tuple[Component, ...] = ("garment_unet",)

    def at(self, k: int, timestep: Tensor) -> Features:
        return self.unet.features(
            self.latent, timestep, self.text, savings=self.savings, backend=self.backend
        )


class Cached:
    """Garments some of which the cache may know: those are remembered, the others computed, in one pass.

    What was computed is given to the cache after the last step; a stopped request leaves nothing there.
    """

    def __init__(
        self,
        places: Sequence[GarmentPlace],
        known: Mapping[int, Kept],
        computed: Computed | None,
        device: torch.device,
    ) -> None:
        """A place for each garment; ``known``: number of a garment -> its features; the rest is computed."""
        self.components: tuple[Component, ...] = computed.components if computed else ()
        self._garments = len(places)
        self._known, self._computed, self._device = known, computed, device
        self._new = {g: Keeping(place) for g, place in enumerate(places) if g not in known}

    def at(self, k: int, timestep: Tensor) -> Features:
        rows: dict[int, Features] = {}
        if self._computed is not None:
            computed = self._computed.at(k, timestep)
            for row, (g, keeping) in enumerate(self._new.items()):
                rows[g] = tuple(feature[row : row + 1] for feature in computed)
                if k == 0:
                    keeping.begin(rows[g], beside=sum(other.waiting for other in self._new.values()))
                keeping.take(rows[g])
            if not self._known:
                return computed
        if self._garments == 1:
            return self._known[0][k].unpack(self._device)
        return self._together(k, rows)

    def _together(self, k: int, computed: Mapping[int, Features]) -> Features:
        """All garments' rows in one batch; a second copy of a remembered one lives for a moment only."""
        together: Features = ()
        for g in range(self._garments):
            features = computed[g] if g in computed else self._known[g][k].unpack(self._device)
            together = together or tuple(one.new_empty(self._garments, *one.shape[1:]) for one in features)
            for whole, one in zip(together, features, strict=True):
                whole[g : g + 1] = one
        return together


class Keeping:
    """Features of one new garment on their way to the cache."""

    def __init__(self, place: GarmentPlace) -> None:
        self._place = place
        self._kept: list[PackedFeatures] = []
        self.waiting = 0
        """Bytes that it takes until the cache has it; 0: it is not kept."""

    def begin(self, first: Features, *, beside: int) -> None:
        """Make room in the cache; ``beside``: bytes of other garments that wait for the last step."""
        size = len(self._place.key.timesteps) * sum(feature.nbytes for feature in first)
        if self._place.cache.make_room(beside + size):
            self.waiting = size

    def take(self, features: Features) -> None:
        """The features of the next step."""
        if not self.waiting:
            return
        self._kept.append(PackedFeatures.pack(features, self._place.cache.device))
        if len(self._kept) == len(self._place.key.timesteps):
            self._place.put(tuple(self._kept))


def features_of(
    models: Models, caption: Tensor, latent: Tensor, pictures: int, settings: SamplingSettings
) -> Computed:
    """The garment side of a request: ``caption (G, 77, 2048)``, ``latent float32 (G, 4, h, w)``."""
    savings = settings.savings
    if not savings.garment_once:
        caption, latent = (rows.repeat_interleave(pictures // len(rows), 0) for rows in (caption, latent))
    with models.placement.on("garment_text"):
        text = models.garment_unet.text(caption, savings=savings)
    return Computed(
        unet=models.garment_unet,
        latent=latent.to(models.dtype),
        text=text,
        savings=savings,
        backend=models.backend,
    )


def rows_for(features: Features, start: int, stop: int, pictures: int) -> Features:
    """The features for pictures ``start`` to ``stop`` of ``pictures``; one garment's serve all, unchanged."""
    garments = len(features[0])
    if garments == 1 or (garments, start, stop) == (pictures, 0, pictures):
        return features
    rows = torch.arange(start, stop, device=features[0].device) // (pictures // garments)
    return tuple(feature[rows] for feature in features)
