"""The IDM-VTON sampler: schedules, noise, inputs, the loop, requests side by side, the garment cache."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.engines.base import Limit, Stopped
from inference.engines.idm_vton.spec import SPEC
from preprocess.types import Frame
from tests.conftest import NO_TORCH

torch = pytest.importorskip("torch", reason=NO_TORCH)

from diffusers import DDPMScheduler, DPMSolverMultistepScheduler  # noqa: E402 - after the skip
from torch import Tensor, nn  # noqa: E402
from transformers import CLIPImageProcessorPil  # noqa: E402

from inference.engines.idm_vton import conditioning, encoders  # noqa: E402
from inference.engines.idm_vton.canvas import CanvasInputs  # noqa: E402
from inference.engines.idm_vton.garment_cache import (  # noqa: E402
    GarmentCache,
    GarmentKey,
    PackedFeatures,
)
from inference.engines.idm_vton.inputs import Inputs, clip_pixels, inputs_of  # noqa: E402
from inference.engines.idm_vton.loading import Checkpoint  # noqa: E402
from inference.engines.idm_vton.models import Constants, Models, load_models  # noqa: E402
from inference.engines.idm_vton.noise import Recorded, Seeded  # noqa: E402
from inference.engines.idm_vton.sampling import NotFinite, try_on  # noqa: E402
from inference.engines.idm_vton.schedule import Schedule, make_schedule  # noqa: E402
from inference.engines.idm_vton.settings import QUALITY, SamplingSettings, settings_for  # noqa: E402
from inference.engines.observation import CacheUse  # noqa: E402

CPU = torch.device("cpu")
PUBLISHED: dict[str, Any] = {
    "_class_name": "DDPMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "rescale_betas_zero_snr": True,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
}
"""Scheduler config of the published checkpoint."""
SHORT = SamplingSettings(steps=2)


# Schedules


def no_draw() -> Tensor:
    raise AssertionError("this solver draws nothing")


def test_thirty_steps_begin_and_end_where_the_reference_does() -> None:
    timesteps = make_schedule(PUBLISHED, "ddpm", 30).timesteps
    assert timesteps == tuple(range(958, 0, -33))
    assert float(DDPMScheduler.from_config(PUBLISHED).alphas_cumprod[958]) == pytest.approx(
        3.959e-4, rel=1e-3
    )


@pytest.mark.parametrize("steps", [1, 7, 30])
def test_an_ancestral_step_is_the_one_of_diffusers(steps: int) -> None:
    reference = DDPMScheduler.from_config(PUBLISHED)
    reference.set_timesteps(steps)
    schedule = make_schedule(PUBLISHED, "ddpm", steps)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 4, 6, 5, generator=generator)
    for k, timestep in enumerate(reference.timesteps):
        assert timestep == schedule.timesteps[k]
        prediction = torch.randn(latents.shape, generator=generator)
        state = generator.get_state()
        expected = reference.step(prediction, timestep, latents, generator=generator).prev_sample
        generator.set_state(state)
        got = schedule.step(k, prediction, latents, lambda: torch.randn((2, 4, 6, 5), generator=generator))
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
        latents = torch.randn(latents.shape, generator=generator)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers with numpy 2.4
@pytest.mark.parametrize("steps", [2, 12, 20])
def test_the_fast_solver_is_the_one_of_diffusers(steps: int) -> None:
    reference = DPMSolverMultistepScheduler.from_config(PUBLISHED, algorithm_type="dpmsolver++")
    reference.set_timesteps(steps)
    schedule = make_schedule(PUBLISHED, "dpm++2m", steps)
    assert schedule.timesteps == tuple(reference.timesteps.tolist())
    generator = torch.Generator().manual_seed(0)
    expected = latents = torch.randn(2, 4, 6, 5, generator=generator)
    for k, timestep in enumerate(reference.timesteps):
        prediction = torch.randn(latents.shape, generator=generator)
        expected = reference.step(prediction, timestep, expected).prev_sample
        latents = schedule.step(k, prediction, latents, no_draw)
        torch.testing.assert_close(latents, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("solver", "steps"), [("ddpm", 30), ("dpm++2m", 20), ("dpm++2m", 12)])
def test_a_perfect_prediction_leads_to_the_picture(solver: Any, steps: int) -> None:
    """Whoever predicts exactly the noise between the latents and one picture ends at that picture."""
    levels = DDPMScheduler.from_config(PUBLISHED).alphas_cumprod
    generator = torch.Generator().manual_seed(3)
    picture = torch.randn(1, 4, 8, 8, generator=generator)
    latents = torch.randn(picture.shape, generator=generator)
    schedule: Schedule = make_schedule(PUBLISHED, solver, steps)
    for k, timestep in enumerate(schedule.timesteps):
        noise = (latents - levels[timestep].sqrt() * picture) / (1 - levels[timestep]).sqrt()
        latents = schedule.step(k, noise, latents, lambda: torch.randn(picture.shape, generator=generator))
    torch.testing.assert_close(latents, picture, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("steps", "changes"),
    [
        (0, {}),
        (1000, {}),
        (500, {}),  # two apart with offset 1: 999 is the first
        (999, {}),
        (30, {"timestep_spacing": "trailing"}),
        (30, {"timestep_spacing": "linspace"}),
    ],
)
def test_a_timestep_without_signal_is_never_reached(steps: int, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="steps"):
        make_schedule({**PUBLISHED, **changes}, "ddpm", steps)


@pytest.mark.parametrize("solver", ["ddpm", "dpm++2m"])
def test_all_numbers_of_steps_that_can_be_asked_for_can_be_walked(solver: Any) -> None:
    limit = SPEC.options["steps"]
    assert isinstance(limit, Limit)
    for steps in range(int(limit.least), int(limit.most) + 1):
        timesteps = make_schedule(PUBLISHED, solver, steps).timesteps
        assert len(timesteps) == steps
        assert all(1 <= after < before < 999 for before, after in pairwise(timesteps))


# Settings


def test_only_the_published_sampling_is_not_called_approximate() -> None:
    assert settings_for("best").words == "30 steps of DDPM"
    assert settings_for("balanced").words == (
        "20 steps of DPM-Solver++(2M), guidance off after 15, approximate"
    )
    assert settings_for("fast").words == "12 steps of DPM-Solver++(2M), guidance off after 6, approximate"


def test_steps_and_guidance_go_before_the_quality() -> None:
    settings = settings_for("balanced", steps=9, guidance=3.0, samples=2)
    assert (settings.steps, settings.guidance, settings.samples) == (9, 3.0, 2)
    assert settings.solver == QUALITY["balanced"].solver
    assert settings.guided_steps == 7
    assert settings_for("fast", steps=1).guided_steps == 1
    assert settings_for("best", guidance=1.0).guided_steps == 0


# Noise


def test_picture_k_of_a_seed_draws_what_the_first_of_the_seed_after_does() -> None:
    several, one = Seeded(5, pictures=3), Seeded(7)
    for what in ("latent", "masked", "pose", "garment", "step", "step"):
        rows = 1 if what == "garment" else 3
        drawn = several.draw(what, (rows, 4, 3, 2))
        assert torch.equal(drawn[-1:], one.draw(what, (1, 4, 3, 2)))
        assert (drawn.dtype, drawn.device) == (torch.float32, CPU)


def test_a_picture_s_own_draws_are_those_of_one_generator_in_the_reference_s_order() -> None:
    """The dense pose has another one; the garment's draw is skipped, so that the steps stay in place."""
    noise, generator = Seeded(11), torch.Generator().manual_seed(11)
    shape = (1, 4, 3, 2)
    expected = {
        what: torch.randn(shape, generator=generator) for what in ("latent", "masked", "garment", "step")
    }
    drawn = {what: noise.draw(what, shape) for what in ("latent", "masked", "pose", "garment", "step")}
    assert [what for what in expected if torch.equal(drawn[what], expected[what])] == [
        "latent",
        "masked",
        "step",
    ]
    assert torch.equal(drawn["garment"], Seeded(12).draw("garment", shape))
    values = [*expected.values(), drawn["pose"], drawn["garment"]]
    assert len({tuple(value.flatten().tolist()) for value in values}) == len(values)


