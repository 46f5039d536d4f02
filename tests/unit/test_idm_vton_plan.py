"""Memory plans of idm-vton: sums over configuration files, what is chosen or refused by them. No torch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inference.engines.base import OutOfMemory
from inference.engines.idm_vton.activations import Work, denoise_bytes, feature_bytes
from inference.engines.idm_vton.memory import (
    RESERVE,
    Budget,
    choose,
    make_plan,
    pictures_at_once,
    turns_at_once,
)
from inference.engines.idm_vton.profiles import PROFILES, STAGES
from inference.engines.idm_vton.sizes import (
    COMPONENTS,
    PUBLISHED_ARCHITECTURE,
    component_weights,
    read_architecture,
)
from inference.engines.idm_vton.spec import SPEC

WORK = Work(canvas=(768, 1024))
GPU_PROFILES = [name for name in PROFILES if name != "cpu"]
GARMENT_DEAD = 25_285_124
"""Weights behind the garment UNet's last feature, in the tensor manifests of the published files."""
CLIP_DEAD = 7_089_408 + 20_990_720
"""Behind the states that are asked of the first text encoder and of the image encoder."""
PUBLISHED_NUMBERS = {
    "unet": 2_991_238_468,
    "unet_encoder": 2_562_218_244 - GARMENT_DEAD,
    "vae": 83_653_863,
    "text_encoder": 123_060_480 - 7_089_408,
    "text_encoder_2": 694_659_840,
    "image_encoder": 632_076_800 - 20_990_720,
}
"""Folder of the checkpoint -> numbers in its file (the same manifests), without what is not loaded."""
FOLDERS = {
    "unet": ("unet", "unet_text", "resampler"),
    "unet_encoder": ("garment_unet", "garment_text"),
    "vae": ("vae",),
    "text_encoder": ("text_encoder",),
    "text_encoder_2": ("text_encoder_2",),
    "image_encoder": ("image_encoder",),
}


def budget(device_gb: float, host_gb: float = 64, *, shared: bool = False) -> Budget:
    return Budget(device_bytes=int(device_gb * 1e9), host_bytes=int(host_gb * 1e9), shared=shared)


def test_published_weights_are_counted_to_the_last_number() -> None:
    weights = component_weights(PUBLISHED_ARCHITECTURE)
    counted = {folder: sum(weights[part].numbers for part in parts) for folder, parts in FOLDERS.items()}
    assert counted == PUBLISHED_NUMBERS
    assert sum(counted.values()) == 7_086_907_695 - GARMENT_DEAD - CLIP_DEAD


def test_published_configs_are_the_architecture(idm_vton_goldens: Path) -> None:
    read = read_architecture(idm_vton_goldens / "published_configs")
    assert component_weights(read) == component_weights(PUBLISHED_ARCHITECTURE)
    summary = json.loads((idm_vton_goldens / "manifests" / "facts.json").read_text())["params"]
    assert summary["TOTAL"]["params"] == sum(PUBLISHED_NUMBERS.values()) + GARMENT_DEAD + CLIP_DEAD


def test_prompt_projections_are_a_third_of_what_the_reference_adds_for_images() -> None:
    """Image projections alone are 340 787 200 numbers in the manifests, and the prompt's are as many."""
    assert component_weights(PUBLISHED_ARCHITECTURE)["unet_text"].numbers == 2 * 340_787_200


def test_features_of_a_timestep() -> None:
    assert feature_bytes(PUBLISHED_ARCHITECTURE, WORK) == (10 * 3072 * 640 + 60 * 768 * 1280) * 2


def test_profiles_fit_their_names_and_the_spec_says_the_same() -> None:
    for name in GPU_PROFILES:
        plan = make_plan(PUBLISHED_ARCHITECTURE, PROFILES[name], WORK)
        card = int(name.removesuffix("gb")) * 2**30
        assert plan.need < 0.9 * card, name  # the driver, its context and a desktop take the rest
        assert SPEC.vram_mb[name] == pytest.approx(plan.need / 1e6, rel=0.02), name
    needs = [make_plan(PUBLISHED_ARCHITECTURE, PROFILES[name], WORK).need for name in GPU_PROFILES]
    assert needs == sorted(needs, reverse=True)


