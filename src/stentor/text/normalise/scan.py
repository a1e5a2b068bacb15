"""Going through a text once, from left to right, with the rules of a language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from stentor.text.normalise.grammar import Grammar, Rule
from stentor.text.normalise.template import NoReading
from stentor.text.rewrites import Rewrite

_TOKEN = re.compile(r"[0-9]+|[^\W\d_]+|[^\w\s]|_")
_FIGURES_AT_ONCE = 12
"""What no rule reads is cut, so that a flood of figures can still be cut where it is long."""


def scan(text: str, grammar: Grammar, shouted: bool) -> list[Rewrite]:
    """The rewrites of a text, in order, without overlaps.

    Args:
        shouted: the text is in capitals for emphasis: words that no rule knows are said in
            lower case.
    """
    found: list[Rewrite] = []
    position = 0
    while token := _TOKEN.search(text, position):
        start, position = token.span()
        match, said = _read(text, start, grammar)
        if match is not None:
            position = match.end()
            if said is not None:
                found += _trimmed(text, start, position, said)
        elif text[start] in "0123456789":
            found += _figures(text, start, position, grammar)
        elif shouted:
            found += _quietened(text, start, position, grammar)
    return list(_set_apart(text, found))


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
    last = match.end() == len(match.string) and match[0].endswith(".")
    return f"{said}." if last and not said.endswith(".") else said


def _figures(text: str, start: int, end: int, grammar: Grammar) -> Iterator[Rewrite]:
    cuts = [*range(start, end, _FIGURES_AT_ONCE), end]
    for first, last in pairwise(cuts):
        yield Rewrite(first, last, grammar.digits(text[first:last]))


def _quietened(text: str, start: int, end: int, grammar: Grammar) -> Iterator[Rewrite]:
    word = text[start:end]
    if len(word) > 1 and word not in grammar.kept and word != word.lower():
        yield Rewrite(start, end, word.capitalize() if start == 0 else word.lower())


def _trimmed(text: str, start: int, end: int, said: str) -> Iterator[Rewrite]:
    """Leave out the words at both ends that are said as they are written."""
    written = text[start:end]
    if said == written:
        return
    while True:
        space = written.find(" ") + 1
        if not space or written[:space] != said[:space]:
            break
        written, said, start = written[space:], said[space:], start + space
    while True:
        space = written.rfind(" ")
        if space < 0 or not said.endswith(written[space:]):
            break
        said, end, written = said[: space - len(written)], end - len(written) + space, written[:space]
    yield Rewrite(start, end, said)


def _set_apart(text: str, rewrites: list[Rewrite]) -> Iterator[Rewrite]:
    """Put spaces where words would run into each other."""
    last = ""
    position = 0
    for index, one in enumerate(rewrites):
        before = text[one.start - 1 : one.start] if one.start > position else last
        said = one.text
        if said and before and before.isalnum() and said[0].isalnum():
            said = f" {said}"
        adjoins = index + 1 < len(rewrites) and rewrites[index + 1].start == one.end
        after = "" if adjoins else text[one.end : one.end + 1]
        if said and after and after.isalnum() and said[-1].isalnum():
            said = f"{said} "
        yield Rewrite(one.start, one.end, said)
        last, position = said[-1:] or before, one.end
