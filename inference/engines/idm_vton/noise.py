"""Where the random numbers of a request come from: a seed means the same picture every time.

Every draw is made on the CPU in float32 and moved by the caller: the CUDA generator gives other numbers
for the same seed, and other numbers on another card.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

Draw = Literal["latent", "masked", "pose", "garment", "step"]
"""What is drawn, in the reference's order: the initial latent, the VAE posteriors of masked person, dense
pose and garment, then one for each ancestral step (the last one included)."""

GARMENT_SEED = 0x85EBCA6B
"""Seed of every garment's posterior (:class:`Seeded` says why); any constant would do."""

POSE_STREAM = 0x9E3779B9
"""Exclusive-or'ed into a picture's seed for its dense pose's generator. A larger offset would be no other
seed: torch's CPU generator (a 32-bit Mersenne twister) reads the low 32 bits only."""


class NoiseSource(Protocol):
    """Standard normal numbers for one request; state belongs to the request, never to a model."""

    def draw(self, what: Draw, shape: Sequence[int]) -> Tensor:
        """The next ``what``: ``float32`` of ``shape`` on the CPU, a row for each picture (or garment)."""


class Seeded:
    """Picture ``k`` of seed ``s`` draws exactly what picture 0 of seed ``s + k`` draws.

    * latent, masked person and steps: one generator for each picture, in the reference's order.
    * dense pose: a generator of its own for each picture. The reference takes it from torch's global
      generator, so that its seed alone does not fix the picture.
    * garment: a generator with a constant seed. The reference takes it from the request's generator; here all
      pictures of a request share one garment latent, or they could not share its features. The pictures' own
      generators skip as many numbers, so that their steps stay those of the reference.
    """

    def __init__(self, seed: int | Sequence[int], pictures: int = 1) -> None:
        """``pictures`` of a seed, or of each of several: those of the first seed first."""
        first = [seed] if isinstance(seed, int) else seed
        seeds = [one + k for one in first for k in range(pictures)]
        self._pictures = [torch.Generator().manual_seed(one) for one in seeds]
        self._poses = [torch.Generator().manual_seed(one ^ POSE_STREAM) for one in seeds]

    def draw(self, what: Draw, shape: Sequence[int]) -> Tensor:
        if what == "garment":
            for generator in self._pictures:
                torch.randn(tuple(shape[1:]), generator=generator)
            one = torch.randn(tuple(shape[1:]), generator=torch.Generator().manual_seed(GARMENT_SEED))
            return one.expand(*shape)
        generators = self._poses if what == "pose" else self._pictures
        if shape[0] != len(generators):
            raise ValueError(f"{what} of {shape[0]} pictures asked of {len(generators)} generators")
        return torch.stack([torch.randn(tuple(shape[1:]), generator=generator) for generator in generators])


class Recorded:
    """Noise that somebody else drew: what a recorded case is replayed with."""

    def __init__(self, draws: Mapping[Draw, Sequence[Tensor]]) -> None:
        self._left = {what: deque(tensors) for what, tensors in draws.items()}

    def draw(self, what: Draw, shape: Sequence[int]) -> Tensor:
        left = self._left.get(what)
        if not left:
            raise ValueError(f"no recorded noise left for {what}")
        noise = left.popleft()
        if tuple(noise.shape) != tuple(shape):
            raise ValueError(f"recorded noise for {what} is {tuple(noise.shape)}, asked for {tuple(shape)}")
        return noise