@pytest.mark.parametrize(
    ("free_gb", "chosen"), [(24, "24gb"), (16.5, "16gb"), (11.5, "12gb"), (7.5, "8gb"), (5.5, "8gb")]
)
def test_auto_takes_the_fastest_that_fits(free_gb: float, chosen: str) -> None:
    assert choose(PUBLISHED_ARCHITECTURE, "auto", WORK, budget(free_gb)).profile.name == chosen


def test_little_host_memory_rules_a_profile_out() -> None:
    plan = choose(PUBLISHED_ARCHITECTURE, "auto", WORK, budget(12, host_gb=10))
    assert plan.profile.name == "8gb"
    with pytest.raises(OutOfMemory, match=r"11\.1 GB of free host memory in profile 12gb, 10\.0 GB"):
        choose(PUBLISHED_ARCHITECTURE, "12gb", WORK, budget(12, host_gb=10))


def test_refusal_names_stage_numbers_and_the_profile_that_fits() -> None:
    with pytest.raises(
        OutOfMemory,
        match=r"needs 17\.9 GB of free GPU memory in profile 24gb \(stage: encode\), 15\.0 GB is free; "
        r"CABINE_MEMORY_PROFILE=16gb fits",
    ):
        choose(PUBLISHED_ARCHITECTURE, "24gb", WORK, budget(15))


def test_nothing_fits() -> None:
    with pytest.raises(OutOfMemory, match=r"profile 8gb .* 2\.0 GB is free; close other programs.*warp"):
        choose(PUBLISHED_ARCHITECTURE, "auto", WORK, budget(2))


def test_tiles_only_where_the_whole_picture_does_not_fit() -> None:
    roomy = choose(PUBLISHED_ARCHITECTURE, "8gb", WORK, budget(8))
    assert not roomy.tiling
    assert roomy.approximations == ("UNets stored in 8 bits",)
    large = replace(WORK, canvas=(1536, 2048))  # the decoder's share grows with the picture
    whole = make_plan(PUBLISHED_ARCHITECTURE, PROFILES["8gb"], large)
    tight = choose(PUBLISHED_ARCHITECTURE, "8gb", large, Budget(device_bytes=whole.need - 1, host_bytes=None))
    assert tight.tiling
    assert tight.need < whole.need
    assert "VAE in tiles" in tight.approximations


def test_exact_profiles_are_never_tiled() -> None:
    with pytest.raises(OutOfMemory):
        choose(PUBLISHED_ARCHITECTURE, "12gb", replace(WORK, canvas=(3072, 4096)), budget(12))


@pytest.mark.parametrize("together", [1, 2, 3, 4])
def test_samples_go_through_the_unet_together_as_far_as_they_fit(together: int) -> None:
    plan = make_plan(PUBLISHED_ARCHITECTURE, PROFILES["12gb"], WORK)
    four = replace(WORK, pictures=together, waiting=4 - together)
    weights = {stage.name: stage for stage in plan.stages}["denoise"].weights
    need = weights + denoise_bytes(PUBLISHED_ARCHITECTURE, four) + RESERVE
    for free, expected in ((need, together), (need - 1, together - 1)):
        here = Budget(device_bytes=free, host_bytes=None)
        if expected:
            assert pictures_at_once(PUBLISHED_ARCHITECTURE, plan, 4, here) == expected
        else:
            with pytest.raises(OutOfMemory, match="ask for fewer samples"):
                pictures_at_once(PUBLISHED_ARCHITECTURE, plan, 4, here)


@pytest.mark.parametrize("together", [2, 3, 4])
@pytest.mark.parametrize("samples", [1, 2])
def test_requests_share_a_batch_as_far_as_it_fits(together: int, samples: int) -> None:
    plan = make_plan(PUBLISHED_ARCHITECTURE, PROFILES["12gb"], WORK)
    work = replace(WORK, pictures=together * samples, garments=together)
    need = make_plan(PUBLISHED_ARCHITECTURE, PROFILES["12gb"], work).need
    for free, expected in ((need, together), (need - 1, together - 1)):
        here = Budget(device_bytes=free, host_bytes=None)
        assert turns_at_once(PUBLISHED_ARCHITECTURE, plan, 4, samples, here) == expected


