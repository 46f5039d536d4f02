"""What the commands of the ``cabine`` program share: consoles, exit codes, settings, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from inference.config import Settings
from inference.engines.base import EngineUnavailable, OutOfMemory
from inference.policy import PolicyMissing
from inference.problems import Problem
from preprocess.errors import InputError
from preprocess.weights import WeightsError

out = Console(highlight=False, markup=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

REFUSED = 3
"""Exit code: an input cannot be used, the message says why."""
UNAVAILABLE = 4
"""Exit code: something is missing on this machine, the message names the command that brings it."""


def load_settings() -> Settings:
    """Settings from the environment; a wrong one is named with its variable."""
    try:
        return Settings()
    except ValidationError as error:
        for wrong in error.errors():
            name = "CABINE_" + "_".join(str(part) for part in wrong["loc"]).upper()
            err.print(f"{name}: {wrong['msg']} (got {wrong['input']!r})")
        raise typer.Exit(2) from error


@contextmanager
def plain_errors() -> Iterator[None]:
    """Refusals as one line with their name and the fix, and an exit code that scripts can tell apart."""
    try:
        yield
    except InputError as error:
        _fail(error.slug, error.detail, error.field, REFUSED, error)
    except Problem as error:
        code = UNAVAILABLE if error.type.status >= 500 else REFUSED
        _fail(error.slug, error.detail, error.field, code, error)
    except EngineUnavailable as error:
        _fail("engine-unavailable", str(error), None, UNAVAILABLE, error)
    except OutOfMemory as error:
        _fail("out-of-memory", str(error), None, UNAVAILABLE, error)
    except WeightsError as error:
        _fail("weights", str(error), None, UNAVAILABLE, error)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        _fail("file", f"{where}{error.strerror or error}", None, 1, error)
    except PolicyMissing as error:
        _fail("policy", str(error), None, UNAVAILABLE, error)


def _fail(slug: str, detail: str, field: str | None, code: int, cause: Exception) -> NoReturn:
    where = f" ({field})" if field else ""
    err.print(f"{slug}{where}: {detail}")
    raise typer.Exit(code) from cause
