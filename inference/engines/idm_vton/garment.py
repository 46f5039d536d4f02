"""The garment's side of the denoise loop: features for each timestep, computed or remembered."""

from __future__ import annotations

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


class Remembering:
    """Features computed now, given to the cache after the last step; a stopped request leaves none there."""

    def __init__(self, computed: Computed, place: GarmentPlace) -> None:
        self.components = computed.components
        self._computed, self._place = computed, place
        self._kept: list[PackedFeatures] = []
        self._fits = False

    def at(self, k: int, timestep: Tensor) -> Features:
        features = self._computed.at(k, timestep)
        cache, steps = self._place.cache, len(self._place.key.timesteps)
        if k == 0:  # what waits for the last step takes memory already
            self._fits = cache.make_room(steps * sum(feature.nbytes for feature in features))
        if not self._fits:
            return features
        self._kept.append(PackedFeatures.pack(features, cache.device))
        if len(self._kept) == steps:
            self._place.put(tuple(self._kept))
        return features


class Remembered:
    """Features of an earlier request: no garment UNet."""

    components: tuple[Component, ...] = ()

    def __init__(self, kept: Kept, device: torch.device) -> None:
        self._kept, self._device = kept, device

    def at(self, k: int, timestep: Tensor) -> Features:
        return self._kept[k].unpack(self._device)


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
