"""Which engine serves a request: the one that was named, the operator's, or the first that can."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from inference.config import Settings
from inference.engines.base import EngineSpec
from inference.engines.registry import Registry
from inference.problems import Problem
from inference.weights.licenses import accepted


@dataclass(frozen=True, kw_only=True)
class Choice:
    spec: EngineSpec
    reason: str
    """Why this one, for the answer: ``requested``, ``default``, ``first available...``, ``fallback: ...``."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Categories of the engine that it cannot serve here, and what each lacks with the command."""

    def serves(self, categories: Collection[str]) -> bool:
        return all(name in self.spec.categories and name not in self.lacking for name in categories)


def choose(
    requested: str, registry: Registry, settings: Settings, categories: Collection[str] = ()
) -> Choice:
    """The engine for garments of these categories (those that the caller named).

    Raises ``engine-unknown`` (lists the known ones) or ``engine-unavailable`` (says what is missing).
    """
    if requested != "auto":
        return _chosen(_able(_known(requested, registry), registry, settings), "requested", registry)
    if settings.engine != "auto":
        return _default(registry, settings)
    missing, able = [], []
    for spec in registry.in_order(settings.engines):
        reason = why_not(spec, registry, settings)
        if reason is None:
            able.append(_chosen(spec, _first(spec), registry))
        else:
            missing.append(reason)
    if not able:
        raise Problem("engine-unavailable", " ".join(missing) or "No engine is installed.", field="engine")
    # where none takes the garments, the checks of the first say so in terms of the garment
    return next((choice for choice in able if choice.serves(categories)), able[0])


def _chosen(spec: EngineSpec, reason: str, registry: Registry) -> Choice:
    reasons = {name: registry.why_not_category(spec, name) for name in sorted(spec.categories)}
    return Choice(spec=spec, reason=reason, lacking={name: why for name, why in reasons.items() if why})


def _first(spec: EngineSpec) -> str:
    if not spec.variants:
        return "first available"
    here = "weights and device" if spec.commercial_use else "weights, device and accepted licence"
    return f"first available: {here} are there"


def why_not(spec: EngineSpec, registry: Registry, settings: Settings) -> str | None:
    """The first thing that keeps an engine from running; None where it can."""
    return next(reasons(spec, registry, settings), None)


def reasons(spec: EngineSpec, registry: Registry, settings: Settings) -> Iterator[str]:
    """A licence nobody accepted, then what is missing on this machine; looked for one by one."""
    if not spec.commercial_use and not _licence_accepted(spec, settings):
        yield (
            f"{spec.name} is under {spec.weights_license}, which forbids commercial use; the operator "
            f"accepts that with cabine weights pull {spec.name} --accept-license, or for weights that are "
            f"there already with CABINE_ACCEPTED_LICENSES={spec.name}."
        )
    yield from registry.reasons(spec)


def _licence_accepted(spec: EngineSpec, settings: Settings) -> bool:
    return spec.name in settings.accepted_licenses or accepted(
        settings.weights, spec.name, spec.weights_license
    )


def _default(registry: Registry, settings: Settings) -> Choice:
    reason = _why_not_named("CABINE_ENGINE", settings.engine, registry, settings)
    if reason is None:
        return _chosen(registry.entries[settings.engine].spec, "default", registry)
    if not settings.fallback:
        raise Problem("engine-unavailable", reason, field="engine")
    worse = _why_not_named("CABINE_FALLBACK", settings.fallback, registry, settings)
    if worse is not None:
        raise Problem("engine-unavailable", f"{reason} {worse}", field="engine")
    return _chosen(registry.entries[settings.fallback].spec, f"fallback: {reason}", registry)


def _why_not_named(variable: str, name: str, registry: Registry, settings: Settings) -> str | None:
    """Of an engine that a setting names: a wrong name is the operator's mistake, not the caller's."""
    if name not in registry.entries:
        return f"{variable} names '{name}', which is not installed; known: {', '.join(registry.entries)}."
    return why_not(registry.entries[name].spec, registry, settings)


def _known(name: str, registry: Registry) -> EngineSpec:
    if name not in registry.entries:
        known = ", ".join(["auto", *sorted(registry.entries)])
        raise Problem("engine-unknown", f"There is no engine '{name}'; known: {known}.", field="engine")
    return registry.entries[name].spec


def _able(spec: EngineSpec, registry: Registry, settings: Settings) -> EngineSpec:
    reason = why_not(spec, registry, settings)
    if reason is not None:
        raise Problem("engine-unavailable", reason, field="engine")
    return spec
