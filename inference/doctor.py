"""``cabine doctor``: what is here, what is missing, and the command that brings it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inference.config import Settings
from inference.engines.registry import Registry, memory_plan
from inference.policy import PolicyMissing
from inference.policy import load as load_policy
from inference.problems import Problem
from inference.selection import choose, reasons
from inference.weights.catalogue import catalogue
from preprocess.licenses import acceptance_words
from preprocess.models import verify
from preprocess.providers.artefacts import Artefacts
from preprocess.providers.full import accepted_sets, unaccepted
from preprocess.providers.full.spec import OWNER as PREPROCESSING
from preprocess.weights import unrecorded_words

State = Literal["ok", "note", "bad"]

PACKAGES = ("numpy", "opencv-python-headless", "pillow", "fastapi", "uvicorn", "ai-edge-litert")
OPTIONAL = {
    "pillow-heif": "HEIC photos of phones are refused; pip install 'cabine[heic]'",
    "torch": "only needed by diffusion engines; pip install -e '.[torch]' (docs/install.md)",
}

LITERT_BUILDS = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
"""Where ai-edge-litert 2.x has wheels on the package index (2026-11)."""

MIN_MEMORY_MB = 2_000
"""One request of ``warp`` on a 25 megapixel photo stays below 1 GB; two run at a time."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    state: State
    subject: str
    words: str


def examine(settings: Settings, registry: Registry) -> list[Finding]:
    """Every check, in the order in which problems should be mended."""
    return [
        python(sys.version_info[:3]),
        runtime_build(platform.system(), platform.machine()),
        *packages(),
        models(settings),
        weights(settings),
        *unrecorded(settings, registry),
        *artefacts(settings),
        memory(),
        *engines(settings, registry),
        *names(settings, registry),
        policy(settings),
        port(settings),
    ]


def python(version: tuple[int, int, int]) -> Finding:
    words = ".".join(str(part) for part in version)
    if version < (3, 11):
        return Finding(state="bad", subject="Python", words=f"{words}; 3.11 or newer is needed")
    return Finding(state="ok", subject="Python", words=words)


def runtime_build(system: str, machine: str) -> Finding:
    """Is there a build of the model runtime for this kind of machine at all."""
    here = f"{system} {machine}"
    if (system, machine) in LITERT_BUILDS:
        return Finding(state="ok", subject="platform", words=here)
    if system == "Darwin":
        words = f"{here}: ai-edge-litert has no build for Intel Macs; use Docker (docker compose up)"
    else:
        words = f"{here}: ai-edge-litert has no build for it; use Docker, or WSL on Windows"
    return Finding(state="bad", subject="platform", words=words)


def packages() -> list[Finding]:
    """Installed versions; what is missing with the command."""
    found = []
    for name in PACKAGES:
        version = _version(name)
        words = version or "missing; pip install 'cabine[inference]'"
        found.append(Finding(state="ok" if version else "bad", subject=name, words=words))
    for name, words in OPTIONAL.items():
        version = _version(name)
        found.append(
            Finding(
                state="ok" if version else "note", subject=name, words=version or f"not installed: {words}"
            )
        )
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def models(settings: Settings) -> Finding:
    """The embedded model files and their checksums."""
    problems = verify(settings.models)
    if problems:
        words = f"{'; '.join(problems)}; run: python -m preprocess.models fetch --dir {settings.models}"
        return Finding(state="bad", subject="models", words=words)
    return Finding(state="ok", subject="models", words=f"{settings.models}, checksums right")


def weights(settings: Settings) -> Finding:
    """Can this user read the folder of weights: what nobody may look into is "missing" everywhere else."""
    folder = settings.weights
    closed = next(unreadable(folder), None)
    if closed is not None:
        words = (
            f"{closed}: the user that runs this may not read it, so it counts as missing; its owner can run: "
            f"chmod -R a+rX {folder}"
        )
        return Finding(state="bad", subject="weights", words=words)
    empty = "" if folder.is_dir() else ", not there: nothing was pulled yet"
    return Finding(state="ok", subject="weights", words=f"{folder}{empty}")


def unrecorded(settings: Settings, registry: Registry) -> list[Finding]:
    """Weights that were copied by hand and never looked at."""
    known = catalogue(entry.spec for entry in registry.entries.values())
    return [
        Finding(
            state="note", subject="weights", words=f"{wanted.owner} {wanted.name}: {unrecorded_words(wanted)}"
        )
        for sets in known.values()
        for wanted in sets
        if wanted.unrecorded(settings.weights)
    ]


