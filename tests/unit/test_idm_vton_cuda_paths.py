"""idm-vton on a GPU that is not there: devices, number formats, shapes and waits of every memory profile.

Numbers are tested on the CPU; here are none (``tests/fake_gpu.py``). What only a card can tell is in
``tests/gpu``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test TORCH=yes")

from torch import Tensor, nn  # noqa: E402
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402

from inference.engines.idm_vton import clip, kernels, loading, sampling, schedule, state, streaming  # noqa: E402
from inference.engines.idm_vton.activations import Work  # noqa: E402
from inference.engines.idm_vton.attention import Savings  # noqa: E402
from inference.engines.idm_vton.engine import blank_inputs  # noqa: E402
from inference.engines.idm_vton.garment_cache import PackedFeatures  # noqa: E402
from inference.engines.idm_vton.kernels import attend_with_zero_keys  # noqa: E402
from inference.engines.idm_vton.loading import Checkpoint  # noqa: E402
from inference.engines.idm_vton.memory import make_plan  # noqa: E402
from inference.engines.idm_vton.models import Models  # noqa: E402
from inference.engines.idm_vton.noise import Seeded  # noqa: E402
from inference.engines.idm_vton.placement import load_placed  # noqa: E402
from inference.engines.idm_vton.profiles import PROFILES  # noqa: E402
from inference.engines.idm_vton.sampling import try_on  # noqa: E402
from inference.engines.idm_vton.settings import SamplingSettings  # noqa: E402
from inference.engines.idm_vton.sizes import read_architecture  # noqa: E402
from inference.engines.idm_vton.streaming import BlockStream  # noqa: E402
from tests.fake_gpu import FakeStreams, Watched, fake_gpu, outside  # noqa: E402

CUDA = torch.device("cuda:0")
CANVAS = (64, 64)
HALF = (torch.float16, torch.bfloat16)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> FakeStreams:
    """In place of the streams that :mod:`.streaming` asks of torch."""
    streams = FakeStreams()
    stand_in = SimpleNamespace(cuda=streams.as_cuda(), empty=torch.empty, uint8=torch.uint8)
    monkeypatch.setattr(streaming, "torch", stand_in)
    return streams


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, streams: FakeStreams) -> Iterator[FakeTensorMode]:
    """A fake GPU; what needs numbers is done outside of it: reading files, noise levels, the last check."""
    stored = state._stored_tensors

    def fake(path: Path, device: Any, skip: frozenset[str]) -> Iterator[tuple[str, Tensor]]:
        real: list[tuple[str, Tensor]] = outside(lambda: list(stored(path, "cpu", skip)))()
        yield from ((name, mode.from_tensor(tensor).to(device)) for name, tensor in real)

    monkeypatch.setattr(state, "_stored_tensors", fake)
    for module in (loading, clip):
        monkeypatch.setattr(module, "on_meta", outside(state.on_meta))
    monkeypatch.setattr(sampling, "make_schedule", outside(schedule.make_schedule))
    # The one place where the host may wait for numbers: is the picture finite.
    monkeypatch.setattr(Tensor, "isfinite", lambda tensor: SimpleNamespace(all=lambda: True))
    with fake_gpu() as mode:
        yield mode


def load(folder: Path, profile: str, device: Any, dtype: Any) -> Models:
    plan = make_plan(read_architecture(folder), PROFILES[profile], Work(canvas=CANVAS))
    return load_placed(Checkpoint(folder), plan, device=device, dtype=dtype)


def half_guided(solver: Any, *, lse: bool, batch: bool = False) -> SamplingSettings:
    """Two pictures in two steps, one with guidance and one without."""
    savings = Savings(uncond_lse=lse, vae_batch=batch)
    return SamplingSettings(solver=solver, steps=2, guided=0.5, samples=2, savings=savings)


@pytest.mark.parametrize(
    ("profile", "dtype", "settings"),
    [
        ("24gb", HALF[0], half_guided("ddpm", lse=True, batch=True)),
        ("16gb", HALF[1], half_guided("dpm++2m", lse=False)),
        ("12gb", HALF[0], half_guided("dpm++2m", lse=True)),
        ("8gb", HALF[0], half_guided("ddpm", lse=False)),
    ],
    ids=lambda value: str(value) if not isinstance(value, SamplingSettings) else value.solver,
)
def test_a_request_on_cuda(
    gpu: FakeTensorMode,
    monkeypatch: pytest.MonkeyPatch,
    idm_vton_checkpoint: Path,
    profile: str,
    dtype: Any,
    settings: SamplingSettings,
) -> None:
    """No operation has tensors of two devices, none needs numbers on the host, and none is in the wrong
    format."""
    monkeypatch.setattr(kernels, "has_flash", lambda device: True)
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: tensor)
    models = load(idm_vton_checkpoint, profile, CUDA, dtype)
    waits: list[int] = []
    with Watched("cuda") as watched:
        picture = try_on(
            models,
            blank_inputs(CANVAS),
            settings,
            Seeded(0, 2),
            progress=lambda stage, step, steps: waits.append(watched.waits),
        )
    assert (tuple(picture.shape), picture.dtype, picture.device.type) == ((2, 64, 64, 3), torch.uint8, "cpu")
    assert not watched.made & ({torch.float64, *HALF} - {dtype})
    encoded, first, last, _ = waits
    # In profiles that move parts, the garment UNet comes in once, at the loop's beginning; between two steps
    # the host waits for nothing.
    assert first == last, f"the host waited {last - first} times for a copy in one step"
    assert encoded or profile == "24gb"


def test_nothing_in_float64_reaches_mps(gpu: FakeTensorMode, idm_vton_checkpoint: Path) -> None:
    """Apple's GPUs do not know the type."""
    mps = torch.device("mps:0")
    models = load(idm_vton_checkpoint, "24gb", mps, torch.float16)
    with Watched("mps") as watched:
        try_on(models, blank_inputs(CANVAS), SamplingSettings(steps=1), Seeded(0))
    assert torch.float16 in watched.made
    assert torch.float64 not in watched.made


