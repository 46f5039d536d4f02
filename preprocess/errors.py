"""Refusals of preprocessing: each names the problem, the input and the fix; the services map them to HTTP."""

from __future__ import annotations


class InputError(ValueError):
    """An input that cannot be used.

    ``slug`` is one of the error types of the API (``image-unreadable``, ``no-person``, ...), ``detail`` says
    what was got, what is accepted and what to do, ``field`` which input it was (``person``, ``garment``,
    ``garment[1]``, ...); preprocessing leaves ``field`` empty where only the caller knows it.
    """

    def __init__(self, slug: str, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.slug = slug
        self.detail = detail
        self.field = field
