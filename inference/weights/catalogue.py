"""The sets of weights that ``cabine weights`` knows: variants of engines, networks of preprocessing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from inference.engines.base import EngineSpec, Variant
from preprocess.providers.full.spec import OWNER as PREPROCESSING
from preprocess.providers.full.spec import WEIGHT_SETS
from preprocess.weights import WeightsError, WeightSet


def set_of(spec: EngineSpec, variant: Variant) -> WeightSet:
    """The files of one variant; the first is what ``pull`` brings when none is named."""
    return WeightSet(
        owner=spec.name,
        name=variant.name,
        title=f"{spec.title}: {', '.join(sorted(variant.categories))}",
        repo=variant.repo,
        revision=variant.revision,
        files=variant.files,
        license=spec.weights_license,
        commercial_use=spec.commercial_use,
        default=variant is spec.variants[0],
        converted=variant.converted,
        elsewhere=variant.elsewhere,
        download_mb=variant.download_mb,
    )


def catalogue(specs: Iterable[EngineSpec]) -> Mapping[str, tuple[WeightSet, ...]]:
    """Owner -> its sets: the engines with weights, then preprocessing."""
    engines = {
        spec.name: tuple(set_of(spec, variant) for variant in spec.variants)
        for spec in specs
        if spec.variants
    }
    return {**engines, PREPROCESSING: WEIGHT_SETS}


def select(known: Mapping[str, tuple[WeightSet, ...]], owner: str, name: str | None) -> tuple[WeightSet, ...]:
    """The sets meant by ``owner`` and a variant's name; None = those pulled by default, ``all`` = every one.

    Raises :class:`WeightsError` that lists what there is.
    """
    if owner not in known:
        raise WeightsError(f"there are no weights called '{owner}'; known: {', '.join(known)}")
    sets = known[owner]
    found = tuple(item for item in sets if (item.default if name is None else name in {item.name, "all"}))
    if not found:
        names = ", ".join([*(item.name for item in sets), "all"])
        raise WeightsError(f"{owner} has no variant '{name}'; known: {names}")
    return found
