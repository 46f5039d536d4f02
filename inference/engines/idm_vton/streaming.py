"""Blocks of a network that live in host memory and come to the GPU one by one.

Two buffers on the device hold the block that computes and the next one, which is copied meanwhile on a
stream of its own. (diffusers' group offloading needs accelerate, and learns the order of the layers from
their calls; ours are also called outside of a pass, for the keys and values of prompts.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ALIGN = 256
"""Bytes at which a tensor in a buffer begins: what CUDA's own allocator promises its kernels."""


@dataclass(frozen=True, kw_only=True)
class _Slice:
    """Where one parameter lies in the buffer of its block."""

    parameter: nn.Parameter
    start: int
    shape: torch.Size
    dtype: torch.dtype

    def within(self, buffer: Tensor) -> Tensor:
        """The parameter as a view of ``buffer`` (bytes)."""
        size = self.shape.numel() * self.dtype.itemsize
        return buffer[self.start : self.start + size].view(self.dtype).view(self.shape)


@dataclass(frozen=True, kw_only=True)
class _Block:
    host: Tensor
    """All its parameters as bytes, pinned where there is a GPU."""
    slices: tuple[_Slice, ...]

    def point_into(self, buffer: Tensor) -> None:
        for piece in self.slices:
            piece.parameter.data = piece.within(buffer)


class BlockStream:
    """Streams ``parameters`` of ``blocks`` (in order of execution, of equal sizes) to ``device``.

    Between :meth:`open` and :meth:`close` the blocks may run, any number of times, always all of them and in
    order. On the CPU it goes through the same buffers, one copy after another.
    """

    def __init__(
        self, blocks: Sequence[nn.Module], parameters: Sequence[Sequence[nn.Parameter]], device: torch.device
    ) -> None:
        self._device = device
        self._cuda = device.type == "cuda"
        self._blocks = [_gathered(own, pinned=self._cuda) for own in parameters]
        if len({block.host.numel() for block in self._blocks}) != 1:
            raise ValueError("streamed blocks must have parameters of equal sizes")
        self._buffers: list[Tensor] = []
        self._turn = 0
        """Counts the blocks that have run since :meth:`open`."""
        self._copies = torch.cuda.Stream(device) if self._cuda else None
        self._arrived = [torch.cuda.Event(), torch.cuda.Event()] if self._cuda else []
        self._used = [torch.cuda.Event(), torch.cuda.Event()] if self._cuda else []
        for index, module in enumerate(blocks):
            module.register_forward_pre_hook(self._before(index))
            module.register_forward_hook(self._after(index))

    @property
    def host_bytes(self) -> int:
        return sum(block.host.numel() for block in self._blocks)

    @property
    def device_bytes(self) -> int:
        return sum(buffer.numel() for buffer in self._buffers)

    def open(self) -> None:
        """Take the two buffers and begin to bring in the first block."""
        size = self._blocks[0].host.numel()
        self._buffers = [torch.empty(size, dtype=torch.uint8, device=self._device) for _ in range(2)]
        self._turn = 0
        if self._copies is not None:
            # The allocator may hand out memory that kernels already queued still write to.
            self._copies.wait_stream(torch.cuda.current_stream(self._device))
        self._bring(0, slot=0)

    def close(self) -> None:
        """Let the buffers go; what a pass that was broken off left in them, too."""
        if self._copies is not None:
            self._copies.synchronize()
        for block in self._blocks:
            block.point_into(block.host)
        self._buffers = []

    def _bring(self, index: int, slot: int) -> None:
        if self._copies is None:
            self._buffers[slot].copy_(self._blocks[index].host)
            return
        with torch.cuda.stream(self._copies):
            self._copies.wait_event(self._used[slot])  # an event never recorded holds nobody up
            self._buffers[slot].copy_(self._blocks[index].host, non_blocking=True)
            self._arrived[slot].record(self._copies)

    def _before(self, index: int) -> Callable[[nn.Module, object], None]:
        def hook(module: nn.Module, args: object) -> None:
            if not self._buffers:
                raise RuntimeError("a streamed block ran outside of its stage")
            slot = self._turn % 2
            if self._cuda:
                torch.cuda.current_stream(self._device).wait_event(self._arrived[slot])
            self._blocks[index].point_into(self._buffers[slot])
            self._bring((index + 1) % len(self._blocks), slot=1 - slot)

        return hook

    def _after(self, index: int) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, args: object, output: object) -> None:
            if self._cuda:
                self._used[self._turn % 2].record(torch.cuda.current_stream(self._device))
            self._blocks[index].point_into(self._blocks[index].host)
            self._turn += 1

        return hook


def _gathered(parameters: Sequence[nn.Parameter], *, pinned: bool) -> _Block:
    """One buffer of bytes for all ``parameters``, which become views of it."""
    starts, size = [], 0
    for parameter in parameters:
        starts.append(size)
        size += -(-parameter.nbytes // ALIGN) * ALIGN
    host = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
    slices = []
    for parameter, start in zip(parameters, starts, strict=True):
        piece = _Slice(parameter=parameter, start=start, shape=parameter.shape, dtype=parameter.dtype)
        piece.within(host).copy_(parameter.detach())
        slices.append(piece)
    block = _Block(host=host, slices=tuple(slices))
    block.point_into(host)
    return block
