"""Every word of the page stands in gateway/words, is used, and is there in every language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import LanguageAccept

from gateway.words import FOLDER, Catalogue, Words

GATEWAY = FOLDER.parent
PLURALS = {"zero", "one", "two", "few", "many", "other"}
LANGUAGES = sorted(FOLDER.glob("*.toml"))


def names(table: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Dotted names of all texts; plural forms are one."""
    for key, value in table.items():
        name = f"{above}.{key}" if above else key
        if isinstance(value, str) or "other" in value and set(value) <= PLURALS:
            yield name
        else:
            yield from names(value, name)


def english() -> set[str]:
    return set(names(tomllib.loads((FOLDER / "en.toml").read_text("utf-8"))))


def mentioned() -> tuple[set[str], set[str]]:
    """Names that templates and scripts use, and the beginnings of those they put together."""
    whole: set[str] = set()
    begun: set[str] = set()
    for path in GATEWAY.glob("templates/**/*.html"):
        text = path.read_text("utf-8")
        whole |= set(re.findall(r"\bwords\.([\w.]+\w)", text))
        begun |= {f"{name}." for name in re.findall(r"\bwords\.([\w.]+)\[", text)}
    for path in GATEWAY.glob("static/app/**/*.js"):
        for quoted in re.findall(r"""["`]([a-z_]+\.[^"`\s]*)["`]""", path.read_text("utf-8")):
            if "${" in quoted:
                begun.add(quoted.partition("${")[0])
            else:
                whole.add(quoted)
    return whole, begun


def test_every_word_is_used() -> None:
    whole, begun = mentioned()
    unused = {
        name
        for name in english()
        if name not in whole and not any(name.startswith(start) for start in begun if start)
    }
    assert unused == set()


def test_no_word_is_missing() -> None:
    known = english()
    areas = {name.partition(".")[0] for name in known}
    whole, _ = mentioned()
    words = {name for name in whole if name.partition(".")[0] in areas and not name.endswith((".js", ".png"))}
    tables = {name.rpartition(".")[0] for name in known}
    assert words - known - tables == set()


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_languages_say_the_same_things(path: Path) -> None:
    texts = tomllib.loads(path.read_text("utf-8"))
    assert set(names(texts)) == english()


def test_warnings_and_refusals_of_the_service_have_words() -> None:
    """The documented ones: docs/api.md is held equal to the code by other tests."""
    page = Path("docs/api.md").read_text("utf-8")
    texts = tomllib.loads((FOLDER / "en.toml").read_text("utf-8"))
    warnings = re.findall(r"^\| `([\w-]+)` \|", page.partition("## Warnings")[2], re.M)
    assert len(warnings) > 20
    assert set(warnings) - set(texts["warnings"]) - {"no-person", "garment-worn"} == set()  # before a try-on
    retryable = re.findall(r"^\| `([\w-]+)` \| \d+ \| yes", page, re.M)
    assert set(retryable) - set(texts["problems"]) == set()


def test_the_language_is_the_visitors_where_it_is_there() -> None:
    catalogue = Catalogue(
        languages={tag: Words(language=tag, texts={}) for tag in ("en", "pt-BR")},
    )
    assert catalogue.best(LanguageAccept([("pt-BR", 1.0), ("en", 0.5)])).language == "pt-BR"
    assert catalogue.best(LanguageAccept([("fi", 1.0)])).language == "en"
