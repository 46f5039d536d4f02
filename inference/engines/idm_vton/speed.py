"""Ways to compute the same faster: compiled blocks, channels-last convolutions, a chosen attention kernel.

All change results by rounding only. Nobody of this project has timed them on a GPU; ``bench/idm_vton_gpu.py``
does.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from inference.engines.base import Runtime
from inference.engines.idm_vton.models import Models

GRAPHS = 64
"""Most graphs for the blocks of both UNets."""
INDUCTOR = "inductor"
"""torch's own compiler; tests use ``aot_eager``, which captures the same graphs and needs no C++ compiler."""


def prepare(models: Models, runtime: Runtime, *, compiler: str = INDUCTOR) -> Models:
    """``models`` as the operator wants them to compute."""
    if runtime.channels_last:
        use_channels_last(models)
    if runtime.compile:
        compile_blocks(models, compiler)
    return replace(models, backend=runtime.attention)


def use_channels_last(models: Models) -> None:
    """Convolution weights as (output, height, width, input) in memory; activations follow them.

    The layout of tensor-core kernels: without it cuDNN transposes every input and output. Weights are
    re-laid where they are; those that leave the device keep the layout in host memory.
    """
    for network in (models.unet.module, models.garment_unet.module, models.vae):
        network.to(memory_format=torch.channels_last)


def compile_blocks(models: Models, compiler: str) -> None:
    """Compile the forward of every transformer block, whole or not at all.

    Blocks of one width share a graph for each shape that comes: four for a first request. Convolutions stay
    as they are. The garment UNet's last block stops in its middle, by an exception that no graph can hold: it
    is left alone.
    """
    # All blocks are one function to torch, which gives up after eight graphs: too few for one to four
    # pictures, with and without guidance, in two widths and two networks.
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, GRAPHS)
    for block in (*models.unet.blocks, *models.garment_unet.blocks[:-1]):
        compiled = torch.compile(block.forward, backend=compiler, fullgraph=True, dynamic=False)
        block.forward = compiled