@pytest.mark.parametrize("flash", [True, False], ids=["flash", "efficient"])
@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("tokens", [12, 77, 3072])
def test_log_sum_exp_on_cuda(
    gpu: FakeTensorMode, monkeypatch: pytest.MonkeyPatch, flash: bool, dtype: Any, tokens: int
) -> None:
    """Both kernels that return it, for lengths that are not multiples of their tiles."""
    monkeypatch.setattr(kernels, "has_flash", lambda device: flash)
    query = torch.empty(2, tokens, 10, 64, device=CUDA, dtype=dtype).transpose(1, 2)
    with Watched("cuda") as watched:
        answer = attend_with_zero_keys(query, query, query, zeros=tokens, backend="auto")
    assert (answer.shape, answer.dtype) == (query.shape, dtype)
    assert any(("flash" if flash else "efficient") in call for call in watched.calls)


def test_streamed_blocks_wait_for_their_copies(gpu: FakeTensorMode, streams: FakeStreams) -> None:
    """A block computes after its copy, and a buffer is written after the block that read it."""
    blocks = [nn.Linear(8, 8, bias=False).requires_grad_(False) for _ in range(3)]
    stream = BlockStream(blocks, [list(block.parameters()) for block in blocks], CUDA)
    picture = torch.empty(1, 8, device=CUDA)
    stream.open()
    for _ in range(2):
        for block in blocks:
            picture = block(picture)
    stream.close()
    assert all(block.weight.device.type == "cpu" for block in blocks)

    log = streams.log
    assert log[0][0] == "copies waits for compute", "the buffers may still be written to by older kernels"
    assert log[-1][0] == "host waits for copies", "the buffers are let go"
    waits = [(place, event) for place, (what, event) in enumerate(log) if what == "compute waits"]
    assert len(waits) == 6
    for place, event in waits:
        copied = [what for what, other in log[:place] if other is event]
        assert copied[-1] == "copies records", "a block computed with a buffer that was not copied to again"
    used = {event for what, event in log if what == "compute records"}
    for event in used:
        turns = [what for what, other in log if other is event]
        # waits for an event never recorded return at once: the first one finds the buffer free
        assert (
            turns == ["copies waits", *["compute records", "copies waits"] * (len(turns) // 2)][: len(turns)]
        )


def test_cached_features_come_back_without_a_wait(gpu: FakeTensorMode) -> None:
    features = [torch.empty(1, count, 64, device=CUDA, dtype=torch.float16) for count in (48, 12)]
    with Watched("cuda") as watched:
        again = PackedFeatures.pack(features, torch.device("cpu")).unpack(CUDA)
    assert [(part.shape, part.dtype, part.device) for part in again] == [
        (part.shape, part.dtype, part.device) for part in features
    ]
    assert not watched.waits
