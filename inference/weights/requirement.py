"""What the registry asks: are the weights of an engine here, and which checkpoint serves which garments."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from inference.engines.base import EngineSpec, EngineUnavailable, Variant
from inference.engines.registry import Requirement
from inference.weights.catalogue import set_of
from preprocess.weights import WeightsError, checked, missing_words


def needs_weights(weights: Path) -> Requirement:
    """A requirement of the registry: one complete variant is enough. Looks at names only, so it is cheap."""

    def lacks(spec: EngineSpec) -> str | None:
        if not spec.variants or variants_here(spec, weights):
            return None
        wanted = set_of(spec, spec.variants[0])
        return missing_words(wanted, wanted.missing(weights)) + "."

    return lacks


def lacks_variant(weights: Path) -> Callable[[EngineSpec, str], str | None]:
    """For a category: what is missing, with the command; None where a variant for it is complete."""

    def lacks(spec: EngineSpec, category: str) -> str | None:
        try:
            if spec.variants:
                variant_for(spec, weights, {category})
        except EngineUnavailable as reason:
            return str(reason)
        return None

    return lacks


def variants_here(spec: EngineSpec, weights: Path) -> tuple[Variant, ...]:
    """Variants all of whose files are there, in the spec's order of preference."""
    return tuple(variant for variant in spec.variants if not set_of(spec, variant).missing(weights))


def variant_for(spec: EngineSpec, weights: Path, categories: Collection[str]) -> Variant:
    """The first complete variant trained on all of these categories of garments.

    Raises :class:`EngineUnavailable` naming the variant that would serve and the command that brings it.
    """
    able = [variant for variant in spec.variants if variant.categories.issuperset(categories)]
    if not able:
        known = "; ".join(f"{each.name}: {', '.join(sorted(each.categories))}" for each in spec.variants)
        raise EngineUnavailable(
            f"{spec.name} has no checkpoint for {' with '.join(sorted(categories))} (it has {known})."
        )
    here = [variant for variant in variants_here(spec, weights) if variant in able]
    if here:
        return here[0]
    wanted = set_of(spec, able[0])
    absent = wanted.missing(weights)
    what = " and ".join(sorted(categories))
    raise EngineUnavailable(f"For {what}: {missing_words(wanted, absent)}.")


def checked_folder(spec: EngineSpec, weights: Path, variant: Variant) -> Path:
    """Folder of a variant in the published layout, complete and unchanged since it was recorded.

    Raises :class:`EngineUnavailable` naming what is wrong and the command.
    """
    try:
        return checked(weights, set_of(spec, variant))
    except WeightsError as error:
        raise EngineUnavailable(f"{error}.") from error
