"""Which try-ons are judged: people and garments dealt out so that everything is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Literal

Half = Literal["tuned", "held out"]

DEALT = ("upper", "lower", "dress", "outfit", "upper", "lower", "upper", "dress", "outfit", "worn")
"""Kinds of try-ons in the order dealt: tops most often, for they are asked for most."""
OUTFIT = ("upper", "lower")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One try-on to judge."""

    person: Path
    garments: tuple[Path, ...]
    kind: str
    """Category, ``outfit`` (a top and something below the waist) or ``worn`` (shown on somebody)."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """Person, garments and kind as the file of judgements names them."""
        return self.person.name, "+".join(path.name for path in self.garments), self.kind


def deal(people: Sequence[Path], garments: Mapping[str, Sequence[Path]], count: int, seed: int) -> list[Pair]:
    """``count`` different try-ons, or as many as there are; in the order of the people.

    ``garments``: kind (a category, or ``worn``) -> its files. Every kind deals its own shuffled people and
    garments in turn, so that each is used before any is used again.
    """
    random = Random(seed)
    kinds = [kind for kind in DEALT if garments.get(kind) or kind == "outfit" and _has_outfits(garments)]
    decks = {kind: _deck(kind, people, garments, random) for kind in dict.fromkeys(kinds)}
    dealt = (next(decks[kind], None) for kind in cycle(kinds))
    reach = 2 * len(DEALT) * (count + 1)  # decks run out when there are few files
    found = list(islice((pair for pair in islice(dealt, reach) if pair is not None), count))
    return sorted(found, key=lambda pair: pair.person.name)


def halves(names: Sequence[str]) -> dict[str, Half]:
    """Name -> half of the people: doubts are tuned on every other one."""
    return {name: "held out" if place % 2 else "tuned" for place, name in enumerate(sorted(names))}


def _has_outfits(garments: Mapping[str, Sequence[Path]]) -> bool:
    return all(garments.get(part) for part in OUTFIT)


def _deck(
    kind: str, people: Sequence[Path], garments: Mapping[str, Sequence[Path]], random: Random
) -> Iterator[Pair]:
    """Every pair of the kind once; the n-th round gives each person the garment n places further on."""
    people = random.sample(people, len(people))
    shelves = [random.sample(garments[part], len(garments[part])) for part in _parts(kind)]
    for turn in range(max(map(len, shelves))):
        for place, person in enumerate(people):
            wares = tuple(shelf[(place + turn) % len(shelf)] for shelf in shelves)
            if person.name in [path.name for path in wares]:
                continue  # a worn garment, and it is that person's own
            yield Pair(person=person, garments=wares, kind=kind)


def _parts(kind: str) -> tuple[str, ...]:
    return OUTFIT if kind == "outfit" else (kind,)
