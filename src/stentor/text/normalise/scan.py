"""Going through a text once, from left to right, with the rules of a language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from stentor.text.normalise.template import NoReading
from stentor.text.rewrites import Rewrite

if TYPE_CHECKING:
    from stentor.text.normalise.grammar import Grammar, Rule

# Bounded, so that a rule that reads only the beginning of a flood does not make it quadratic.
_TOKEN = re.compile(r"[0-9]{1,600}|[^\W\d_]{1,100}|[^\w\s]|_")
_ORNAMENT = re.compile(r"([^\w\s])\1{2,}")
_SENTENCE = re.compile(r" [\"'“‘(]?[A-Z][a-z]")
_FIGURES_AT_ONCE = 12
"""What no rule reads is cut, so that a flood of figures can still be cut where it is long."""


def scan(text: str, grammar: Grammar, shouted: bool) -> list[Rewrite]:
    """The rewrites of a text, in order, without overlaps; words of neighbours may still touch.

    Args:
        shouted: the text is in capitals for emphasis: words that no rule knows are said in
            lower case.
    """
    found: list[Rewrite] = []
    position = 0
    while token := _TOKEN.search(text, position):
        start, position = token.span()
        if ornament := _ORNAMENT.match(text, start):
            position = ornament.end()
            continue
        match, said = _read(text, start, grammar)
        if match is not None:
            position = match.end()
            if said is not None:
                found += _trimmed(text, start, position, said, grammar)
        elif text[start] in "0123456789":
            found += _figures(text, start, position, grammar)
        elif shouted:
            found += _quietened(text, start, position, grammar)
    return found


def _read(text: str, start: int, grammar: Grammar) -> tuple[re.Match[str] | None, str | None]:
    for rule in grammar.starting_with(text[start]):
        match = rule.pattern.match(text, start)
        if match is None or match.end() == start:
            continue
        if rule.say is None:
            return match, None
        try:
            return match, _said(rule, match)
        except NoReading:
            continue
    return None, None


def _said(rule: Rule, match: re.Match[str]) -> str:
    assert rule.say is not None
    said = rule.say.fill(match)
    # The full stop of an abbreviation at the end is that of the sentence, too.
    if not match[0].endswith(".") or said.endswith("."):
        return said
    text, end = match.string, match.end()
    ends = end == len(text) or (rule.ends and _SENTENCE.match(text, end))
    return f"{said}." if ends else said


def _figures(text: str, start: int, end: int, grammar: Grammar) -> Iterator[Rewrite]:
    if end - start <= _FIGURES_AT_ONCE:
        yield Rewrite(start, end, grammar.number(text[start:end]))
        return
    cuts = [*range(start, end, _FIGURES_AT_ONCE), end]
    for first, last in pairwise(cuts):
        yield Rewrite(first, last, grammar.digits(text[first:last]))


def _quietened(text: str, start: int, end: int, grammar: Grammar) -> Iterator[Rewrite]:
    word = text[start:end]
    if len(word) == 1 and word != "A" and text[start - 1 : start] not in ("'", "’"):
        return
    if word not in grammar.kept and word != word.lower():
        yield Rewrite(start, end, word.capitalize() if start == 0 else word.lower())


def _trimmed(text: str, start: int, end: int, said: str, grammar: Grammar) -> Iterator[Rewrite]:
    """Leave out the words at both ends that are said as they are written."""
    written = text[start:end]
    if said == written:
        return
    while True:
        head, space, rest = written.partition(" ")
        if not space or head in grammar.spelled or not said.startswith(head + space):
            break
        written, said, start = rest, said[len(head) + 1 :], start + len(head) + 1
    while True:
        rest, space, last = written.rpartition(" ")
        if not space or last in grammar.spelled or not said.endswith(space + last):
            break
        written, said, end = rest, said[: -len(last) - 1], end - len(last) - 1
    yield Rewrite(start, end, said)
