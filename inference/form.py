"""Form fields to a :class:`TryOn`: every value checked, every refusal naming its field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from inference.assets import Assets
from inference.preparation import PhotoKindAsked
from inference.problems import Problem
from inference.tryon import MAX_SEED, GarmentRequest, ImageFormat, Options, Source, TryOn, garment_field
from inference.uploads import Part

FORMATS: tuple[ImageFormat, ...] = ("png", "jpeg", "webp")
PHOTO_KINDS = ("auto", "flat", "worn")
QUALITIES = ("fast", "balanced", "best")
MASK_ALGORITHMS = ("default", "reference")

PER_GARMENT = ("category", "photo", "description")
SINGLE = ("engine", "seed", "steps", "guidance", "samples", "quality", "mask_algorithm", "format")
FIELDS = ("person", "garment", "mask", *PER_GARMENT, *SINGLE)


@dataclass(frozen=True, kw_only=True)
class FormLimits:
    garments: int
    samples: int
    categories: frozenset[str]
    """Of all engines together."""


class Form:
    """Parts of a request, looked up by name."""

    def __init__(self, parts: Sequence[Part], known: Sequence[str]) -> None:
        self._parts = parts
        unknown = next((part.name for part in parts if part.name not in known), None)
        if unknown is not None:
            raise Problem(
                "option-unsupported",
                f"There is no field '{unknown[:40]}' here; known: {', '.join(known)}.",
                field=unknown[:40],
            )

    def all(self, name: str) -> list[Part]:
        return [part for part in self._parts if part.name == name]

    def one(self, name: str) -> Part | None:
        """The only part of that name; raises where there are several."""
        parts = self.all(name)
        if len(parts) > 1:
            raise Problem(
                "option-unsupported", f"'{name}' is given {len(parts)} times; send it once.", field=name
            )
        return parts[0] if parts else None

    def text(self, name: str) -> str | None:
        """A plain value; an empty one counts as not given."""
        part = self.one(name)
        if part is None:
            return None
        return plain(part, name) or None

    def choice(self, name: str, accepted: Sequence[str]) -> str | None:
        text = self.text(name)
        return None if text is None else chosen(text, accepted, field=name)

    def integer(self, name: str, limits: tuple[int, int] | None = None) -> int | None:
        """``limits``: least and most; None where the engine alone knows them."""
        text = self.text(name)
        if text is None:
            return None
        digits = text.removeprefix("-")
        whole = digits.isascii() and digits.isdecimal() and len(digits) < 12
        if not whole or (limits and not limits[0] <= int(text) <= limits[1]):
            range_words = f" from {limits[0]} to {limits[1]}" if limits else ""
            raise _bad_value(name, text, f"a whole number{range_words}")
        return int(text)

    def decimal(self, name: str) -> float | None:
        """Any finite number; engines know their limits."""
        text = self.text(name)
        if text is None:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise _bad_value(name, text, "a number")
        return number


def plain(part: Part, field: str) -> str:
    if part.is_file:
        raise Problem("option-unsupported", f"'{field}' is a plain value, not a file.", field=field)
    return part.text


def chosen(text: str, accepted: Sequence[str], *, field: str) -> str:
    if text not in accepted:
        raise _bad_value(field, text, ", ".join(accepted))
    return text


def _bad_value(field: str, text: str, accepted: str) -> Problem:
    return Problem("option-unsupported", f"{field} is '{text[:40]}'; accepted: {accepted}.", field=field)


def missing(field: str) -> Problem:
    name = field.partition("[")[0]
    words = f"The request has no '{field}'; send a picture file (curl: -F {name}=@photo.jpg)."
    return Problem("field-missing", words, field=field)


def read_tryon(parts: Sequence[Part], assets: Assets, limits: FormLimits) -> TryOn:
    """Raises ``field-missing``, ``option-unsupported``, ``not-found``, ``expired``."""
    form = Form(parts, FIELDS)
    person = form.one("person")
    if person is None:
        raise missing("person")
    garments = _garments(form, assets, limits)
    mask = form.one("mask")
    if mask is not None and not mask.is_file:
        if mask.text:
            words = "'mask' must be a file (curl: -F mask=@mask.png)."
            raise Problem("option-unsupported", words, field="mask")
        mask = None
    return TryOn(
        person=source(person, assets, field="person"),
        garments=garments,
        mask=None if mask is None else mask.data,
        options=Options(
            engine=form.text("engine") or "auto",
            seed=form.integer("seed", (0, MAX_SEED)),
            steps=form.integer("steps"),
            guidance=form.decimal("guidance"),
            samples=form.integer("samples", (1, limits.samples)),
            quality=form.choice("quality", QUALITIES),
            mask_algorithm=form.choice("mask_algorithm", MASK_ALGORITHMS),
        ),
        owner=assets.owner,
    )


def read_format(parts: Sequence[Part]) -> ImageFormat | None:
    """The file format that was asked for; None leaves it to the Accept header."""
    return cast(ImageFormat | None, Form(parts, FIELDS).choice("format", FORMATS))


def _garments(form: Form, assets: Assets, limits: FormLimits) -> tuple[GarmentRequest, ...]:
    sent = form.all("garment")
    count = len(sent)
    if not sent:
        raise missing("garment")
    if count > limits.garments:
        words = f"The request has {count} garments; at most {limits.garments} are accepted."
        raise Problem("option-unsupported", words, field="garment")
    categories = _per_garment(form, "category", count, ("auto", *sorted(limits.categories)))
    photos = _per_garment(form, "photo", count, PHOTO_KINDS)
    descriptions = _per_garment(form, "description", count, None)
    return tuple(
        GarmentRequest(
            source=source(part, assets, field=garment_field(index, count)),
            category=categories[index] or "auto",
            photo=cast(PhotoKindAsked, photos[index] or "auto"),
            description=descriptions[index],
        )
        for index, part in enumerate(sent)
    )


def _per_garment(form: Form, name: str, count: int, accepted: Sequence[str] | None) -> list[str]:
    """Values of a repeated field in the order of the garments, padded with empty ones."""
    parts = form.all(name)
    if len(parts) > count:
        words = (
            f"'{name}' is given {len(parts)} times for {count} garment(s); send one for each, in their order."
        )
        raise Problem("option-unsupported", words, field=name)
    texts = [plain(part, name) for part in parts]
    if accepted is not None:
        for index, text in enumerate(texts):
            if text:
                chosen(text, accepted, field=garment_field(index, count, name))
    return texts + [""] * (count - len(texts))


def source(part: Part, assets: Assets, *, field: str) -> Source:
    """A file as its bytes, a plain value as the picture of the asset with that id."""
    if part.is_file:
        return part.data
    if not part.text:
        raise missing(field)
    return assets.get(part.text, field=field).picture
