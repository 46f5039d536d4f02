"""Weights of idm-vton in 8 bits, and blocks that come from host memory one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test")

from torch import Tensor, nn  # noqa: E402

from inference.engines.idm_vton.loading import Checkpoint, load_tryon  # noqa: E402
from inference.engines.idm_vton.storage import (  # noqa: E402
    Float8Conv2d,
    Float8Linear,
    is_prompt_projection,
    store_float8,
)
from inference.engines.idm_vton.streaming import BlockStream  # noqa: E402

CPU = torch.device("cpu")
Streamed = tuple[nn.Sequential, BlockStream, Tensor]


# 8-bit storage


@pytest.mark.parametrize("deviation", [1.0, 0.02, 0.001])
def test_rounding_of_8_bits_does_not_depend_on_the_size_of_weights(deviation: float) -> None:
    """Without a scale, a matrix of deviation 0.001 would be mostly zeros."""
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(256, 64, bias=False)
    layer.weight.data = deviation * torch.randn(64, 256, generator=generator)
    stored = Float8Linear(layer)
    error = (stored(torch.eye(256)).T - layer.weight).pow(2).mean().sqrt() / deviation
    assert error < 0.03
    assert stored.weight.dtype == torch.float8_e4m3fn
    if deviation < 0.01:
        plain = layer.weight.to(torch.float8_e4m3fn).float()
        assert (plain - layer.weight).pow(2).mean().sqrt() / deviation > 0.3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_8_bit_layers_compute_in_the_format_that_comes_in(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = nn.Conv2d(4, 6, 3, stride=2, padding=1).to(dtype)
    x = torch.randn(1, 4, 8, 8, generator=generator).to(dtype)
    out = Float8Conv2d(layer)(x)
    assert out.dtype == dtype
    assert out.shape == layer(x).shape
    assert (out - layer(x)).abs().max() < 0.1


def test_a_row_of_zeros_stays_zero() -> None:
    layer = nn.Linear(4, 2, bias=False)
    layer.weight.data.zero_()
    assert torch.equal(Float8Linear(layer)(torch.ones(1, 4)), torch.zeros(1, 2))


def test_norms_ends_and_prompt_projections_keep_their_format(idm_vton_checkpoint: Path) -> None:
    unet, _ = load_tryon(Checkpoint(idm_vton_checkpoint), dtype=torch.float16)
    store_float8(unet.module)
    stored = {name for name, p in unet.module.named_parameters() if p.dtype == torch.float8_e4m3fn}
    assert any(name.endswith("attn1.to_k.weight") for name in stored)
    assert any(name.endswith("conv1.weight") for name in stored)
    assert not [
        name
        for name in stored
        if "norm" in name
        or name.startswith(("conv_in", "conv_out", "time_embedding", "add_embedding"))
        or is_prompt_projection(name)
    ]


# Streaming


class Step(nn.Module):
    """``x * weight + bias`` with parameters of two sizes."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3, 5), value), requires_grad=False)
        self.bias = nn.Parameter(torch.full((3, 1), 10 * value, dtype=torch.float64), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.bias.float()


@pytest.fixture(params=[1, 2, 3])
def stream(request: pytest.FixtureRequest) -> Streamed:
    """Blocks, their stream, and what they make of ones."""
    blocks = nn.Sequential(*(Step(k + 1.0) for k in range(request.param)))
    expected = blocks(torch.ones(3, 5))
    return blocks, BlockStream(blocks, [list(block.parameters()) for block in blocks], CPU), expected


def test_blocks_compute_with_their_own_weights_pass_after_pass(
    stream: Streamed,
) -> None:
    blocks, streaming, expected = stream
    for _ in range(2):
        streaming.open()
        for _ in range(3):
            assert torch.equal(blocks(torch.ones(3, 5)), expected)
        streaming.close()


def test_only_two_blocks_are_on_the_device(stream: Streamed) -> None:
    _, streaming, _ = stream
    assert streaming.device_bytes == 0
    streaming.open()
    assert streaming.device_bytes == 2 * 512  # 60 and 24 bytes, each at a multiple of 256
    streaming.close()
    assert streaming.device_bytes == 0


def test_a_pass_that_broke_off_is_forgotten(stream: Streamed) -> None:
    blocks, streaming, expected = stream
    streaming.open()
    blocks[0](torch.ones(3, 5))
    streaming.close()
    streaming.open()
    assert torch.equal(blocks(torch.ones(3, 5)), expected)


def test_blocks_refuse_to_run_outside_of_their_stage(
    stream: Streamed,
) -> None:
    blocks, _, _ = stream
    with pytest.raises(RuntimeError, match="outside of its stage"):
        blocks(torch.ones(3, 5))


def test_blocks_of_unequal_sizes_cannot_share_buffers() -> None:
    blocks = [nn.Linear(2, 2), nn.Linear(2, 300)]
    with pytest.raises(ValueError, match="equal sizes"):
        BlockStream(blocks, [list(block.parameters()) for block in blocks], CPU)
