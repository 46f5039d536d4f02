"""The checkpoint's two tokenizers, their files looked at before the library builds on them.

The library fills gaps of the settings with defaults that mean other tokens, and ends bare
(``Exception``) on a damaged vocabulary.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import CLIPTokenizer

from inference.engines.idm_vton.state import LoadError

SETTINGS = ("model_max_length", "pad_token", "tokenizer_class")
"""Of ``tokenizer_config.json``: how many tokens a prompt is, and what fills it up."""
MARKS = ("<|startoftext|>", "<|endoftext|>")
"""Around every prompt (CLIP)."""


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """Of ``folder``, ``tokenizer`` or ``tokenizer_2``. Raises :class:`LoadError` naming the file."""
    settings = _json_object(folder / "tokenizer_config.json")
    if missing := [name for name in SETTINGS if name not in settings]:
        raise LoadError(f"{folder.name}/tokenizer_config.json lacks {', '.join(missing)}")
    vocabulary = _json_object(folder / "vocab.json")
    if not all(isinstance(index, int) for index in vocabulary.values()):
        raise LoadError(f"{folder.name}/vocab.json is not a vocabulary")
    if missing := [mark for mark in MARKS if mark not in vocabulary]:
        raise LoadError(f"{folder.name}/vocab.json lacks {', '.join(missing)}")
    _check_merges(folder / "merges.txt", vocabulary)
    if (folder / "special_tokens_map.json").exists():  # repeats the settings; the library reads it
        _json_object(folder / "special_tokens_map.json")
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer


def _json_object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"{file.parent.name}/{file.name} cannot be read") from error
    if not isinstance(content, dict):
        raise LoadError(f"{file.parent.name}/{file.name} is no JSON object")
    return content


def _check_merges(file: Path, vocabulary: dict[str, Any]) -> None:
    """Every line joins two tokens to a third; a first line beginning with ``#version`` is a comment."""
    try:
        lines = file.read_text("utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise LoadError(f"{file.parent.name}/{file.name} cannot be read") from error
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#version"):
            continue
        pair = line.split(" ")
        if len(pair) != 2 or not {*pair, "".join(pair)} <= vocabulary.keys():
            raise LoadError(f"{file.parent.name}/{file.name} is damaged in line {number}")
