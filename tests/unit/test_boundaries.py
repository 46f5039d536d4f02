"""Who may import whom, seen in a fresh process."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "diffusers", "transformers"}


def loaded_by(module: str) -> set[str]:
    """Top-level modules in memory after importing one."""
    script = f"import json, sys, {module}; print(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


@pytest.mark.parametrize(
    "module", ["preprocess", "inference.engines.registry", "inference.app", "inference.cli", "gateway"]
)
def test_no_torch_at_import(module: str) -> None:
    assert not loaded_by(module) & HEAVY


def test_gateway_knows_neither_arrays_nor_the_other_parts() -> None:
    assert not loaded_by("gateway") & {"numpy", "cv2", "inference", "preprocess", "ai_edge_litert", "fastapi"}


def imports(path: Path) -> set[str]:
    """Full names of what a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", files("preprocess"), ids=lambda path: str(path.relative_to(ROOT)))
def test_preprocess_never_imports_a_service(path: Path) -> None:
    assert not {name for name in imports(path) if name.partition(".")[0] in {"inference", "gateway", *HEAVY}}


@pytest.mark.parametrize("path", files("inference"), ids=lambda path: str(path.relative_to(ROOT)))
def test_torch_only_inside_engine_folders_and_engines_keep_apart(path: Path) -> None:
    parts = path.relative_to(ROOT / "inference").parts
    engine = parts[1] if len(parts) > 2 and parts[0] == "engines" else None
    for name in imports(path):
        assert name.partition(".")[0] != "gateway"
        assert engine or name.partition(".")[0] not in HEAVY
        if name.startswith("inference.engines.") and name.count(".") > 2 and engine:
            assert name.split(".")[2] == engine


@pytest.mark.parametrize("path", files("gateway"), ids=lambda path: str(path.relative_to(ROOT)))
def test_gateway_stands_alone(path: Path) -> None:
    forbidden = {"inference", "preprocess", "numpy", "cv2", *HEAVY}
    assert not {name for name in imports(path) if name.partition(".")[0] in forbidden}