def test_noise_of_a_wrong_number_of_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="2 pictures"):
        Seeded(1).draw("latent", (2, 4, 3, 2))


def test_recorded_noise_is_given_once_and_only_in_its_shape() -> None:
    noise = Recorded({"step": [torch.zeros(1, 2), torch.ones(1, 2)]})
    assert noise.draw("step", (1, 2)).sum() == 0
    with pytest.raises(ValueError, match="asked for"):
        noise.draw("step", (2, 2))
    with pytest.raises(ValueError, match="no recorded noise"):
        noise.draw("pose", (1, 2))


# Inputs


def made_up(
    persons: int = 1, garments: int = 1, *, seed: int = 0, height: int = 48, width: int = 32
) -> Inputs:
    """Random pictures, another caption for each person and garment."""
    generator = torch.Generator().manual_seed(seed)

    def picture(rows: int, *size: int) -> Tensor:
        return torch.rand(rows, 3, *size, generator=generator) * 2 - 1

    mask = torch.zeros(persons, 1, height, width)
    for k in range(persons):
        mask[k, :, height // 4 : -8, 8 * k : -8] = 1
    captions = ("shirt", "low dress", "photo")
    return Inputs(
        person=picture(persons, height, width),
        mask=mask,
        pose=picture(persons, height, width),
        garment=picture(garments, height, width),
        garment_clip=picture(garments, 224, 224),
        prompts=tuple(f"model is wearing {captions[k]}" for k in range(persons)),
        garment_prompts=tuple(f"a photo of {captions[k]}" for k in range(garments)),
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mask": torch.zeros(1, 3, 48, 32)}, "mask is"),
        ({"pose": torch.zeros(1, 3, 48, 40)}, "pose is"),
        ({"garment": torch.zeros(1, 3, 32, 32)}, "garment is"),
        ({"garment_clip": torch.zeros(1, 3, 48, 32)}, "garment_clip is"),
        ({"prompts": ("a", "b")}, "2 prompts"),
        ({"garment_prompts": ()}, "0 for 1 garments"),
    ],
)
def test_inputs_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(made_up(), **changes)


