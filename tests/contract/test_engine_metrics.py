"""``/metrics`` of the service about its engines: a fake one, and ``idm-vton`` with a tiny checkpoint."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.conftest import NO_TORCH
from tests.contract.conftest import SETTINGS, running
from tests.contract.test_metrics import at, scrape

CACHE = "cabine_garment_cache_lookups_total"


def test_engines_are_told_once_they_are_loaded() -> None:
    with running(SETTINGS) as rig:
        found = scrape(rig.client)
    loaded = [dict(labels)["engine"] for name, labels in found if name == "cabine_engine_loaded"]
    assert loaded == ["warp"]
    assert not any(name.startswith(("cabine_garment_cache", "cabine_device")) for name, _ in found)


def test_the_garment_cache_of_idm_vton(idm_vton_weights: Path) -> None:
    pytest.importorskip("torch", reason=NO_TORCH)
    from tests.contract.test_idm_vton import post, serving

    def told(client: httpx.Client) -> tuple[float, float, float]:
        found = scrape(client)
        lookups = (at(found, CACHE, engine="idm-vton", found=found_as) for found_as in ("hit", "miss"))
        hits, misses = lookups
        return hits, misses, at(found, "cabine_garment_cache_bytes", engine="idm-vton")

    with serving(idm_vton_weights, garment_cache_mb=64) as client:
        assert told(client) == (0, 0, 0)
        for _ in range(3):
            post(client)
        hits, misses, held = told(client)
        found = scrape(client)

    assert (hits, misses) == (2, 1)
    assert 0 < held <= 64 * 2**20
    labels = {"engine": "idm-vton", "variant": "base", "device": "cpu", "dtype": "float32"}
    assert at(found, "cabine_engine_loaded", **labels) == 1
    assert at(found, "cabine_engine_load_seconds", engine="idm-vton") > 0
