"""What Prometheus reads of the engines that are loaded: asked for when somebody looks, never in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from inference.engines.base import Engine
from inference.engines.observation import Observable, Observation


@dataclass(frozen=True, kw_only=True)
class EngineCollector(Collector):
    """``loaded`` gives the engines that are loaded now, by name."""

    loaded: Callable[[], Mapping[str, Engine]]

    def describe(self) -> Iterator[Metric]:
        return iter(_families({}))

    def collect(self) -> Iterator[Metric]:
        return iter(
            _families(
                {
                    name: engine.observe() if isinstance(engine, Observable) else Observation()
                    for name, engine in self.loaded().items()
                }
            )
        )


def _families(seen: Mapping[str, Observation]) -> list[Metric]:
    loaded = GaugeMetricFamily(
        "cabine_engine_loaded",
        "Engines in memory: 1, with what they run.",
        labels=["engine", "variant", "device", "dtype"],
    )
    load_s = GaugeMetricFamily(
        "cabine_engine_load_seconds", "What loading the checkpoint took.", labels=["engine"]
    )
    memory = GaugeMetricFamily(
        "cabine_device_memory_bytes",
        "Memory of the device that engines compute on: allocated, peak, total.",
        labels=["device", "kind"],
    )
    lookups = CounterMetricFamily(
        "cabine_garment_cache_lookups", "Garments looked for in the cache.", labels=["engine", "found"]
    )
    nbytes = GaugeMetricFamily(
        "cabine_garment_cache_bytes", "Memory of garment features kept.", labels=["engine"]
    )
    levels: dict[tuple[str, str], int] = {}
    for name, it in seen.items():
        loaded.add_metric([name, it.variant, it.device, it.dtype], 1)
        # all engines of a device tell the same numbers: they are the process's
        levels |= {(it.device, kind): size for kind, size in it.memory.items()}
        if it.load_s is not None:
            load_s.add_metric([name], it.load_s)
        if it.cache is not None:
            lookups.add_metric([name, "hit"], it.cache.hits)
            lookups.add_metric([name, "miss"], it.cache.misses)
            nbytes.add_metric([name], it.cache.nbytes)
    for labels, size in levels.items():
        memory.add_metric(labels, size)
    return [loaded, load_s, memory, lookups, nbytes]
