"""Codes and telephone numbers in English."""

from __future__ import annotations

import re

from stentor.text.normalise.english.numbers import cardinal, coded, digits

_PIECES = re.compile(r"[0-9]+|[^\W\d_]+|.", re.DOTALL)
_CAMEL = re.compile(r"[0-9]+|[^\W\d_](?:[^\W\d_A-Z]+|[A-Z]*(?![^\W\d_A-Z]))")
_GROUPS = re.compile(r"\+|[0-9]+|[A-Za-z]+")


def serial(written: str) -> str:
    """Letters and figures mixed: numbers in words, apart from the letters."""
    said = []
    last = ""
    for piece in _PIECES.findall(written):
        if last.isalnum() and piece.isalnum():
            said.append(" ")
        said.append(coded(piece) if piece.isascii() and piece.isdigit() else piece)
        last = piece
    return "".join(said)


def version(written: str) -> str:
    """The number of a version, its parts apart: "three point eleven point two"."""
    return " point ".join(coded(part) for part in written.split("."))


def camel(written: str) -> str:
    """Words that are written together with capitals, apart and in lower case."""
    words = []
    for word in _CAMEL.findall(written.replace("_", " ")):
        if word.isascii() and word.isdigit():
            words.append(coded(word))
        else:
            words.append(word if len(word) > 1 and word.isupper() else word.lower())
    return " ".join(words)


def telephone(written: str) -> str:
    """Groups of figures, with a comma between groups: "five five five, one two three"."""
    groups: list[str] = []
    plus = ""
    for group in _GROUPS.findall(written):
        if group == "+":
            plus = "plus "
        elif group.isdigit():
            said = f"{cardinal(group)}" if group in ("800", "900") else digits(group)
            groups.append(plus + said)
            plus = ""
        elif groups and groups[-1][-1:].isupper():
            groups[-1] += f" {group}"
        else:
            groups.append(group)
    return ", ".join(groups)
