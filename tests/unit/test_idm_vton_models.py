"""The two UNets and the resampler of IDM-VTON: whole forwards, savings on and off, sizes, concurrency."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test TORCH=yes")

from diffusers.models import attention_processor  # noqa: E402
from torch import Tensor  # noqa: E402

from inference.engines.idm_vton.architecture import (  # noqa: E402
    PUBLISHED,
    ResamplerSizes,
    resampler_sizes,
)
from inference.engines.idm_vton.attention import NO_SAVINGS, Savings  # noqa: E402
from inference.engines.idm_vton.kernels import Backend  # noqa: E402
from inference.engines.idm_vton.loading import Checkpoint, load_garment, load_tryon  # noqa: E402
from inference.engines.idm_vton.resampler import Resampler  # noqa: E402
from inference.engines.idm_vton.unets import (  # noqa: E402
    Features,
    GarmentUnet,
    TryOnUnet,
    dead_modules,
    garment_model,
    remove_modules,
    tryon_model,
)

ROUNDING = 1e-4
"""Noise of order 1 through 22 blocks in float32: the bound of the parity with the reference."""
DEAD_KEYS = 62
"""Tensors behind the last feature of a garment UNet of the published layout."""


@dataclass(frozen=True, kw_only=True)
class Networks:
    tryon: TryOnUnet
    garment: GarmentUnet
    whole_garment: GarmentUnet
    resampler: Resampler


@dataclass(frozen=True, kw_only=True)
class Step:
    """Inputs of one denoising step: one unconditional row, one conditional."""

    sample: Tensor
    garment: Tensor
    prompt: Tensor
    garment_prompt: Tensor
    image: Tensor
    pooled: Tensor
    time_ids: Tensor
    timestep: Tensor


@pytest.fixture(scope="module")
def networks(idm_vton_checkpoint: Path) -> Networks:
    checkpoint = Checkpoint(idm_vton_checkpoint)
    tryon, resampler = load_tryon(checkpoint, dtype=torch.float32)
    return Networks(
        tryon=tryon,
        garment=load_garment(checkpoint, dtype=torch.float32),
        whole_garment=load_garment(checkpoint, dtype=torch.float32, whole=True),
        resampler=resampler,
    )


def step_of(seed: int = 0, height: int = 16, width: int = 12, device: str = "cpu") -> Step:
    numbers = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=numbers).to(device)

    return Step(
        sample=draw(1, 13, height, width).repeat(2, 1, 1, 1),
        garment=draw(1, 4, height, width),
        prompt=draw(2, 77, 40),
        garment_prompt=draw(1, 77, 40),
        image=draw(2, 16, 40),
        pooled=draw(2, 24),
        time_ids=torch.tensor(
            [[8.0 * height, 8.0 * width, 0, 0, 8.0 * height, 8.0 * width]] * 2, device=device
        ),
        timestep=torch.tensor(701, device=device),
    )


def features_of(garment: GarmentUnet, step: Step, savings: Savings = Savings()) -> Features:  # noqa: B008
    text = garment.text(step.garment_prompt, savings=savings)
    return garment.features(step.garment, step.timestep, text, savings=savings)


def predict(
    tryon: TryOnUnet,
    step: Step,
    features: Features,
    savings: Savings = Savings(),  # noqa: B008
    *,
    uncond: int = 1,
    backend: Backend = "auto",
) -> Tensor:
    text = tryon.text_image(step.prompt, step.image, savings=savings)
    return tryon.predict(
        step.sample,
        step.timestep,
        text,
        step.pooled,
        step.time_ids,
        features,
        uncond=uncond,
        savings=savings,
        backend=backend,
    )


@torch.no_grad()
def run(networks: Networks, step: Step, savings: Savings = Savings()) -> Tensor:  # noqa: B008
    garment = networks.garment if savings.garment_early_stop else networks.whole_garment
    return predict(networks.tryon, step, features_of(garment, step, savings), savings)


@pytest.mark.parametrize(
    "change",
    [
        {"person_queries": False},
        {"uncond_lse": True},
        {"text_kv_once": False},
        {"garment_early_stop": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_saving_changes_nothing(networks: Networks, change: dict[str, bool]) -> None:
    step = step_of()
    published = run(networks, step, NO_SAVINGS)
    assert published.std() > 0.3
    torch.testing.assert_close(run(networks, step), published, atol=ROUNDING, rtol=0)
    saved = run(networks, step, replace(Savings(), **change))
    torch.testing.assert_close(saved, published, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda step: replace(step, image=step.image.flip(0)),
        lambda step: replace(step, prompt=step.prompt.flip(0)),
        lambda step: replace(step, pooled=step.pooled.flip(0)),
        lambda step: replace(step, time_ids=step.time_ids.flip(1)),
        lambda step: replace(step, garment_prompt=step.prompt[:1]),
        lambda step: replace(step, garment=step.sample[:1, :4]),
        lambda step: replace(step, timestep=step.timestep - 33),
    ],
    ids=["image", "prompt", "pooled", "size", "garment-prompt", "garment", "timestep"],
)
def test_every_input_counts(networks: Networks, mistake: Callable[[Step], Step]) -> None:
    step = step_of()
    assert (run(networks, step) - run(networks, mistake(step))).abs().max() > 50 * ROUNDING


def test_features_are_recorded_in_execution_order(networks: Networks) -> None:
    """Down, mid, up: first the finer grid, then the coarser, then the finer again."""
    step = step_of()
    features = features_of(networks.garment, step)
    fine, coarse = (1, 48, 16), (1, 12, 32)
    assert [tuple(f.shape) for f in features] == [fine] * 4 + [coarse] * (4 + 2 + 6) + [fine] * 6


def test_unconditional_rows_do_not_see_the_garment(networks: Networks) -> None:
    step = step_of()
    with torch.no_grad():
        features = features_of(networks.garment, step)
        noise = predict(networks.tryon, step, features)
        zeros = tuple(torch.zeros_like(feature) for feature in features)
        nothing = predict(networks.tryon, step, zeros)
    torch.testing.assert_close(nothing[0], noise[0], atol=ROUNDING, rtol=0)
    assert (nothing[1] - noise[1]).abs().max() > 0.1


def test_rows_of_a_batch_do_not_mix(networks: Networks) -> None:
    """Two persons with a garment each, as one batch and one by one; a timestep for each garment row."""
    steps = [step_of(seed) for seed in (1, 2)]
    one_by_one = [run(networks, step) for step in steps]
    garment = networks.garment
    order = [(0, 0), (1, 0), (0, 1), (1, 1)]  # uncond of both, then cond of both

    def rows(name: str) -> Tensor:
        return torch.stack([getattr(steps[person], name)[half] for person, half in order])

    both = Step(
        sample=rows("sample"),
        garment=torch.cat([step.garment for step in steps]),
        prompt=rows("prompt"),
        garment_prompt=torch.cat([step.garment_prompt for step in steps]),
        image=rows("image"),
        pooled=rows("pooled"),
        time_ids=rows("time_ids"),
        timestep=steps[0].timestep,
    )
    with torch.no_grad():
        text = garment.text(both.garment_prompt)
        features = garment.features(both.garment, both.timestep.expand(2), text)
        noise = predict(networks.tryon, both, features, uncond=2)
    for row, (person, half) in enumerate(order):
        torch.testing.assert_close(noise[row], one_by_one[person][half], atol=ROUNDING, rtol=0)


def test_without_guidance_there_is_no_unconditional_half(networks: Networks) -> None:
    step = step_of()
    expected = run(networks, step)[1:]
    with torch.no_grad():
        features = features_of(networks.garment, step)
        text = networks.tryon.text_image(step.prompt, step.image).rows(1, 2)
        noise = networks.tryon.predict(
            step.sample[1:], step.timestep, text, step.pooled[1:], step.time_ids[1:], features, uncond=0
        )
    torch.testing.assert_close(noise, expected, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize(("height", "width"), [(18, 14), (17, 13)], ids=["not-by-32", "odd"])
def test_sizes_that_do_not_divide(networks: Networks, height: int, width: int) -> None:
    step = step_of(height=height, width=width)
    noise = run(networks, step)
    assert noise.shape == (2, 4, height, width)
    torch.testing.assert_close(run(networks, step, NO_SAVINGS), noise, atol=ROUNDING, rtol=0)


def test_garment_of_another_size_is_refused(networks: Networks) -> None:
    features = features_of(networks.garment, step_of(height=16, width=16))
    with pytest.raises(ValueError, match="same height and width"):
        predict(networks.tryon, step_of(), features)


def test_trimmed_garment_unet_cannot_run_to_its_end(networks: Networks) -> None:
    with pytest.raises(ValueError, match="whole=True"):
        features_of(networks.garment, step_of(), NO_SAVINGS)


def test_concurrent_forwards_do_not_touch_each_other(networks: Networks) -> None:
    steps = [step_of(seed) for seed in range(4)]
    alone = [run(networks, step) for step in steps]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda step: run(networks, step), steps * 3))
    for index, noise in enumerate(together):
        assert torch.equal(noise, alone[index % 4])


def test_diffusers_accepts_the_call_without_a_word(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: list[str] = []
    monkeypatch.setattr(attention_processor.logger, "warning", words.append)
    run(networks, step_of())
    assert words == []


def test_compiled_blocks_share_a_graph_for_each_width(networks: Networks) -> None:
    """One graph for all blocks of 16 channels, one for all of 32: none is compiled for its place alone."""
    graphs: list[torch.fx.GraphModule] = []

    def count(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    step = step_of()
    expected = run(networks, step)
    blocks = networks.tryon.blocks
    torch._dynamo.reset()
    try:
        for block in blocks:
            block.forward = torch.compile(block.forward, backend=count, fullgraph=True)
        torch.testing.assert_close(run(networks, step), expected, atol=ROUNDING, rtol=0)
    finally:
        for block in blocks:
            del block.forward  # the class's own comes back
        torch._dynamo.reset()
    assert len(graphs) == 2


def test_published_architecture_at_full_size() -> None:
    """On the meta device: parameters and shapes of the 70 features as published, dead weights found."""
    with torch.device("meta"):
        unet, garment = tryon_model(PUBLISHED["unet"]), garment_model(PUBLISHED["unet_encoder"])
    resampler = 82_961_664  # in the same file, but a module of its own
    assert sum(p.numel() for p in unet.parameters()) == 2_991_238_468 - resampler
    assert sum(p.numel() for p in garment.parameters()) == 2_562_218_244
    dead = dead_modules(garment)
    weights = sum(p.numel() for name in dead for p in garment.get_submodule(name).parameters())
    assert weights == 25_285_124
    assert len(remove_modules(garment, dead)) == DEAD_KEYS
    trimmed = GarmentUnet(module=garment)
    prompt = torch.empty(1, 77, 2048, device="meta")
    latent = torch.empty(1, 4, 128, 96, device="meta")
    features = trimmed.features(latent, torch.empty((), device="meta"), trimmed.text(prompt))
    shapes = [tuple(feature.shape) for feature in features]
    assert shapes == [(1, 3072, 640)] * 4 + [(1, 768, 1280)] * 60 + [(1, 3072, 640)] * 6


def test_dead_weights_are_those_the_reference_never_uses(idm_vton_goldens: Path) -> None:
    listed = json.loads((idm_vton_goldens / "manifests" / "garment_dead_keys.json").read_text())
    with torch.device("meta"):
        garment = garment_model(PUBLISHED["unet_encoder"])
    assert remove_modules(garment, dead_modules(garment)) == set(listed)


def test_dead_weights_are_those_that_do_not_run(networks: Networks) -> None:
    """Watched: what the garment UNet has not called when the last feature is there."""
    unet = networks.whole_garment.module
    ran: set[str] = set()
    weighted = {name: module for name, module in unet.named_modules() if module._parameters}
    hooks = [
        module.register_forward_pre_hook(lambda *_, name=name: ran.add(name))
        for name, module in weighted.items()
    ]
    every_step = Savings(text_kv_once=False)  # so that the prompt's projections run in their blocks
    features_of(networks.whole_garment, step_of(), every_step)
    for hook in hooks:
        hook.remove()
    assert weighted.keys() - ran == set(dead_modules(unet))


@pytest.mark.parametrize("savings", [Savings(), Savings(uncond_lse=True), NO_SAVINGS])
def test_forwards_run_on_the_meta_device(savings: Savings) -> None:
    """Operations are counted there, without weights."""
    small = {"block_out_channels": (64, 128, 256), "attention_head_dim": (1, 2, 4)}
    small |= {"transformer_layers_per_block": (1, 1, 1), "cross_attention_dim": 40}
    small |= {"addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 72}
    with torch.device("meta"):
        tryon = TryOnUnet(module=tryon_model({**PUBLISHED["unet"], **small}))
        garment = GarmentUnet(module=garment_model({**PUBLISHED["unet_encoder"], **small}), whole=True)
    step = step_of(device="meta")
    noise = predict(tryon, step, features_of(garment, step, savings), savings)
    assert noise.shape == (2, 4, 16, 12)


class TestResampler:
    SIZES = ResamplerSizes(dim=24, depth=3, heads=2, queries=5, feed_forward=40, features=20, out=36)

    def tensors(self) -> dict[str, Tensor]:
        """Sizes that no config names."""
        numbers = torch.Generator().manual_seed(0)
        shapes: dict[str, tuple[int, ...]] = {
            "latents": (1, 5, 24),
            "proj_in.weight": (24, 20),
            "proj_in.bias": (24,),
            "proj_out.weight": (36, 24),
            "proj_out.bias": (36,),
            "norm_out.weight": (36,),
            "norm_out.bias": (36,),
        }
        for layer in ("layers.0", "layers.1", "layers.2"):
            for norm in ("0.norm1", "0.norm2", "1.0"):
                shapes |= {f"{layer}.{norm}.weight": (24,), f"{layer}.{norm}.bias": (24,)}
            shapes |= {f"{layer}.0.to_q.weight": (128, 24), f"{layer}.0.to_kv.weight": (256, 24)}
            shapes |= {f"{layer}.0.to_out.weight": (24, 128)}
            shapes |= {f"{layer}.1.1.weight": (40, 24), f"{layer}.1.3.weight": (24, 40)}
        return {
            name: torch.randn(shape, generator=numbers) / (math.sqrt(shape[-1]) if len(shape) > 1 else 1)
            for name, shape in shapes.items()
        }

    def test_sizes_come_from_the_tensors(self) -> None:
        assert resampler_sizes({name: tensor.shape for name, tensor in self.tensors().items()}) == self.SIZES
        assert Resampler.from_state_dict(self.tensors())(torch.zeros(2, 257, 20)).shape == (2, 5, 36)

    def test_is_the_published_computation(self) -> None:
        """Written out once more in float64."""
        weights = {name: tensor.double() for name, tensor in self.tensors().items()}
        image = torch.randn(2, 9, 20, generator=torch.Generator().manual_seed(1))

        def norm(tokens: Tensor, name: str) -> Tensor:
            weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
            return torch.nn.functional.layer_norm(tokens, weight.shape, weight, bias)

        def linear(tokens: Tensor, name: str) -> Tensor:
            return tokens @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)

        tokens, latents = linear(image.double(), "proj_in"), weights["latents"].repeat(2, 1, 1)
        for layer in ("layers.0", "layers.1", "layers.2"):
            asked = norm(latents, f"{layer}.0.norm2")
            both = torch.cat([norm(tokens, f"{layer}.0.norm1"), asked], 1)
            query, keys = linear(asked, f"{layer}.0.to_q"), linear(both, f"{layer}.0.to_kv")
            heads = [
                (query[..., at : at + 64] @ keys[..., at : at + 64].transpose(1, 2) / 8).softmax(-1)
                @ keys[..., 128 + at : 128 + at + 64]
                for at in (0, 64)
            ]
            latents = latents + linear(torch.cat(heads, -1), f"{layer}.0.to_out")
            hidden = torch.nn.functional.gelu(linear(norm(latents, f"{layer}.1.0"), f"{layer}.1.1"))
            latents = latents + linear(hidden, f"{layer}.1.3")
        expected = norm(linear(latents, "proj_out"), "norm_out")
        answer = Resampler.from_state_dict(self.tensors())(image)
        torch.testing.assert_close(answer.double(), expected, atol=1e-5, rtol=0)

    def test_float16_logits_do_not_overflow(self) -> None:
        """A product of queries and keys beyond 65504, which the scale brings back into range."""
        tensors = self.tensors()
        for name in tensors:
            if name.endswith(("to_q.weight", "to_kv.weight")):
                tensors[name] = 60 * tensors[name]
        half = {name: tensor.half() for name, tensor in tensors.items()}
        image = torch.randn(1, 9, 20, generator=torch.Generator().manual_seed(1)).half()
        answer = Resampler.from_state_dict(half)(image)
        assert answer.isfinite().all()
        exact = Resampler.from_state_dict({name: tensor.float() for name, tensor in half.items()})(
            image.float()
        )
        assert (answer.float() - exact).std() < 0.1 * exact.std()
