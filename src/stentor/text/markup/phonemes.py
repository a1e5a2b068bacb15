"""Pronunciations that stand in the text: `[[phonemes]]`, IPA and X-SAMPA."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from stentor.text.rewrites import Rewrite

MAX_PHONEMES = 500
"""Characters between the double brackets; nobody writes longer ones."""

_INLINE = re.compile(rf"\[\[([^\[\]\r\n]{{1,{MAX_PHONEMES}}})\]\]")


def inline_phonemes(text: str) -> list[Rewrite]:
    """What stands in double brackets and can only be a pronunciation, in IPA.

    That is, nothing but IPA, with at least one character that ordinary spelling does not have,
    such as the stress mark in `[[ˈpasta]]`. `[[Main Page]]` and `[[pasta]]` are left as they are.
    """
    if "[[" not in text:
        return []
    return [
        Rewrite(*match.span(), match[1].strip(), match[1].strip())
        for match in _INLINE.finditer(text)
        if is_ipa(match[1]) and _proof().search(match[1])
    ]


def is_ipa(phonemes: str) -> bool:
    """Whether a text is made of nothing but what IPA is written with, and has a sound."""
    return _ipa().fullmatch(phonemes) is not None


def x_sampa_to_ipa(phonemes: str) -> str | None:
    """IPA for X-SAMPA; None if it has characters that X-SAMPA does not know."""
    pattern, table = _x_sampa()
    sounds: list[str] = []
    position = 0
    while position < len(phonemes):
        match = pattern.match(phonemes, position)
        if match is None:
            return None
        sounds.append(table[match[0]])
        position = match.end()
    return "".join(sounds)


@cache
def _ipa() -> re.Pattern[str]:
    data = _data()
    letters = re.escape(data["letters"]) + _ranges(data["letter_blocks"])
    others = re.escape(data["modifiers"] + data["marks"]) + _ranges(data["modifier_blocks"])
    return re.compile(f"(?=[{others}]*+[{letters}])[{letters}{others}]++")


@cache
def _proof() -> re.Pattern[str]:
    return re.compile(f"[{_ranges(_data()['proof_blocks'])}]")


@cache
def _x_sampa() -> tuple[re.Pattern[str], dict[str, str]]:
    lines = (files(__package__) / "x_sampa.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("# ")]
    table = {" ": " ", **dict(rows)}
    longest_first = sorted(table, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))), table


def _data() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "ipa.toml").read_text("utf-8"))


def _ranges(blocks: Sequence[Sequence[int]]) -> str:
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in blocks)
