"""What only a CUDA device can show of idm-vton: streams, moves, float16 and memory, on the tiny checkpoint.

Nobody of this project has run these tests: they were written without a GPU.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test")

from torch import Tensor, nn  # noqa: E402

from bench.idm_vton_gpu import measure  # noqa: E402
from bench.idm_vton_memory import made_up  # noqa: E402
from inference.engines.base import Runtime  # noqa: E402
from inference.engines.idm_vton.activations import Work  # noqa: E402
from inference.engines.idm_vton.device import plan_for  # noqa: E402
from inference.engines.idm_vton.loading import Checkpoint  # noqa: E402
from inference.engines.idm_vton.memory import RESERVE, make_plan  # noqa: E402
from inference.engines.idm_vton.noise import Seeded  # noqa: E402
from inference.engines.idm_vton.placement import load_placed  # noqa: E402
from inference.engines.idm_vton.profiles import PROFILES, Profile  # noqa: E402
from inference.engines.idm_vton.sampling import try_on  # noqa: E402
from inference.engines.idm_vton.settings import SamplingSettings  # noqa: E402
from inference.engines.idm_vton.sizes import read_architecture  # noqa: E402
from inference.engines.idm_vton.streaming import BlockStream  # noqa: E402

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

CANVAS = (128, 192)
GPU_PROFILES = [profile for profile in PROFILES.values() if profile.name != "cpu"]


@pytest.fixture(autouse=True)
def clean_memory() -> Iterator[None]:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    yield
    torch.cuda.empty_cache()


def picture(folder: Path, profile: Profile, device: str, dtype: torch.dtype) -> Tensor:
    work = Work(canvas=CANVAS, number_bytes=dtype.itemsize)
    plan = make_plan(read_architecture(folder), profile, work)
    models = load_placed(Checkpoint(folder), plan, device=torch.device(device), dtype=dtype)
    torch.manual_seed(3)
    inputs = made_up(CANVAS)
    for _ in range(2):  # the second request finds what the first one left
        result: Tensor = try_on(models, inputs, SamplingSettings(steps=2), Seeded(5))
    return result.float()


@pytest.mark.parametrize("name", ["24gb", "16gb", "12gb"])
def test_profiles_agree_with_each_other_and_with_the_cpu(name: str, idm_vton_checkpoint: Path) -> None:
    on_cpu = picture(idm_vton_checkpoint, PROFILES["cpu"], "cpu", torch.float32)
    on_gpu = picture(idm_vton_checkpoint, PROFILES[name], "cuda", torch.float32)
    assert (on_gpu - on_cpu).abs().mean() < 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_finite_and_near(dtype: torch.dtype, idm_vton_checkpoint: Path) -> None:
    on_cpu = picture(idm_vton_checkpoint, PROFILES["cpu"], "cpu", torch.float32)
    on_gpu = picture(idm_vton_checkpoint, PROFILES["24gb"], "cuda", dtype)
    assert (on_gpu - on_cpu).abs().mean() < 10


def test_streaming_changes_nothing(idm_vton_checkpoint: Path) -> None:
    streamed = picture(idm_vton_checkpoint, PROFILES["8gb"], "cuda", torch.float16)
    whole = picture(idm_vton_checkpoint, replace(PROFILES["8gb"], streams=False), "cuda", torch.float16)
    assert torch.equal(streamed, whole)


def test_blocks_wait_for_their_weights() -> None:
    """Large blocks and many passes: a copy that came too late or too early would show."""
    device = torch.device("cuda")
    blocks = nn.Sequential(*(nn.Linear(2048, 2048, bias=False) for _ in range(7))).requires_grad_(False)
    x = torch.randn(64, 2048)
    expected = blocks.double()(x.double())
    blocks.float()
    stream = BlockStream(blocks, [list(block.parameters()) for block in blocks], device)
    stream.open()
    for _ in range(50):
        out = blocks(x.to(device))
    stream.close()
    assert (out.cpu() - expected).abs().max() < 1e-3


@pytest.mark.parametrize("profile", GPU_PROFILES, ids=lambda profile: profile.name)
def test_memory_stays_within_the_plan(profile: Profile, idm_vton_checkpoint: Path) -> None:
    work = Work(canvas=CANVAS, number_bytes=2)
    plan = make_plan(read_architecture(idm_vton_checkpoint), profile, work)
    picture(idm_vton_checkpoint, profile, "cuda", torch.float16)
    assert torch.cuda.max_memory_reserved() < plan.peak + RESERVE


def test_auto_plans_from_what_is_free(idm_vton_checkpoint: Path) -> None:
    planned = plan_for(Runtime(), idm_vton_checkpoint, torch.device("cuda"), torch.float16)
    assert planned.plan.need < (planned.budget.device_bytes or 0)


def test_benchmark_measures(idm_vton_checkpoint: Path) -> None:
    runtime = Runtime(device="cuda", profile="12gb")
    (result,) = measure(idm_vton_checkpoint, runtime, ["fast"], runs=1, canvas=CANVAS)
    assert result.total_s > result.step_s > 0
    assert result.allocated_gb > 0
    json.dumps(vars(result))
