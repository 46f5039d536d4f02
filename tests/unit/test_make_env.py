"""``make env`` on machines with and without a GPU, played by programs on the PATH."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITH_GPU = "COMPOSE_FILE=docker-compose.yml:docker-compose.gpu.yml"
WITHOUT = "COMPOSE_FILE=docker-compose.yml"

NVIDIA = "echo 'NVIDIA L4'; echo 'NVIDIA L4'"
NO_DRIVER = "echo 'NVIDIA-SMI has failed'; exit 9"
TOOLKIT = """echo '{"Runtimes":{"nvidia":{},"runc":{}}}'"""
CDI = """echo '{"DiscoveredDevices":[{"ID":"nvidia.com/gpu=all"}]}'"""
PLAIN = """echo '{"Runtimes":{"runc":{}}}'"""


def make_env(folder: Path, *arguments: str, **programs: str) -> list[str]:
    """Run it where only ``programs`` are installed; the lines of ``.env``."""
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    for name, script in programs.items():
        program = binaries / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    if not (folder / ".env.example").exists():
        (folder / ".env.example").write_text("# CABINE_ENGINE=auto\n")
    subprocess.run(
        [sys.executable, "-m", "scripts.make_env", "--folder", str(folder), *arguments],
        cwd=ROOT,
        env={"PATH": str(binaries)},
        check=True,
        capture_output=True,
    )
    return (folder / ".env").read_text().splitlines()


@pytest.mark.parametrize(
    ("programs", "expected", "told"),
    [
        ({}, WITHOUT, "no NVIDIA GPU"),
        ({"nvidia_smi": NO_DRIVER, "docker": TOOLKIT}, WITHOUT, "no NVIDIA GPU"),
        ({"nvidia_smi": NVIDIA}, WITHOUT, "nvidia-ctk"),
        ({"nvidia_smi": NVIDIA, "docker": PLAIN}, WITHOUT, "nvidia-ctk"),
        ({"nvidia_smi": NVIDIA, "docker": "exit 1"}, WITHOUT, "nvidia-ctk"),
        ({"nvidia_smi": NVIDIA, "docker": TOOLKIT}, WITH_GPU, "NVIDIA L4 found"),
        ({"nvidia_smi": NVIDIA, "docker": CDI}, WITH_GPU, "NVIDIA L4 found"),
    ],
)
def test_looks_for_a_gpu(tmp_path: Path, programs: dict[str, str], expected: str, told: str) -> None:
    lines = make_env(tmp_path, **programs)
    assert expected in lines
    assert told in "\n".join(lines)
    assert lines[-1] == "# CABINE_ENGINE=auto"
    assert (tmp_path / "weights").exists() == (expected == WITH_GPU)  # docker would make it as root


@pytest.mark.parametrize(("gpu", "expected"), [("yes", WITH_GPU), ("no", WITHOUT)])
def test_believes_what_it_is_told(tmp_path: Path, gpu: str, expected: str) -> None:
    assert expected in make_env(tmp_path, "--gpu", gpu, nvidia_smi=NVIDIA, docker=TOOLKIT)


def test_keeps_what_the_operator_wrote(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CABINE_API_KEYS=shop:1\nPORT=80\n")
    make_env(tmp_path)
    (tmp_path / ".env").write_text((tmp_path / ".env").read_text() + "CABINE_ENGINE=warp\n")
    lines = make_env(tmp_path, nvidia_smi=NVIDIA, docker=TOOLKIT)
    assert [line for line in lines if not line.startswith(("#", "COMPOSE_"))] == [
        "CABINE_API_KEYS=shop:1",
        "PORT=80",
        "CABINE_ENGINE=warp",
    ]
    assert WITH_GPU in lines
    assert WITHOUT not in lines
