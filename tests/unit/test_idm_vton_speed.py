"""Faster ways to compute idm-vton: the same numbers but for rounding, on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test")

from torch import Tensor, nn  # noqa: E402
from torch._dynamo.utils import counters  # noqa: E402

from inference.engines.base import Runtime  # noqa: E402
from inference.engines.idm_vton.activations import Work  # noqa: E402
from inference.engines.idm_vton.loading import Checkpoint  # noqa: E402
from inference.engines.idm_vton.memory import make_plan  # noqa: E402
from inference.engines.idm_vton.models import Models, load_models  # noqa: E402
from inference.engines.idm_vton.placement import load_placed  # noqa: E402
from inference.engines.idm_vton.profiles import PROFILES  # noqa: E402
from inference.engines.idm_vton.sizes import read_architecture  # noqa: E402
from inference.engines.idm_vton.speed import GRAPHS, compile_blocks, prepare  # noqa: E402

CPU = torch.device("cpu")
ROUNDING = 1e-4
CAPTURE = "eager"
"""A compiler that captures graphs and runs them as they are: what is tested is that they can be captured."""


@pytest.fixture
def models(idm_vton_checkpoint: Path) -> Models:
    return load_models(Checkpoint(idm_vton_checkpoint), device=CPU, dtype=torch.float32)


@pytest.fixture
def compiler() -> Iterator[None]:
    """No graphs of other tests, and no trace of these."""
    limit = torch._dynamo.config.recompile_limit
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()
    torch._dynamo.config.recompile_limit = limit


def step(models: Models, *, guided: bool = True) -> Tensor:
    """One pass of the garment UNet and one of the try-on UNet, on made-up conditions."""
    generator = torch.Generator().manual_seed(0)
    config = models.unet.module.config
    rows = 2 if guided else 1

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    prompt, image = random(rows, 77, config.cross_attention_dim), random(rows, 16, config.cross_attention_dim)
    pooled = random(rows, config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim)
    timestep = torch.tensor(500)
    with torch.no_grad():
        features = models.garment_unet.features(
            random(1, 4, 8, 16), timestep, models.garment_unet.text(prompt[:1]), backend=models.backend
        )
        noise: Tensor = models.unet.predict(
            random(rows, 13, 8, 16),
            timestep,
            models.unet.text_image(prompt, image),
            pooled,
            torch.tensor([[64.0, 128, 0, 0, 64, 128]] * rows),
            features,
            uncond=rows - 1,
            backend=models.backend,
        )
    return noise


@pytest.mark.usefixtures("compiler")
def test_blocks_compile_whole_and_share_their_graphs(models: Models) -> None:
    """One graph for each width of each UNet, whatever the number of blocks, and none is interrupted."""
    expected = step(models)
    compile_blocks(models, CAPTURE)
    assert (step(models) - expected).abs().max() < ROUNDING
    widths = {block.dim for block in models.unet.blocks}
    assert counters["stats"]["unique_graphs"] == 2 * len(widths)
    assert not counters["graph_break"]
    step(models)
    assert counters["stats"]["unique_graphs"] == 2 * len(widths)


@pytest.mark.usefixtures("compiler")
def test_steps_without_guidance_compile_too(models: Models) -> None:
    """Another shape needs graphs of its own, and there is room for them."""
    expected = step(models, guided=False)
    compile_blocks(models, CAPTURE)
    step(models)
    assert (step(models, guided=False) - expected).abs().max() < ROUNDING
    assert torch._dynamo.config.recompile_limit == GRAPHS


@pytest.mark.usefixtures("compiler")
def test_blocks_that_come_and_go_are_compiled_once(idm_vton_checkpoint: Path) -> None:
    plan = make_plan(
        read_architecture(idm_vton_checkpoint), PROFILES["12gb"], Work(canvas=(64, 128), number_bytes=4)
    )
    models = load_placed(Checkpoint(idm_vton_checkpoint), plan, device=CPU, dtype=torch.float32)
    compile_blocks(models, CAPTURE)
    graphs = []
    for _ in range(2):
        with models.placement.on("unet", "garment_unet", "unet_text", "garment_text"):
            step(models)
        graphs.append(counters["stats"]["unique_graphs"])
    assert graphs[0] == graphs[1] > 0


@pytest.mark.usefixtures("compiler")
def test_8_bit_layers_can_be_captured(idm_vton_checkpoint: Path) -> None:
    work = Work(canvas=(64, 128), number_bytes=4)
    profile = PROFILES["8gb"]
    plan = make_plan(read_architecture(idm_vton_checkpoint), profile, work)
    placed = load_placed(Checkpoint(idm_vton_checkpoint), plan, device=CPU, dtype=torch.float32)
    block = placed.unet.blocks[0]
    layer = block.ff.net[0].proj
    compiled = torch.compile(layer, backend=CAPTURE, fullgraph=True)
    x = torch.randn(2, layer.weight.shape[1])
    assert torch.equal(compiled(x), layer(x))


def test_channels_last_changes_the_layout_and_nothing_else(models: Models) -> None:
    expected, before = step(models), layouts(models)
    assert not any(before)
    models = prepare(models, Runtime(channels_last=True))
    assert all(layouts(models))
    assert (step(models) - expected).abs().max() < ROUNDING


@pytest.mark.parametrize("profile", ["16gb", "12gb", "8gb"])
def test_parts_that_come_and_go_keep_the_layout(profile: str, idm_vton_checkpoint: Path) -> None:
    plan = make_plan(
        read_architecture(idm_vton_checkpoint), PROFILES[profile], Work(canvas=(64, 128), number_bytes=4)
    )
    placed = load_placed(Checkpoint(idm_vton_checkpoint), plan, device=CPU, dtype=torch.float32)
    placed = prepare(placed, Runtime(channels_last=True))
    for _ in range(2):
        with placed.placement.on("unet", "garment_unet"):
            assert all(layouts(placed))


def layouts(models: Models) -> list[bool]:
    """Of every kernel larger than one pixel: does it lie in memory channels last."""
    return [
        parameter.is_contiguous(memory_format=torch.channels_last)
        for network in (models.unet.module, models.garment_unet.module, models.vae)
        for parameter in network.parameters()
        if parameter.ndim == 4 and parameter.shape[2] > 1 and parameter.shape[1] > 1
    ]


@pytest.mark.parametrize("kernel", ["flash", "math"])
def test_attention_kernel_is_the_chosen_one(
    kernel: str, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = step(models)
    asked: list[object] = []
    original = torch.nn.attention.sdpa_kernel

    def record(backend: object, **options: object) -> object:
        asked.append(backend)
        return original(backend, **options)

    monkeypatch.setattr("inference.engines.idm_vton.kernels.sdpa_kernel", record)
    models = prepare(models, Runtime(attention=kernel))  # type: ignore[arg-type]
    assert (step(models) - expected).abs().max() < ROUNDING
    names = {getattr(backend, "name", None) for backend in asked}
    assert names == {{"flash": "FLASH_ATTENTION", "math": "MATH"}[kernel]}


def test_nothing_is_changed_unasked(models: Models) -> None:
    before: Callable[..., object] = models.unet.blocks[0].forward
    prepared = prepare(models, Runtime())
    assert prepared.unet.blocks[0].forward == before
    assert prepared.backend == "auto"
    assert not any(layouts(prepared))
    assert isinstance(prepared.unet.module, nn.Module)