def unreadable(folder: Path) -> Iterator[Path]:
    """The folder and what is in it, as far as it exists and this user may not read it."""
    try:
        folder.stat()
    except FileNotFoundError:
        return
    except PermissionError:  # of a folder above
        yield folder
        return
    if not os.access(folder, os.R_OK | os.X_OK):
        yield folder
        return
    for base, folders, files in os.walk(folder, followlinks=True):
        here = Path(base)
        yield from (here / name for name in folders if not os.access(here / name, os.R_OK | os.X_OK))
        yield from (
            path
            for path in (here / name for name in files)
            if os.path.exists(path) and not os.access(path, os.R_OK)
        )


def artefacts(settings: Settings) -> list[Finding]:
    """Who makes what diffusion engines are conditioned on: full networks, or stand-ins by the models here.

    And which networks are here that nobody accepted the licence of.
    """
    accepted = accepted_sets(settings.weights, settings.accepted_licenses)
    sources = Artefacts(settings.weights, settings.threads, accepted).sources()
    words = ", ".join(f"{tag} {who}" for tag, who in sources.items())
    if "embedded" in sources.values():
        words += "; embedded is approximate, cabine weights list says how to get full networks"
    waiting = [
        Finding(state="note", subject="artefacts", words=f"here, but not used: {acceptance_words(wanted)}")
        for wanted in unaccepted(settings.weights, accepted)
    ]
    return [Finding(state="ok", subject="artefacts", words=words), *waiting]


def memory() -> Finding:
    """Memory of the machine, as far as this system tells."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return Finding(state="note", subject="memory", words="unknown on this system")
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
    enough = megabytes >= MIN_MEMORY_MB
    words = f"{megabytes} MB" + (
        "" if enough else f"; {MIN_MEMORY_MB} MB are advised, set CABINE_CONCURRENCY=1"
    )
    return Finding(state="ok" if enough else "note", subject="memory", words=words)


def engines(settings: Settings, registry: Registry) -> list[Finding]:
    """Which can run, all that another lacks, what would live where, and whether ``engine=auto`` finds one."""
    found = []
    for entry in registry.entries.values():
        spec, subject = entry.spec, f"engine {entry.spec.name}"
        missing = tuple(reasons(spec, registry, settings))
        found += [Finding(state="note", subject=subject, words=words) for words in missing]
        if not missing:
            able = sorted(name for name in spec.categories if not registry.why_not_category(spec, name))
            found.append(Finding(state="ok", subject=subject, words=f"can run, takes {', '.join(able)}"))
        lines = memory_plan(spec, settings.runtime)
        plan = [line for line in lines if f"{line}." not in missing]
        # told beside the reason why none can be used here, a plan is what another machine would need
        fits: State = "ok" if len(plan) == len(lines) else "note"
        found += [Finding(state=fits, subject=f"{subject}, memory", words=line) for line in plan]
    try:
        choice = choose("auto", registry, settings)
    except Problem as problem:
        found.append(Finding(state="bad", subject="engine=auto", words=problem.detail))
    else:
        found.append(
            Finding(state="ok", subject="engine=auto", words=f"{choice.spec.name} ({choice.reason})")
        )
    return found


def names(settings: Settings, registry: Registry) -> list[Finding]:
    """Settings that name engines, or owners of weights, which do not exist."""
    engines = tuple(registry.entries)
    named = {
        "CABINE_ENGINES": (settings.engines, engines),
        "CABINE_ACCEPTED_LICENSES": (settings.accepted_licenses, (*engines, PREPROCESSING)),
        "CABINE_ENGINE": ((settings.engine,) if settings.engine != "auto" else (), engines),
        "CABINE_FALLBACK": ((settings.fallback,) if settings.fallback else (), engines),
    }
    return [
        Finding(
            state="bad",
            subject=variable,
            words=f"there is no engine '{name}'; known: {', '.join(known)}",
        )
        for variable, (values, known) in named.items()
        for name in values
        if name not in known
    ]


def policy(settings: Settings) -> Finding:
    """Which content policy is in force; made once here, as the service would."""
    if not settings.policy:
        return Finding(state="ok", subject="content policy", words="none: nothing is refused")
    try:
        load_policy(settings.policy)
    except PolicyMissing as error:
        return Finding(state="bad", subject="content policy", words=f"{error}; the service does not start")
    return Finding(state="ok", subject="content policy", words=settings.policy)


def port(settings: Settings) -> Finding:
    """Can the service listen where it is told to."""
    address = f"{settings.inference_host}:{settings.inference_port}"
    try:
        family = socket.AF_INET6 if ":" in settings.inference_host else socket.AF_INET
        with socket.create_server((settings.inference_host, settings.inference_port), family=family):
            return Finding(state="ok", subject="port", words=f"{address} is free")
    except OSError as error:
        words = f"{address}: {error.strerror}; stop what uses it or set CABINE_INFERENCE_PORT"
        return Finding(state="note", subject="port", words=words)
