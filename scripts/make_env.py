"""Write ``.env`` for docker compose: with an NVIDIA GPU, plain ``docker compose up`` shall serve from it.

    python -m scripts.make_env [--gpu auto|yes|no]

An existing ``.env`` keeps every line but those between the two marks. Only the standard library is used: this
runs before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "# --- made by `make env` ---", "# --- end of what `make env` made ---"
COMMAND_WITHIN_S = 20
TOOLKIT = (
    "docker cannot give it to containers: install the NVIDIA container toolkit, run "
    "`nvidia-ctk runtime configure --runtime=docker`, restart docker, then `make env` again."
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What this machine has for containers."""

    use_gpu: bool
    words: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpu", choices=["auto", "yes", "no"], default="auto")
    parser.add_argument("--folder", type=Path, default=Path())
    options = parser.parse_args()
    found = look(options.gpu)
    folder: Path = options.folder
    target = folder / ".env"
    before = target.read_text() if target.exists() else f"\n{(folder / '.env.example').read_text()}"
    target.write_text(merged(before, block(found)))
    if found.use_gpu:  # docker would make it, as root
        (folder / "weights").mkdir(exist_ok=True)
    print(f"{target}: {found.words}")
    return 0


def look(gpu: str) -> Found:
    """``yes`` and ``no`` are believed; ``auto`` asks the driver and docker."""
    if gpu != "auto":
        return Found(use_gpu=gpu == "yes", words=f"GPU={gpu}, as told")
    name = gpu_name()
    if name is None:
        return Found(use_gpu=False, words="no NVIDIA GPU found; containers work on the CPU")
    if not docker_has_gpus():
        return Found(use_gpu=False, words=f"{name} found, but {TOOLKIT}")
    return Found(use_gpu=True, words=f"{name} found; docker compose will use it")


def gpu_name() -> str | None:
    """Of the first GPU that the driver shows."""
    lines = output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines()
    return lines[0].strip() if lines else None


def docker_has_gpus() -> bool:
    """By the classic runtime, or by devices of the container device interface (CDI)."""
    told = output("docker", "info", "--format", "{{json .}}")
    return '"nvidia"' in told or "nvidia.com/gpu" in told


def output(*command: str) -> str:
    """What a program prints; empty where it is missing or fails."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return run.stdout if run.returncode == 0 else ""


def block(found: Found) -> str:
    files = ["docker-compose.yml"] + (["docker-compose.gpu.yml"] if found.use_gpu else [])
    lines = [BEGIN, f"# {found.words}", f"COMPOSE_FILE={':'.join(files)}", "COMPOSE_PATH_SEPARATOR=:", END]
    return "\n".join(lines) + "\n"


def merged(text: str, made: str) -> str:
    """``text`` with ``made`` in place of what was made before, or at the top."""
    old = re.compile(rf"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n", re.MULTILINE | re.DOTALL)
    return old.sub(lambda _: made, text, count=1) if old.search(text) else made + text


if __name__ == "__main__":
    sys.exit(main())
