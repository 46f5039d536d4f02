"""Writes two small CLIP tokenizers with the conventions of the published IDM-VTON checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WORDS = ("model", "is", "wearing", "a", "photo", "of", "shirt", "dress", "low", "quality", "monochrome")


def write_tokenizers(folder: Path) -> None:
    """Two tokenizers that differ in how they pad: with the end mark, and with ``!`` (token 0)."""
    marks = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    common = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    for name, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")):
        special = {mark: {"content": text, **common} for mark, text in marks.items()}
        settings = {mark: {"__type": "AddedToken", "content": text, **common} for mark, text in marks.items()}
        settings |= {
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": True,
            "do_lower_case": True,
            "errors": "replace",
            "model_max_length": 77,
            "pad_token": pad,
            "tokenizer_class": "CLIPTokenizer",
        }
        write_json(folder / name / "special_tokens_map.json", {**special, "pad_token": pad})
        write_json(folder / name / "tokenizer_config.json", settings)
        write_json(folder / name / "vocab.json", vocabulary())
        lines = ["#version: 0.2", *(f"{left} {right}" for left, right in _merges())]
        (folder / name / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def vocabulary() -> dict[str, int]:
    """CLIP's layout: the bytes, the bytes that end a word, the merged pairs, the two marks last."""
    letters = _byte_letters()
    words = [left + right for left, right in _merges()]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *words, "<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}


def _merges() -> list[tuple[str, str]]:
    """Each word built up from its left: ``m o``, ``mo d``, ..."""
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        letters = [*word[:-1], f"{word[-1]}</w>"]
        for end in range(1, len(letters)):
            merges["".join(letters[:end]), letters[end]] = None
    return list(merges)


def _byte_letters() -> list[str]:
    """A printable letter for each byte, as byte-level BPE names them (Radford et al. 2019, GPT-2): the
    printable ones of Latin-1 stand for themselves and come first, the rest begin at 256."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(code) for code in printable] + [chr(0x100 + index) for index in range(256 - len(printable))]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
