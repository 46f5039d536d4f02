"""The benchmark of the denoise loop runs every choice and counts what each computes. Times are not judged."""

from __future__ import annotations

import pytest

from tests.conftest import NO_TORCH

torch = pytest.importorskip("torch", reason=NO_TORCH)

from bench.idm_vton_cpu import CHOICES, CPU, OFF, measure, table  # noqa: E402 - after the skip
from inference.engines.idm_vton.loading import Checkpoint  # noqa: E402
from inference.engines.idm_vton.models import load_models  # noqa: E402
from tests.idm_vton_checkpoint import make_checkpoint  # noqa: E402


def test_every_choice_computes_less_than_the_one_before(tmp_path):
    checkpoint = Checkpoint(make_checkpoint(tmp_path))
    models = load_models(checkpoint, device=CPU, dtype=torch.float32, whole_garment=True)
    results = measure(models, (64, 96), steps=1, runs=2)
    operations = [result["operations"] for result in results.values()]
    assert list(results) == list(CHOICES)
    assert operations == sorted(operations, reverse=True)
    assert len(set(operations)) == len(operations)
    assert all(result["wall"] > 0 < result["cpu"] for result in results.values())
    rows = table("title", results).rows
    assert rows[0][0] == OFF
    assert rows[0][-2:] == ["100.0%", "100.0%"]
