"""What the ``idm-vton`` engine tells for metrics: checkpoint, device, memory, garment cache."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test")

from inference.engines.base import Runtime  # noqa: E402
from inference.engines.idm_vton.device import memory_levels  # noqa: E402
from inference.engines.idm_vton.engine import IdmVtonEngine  # noqa: E402
from inference.engines.observation import CacheUse, Observable, Observation  # noqa: E402


def test_before_and_after_a_checkpoint_is_loaded(idm_vton_weights: Path) -> None:
    engine = IdmVtonEngine()
    assert isinstance(engine, Observable)
    engine.load(Runtime(weights=idm_vton_weights, device="cpu", garment_cache_mb=1))
    assert engine.observe() == Observation(device="cpu", cache=CacheUse(hits=0, misses=0, nbytes=0))

    engine.warmup()

    seen = engine.observe()
    assert (seen.variant, seen.device, seen.dtype, seen.memory) == ("base", "cpu", "float32", {})
    assert seen.load_s is not None
    assert seen.load_s > 0


def test_the_memory_of_a_gpu_is_that_of_this_process_and_of_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second = torch.device("cuda:1")
    levels = {"memory_allocated": 5, "max_memory_allocated": 7}
    for name, size in levels.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, size=size: size if device == second else 0)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=9 + device.index)
    )
    assert memory_levels(second) == {"allocated": 5, "peak": 7, "total": 10}
    assert memory_levels(torch.device("cpu")) == {}


def test_a_gpu_of_apple_tells_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: 5)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 9)
    assert memory_levels(torch.device("mps")) == {"allocated": 5, "total": 9}
