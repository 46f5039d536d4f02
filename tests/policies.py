"""Content policies that operators might name in ``CABINE_POLICY``, good and bad, for tests."""

from __future__ import annotations

import threading
from typing import NoReturn

from inference.policy import AllowAll, Refused
from preprocess.types import Photo, Rgb

LET_GO = threading.Event()
"""Lets :class:`Slow` go on."""
ASKED = threading.Event()
"""Set when :class:`Slow` was asked."""


class RefuseResults(AllowAll):
    def judge_output(self, rgb: Rgb) -> None:
        raise Refused("This operator does not hand out this picture.")


class Slow(AllowAll):
    """A classifier that takes as long as the test likes."""

    def judge_input(self, photo: Photo, field: str) -> None:
        ASKED.set()
        assert LET_GO.wait(30)


class BreaksOnInputs(AllowAll):
    def judge_input(self, photo: Photo, field: str) -> None:
        raise ValueError("secret words of the classifier")


class BreaksOnResults(AllowAll):
    def judge_output(self, rgb: Rgb) -> None:
        raise ValueError("secret words of the classifier")


def without_weights() -> NoReturn:
    raise FileNotFoundError("weights/policy is empty")


def not_a_policy() -> object:
    return object()
