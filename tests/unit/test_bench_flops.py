"""Operations of IDM-VTON: by formula against the recorded reference, counted against the formula."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.idm_vton_analytic import (
    REFERENCE,
    Grid,
    Skips,
    Work,
    garment_row,
    image,
    picture,
    resampler,
    text,
    tryon_row,
    vae_decode,
    vae_encode,
)
from inference.engines.idm_vton.architecture import CANVAS, PUBLISHED, RESAMPLER, ResamplerSizes
from tests.conftest import NO_TORCH

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/engines/idm-vton.md"
PUBLISHED_WORK = Work(canvas=CANVAS, steps=30)
LATENTS = Grid.of(CANVAS, 8)


def tera(skips: Skips) -> float:
    return sum(picture(PUBLISHED, RESAMPLER, PUBLISHED_WORK, skips).values()) / 1e12


# Counted by torch over the reference's own classes on the meta device (the goldens' manifests/facts.json).
@pytest.mark.parametrize(
    ("formula", "counted"),
    [
        (vae_encode(PUBLISHED["vae"], CANVAS), 3556133830656),
        (vae_decode(PUBLISHED["vae"], CANVAS), 7749715230720),
        (text(PUBLISHED["text_encoder"], projected=False), 13298503680),
        (text(PUBLISHED["text_encoder_2"], projected=True), 97863106560),
        (image(PUBLISHED["image_encoder"]), 334590279680),
        (resampler(RESAMPLER), 10269163520),
        (tryon_row(PUBLISHED["unet"], LATENTS, 16, REFERENCE, conditional=True), 6935223992320),
        (garment_row(PUBLISHED["unet_encoder"], LATENTS, REFERENCE), 4698726891520),
    ],
    ids=["vae-encode", "vae-decode", "text", "text-2", "image", "resampler", "tryon", "garment"],
)
def test_formula_gives_the_reference_s_own_count(formula, counted):
    assert formula == counted


def test_savings_stay_within_their_bounds():
    assert tera(REFERENCE) == pytest.approx(576.52, abs=0.01)
    assert tera(Skips()) <= 494
    assert tera(Skips(uncond_keys="none")) == pytest.approx(470.6, abs=0.2)
    assert tera(Skips(uncond_keys="none", garment=True)) <= 332.6


# What each choice saves alone, from the same recorded count (summary.json).
@pytest.mark.parametrize(
    ("choice", "saved"),
    [
        ({"attention_map": True}, 0.151),
        ({"garment_queries": True}, 71.874),
        ({"text_keys": True}, (3.803 + 1.574) * 29 / 30),  # once instead of 30 times
        ({"constants": True}, 0.345 + 0.111),
        ({"garment_tail": True}, 4.907),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_each_choice_saves_what_was_counted(choice, saved):
    assert tera(REFERENCE) - tera(replace(REFERENCE, **choice)) == pytest.approx(saved, abs=0.002)


TINY_UNET = {
    "block_out_channels": (32, 64, 64),
    "transformer_layers_per_block": (1, 1, 2),
    "attention_head_dim": (1, 2, 2),
    "cross_attention_dim": 64,
    "norm_num_groups": 8,
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 32 + 6 * 8,
}
TINY = {
    "unet": {**PUBLISHED["unet"], **TINY_UNET},
    "unet_encoder": {**PUBLISHED["unet_encoder"], **TINY_UNET},
    "vae": {**PUBLISHED["vae"], "block_out_channels": (8, 16, 16, 16), "norm_num_groups": 8},
    "text_encoder": {
        **PUBLISHED["text_encoder"],
        "hidden_size": 24,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    },
    "text_encoder_2": {
        **PUBLISHED["text_encoder_2"],
        "hidden_size": 40,
        "intermediate_size": 80,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "projection_dim": 32,
    },
    "image_encoder": {
        **PUBLISHED["image_encoder"],
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 16,
        "patch_size": 56,
    },
    "scheduler": PUBLISHED["scheduler"],
}
TINY_RESAMPLER = ResamplerSizes(
    dim=32, depth=2, heads=1, head_dim=64, queries=4, feed_forward=48, features=32, out=64
)
ODD = (104, 136)
"""13 x 17 latents, which no level of the UNet halves evenly."""

ALONE = (
    {},
    {"uncond_lse": True},
    {"person_queries": False},
    {"text_kv_once": False},
    {"constants_once": False},
    {"vae_batch": False},
)


@pytest.mark.parametrize("warm", [False, True], ids=["new-garment", "known-garment"])
@pytest.mark.parametrize("choice", ALONE, ids=lambda choice: "-".join(choice) or "default")
def test_the_engine_s_count_is_the_formula_s(choice, warm):
    pytest.importorskip("torch", reason=NO_TORCH)
    from bench.idm_vton_flops import Ledger, count, meta_models, skips
    from inference.engines.idm_vton.attention import Savings

    savings, ledger = Savings(**choice), Ledger()
    counted = count(meta_models(TINY, TINY_RESAMPLER, ledger), ledger, ODD, savings, warm=warm)
    work = Work(canvas=ODD, steps=3, clip_tokens=17)
    assert counted.picture(3) == picture(TINY, TINY_RESAMPLER, work, skips(savings, warm=warm))


def test_attention_without_a_formula_ends_the_run(monkeypatch):
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from bench import counting

    tokens = torch.empty(1, 2, 8, 4, device="meta")
    attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    with counting.Counting() as counter:
        attend(tokens, tokens, tokens)
    assert counter.total == 2 * 2 * 8 * 8 * 2 * 4
    monkeypatch.setattr(counting, "FORMULAS", {})
    with pytest.raises(counting.UncountedError, match="flash_attention_for_cpu"), counting.Counting():
        attend(tokens, tokens, tokens)


def test_attention_without_a_formula_inside_the_engine_ends_the_run(monkeypatch):
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from bench import counting
    from bench.idm_vton_flops import Ledger, count, meta_models
    from inference.engines.idm_vton import attention
    from inference.engines.idm_vton.attention import Savings

    def uncounted(query, key, value, backend):
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value)[0]

    monkeypatch.setattr(attention, "attend", uncounted)
    monkeypatch.setattr(counting, "FORMULAS", {})
    ledger = Ledger()
    with pytest.raises(counting.UncountedError):
        count(meta_models(TINY, TINY_RESAMPLER, ledger), ledger, ODD, Savings(), warm=False)


def test_the_counter_agrees_with_torch_s_own():
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from torch.utils.flop_counter import FlopCounterMode

    from bench.counting import Counting

    with torch.device("meta"):
        layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1, groups=1), torch.nn.Flatten(2))
        network = torch.nn.Sequential(layers, torch.nn.Linear(64, 16), torch.nn.GELU())
        encoder = torch.nn.MultiheadAttention(16, 2, batch_first=True)
        picture = torch.empty(2, 3, 8, 8)
    with torch.no_grad(), FlopCounterMode(display=False) as theirs, Counting() as ours:
        tokens = network(picture)
        encoder(tokens, tokens, tokens, need_weights=False)
    assert ours.total == theirs.get_total_flops() > 0


def test_the_command_of_the_docs_prints_one_line_of_json():
    pytest.importorskip("torch", reason=NO_TORCH)
    command = [sys.executable, "bench/flops.py", "idm-vton", "--json"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    (line,) = printed.splitlines()
    numbers = json.loads(line)
    assert list(numbers) == ["default_tflop", "lse_tflop", "warm_tflop"]
    assert numbers["default_tflop"] <= 494
    assert numbers["lse_tflop"] <= 470.6
    assert numbers["warm_tflop"] <= 332.6
    totals = next(line for line in PAGE.read_text().splitlines() if line.startswith("| **total** |"))
    assert all(f"**{number}**" in totals for number in numbers.values())
