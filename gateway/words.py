"""Every word of the page: one file for each language, read once at the start."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.datastructures import LanguageAccept

FOLDER = Path(__file__).parent / "words"
ENGLISH = "en"


@dataclass(frozen=True, kw_only=True)
class Words:
    """Nested tables of texts in one language."""

    language: str
    """Tag as browsers send it: ``en``, ``pt-BR``."""
    texts: Mapping[str, Any]

    def of_problem(self, problem: Mapping[str, Any], **values: object) -> str:
        """What to say about a problem document; its own words where there are none for its slug."""
        slug = str(problem["type"]).rpartition(":")[2]
        if slug == "option-unsupported" and str(problem.get("field") or "").startswith("garment"):
            slug = "garment-worn"  # the only option that a visitor has not chosen is what the photo shows
        text: str = self.texts["problems"].get(slug) or "{detail}"
        return text.format(**{"detail": problem.get("detail", ""), "id": problem.get("request_id"), **values})


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The languages there are."""

    languages: Mapping[str, Words]

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Catalogue:
        """Each ``<tag>.toml`` of the folder; English, which every other one falls back to, must be there."""
        languages = {
            path.stem: Words(language=path.stem, texts=tomllib.loads(path.read_text("utf-8")))
            for path in sorted(folder.glob("*.toml"))
        }
        return cls(languages={ENGLISH: languages[ENGLISH], **languages})

    def best(self, accepted: LanguageAccept) -> Words:
        """What the browser's owner reads best of what there is."""
        return self.languages[accepted.best_match(self.languages, ENGLISH)]