def test_sizes_and_numbers_that_the_networks_cannot_take_are_refused() -> None:
    with pytest.raises(ValueError, match="divisible by 8"):
        made_up(height=44)
    with pytest.raises(ValueError, match="2 garments for 3 persons"):
        made_up(3, 2)


@pytest.mark.parametrize("size", [(1024, 768), (300, 299), (224, 224), (97, 401)])
def test_clip_sees_what_its_own_processor_would_show_it(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    expected = CLIPImageProcessorPil()(images=picture, return_tensors="np").pixel_values
    assert float(np.abs(clip_pixels([picture]).numpy() - np.asarray(expected)).max()) < 1e-5


def test_canvases_become_tensors_in_the_networks_ranges() -> None:
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (2, 4, 64, 48, 3), np.uint8)
    masks = random.random((2, 64, 48)) < 0.5
    canvases = [
        CanvasInputs(
            frame=Frame(x0=0, y0=0, scale=1, width=48, height=64),
            person=person,
            mask=mask,
            alpha=mask.astype(np.float32),
            pose=pose,
            garment=garment,
            clip=clip,
        )
        for (person, pose, garment, clip), mask in zip(pictures, masks, strict=True)
    ]
    inputs = inputs_of(canvases, prompts=["a", "b"], garment_prompts=["c", "d"])
    for tensor, place in ((inputs.person, 0), (inputs.pose, 1), (inputs.garment, 2)):
        back = (tensor.permute(0, 2, 3, 1) + 1) * 127.5
        assert np.array_equal(back.round().numpy(), pictures[:, place])
    assert np.array_equal(inputs.mask[:, 0].numpy(), masks)
    assert torch.equal(inputs.garment_clip, clip_pixels(list(pictures[:, 3])))
    assert (inputs.prompts, inputs.garment_prompts) == (("a", "b"), ("c", "d"))


# The loop


@pytest.fixture(scope="module")
def tryon(idm_vton_checkpoint: Path) -> Models:
    return load_models(Checkpoint(idm_vton_checkpoint), device=CPU, dtype=torch.float32)


def apart(one: Tensor, other: Tensor) -> int:
    return int((one.int() - other.int()).abs().max())


