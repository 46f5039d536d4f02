"""Where idm-vton computes, in what format, and what it says when it cannot, with pretended devices."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test")

from inference.engines.base import EngineUnavailable, OutOfMemory, Runtime  # noqa: E402
from inference.engines.idm_vton import device as module  # noqa: E402
from inference.engines.idm_vton.device import (  # noqa: E402
    budget_of,
    dtype_for,
    free_host_bytes,
    lacks,
    plan_for,
    plan_lines,
    resolve,
)
from inference.engines.idm_vton.memory import Budget  # noqa: E402

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")

Pretend = Callable[..., None]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Devices that this machine does not have."""

    def have(*, cuda: int = 0, mps: bool = False, capability: tuple[int, int] = (8, 9)) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    have()
    return have


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted", "expected"),
    [
        (1, False, "auto", "cuda"),
        (1, True, "auto", "cuda"),
        (0, True, "auto", "mps"),
        (2, False, "cuda:1", "cuda:1"),
        (1, True, "mps", "mps"),
        (1, False, "cpu", "cpu"),
        (0, False, "cpu", "cpu"),
    ],
)
def test_devices(pretend: Pretend, cuda: int, mps: bool, wanted: str, expected: str) -> None:
    pretend(cuda=cuda, mps=mps)
    assert str(resolve(Runtime(device=wanted))) == expected


def test_profile_cpu_is_the_cpu(pretend: Pretend) -> None:
    pretend(cuda=1)
    assert resolve(Runtime(profile="cpu")) == CPU
    with pytest.raises(EngineUnavailable, match="CABINE_MEMORY_PROFILE=auto"):
        resolve(Runtime(profile="cpu", device="cuda"))


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("auto", "needs a GPU .* CABINE_DEVICE=cpu forces the CPU"),
        ("cuda", "no device cuda, .* sees 0 CUDA devices"),
        ("cuda:3", "no device cuda:3"),
        ("mps", "no device mps .* CABINE_DEVICE=auto"),
    ],
)
def test_devices_that_are_not_there(pretend: Pretend, wanted: str, words: str) -> None:
    with pytest.raises(EngineUnavailable, match=words):
        resolve(Runtime(device=wanted))
    assert words.partition(" .*")[0] in (lacks(Runtime(device=wanted)) or "")


def test_number_formats(pretend: Pretend) -> None:
    pretend(cuda=1)
    assert dtype_for(Runtime(), CUDA) == dtype_for(Runtime(), MPS) == torch.float16
    assert dtype_for(Runtime(), CPU) == torch.float32
    assert dtype_for(Runtime(dtype="bf16"), CUDA) == torch.bfloat16
    assert dtype_for(Runtime(dtype="fp32"), CUDA) == torch.float32
    pretend(cuda=1, capability=(7, 5))
    assert dtype_for(Runtime(), CUDA) == torch.float16
    with pytest.raises(EngineUnavailable, match=r"8\.0, this one has 7\.5; set CABINE_DTYPE=fp16"):
        dtype_for(Runtime(dtype="bf16"), CUDA)


def budgeted(monkeypatch: pytest.MonkeyPatch, device_gb: float | None, host_gb: float = 64) -> None:
    here = Budget(
        device_bytes=None if device_gb is None else int(device_gb * 1e9), host_bytes=int(host_gb * 1e9)
    )
    monkeypatch.setattr(module, "budget_of", lambda device: here)


