"""A memory profile at work: parts that leave the device come for the stage that computes with them.

The host's copy of a part that leaves is the one that counts: leaving costs nothing, coming is one copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn

from inference.engines.idm_vton.loading import Checkpoint
from inference.engines.idm_vton.memory import Plan
from inference.engines.idm_vton.models import Models, load_models
from inference.engines.idm_vton.sizes import COMPONENTS, Component
from inference.engines.idm_vton.storage import is_prompt_projection, store_float8
from inference.engines.idm_vton.streaming import BlockStream
from inference.engines.idm_vton.unets import transformer_blocks

CPU = torch.device("cpu")

PROMPT_PARTS: dict[Component, Component] = {"unet": "unet_text", "garment_unet": "garment_text"}
"""Network -> its projections of prompt and image tokens."""


class Moving:
    """Places the networks that it is given; one thread computes with them, as with the engine.

    Parameters are moved by assigning their data, so hooks, processors and compiled code keep what they hold.
    """

    def __init__(self, planned: Plan, device: torch.device) -> None:
        self._plan = planned
        self._device = device
        self._parts: dict[Component, _Part] = {}

    def take(self, component: Component, module: nn.Module) -> None:
        """Store ``module``, which is in host memory, as the profile says, and bring it in if it stays."""
        profile = self._plan.profile
        if isinstance(module, AutoencoderKL) and self._plan.tiling:
            module.enable_tiling()
        if component in profile.float8:
            store_float8(module)
        tensors: dict[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        stream: BlockStream | None = None
        if component in PROMPT_PARTS:
            prompt = [name for name in tensors if is_prompt_projection(name)]
            self._add(PROMPT_PARTS[component], [tensors.pop(name) for name in prompt])
        if profile.streams and component == "garment_unet":
            stream, streamed = _stream_widest(module, self._device)
            tensors = {name: tensor for name, tensor in tensors.items() if id(tensor) not in streamed}
        self._add(component, list(tensors.values()), stream)

    def _add(
        self, component: Component, tensors: Sequence[Tensor], stream: BlockStream | None = None
    ) -> None:
        part = _Part(tensors, self._device, stream)
        if component in self._plan.profile.stays:
            part.settle()
        self._parts[component] = part

    @property
    def present(self) -> frozenset[Component]:
        """What can compute now."""
        return frozenset(component for component, part in self._parts.items() if part.present)

    @property
    def device_bytes(self) -> int:
        """Bytes of weights on the device now."""
        return sum(part.nbytes for part in self._parts.values() if part.present)

    @contextmanager
    def on(self, *components: Component) -> Iterator[None]:
        """While open, ``components`` are on the device."""
        came = [self._parts[component] for component in components if component not in self.present]
        try:
            for part in came:
                part.come()
            yield
        finally:
            for part in came:
                part.leave()


class _Part:
    """Tensors that move together."""

    def __init__(self, tensors: Sequence[Tensor], device: torch.device, stream: BlockStream | None) -> None:
        self._tensors = tensors
        self._device = device
        self._stream = stream
        self._host: list[Tensor] = []
        """Their data in host memory, while they are on the device for a stage."""
        self.present = False

    @property
    def nbytes(self) -> int:
        streamed = self._stream.device_bytes if self._stream else 0
        return sum(tensor.nbytes for tensor in self._tensors) + streamed

    def settle(self) -> None:
        """Go to the device for good; nothing remains on the host."""
        for tensor in self._tensors:
            tensor.data = tensor.data.to(self._device)
        self.present = True

    def come(self) -> None:
        self.present = True
        for tensor in self._tensors:
            self._host.append(tensor.data)
            tensor.data = tensor.data.to(self._device, copy=True)
        if self._stream:
            self._stream.open()

    def leave(self) -> None:
        if self._stream:
            self._stream.close()
        # Fewer than the tensors where memory ran out on the way.
        for tensor, host in zip(self._tensors, self._host, strict=False):
            tensor.data = host
        self._host = []
        self.present = False


def _stream_widest(garment_unet: nn.Module, device: torch.device) -> tuple[BlockStream, set[int]]:
    """A stream of the widest blocks, and the ids of the parameters that it holds."""
    if not isinstance(garment_unet, UNet2DConditionModel):
        raise TypeError(f"only a UNet's blocks are streamed, got {type(garment_unet).__name__}")
    width = max(garment_unet.config.block_out_channels)
    blocks = [block for block in transformer_blocks(garment_unet) if block.norm1.normalized_shape == (width,)]
    parameters = [
        [tensor for name, tensor in block.named_parameters() if not is_prompt_projection(f".{name}")]
        for block in blocks
    ]
    held = {id(tensor) for own in parameters for tensor in own}
    return BlockStream(blocks, parameters, device), held


def load_placed(checkpoint: Checkpoint, planned: Plan, *, device: torch.device, dtype: torch.dtype) -> Models:
    """The checkpoint's models, placed as ``planned`` says.

    Raises :class:`~inference.engines.idm_vton.state.LoadError` where a published key is missing or unknown.
    """
    if planned.profile.stays == frozenset(COMPONENTS):
        return load_models(checkpoint, device=device, dtype=dtype)
    moving = Moving(planned, device)
    models = load_models(checkpoint, device=device, dtype=dtype, home=CPU, loaded=moving.take)
    return replace(models, placement=moving)