def test_a_seed_gives_the_same_picture_again_and_another_seed_another(tryon: Models) -> None:
    first, again, other = (try_on(tryon, made_up(), SHORT, Seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert apart(first, other) > 20
    assert (first.shape, first.dtype, first.device) == ((1, 48, 32, 3), torch.uint8, CPU)


@pytest.mark.parametrize("quality", QUALITY)
def test_sample_k_of_a_seed_is_the_first_of_the_seed_k_later(tryon: Models, quality: Any) -> None:
    together = try_on(tryon, made_up(), settings_for(quality, steps=3, samples=3), Seeded(8, 3))
    for k in range(3):
        alone = try_on(tryon, made_up(), settings_for(quality, steps=3), Seeded(8 + k))
        assert apart(together[k : k + 1], alone) <= 1  # a batch is added up in another order


def one_of(inputs: Inputs, person: int) -> Inputs:
    """That person with the garment of the same number."""
    return Inputs(
        **{
            field.name: getattr(inputs, field.name)[person : person + 1]
            for field in fields(Inputs)
            if field.name != "negative_prompt"
        }
    )


def test_each_row_is_what_its_person_garment_and_seed_give_alone(tryon: Models) -> None:
    """Two persons with a garment each, two samples: row p * samples + s, in passes of any size."""
    inputs, settings = made_up(2, 2), replace(SHORT, samples=2)
    whole = try_on(tryon, inputs, settings, Seeded(1, 4))
    for row in range(4):
        alone = try_on(tryon, one_of(inputs, row // 2), SHORT, Seeded(1 + row))
        assert apart(whole[row : row + 1], alone) <= 1
    for rows in (1, 3):
        assert apart(whole, try_on(tryon, inputs, replace(settings, rows=rows), Seeded(1, 4))) <= 1


def test_one_garment_for_all_is_the_same_garment_for_each(tryon: Models) -> None:
    shared = made_up(2, 1)
    each = replace(
        shared,
        garment=shared.garment.repeat(2, 1, 1, 1),
        garment_clip=shared.garment_clip.repeat(2, 1, 1, 1),
        garment_prompts=shared.garment_prompts * 2,
    )
    assert apart(*(try_on(tryon, inputs, SHORT, Seeded(1, 2)) for inputs in (shared, each))) <= 1


def seen_shapes(models: Models, settings: SamplingSettings) -> dict[str, list[torch.Size]]:
    seen: dict[str, list[torch.Size]] = {}

    def observe(what: str, *tensors: Tensor) -> None:
        seen[what] = [tensor.shape for tensor in tensors]

    try_on(models, made_up(), settings, Seeded(1, settings.samples), observe=observe)
    return seen


def test_guidance_stops_where_the_recipe_says(tryon: Models) -> None:
    seen = seen_shapes(tryon, settings_for("fast", steps=4, samples=2))
    assert [seen[f"unet_input.{k}"][0][0] for k in range(4)] == [4, 4, 2, 2]
    assert {len(seen[f"latents.{k}"][0]) for k in range(4)} == {4}
    assert seen["garment_features.3"][0][0] == 1  # one garment pass for both samples


def test_without_guidance_there_is_no_unconditional_half(tryon: Models) -> None:
    seen = seen_shapes(replace(tryon, constants=Constants()), SamplingSettings(steps=1, guidance=1.0))
    assert seen["unet_input.0"][0][0] == 1
    assert "negative_prompt_embeds" not in seen


def test_what_the_checkpoint_alone_decides_is_computed_once(
    tryon: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = replace(tryon, constants=Constants())
    asked: list[object] = []
    real_text, real_image = encoders.encode_text, encoders.encode_image

    def text(models: Models, captions: Any) -> Any:
        asked.extend(captions)
        return real_text(models, captions)

    def image(models: Models, pixels: Tensor) -> Tensor:
        asked.append(bool(pixels.any()))
        return real_image(models, pixels)

    for module in (encoders, conditioning):
        monkeypatch.setattr(module, "encode_text", text)
        monkeypatch.setattr(module, "encode_image", image)
    first = try_on(models, made_up(), SHORT, Seeded(1))
    assert asked.count(made_up().negative_prompt) == 1
    assert asked.count(False) == 1  # the picture of zeros
    asked.clear()
    assert torch.equal(try_on(models, made_up(), SHORT, Seeded(1)), first)
    assert made_up().negative_prompt not in asked
    assert False not in asked
    other = replace(made_up(), negative_prompt="low")
    fresh = replace(tryon, constants=Constants())
    changed, expected = (try_on(one, other, SHORT, Seeded(1)) for one in (models, fresh))
    assert torch.equal(changed, expected)
    assert not torch.equal(changed, first)


def test_no_batch_of_pictures_is_larger_than_the_plan_counts(own: Models) -> None:
    """The later garments of an outfit have a person for each sample."""
    pictures = [torch.rand(rows, 3, 16, 16) for rows in (2, 2, 1)]
    alone = encoders.encode_pixels(own, pictures, batch=False)
    batches: list[int] = []
    own.vae.encoder.register_forward_pre_hook(lambda _, args: batches.append(len(args[0])))
    together = encoders.encode_pixels(own, pictures, batch=True)
    assert batches == [3, 2]
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one.mean, other.mean)


def test_equal_captions_are_encoded_once(own: Models) -> None:
    rows: list[int] = []
    own.text_encoder.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    text = encoders.encode_text(own, ["a shirt", "low dress", "a shirt"])
    assert rows == [2]
    alone = encoders.encode_text(own, ["a shirt"])
    assert torch.equal(text.embeds[0], text.embeds[2])
    torch.testing.assert_close(text.embeds[2:], alone.embeds)
    torch.testing.assert_close(text.pooled[2:], alone.pooled)


def test_progress_names_every_stage_and_step(tryon: Models) -> None:
    told: list[tuple[str, int, int]] = []
    try_on(tryon, made_up(), SHORT, Seeded(1), progress=lambda *step: told.append(step))
    assert told == [("encode", 1, 1), ("denoise", 1, 2), ("denoise", 2, 2), ("decode", 1, 1)]


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_cancelled_request_stops_before_the_next_step(tryon: Models, after: int) -> None:
    steps: list[int] = []

    def progress(stage: str, step: int, count: int) -> None:
        if stage == "denoise":
            steps.append(step)

    with pytest.raises(Stopped):
        try_on(
            tryon,
            made_up(),
            SamplingSettings(steps=5),
            Seeded(1),
            progress=progress,
            cancelled=lambda: len(steps) >= after,
        )
    assert steps == list(range(1, after + 1))


def test_numbers_that_overflow_are_an_error_and_no_black_picture(tryon: Models) -> None:
    with pytest.raises(NotFinite, match="CABINE_DTYPE"):
        try_on(tryon, made_up(), SamplingSettings(steps=2, guidance=float("inf")), Seeded(1))


def test_in_half_precision_latents_stay_float32_and_the_picture_is_nearly_the_same(
    tryon: Models, idm_vton_checkpoint: Path
) -> None:
    half = load_models(Checkpoint(idm_vton_checkpoint), device=CPU, dtype=torch.bfloat16)
    seen: dict[str, torch.dtype] = {}

    def observe(what: str, *tensors: Tensor) -> None:
        seen[what] = tensors[0].dtype

    rounded = try_on(half, made_up(), SHORT, Seeded(1), observe=observe)
    assert seen["latents.1"] == torch.float32
    assert seen["unet_input.1"] == seen["noise_prediction.1"] == torch.bfloat16
    exact = try_on(tryon, made_up(), SHORT, Seeded(1))
    assert float((rounded.float() - exact.float()).abs().mean()) < 4


# Requests side by side


def both(run: Callable[[int], Tensor]) -> list[Tensor]:
    """``run(0)`` and ``run(1)`` in two threads that start together."""
    results: dict[int, Tensor] = {}
    gate = threading.Barrier(2)

    def work(k: int) -> None:
        gate.wait()
        results[k] = run(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[k] for k in range(2)]


def test_two_requests_at_once_get_what_they_would_get_alone(tryon: Models) -> None:
    sizes = ({"height": 48, "width": 32}, {"height": 32, "width": 64})
    settings = (settings_for("best", steps=5), settings_for("fast", steps=7, samples=2))

    def run(k: int) -> Tensor:
        return try_on(tryon, made_up(seed=k, **sizes[k]), settings[k], Seeded(k, settings[k].samples))

    alone = [run(0), run(1)]
    assert all(torch.equal(one, other) for one, other in zip(alone, both(run), strict=True))


# Placement


class Watched:
    """A placement that lets a network be called only where it was asked for."""

    def __init__(self, models: Models) -> None:
        self.here: tuple[str, ...] = ()
        self.asked: list[tuple[str, ...]] = []
        parts: dict[str, list[nn.Module]] = {
            "text_encoder": [models.text_encoder],
            "text_encoder_2": [models.text_encoder_2],
            "image_encoder": [models.image_encoder],
            "resampler": [models.resampler],
            "vae": [models.vae.encoder, models.vae.decoder],
            "unet": [models.unet.module],
            "unet_text": [part for block in models.unet.blocks for part in text_projections(block)],
            "garment_unet": [models.garment_unet.module],
            "garment_text": [
                part for block in models.garment_unet.blocks[:-1] for part in text_projections(block)
            ],
        }
        for name, modules in parts.items():
            for module in modules:
                module.register_forward_pre_hook(lambda *_, name=name: self.check(name))

    def check(self, name: str) -> None:
        assert name in self.here, f"{name} was called while only {self.here} were asked for"

    @contextmanager
    def on(self, *components: str) -> Iterator[None]:
        assert not self.here, "opened inside another"
        self.here = components
        self.asked.append(components)
        yield
        self.here = ()


def text_projections(block: Any) -> list[nn.Module]:
    attention = block.attn2
    own = [attention.processor.to_k_ip] if hasattr(attention.processor, "to_k_ip") else []
    return [attention.to_k, attention.to_v, *own]


def test_every_network_is_asked_for_before_it_is_called(idm_vton_checkpoint: Path) -> None:
    models = load_models(Checkpoint(idm_vton_checkpoint), device=CPU, dtype=torch.float32)
    watched = Watched(models)
    models = replace(models, placement=watched)
    cache = GarmentCache(2**30)
    for _ in range(2):
        try_on(models, made_up(), SHORT, Seeded(1), garments=cache)
    cold, warm = watched.asked[: len(watched.asked) // 2 + 1], watched.asked[len(watched.asked) // 2 + 1 :]
    assert ("unet", "garment_unet") in cold
    assert ("garment_text",) in cold
    assert ("unet",) in warm
    assert not {"garment_unet", "garment_text"} & {part for parts in warm for part in parts}


# The garment cache


def run_cached(models: Models, cache: GarmentCache | None, **changes: Any) -> Tensor:
    settings = changes.pop("settings", SHORT)
    inputs = replace(made_up(), **changes)
    return try_on(models, inputs, settings, Seeded(1, settings.samples), garments=cache)


def garment_passes(models: Models) -> list[torch.Size]:
    """Filled with the input's shape at every pass of the garment UNet from now on."""
    passes: list[torch.Size] = []
    models.garment_unet.module.conv_in.register_forward_pre_hook(lambda _, args: passes.append(args[0].shape))
    return passes


@pytest.fixture
def own(idm_vton_checkpoint: Path) -> Models:
    """Models of this test's own, for hooks."""
    return load_models(Checkpoint(idm_vton_checkpoint), device=CPU, dtype=torch.float32)


def test_a_known_garment_costs_no_garment_pass_and_changes_nothing(own: Models) -> None:
    passes, encoded = garment_passes(own), []
    own.vae.encoder.register_forward_pre_hook(lambda _, args: encoded.append(len(args[0])))
    cache = GarmentCache(2**30)
    cold = run_cached(own, cache)
    assert (len(passes), encoded) == (SHORT.steps, [3])
    warm = run_cached(own, cache)
    assert (len(passes), encoded) == (SHORT.steps, [3, 2])
    assert cache.use() == CacheUse(hits=1, misses=1, nbytes=cache.nbytes)
    assert cache.nbytes > 0
    assert apart(cold, warm) <= 1  # two pictures at once in the VAE instead of three
    samples = run_cached(own, cache, settings=replace(SHORT, samples=2))
    assert len(passes) == SHORT.steps
    assert apart(samples[:1], cold) <= 1


def test_with_a_cache_the_garment_is_the_posterior_s_mean(tryon: Models) -> None:
    """So pictures differ from those without one, a little, where the VAE is unsure."""
    assert apart(run_cached(tryon, GarmentCache(2**30)), run_cached(tryon, None)) > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"garment": made_up(seed=9).garment},
        {"garment_prompts": ("a photo of low dress",)},
        {"settings": replace(SHORT, steps=3)},
        {"settings": replace(SHORT, solver="dpm++2m")},
    ],
    ids=["pixels", "caption", "steps", "solver"],
)
def test_another_garment_or_schedule_is_another_entry(own: Models, changes: dict[str, Any]) -> None:
    cache = GarmentCache(2**30)
    run_cached(own, cache)
    assert torch.equal(run_cached(own, cache, **changes), run_cached(own, GarmentCache(2**30), **changes))
    assert len(cache) == 2


def test_checkpoint_and_number_format_are_part_of_the_key() -> None:
    key = GarmentKey(pixels="x", caption="", timesteps=(1,), size=(8, 8), dtype=torch.float32, checkpoint="a")
    assert len({key, replace(key, checkpoint="b"), replace(key, dtype=torch.float16)}) == 3


def test_each_person_s_garment_is_kept_for_itself(own: Models) -> None:
    passes, cache, inputs = garment_passes(own), GarmentCache(2**30), made_up(2, 2)
    try_on(own, one_of(inputs, 1), SHORT, Seeded(9), garments=cache)
    beside = try_on(own, inputs, SHORT, Seeded(1, 2), garments=cache)
    known = try_on(own, inputs, SHORT, Seeded(1, 2), garments=cache)
    assert [shape[0] for shape in passes] == [1] * SHORT.steps * 2  # the second garment never again
    assert len(cache) == 2
    assert apart(beside, known) <= 1
    for k in range(2):
        alone = try_on(own, one_of(inputs, k), SHORT, Seeded(1 + k), garments=GarmentCache(2**30))
        assert apart(known[k : k + 1], alone) <= 1


def test_several_seeds_are_the_pictures_of_each() -> None:
    several, shape = Seeded([5, 40], pictures=2), (4, 4, 3, 2)
    drawn = several.draw("latent", shape)
    expected = [Seeded(seed).draw("latent", (1, *shape[1:])) for seed in (5, 6, 40, 41)]
    assert torch.equal(drawn, torch.cat(expected))


def test_a_stopped_request_leaves_nothing_in_the_cache(tryon: Models) -> None:
    cache, steps = GarmentCache(2**30), []
    with pytest.raises(Stopped):
        try_on(
            tryon,
            made_up(),
            SHORT,
            Seeded(1),
            garments=cache,
            progress=lambda *step: steps.append(step),
            cancelled=lambda: ("denoise", 1, 2) in steps,
        )
    assert (len(cache), cache.nbytes) == (0, 0)


def kept(numbers: int) -> tuple[PackedFeatures, ...]:
    return (PackedFeatures.pack([torch.zeros(numbers)], CPU),)


def key(name: str) -> GarmentKey:
    return GarmentKey(
        pixels=name, caption="", timesteps=(1,), size=(8, 8), dtype=torch.float32, checkpoint=""
    )


def test_the_cache_drops_the_garment_not_used_for_longest() -> None:
    cache = GarmentCache(100)
    for name in ("a", "b"):
        cache.put(key(name), kept(10))
    assert cache.get(key("a")) is not None
    cache.put(key("c"), kept(10))
    assert [name for name in "abc" if cache.get(key(name)) is not None] == ["a", "c"]
    assert cache.nbytes == 80
    cache.put(key("a"), kept(12))
    assert (len(cache), cache.nbytes) == (2, 88)


def test_what_is_larger_than_the_cache_is_not_kept_and_drops_nothing() -> None:
    cache = GarmentCache(100)
    cache.put(key("a"), kept(10))
    cache.put(key("b"), kept(26))
    assert (len(cache), cache.nbytes) == (1, 40)


def test_a_garment_too_large_for_the_cache_is_not_hoarded(own: Models) -> None:
    cache = GarmentCache(1000)
    passes = garment_passes(own)
    assert torch.equal(run_cached(own, cache), run_cached(own, cache))
    assert (len(passes), len(cache)) == (2 * SHORT.steps, 0)


def test_a_new_garment_has_its_room_before_it_is_complete(own: Models) -> None:
    """Old garments and what waits for the last step stay together within the limit."""
    cache = GarmentCache(2**30)
    run_cached(own, cache)
    cache.limit = cache.nbytes  # room for one
    held: list[int] = []
    own.unet.module.register_forward_pre_hook(lambda *_: held.append(cache.nbytes))
    run_cached(own, cache, garment=made_up(seed=9).garment)
    assert held == [0, cache.limit]  # the last step's features complete it
    assert len(cache) == 1


def test_packed_features_come_back_as_they_were() -> None:
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(shape, generator=generator) for shape in ((1, 6, 4), (1, 3, 8), (1, 6, 4))]
    back = PackedFeatures.pack(features, CPU).unpack(CPU)
    assert all(torch.equal(one, other) for one, other in zip(features, back, strict=True))


def test_requests_at_once_may_share_a_cache(tryon: Models) -> None:
    def run(k: int) -> Tensor:
        return run_cached(tryon, cache, person=made_up(seed=k).person)

    cache = GarmentCache(2**30)
    alone = [run(0), run(1)]
    cache = GarmentCache(2**30)
    assert all(apart(one, other) <= 1 for one, other in zip(alone, both(run), strict=True))
    assert len(cache) == 1
