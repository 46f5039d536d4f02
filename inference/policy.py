"""The content policy: a seam after decoding and after the engine. By default nothing is refused.

An operator names a factory, ``CABINE_POLICY=my_package.my_module:create``; it is called once, without
arguments, and returns an object with the two methods of :class:`Policy`. A classifier is not shipped: which
one fits is a decision about law, audience and false alarms that only the operator can make
(``docs/policy.md``; ``examples/policy_transformers.py`` is one).

Whatever else a policy raises ends the request as ``internal``: a picture that could not be judged never
leaves.
"""

from __future__ import annotations

import importlib
from typing import Protocol, runtime_checkable

from preprocess.types import Photo, Rgb


class Refused(Exception):  # noqa: N818 - a decision, not an error
    """Raised by a policy; the words go to the client, with the name of the image."""


class PolicyMissing(RuntimeError):  # noqa: N818
    """The operator's policy is not there: the service must not run without it."""


@runtime_checkable
class Policy(Protocol):
    """Called from worker threads; must be safe for several at a time."""

    def judge_input(self, photo: Photo, field: str) -> None:
        """Raise :class:`Refused` for a photo that must not be worked on; ``field`` names it."""

    def judge_output(self, rgb: Rgb) -> None:
        """Raise :class:`Refused` for a result, ``uint8 (H, W, 3)`` sRGB, that must not leave."""


class AllowAll:
    """The default policy."""

    def judge_input(self, photo: Photo, field: str) -> None:
        """Every photo passes."""

    def judge_output(self, rgb: Rgb) -> None:
        """Every result passes."""


def load(name: str) -> Policy:
    """The policy that ``module:factory`` makes; :class:`AllowAll` for an empty name.

    Raises :class:`PolicyMissing`, naming the setting and what went wrong.
    """
    if not name:
        return AllowAll()
    module, _, factory = name.partition(":")
    try:
        policy = getattr(importlib.import_module(module), factory or "create")()
    except Exception as error:  # the operator's code: it may raise anything
        raise PolicyMissing(
            f"CABINE_POLICY={name} cannot be used: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(policy, Policy):
        raise PolicyMissing(
            f"CABINE_POLICY={name} makes a {type(policy).__name__}; it needs judge_input and judge_output"
        )
    return policy