def test_garments_of_a_batch_count() -> None:
    two = replace(WORK, pictures=2)
    features = feature_bytes(PUBLISHED_ARCHITECTURE, WORK)
    keys = 2 * 77 * (10 * 640 + 60 * 1280) * 2  # key and value, float16
    more = denoise_bytes(PUBLISHED_ARCHITECTURE, replace(two, garments=2)) - denoise_bytes(
        PUBLISHED_ARCHITECTURE, two
    )
    assert more == features + keys


def test_pictures_that_wait_still_count() -> None:
    alone = denoise_bytes(PUBLISHED_ARCHITECTURE, WORK)
    keys = 2 * 2 * (77 + 16) * (10 * 640 + 60 * 1280) * 2  # both halves, key and value, float16
    assert denoise_bytes(PUBLISHED_ARCHITECTURE, replace(WORK, waiting=3)) == alone + 3 * keys


def test_scores_count_where_the_kernel_writes_them() -> None:
    rows, heads, tokens = 2, 10, 3072
    scores = rows * heads * tokens * 2 * tokens * 8
    plain = denoise_bytes(PUBLISHED_ARCHITECTURE, WORK)
    assert denoise_bytes(PUBLISHED_ARCHITECTURE, replace(WORK, scores=True)) == plain + scores


def test_one_memory_for_both_must_hold_both_and_has_no_8_bit_floats() -> None:
    """Nothing is gained by moving between two halves of one memory."""
    assert choose(PUBLISHED_ARCHITECTURE, "auto", WORK, budget(20, shared=True)).profile.name == "24gb"
    with pytest.raises(OutOfMemory, match=r"19\.4 GB of free GPU memory in profile 24gb .* 12\.0 GB is free"):
        choose(PUBLISHED_ARCHITECTURE, "auto", WORK, budget(12, shared=True))
    with pytest.raises(OutOfMemory, match="8-bit floats"):
        choose(PUBLISHED_ARCHITECTURE, "8gb", WORK, budget(40, shared=True))


def test_on_the_cpu_everything_is_host_memory() -> None:
    here = Budget(device_bytes=None, host_bytes=40_000_000_000)
    full = replace(WORK, number_bytes=4)
    plan = choose(PUBLISHED_ARCHITECTURE, "auto", full, here)
    assert plan.profile.name == "cpu"
    assert 7.03e9 * 4 < plan.host < 34e9
    with pytest.raises(OutOfMemory, match=r"CABINE_DTYPE=bf16 fits"):
        choose(PUBLISHED_ARCHITECTURE, "auto", full, replace(here, host_bytes=20_000_000_000))


def test_lines_say_what_and_how_much() -> None:
    plan = make_plan(PUBLISHED_ARCHITECTURE, PROFILES["8gb"], WORK)
    first, *stages = plan.lines
    assert first.startswith("profile 8gb at 768x1024 needs 4.8 GB free on the GPU and ")
    assert "approximate" in first
    assert [line.partition(":")[0] for line in stages] == list(STAGES)


def test_vae_that_would_overflow_gets_full_precision() -> None:
    configs = {**PUBLISHED_ARCHITECTURE.configs}
    configs["vae"] = {**configs["vae"], "force_upcast": True}
    upcast = replace(PUBLISHED_ARCHITECTURE, configs=configs)

    def decode(architecture: object) -> int:
        plan = make_plan(architecture, PROFILES["16gb"], WORK)  # type: ignore[arg-type]
        return {stage.name: stage for stage in plan.stages}["decode"].activations

    assert decode(upcast) > 1.9 * decode(PUBLISHED_ARCHITECTURE)


def test_every_part_computes_in_some_stage() -> None:
    assert frozenset().union(*STAGES.values()) == set(COMPONENTS)
