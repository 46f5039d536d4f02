"""The GPU benchmark of idm-vton on a pretended GPU: that it runs through, and says so where there is none."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test")

from bench import idm_vton_gpu as bench  # noqa: E402
from inference.engines.base import EngineUnavailable, Runtime  # noqa: E402

CARD = "NVIDIA L4"


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events a second apart, 3 GB reserved, everything computed on the CPU."""
    clock = itertools.count()

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            self.at = next(clock)

        def elapsed_time(self, end: Event) -> float:
            return 1000.0 * (end.at - self.at)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 2_000_000_000)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 3_000_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(name=CARD))
    monkeypatch.setattr(bench, "request_tflop", lambda quality: 60.5)


@pytest.mark.usefixtures("pretended_gpu")
def test_stages_steps_and_share_of_peak(idm_vton_checkpoint: Path) -> None:
    runtime = Runtime(device="cpu", profile="12gb")
    (result,) = bench.measure(idm_vton_checkpoint, runtime, ["fast"], runs=2, canvas=(64, 96))
    steps = bench.QUALITY["fast"].steps
    assert (result.encode_s, result.step_s, result.decode_s) == (1, 1, 1)
    assert result.total_s == steps + 2
    assert result.share_of_peak == pytest.approx(60.5 / (steps + 2) / 121)
    assert result.beyond_plan_gb == pytest.approx(3 - result.planned_gb)
    assert "12gb" in bench.table("", [result]).text()


@pytest.mark.usefixtures("pretended_gpu")
@pytest.mark.parametrize(
    ("card", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA GeForce RTX 4090", 165),
        ("NVIDIA A100-SXM4-40GB", 312),
        ("NVIDIA L40S", None),
        ("Tesla T4", 65),
    ],
)
def test_peaks_are_of_the_card(card: str, peak: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(name=card))
    assert bench.peak_tflops(torch.device("cuda")) == peak


@pytest.mark.usefixtures("pretended_gpu")
@pytest.mark.parametrize("failure", [EngineUnavailable("cannot be compiled"), torch.OutOfMemoryError("full")])
def test_a_profile_that_fails_does_not_lose_the_others(
    failure: Exception,
    idm_vton_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = bench.measure

    def measure(folder: Path, runtime: Runtime, *args: object, runs: int) -> list[bench.Result]:
        if runtime.profile == "8gb":
            raise failure
        return real(folder, Runtime(device="cpu", profile="12gb"), ["fast"], runs=runs, canvas=(64, 96))

    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(bench, "device_name", str)
    monkeypatch.setattr(bench, "resolve", lambda runtime: torch.device("cpu"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    arguments = ["--weights", str(idm_vton_weights), "--profiles", "12gb", "8gb", "--runs", "1"]
    monkeypatch.setattr("sys.argv", ["idm_vton_gpu", *arguments])
    assert bench.main() == 0
    told = capsys.readouterr()
    assert f"8gb: {failure}" in told.err
    assert "12gb" in told.out


def test_without_a_gpu_it_fails_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["idm_vton_gpu"])
    assert bench.main() == 1
    assert "no CUDA device" in capsys.readouterr().err
