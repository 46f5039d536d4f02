"""Metrics of engines: which are loaded, what they hold; engines that tell nothing are named all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest

from inference.engine_metrics import EngineCollector
from inference.engines.base import Engine
from inference.engines.observation import CacheUse, Observation
from tests.fakes import FakeEngine, spec

MEMORY = {"allocated": 5, "peak": 7, "total": 9}


@dataclass(kw_only=True)
class Told(FakeEngine):
    observation: Observation

    def observe(self) -> Observation:
        return self.observation


def lines(engines: Mapping[str, Engine]) -> list[str]:
    registry = CollectorRegistry()
    registry.register(EngineCollector(loaded=lambda: engines))
    text = generate_latest(registry).decode()
    return sorted(line for line in text.splitlines() if not line.startswith("#"))


def test_nothing_is_said_of_engines_that_are_not_loaded() -> None:
    assert lines({}) == []


def test_an_engine_that_tells_nothing_is_named() -> None:
    assert lines({"warp": FakeEngine(spec=spec())}) == [
        'cabine_engine_loaded{device="",dtype="",engine="warp",variant=""} 1.0'
    ]


def test_what_an_engine_tells() -> None:
    observation = Observation(
        variant="base",
        device="cuda:1",
        dtype="float16",
        load_s=12.5,
        memory=MEMORY,
        cache=CacheUse(hits=3, misses=2, nbytes=64),
    )
    assert lines({"idm-vton": Told(spec=spec("idm-vton"), observation=observation)}) == [
        'cabine_device_memory_bytes{device="cuda:1",kind="allocated"} 5.0',
        'cabine_device_memory_bytes{device="cuda:1",kind="peak"} 7.0',
        'cabine_device_memory_bytes{device="cuda:1",kind="total"} 9.0',
        'cabine_engine_load_seconds{engine="idm-vton"} 12.5',
        'cabine_engine_loaded{device="cuda:1",dtype="float16",engine="idm-vton",variant="base"} 1.0',
        'cabine_garment_cache_bytes{engine="idm-vton"} 64.0',
        'cabine_garment_cache_lookups_total{engine="idm-vton",found="hit"} 3.0',
        'cabine_garment_cache_lookups_total{engine="idm-vton",found="miss"} 2.0',
    ]


def test_the_memory_of_a_device_is_told_once() -> None:
    """Two samples of the same labels make Prometheus refuse the whole answer."""
    told = Observation(device="cuda:0", memory=MEMORY)
    engines = {name: Told(spec=spec(name), observation=told) for name in ("one", "two")}
    memory = [line for line in lines(engines) if line.startswith("cabine_device_memory_bytes")]
    assert len(memory) == len(MEMORY)
