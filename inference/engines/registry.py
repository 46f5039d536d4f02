"""Which engines there are, found by looking into the folders beside this file; loads none, and no torch.

An engine is a folder ``inference/engines/<name>/`` with ``spec.py`` (``SPEC``), ``engine.py`` (``create()``).
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import inference.engines
from inference.engines.base import Engine, EngineSpec, Runtime

Requirement = Callable[[EngineSpec], str | None]
"""Says what an engine lacks here and the command that brings it; None where nothing is missing."""
CategoryRequirement = Callable[[EngineSpec, str], str | None]
"""The same for one of the engine's categories, which may need a checkpoint of its own."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    spec: EngineSpec
    create: Callable[[], Engine]
    """Imports the engine's code, and torch where it needs it; loads no weights yet."""


@dataclass(frozen=True, kw_only=True)
class Registry:
    entries: Mapping[str, Entry]
    requirements: tuple[Requirement, ...] = ()
    """Asked in this order until one is not met: the cheap ones first."""
    category_requirements: tuple[CategoryRequirement, ...] = ()

    def reasons(self, spec: EngineSpec) -> Iterator[str]:
        """All that keeps this engine from running here, in words with the fix; looked for one by one."""
        return (reason for lacks in self.requirements if (reason := lacks(spec)))

    def why_not_category(self, spec: EngineSpec, category: str) -> str | None:
        """Why an engine that can run here cannot serve one of its categories; None where it can."""
        reasons = (lacks(spec, category) for lacks in self.category_requirements)
        return next((reason for reason in reasons if reason), None)

    def in_order(self, preferred: tuple[str, ...]) -> tuple[EngineSpec, ...]:
        """The engines that ``preferred`` names, in that order; where it names none all, previews last."""
        if preferred:
            return tuple(self.entries[name].spec for name in preferred if name in self.entries)
        specs = (entry.spec for entry in self.entries.values())
        return tuple(sorted(specs, key=lambda spec: (spec.preview, spec.name)))


def discover(
    requirements: tuple[Requirement, ...] = (), category_requirements: tuple[CategoryRequirement, ...] = ()
) -> Registry:
    """Read the ``spec.py`` of every engine folder."""
    entries = {}
    for found in pkgutil.iter_modules(inference.engines.__path__):
        package = f"{inference.engines.__name__}.{found.name}"
        if found.ispkg and importlib.util.find_spec(f"{package}.spec"):
            spec = cast(EngineSpec, importlib.import_module(f"{package}.spec").SPEC)
            entries[spec.name] = Entry(spec=spec, create=_factory(f"{package}.engine"))
    return Registry(entries=entries, requirements=requirements, category_requirements=category_requirements)


def _factory(module: str) -> Callable[[], Engine]:
    def create() -> Engine:
        return cast(Engine, importlib.import_module(module).create())

    return create


def needs_packages(spec: EngineSpec) -> str | None:
    """The packages an engine is built on, without importing them."""
    missing = [name for name in spec.packages if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return f"{spec.name} needs {', '.join(missing)}: pip install -e '.[torch]' (docs/install.md)."


def needs_device(runtime: Runtime) -> Requirement:
    """A device it can run on; the engine's folder knows (``device.lacks(runtime)``, if it has that file).

    That imports torch, so it is the last requirement. An engine that could run is asked no more: once loaded,
    its own weights would count as memory that is not free.
    """
    able: set[str] = set()

    def lacks(spec: EngineSpec) -> str | None:
        if spec.name in able or not _can_ask(spec):
            return None
        reason = cast("str | None", importlib.import_module(_device_module(spec.name)).lacks(runtime))
        if reason is None:
            able.add(spec.name)
        return reason

    return lacks


def memory_plan(spec: EngineSpec, runtime: Runtime) -> tuple[str, ...]:
    """What would live where here, in lines for a person; empty for engines without such a plan."""
    if not _can_ask(spec):
        return ()
    return cast("tuple[str, ...]", importlib.import_module(_device_module(spec.name)).plan_lines(runtime))


def _can_ask(spec: EngineSpec) -> bool:
    """Has its folder a ``device.py``, and are the packages there that this imports."""
    module = _device_module(spec.name)
    package = importlib.util.find_spec(module.rpartition(".")[0])
    return bool(package and importlib.util.find_spec(module)) and needs_packages(spec) is None


def _device_module(engine: str) -> str:
    return f"{inference.engines.__name__}.{folder_name(engine)}.device"


def folder_name(engine: str) -> str:
    """``idm-vton`` lives in ``idm_vton/``."""
    return engine.replace("-", "_")
