"""Two steps on a sample through the whole pipeline: does the engine work here, how fast, in how much memory.

The report is meant to be pasted into an issue: versions, device and numbers; no paths, no names, no pictures.
"""

from __future__ import annotations

import importlib.metadata
import platform
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from inference.config import Settings
from inference.embedded import EmbeddedPreparation
from inference.engines.base import EngineSpec, Variant
from inference.engines.registry import Registry
from inference.pipeline import Outcome, Tools, try_on
from inference.selection import Choice, why_not
from inference.service import build
from inference.stages import Stages
from inference.tryon import GarmentRequest, Options, TryOn

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
"""Of the checkout: a wheel does not carry them."""
PERSON = "people/p2_woman__base.jpg"
GARMENTS = {
    "upper": "garments/tshirt_print.jpg",
    "lower": "garments/trousers_denim.jpg",
    "dress": "garments/dress_floral.jpg",
}
"""Category -> a garment of it."""

STEPS = 2
SEED = 0
FLAT = 4.0
"""Standard deviation of what was painted, 0..255, below which it is an even patch and not a garment."""


@dataclass(frozen=True, kw_only=True)
class Report:
    engine: str
    category: str
    passed: bool
    verdict: str
    seconds: Mapping[str, float]
    step_seconds: float | None
    """None where the engine took one step."""
    peak_memory_mb: int
    facts: Mapping[str, str]
    """What the engine runs on, in its own words."""
    versions: Mapping[str, str]

    def text(self) -> str:
        """Plain lines to paste."""
        stages = ", ".join(f"{name} {value:.1f}" for name, value in self.seconds.items())
        lines = {
            "result": self.verdict,
            "seconds": stages,
            "per step": "-" if self.step_seconds is None else f"{self.step_seconds:.2f} s",
            "peak memory": f"{self.peak_memory_mb} MB of the process",
            **self.facts,
            "versions": ", ".join(f"{name} {value}" for name, value in self.versions.items()),
        }
        title = f"Cabine self-test: {self.engine}, {self.category}: {'passed' if self.passed else 'FAILED'}"
        return "\n".join([title, *(f"  {name}: {words}" for name, words in lines.items())])


@dataclass(kw_only=True)
class Steps:
    """When each step of the engine's longest stage began."""

    began: dict[str, list[float]] = field(default_factory=dict)

    def note(self, stage: str, step: int, steps: int) -> None:
        if stage.startswith("engine") and step:
            self.began.setdefault(stage, []).append(time.perf_counter())

    def seconds(self) -> float | None:
        """Mean time from one step to the next."""
        longest = max(self.began.values(), key=len, default=[])
        return (longest[-1] - longest[0]) / (len(longest) - 1) if len(longest) > 1 else None


def self_test(spec: EngineSpec, category: str, registry: Registry, settings: Settings) -> Report:
    """For an engine that can run here; raises what the pipeline raises."""
    tools = build(settings, registry, EmbeddedPreparation(settings)).tools
    stages, steps = Stages(), Steps()
    stages.progress = steps.note
    started = time.perf_counter()
    tools.preparation.load()
    tools.engines.warm(spec.name)
    stages.seconds["load and warm up"] = time.perf_counter() - started
    outcome = try_on(sample_request(spec, category), Choice(spec=spec, reason="self-test"), tools, stages)
    facts = tools.engines.facts(spec.name)
    passed, verdict = judge(outcome, tools)
    return Report(
        engine=spec.name,
        category=category,
        passed=passed,
        verdict=verdict,
        seconds=stages.seconds,
        step_seconds=steps.seconds(),
        peak_memory_mb=peak_memory_mb(),
        facts=facts,
        versions=versions(spec),
    )


def cannot_run(spec: EngineSpec, registry: Registry, settings: Settings) -> str | None:
    """What keeps the test from running here, a licence nobody accepted first, in words with the fix."""
    reason = why_not(spec, registry, settings)
    if reason is None and not (SAMPLES / PERSON).is_file():
        return "The sample photos are not here (they come with the checkout, not with the package)."
    return reason


def sample_request(spec: EngineSpec, category: str) -> TryOn:
    """A person and a garment of the samples, as few steps as tell anything, always the same noise."""
    return TryOn(
        person=(SAMPLES / PERSON).read_bytes(),
        garments=(
            GarmentRequest(
                source=(SAMPLES / GARMENTS[category]).read_bytes(), category=category, photo="flat"
            ),
        ),
        options=Options(
            engine=spec.name,
            seed=SEED if "seed" in spec.options else None,
            steps=STEPS if "steps" in spec.options else None,
        ),
    )


def judge(outcome: Outcome, tools: Tools) -> tuple[bool, str]:
    """Did it paint something that is not one even colour. What is not finite, engines refuse themselves."""
    picture = outcome.pictures[0]
    painted = picture.rgb[picture.mask == 255]  # the photo shines through elsewhere
    share = (picture.mask > 0).mean()
    if not painted.size:
        return False, "nothing was painted"
    spread = float(np.std(painted.astype(np.float32), axis=0).mean())
    if spread < FLAT:
        return False, f"one even colour (spread {spread:.1f} of 255): the numbers overflowed or are wrong"
    return True, f"finite, {share:.0%} of the photo painted, spread {spread:.0f} of 255"


def category_of(variant: str, here: tuple[Variant, ...]) -> str:
    """A category that this variant serves and none of those before it: running it runs this checkpoint."""
    names = [each.name for each in here]
    taken = frozenset[str]().union(*(each.categories for each in here[: names.index(variant)]))
    own = here[names.index(variant)].categories
    return min(own - taken or own, key=list(GARMENTS).index)


def peak_memory_mb() -> int:
    """Most resident memory of this process so far; files read through memory maps count in it."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10


def versions(spec: EngineSpec) -> dict[str, str]:
    """Of what the engine is built on; nothing that names the machine or its user."""
    names = ("cabine", *spec.packages)
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    return found | {name: importlib.metadata.version(name) for name in names}