def test_plan_before_there_are_weights(pretend: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(cuda=1)
    budgeted(monkeypatch, 11)
    planned = plan_for(Runtime(), None, CUDA, torch.float16)
    assert planned.plan.profile.name == "12gb"
    assert planned.at_once(2) == 2
    assert lacks(Runtime()) is None
    budgeted(monkeypatch, 1)
    assert "1.0 GB is free" in (lacks(Runtime()) or "")


def test_float32_takes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    budgeted(monkeypatch, 22)
    half = plan_for(Runtime(), None, CUDA, torch.float16).plan
    full = plan_for(Runtime(), None, CUDA, torch.float32).plan
    assert (half.profile.name, full.profile.name) == ("24gb", "12gb")


def test_streamed_blocks_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    budgeted(monkeypatch, 6)
    with pytest.raises(EngineUnavailable, match="CABINE_COMPILE=false"):
        plan_for(Runtime(compile=True), None, CUDA, torch.float16)


def test_scores_of_the_math_kernel_are_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    budgeted(monkeypatch, 80)
    plain, math = (
        plan_for(Runtime(attention=kernel, profile="12gb"), None, CUDA, torch.float16).plan.peak
        for kernel in ("auto", "math")
    )
    assert math > plain + 2e9


def test_plan_of_a_checkpoint_is_its_own(idm_vton_weights: Path, idm_vton_checkpoint: Path) -> None:
    runtime = Runtime(device="cpu", weights=idm_vton_weights)
    plan = plan_for(runtime, idm_vton_checkpoint, CPU, torch.float32).plan
    assert plan.profile.name == "cpu"
    assert plan.host < 5e9
    assert lacks(runtime) is None
    assert plan_lines(runtime)[:2] == ("cpu, float32", plan.lines[0])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("vae/config.json", b'{"force_upcast": '),
        ("vae/config.json", b"\xff"),
        ("vae/config.json", b"[]"),
        ("unet/config.json", b"{}"),
        ("unet/diffusion_pytorch_model.safetensors", b"no safetensors"),
        ("unet/diffusion_pytorch_model.safetensors", (2).to_bytes(8, "little") + b"{}"),
    ],
)
def test_damaged_files_are_no_crash(
    idm_vton_checkpoint: Path, tmp_path: Path, file: str, content: bytes
) -> None:
    folder = shutil.copytree(idm_vton_checkpoint, tmp_path / "idm-vton" / "base")
    (folder / file).write_bytes(content)
    runtime = Runtime(weights=tmp_path, device="cpu")

    reason = lacks(runtime)

    assert reason is not None
    assert "cabine weights verify" in reason
    assert str(tmp_path) not in reason, "it goes to clients"
    assert [f"{line}." for line in plan_lines(runtime)] == [reason]


def test_explicit_profile_on_the_cpu_is_that_profile(idm_vton_checkpoint: Path) -> None:
    """How all of them are tested here."""
    plan = plan_for(Runtime(device="cpu", profile="8gb"), idm_vton_checkpoint, CPU, torch.float32).plan
    assert plan.profile.name == "8gb"


def test_lines_without_a_device_name_every_profile(pretend: Pretend, tmp_path: Path) -> None:
    reason, *profiles = plan_lines(Runtime(weights=tmp_path))
    assert "needs a GPU" in reason
    assert [line.split()[1] for line in profiles] == ["24gb", "16gb", "12gb", "8gb", "cpu"]


def test_what_a_garment_takes_in_the_cache(pretend: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(cuda=1)
    budgeted(monkeypatch, 100)
    monkeypatch.setattr(module, "device_name", str)
    assert not any("cache" in line for line in plan_lines(Runtime()))
    line = plan_lines(Runtime(garment_cache_mb=4000))[-1]
    assert line.startswith("garment cache: up to 4000 MB")
    assert line.endswith("best 4500 MB, balanced 3000 MB, fast 1800 MB")


def test_memory_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (7, 8))
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 100)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 30)
    assert budget_of(CUDA).device_bytes == 7
    assert budget_of(MPS) == Budget(device_bytes=70, host_bytes=None, shared=True)
    assert budget_of(CPU).device_bytes is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, 2048 * 1024), ("max", 2048 * 1024), ("1000000", 1_000_000 - 300_000 + 50_000)],
)
def test_host_memory_within_a_container(
    limit: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the container has read of files counts as used, and is given back when it is needed."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       4096 kB\nMemAvailable:   2048 kB\n")
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit + "\n")
        (tmp_path / "memory.current").write_text("300000\n")
        (tmp_path / "memory.stat").write_text("anon 200000\ninactive_file 50000\nactive_file 50000\n")
    monkeypatch.setattr(module, "MEMINFO", meminfo)
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    assert free_host_bytes() == expected


def test_host_memory_is_unknown_without_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMINFO", tmp_path / "none")
    assert free_host_bytes() is None


def test_samples_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    budgeted(monkeypatch, 10.32)  # one picture fits the 12gb profile, keys of three more do not
    planned = plan_for(Runtime(profile="12gb"), None, CUDA, torch.float16)
    assert planned.at_once(1) == 1
    with pytest.raises(OutOfMemory, match="fewer samples"):
        planned.at_once(4)
