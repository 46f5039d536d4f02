"""Which engines there are, found by looking into the folders beside this file; loads none, and no torch.

An engine is a folder ``inference/engines/<name>/`` with ``spec.py`` (``SPEC``), ``engine.py`` (``create()``).
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import inference.engines
from inference.engines.base import Engine, EngineSpec

Requirement = Callable[[EngineSpec], str | None]
"""Says what an engine lacks here and the command that brings it; None where nothing is missing."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    spec: EngineSpec
    create: Callable[[], Engine]
    """Imports the engine's code, and torch where it needs it; loads no weights yet."""


@dataclass(frozen=True, kw_only=True)
class Registry:
    entries: Mapping[str, Entry]
    requirements: tuple[Requirement, ...] = ()

    def why_not(self, spec: EngineSpec) -> str | None:
        """Why this engine cannot run here, in words with the fix; None where it can."""
        return next((reason for lacks in self.requirements if (reason := lacks(spec))), None)

    def in_order(self, preferred: tuple[str, ...]) -> tuple[EngineSpec, ...]:
        """The engines that ``preferred`` names, in that order; where it names none all, previews last."""
        if preferred:
            return tuple(self.entries[name].spec for name in preferred if name in self.entries)
        specs = (entry.spec for entry in self.entries.values())
        return tuple(sorted(specs, key=lambda spec: (spec.preview, spec.name)))


def discover(requirements: tuple[Requirement, ...] = ()) -> Registry:
    """Read the ``spec.py`` of every engine folder."""
    entries = {}
    for found in pkgutil.iter_modules(inference.engines.__path__):
        package = f"{inference.engines.__name__}.{found.name}"
        if found.ispkg and importlib.util.find_spec(f"{package}.spec"):
            spec = cast(EngineSpec, importlib.import_module(f"{package}.spec").SPEC)
            entries[spec.name] = Entry(spec=spec, create=_factory(f"{package}.engine"))
    return Registry(entries=entries, requirements=requirements)


def _factory(module: str) -> Callable[[], Engine]:
    def create() -> Engine:
        return cast(Engine, importlib.import_module(module).create())

    return create


def needs_device(spec: EngineSpec) -> str | None:
    """Engines that only run on a GPU need torch; whether it finds one is seen when they load."""
    if "cpu" in spec.devices or importlib.util.find_spec("torch"):
        return None
    devices = ", ".join(spec.devices)
    return f"{spec.name} needs a GPU ({devices}) and torch: pip install -e '.[torch]' (docs/install.md)."
