"""A try-on request as data, and the checks that need no pixel: its options against what the engine takes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, cast

from inference.engines.base import EngineSpec, Limit, MaskAlgorithm, OptionName, Params, Quality
from inference.pictures import Picture
from inference.preparation import PhotoKindAsked
from inference.problems import Problem
from inference.selection import Choice

Source = bytes | Picture
"""A file that was just sent, or the picture of an asset."""

ImageFormat = Literal["png", "jpeg", "webp"]

MAX_SEED = 2**32 - 1

NO_OP: dict[str, object] = {"samples": 1, "mask_algorithm": "default"}
"""Values that ask for what every engine does anyway: never refused."""

COVERS = {
    "upper": frozenset({"torso"}),
    "lower": frozenset({"legs"}),
    "dress": frozenset({"torso", "legs"}),
}
"""What a garment occupies: two that share a part cannot be worn together. Others occupy their own place."""


@dataclass(frozen=True, kw_only=True)
class GarmentRequest:
    source: Source
    category: str = "auto"
    photo: PhotoKindAsked = "auto"
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Options:
    """None = not given."""

    engine: str = "auto"
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    samples: int | None = None
    quality: str | None = None
    mask_algorithm: str | None = None

    def given(self) -> dict[OptionName, int | float | str]:
        names: tuple[OptionName, ...] = ("seed", "steps", "guidance", "samples", "quality", "mask_algorithm")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, kw_only=True)
class TryOn:
    """One request: same fields over HTTP, in Python and on the command line."""

    person: Source
    garments: tuple[GarmentRequest, ...]
    mask: bytes | None = None
    options: Options = Options()
    owner: str | None = None
    """Name of the key it came with; its pictures are shared with no other key's."""

    @property
    def categories(self) -> frozenset[str]:
        """Those that the caller named."""
        return frozenset(garment.category for garment in self.garments) - {"auto"}


def garment_field(index: int, count: int, name: str = "garment") -> str:
    """Name of a garment's field in messages: plain where there is one garment only."""
    return name if count == 1 else f"{name}[{index}]"


def fill_params(options: Options, spec: EngineSpec) -> Params:
    """Options with the engine's defaults; raises ``option-unsupported`` for what the engine does not take."""
    given = options.given()
    for name, value in given.items():
        if name not in spec.options:
            if value == NO_OP.get(name):
                continue
            raise _unsupported(name, spec)
        _check(name, value, spec)
    seed = options.seed
    if seed is None:
        seed = secrets.randbelow(MAX_SEED + 1) if "seed" in spec.options else 0
    steps = _or_default("steps", options.steps, spec)
    return Params(
        seed=seed,
        steps=None if steps is None else int(steps),
        guidance=_or_default("guidance", options.guidance, spec),
        samples=options.samples or 1,
        quality=cast(Quality, options.quality or "balanced"),
        mask_algorithm=cast(MaskAlgorithm, options.mask_algorithm or "default"),
    )


def _or_default(name: OptionName, value: float | None, spec: EngineSpec) -> float | None:
    limit = spec.options.get(name)
    return limit.default if value is None and isinstance(limit, Limit) else value


def _check(name: OptionName, value: int | float | str, spec: EngineSpec) -> None:
    accepted = spec.options[name]
    if isinstance(accepted, Limit) and not accepted.least <= float(value) <= accepted.most:
        words = f"{name} is {value}; {spec.name} takes {accepted.least:g} to {accepted.most:g}."
        raise Problem("option-unsupported", words, field=name)
    if isinstance(accepted, tuple) and value not in accepted:
        words = f"{name} is '{value}'; {spec.name} takes {', '.join(accepted)}."
        raise Problem("option-unsupported", words, field=name)


def _unsupported(name: str, spec: EngineSpec) -> Problem:
    takes = ", ".join(sorted(spec.options)) or "no options"
    return Problem(
        "option-unsupported",
        f"{spec.name} does not take {name}; it takes {takes}. Leave {name} out or choose another engine.",
        field=name,
    )


def check_mask(request: TryOn, spec: EngineSpec) -> None:
    """An own mask is an option like others, and goes with one garment."""
    if request.mask is None:
        return
    if "mask" not in spec.options:
        raise _unsupported("mask", spec)
    if len(request.garments) > 1:
        raise Problem("option-unsupported", "An own mask goes with one garment, not several.", field="mask")


def check_garments(garments: Sequence[GarmentRequest], choice: Choice) -> None:
    """What can be refused by words alone: kinds of photo, categories, conflicts between them."""
    spec, count = choice.spec, len(garments)
    for index, garment in enumerate(garments):
        if garment.photo != "auto" and garment.photo not in spec.photo_kinds:
            raise Problem(
                "option-unsupported",
                f"{spec.name} takes photos of kind {_either(spec.photo_kinds)}: send a product photo of the "
                "garment lying flat or on a ghost mannequin.",
                field=garment_field(index, count, "photo"),
            )
        if garment.category != "auto":
            check_category(garment.category, choice, field=garment_field(index, count, "category"))
    check_conflicts([garment.category for garment in garments])


def check_category(category: str, choice: Choice, *, field: str, seen: bool = False) -> None:
    """``seen``: the category was recognised on the picture, not said by the caller.

    Raises ``option-unsupported``, or ``engine-unavailable`` where only this category's checkpoint is missing.
    """
    got = f"This looks like a garment of category {category}" if seen else f"The category is '{category}'"
    if category not in choice.spec.categories:
        words = f"{got}; {choice.spec.name} takes {_either(choice.spec.categories)}."
        raise Problem("option-unsupported", words, field=field)
    if category in choice.lacking:
        raise Problem("engine-unavailable", f"{got}. {choice.lacking[category]}", field=field)


def check_conflicts(categories: Sequence[str]) -> None:
    """Raise ``category-conflict``, naming both garments; ``auto`` is not judged."""
    known = [(index, category) for index, category in enumerate(categories) if category != "auto"]
    for (first, one), (second, other) in combinations(known, 2):
        if COVERS.get(one, frozenset({one})) & COVERS.get(other, frozenset({other})):
            raise Problem(
                "category-conflict",
                f"garment[{first}] ({one}) and garment[{second}] ({other}) cannot be worn together; "
                "send one of them.",
                field=f"garment[{second}]",
            )


def _either(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
