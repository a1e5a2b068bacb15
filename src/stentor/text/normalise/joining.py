"""What is said in place of a part, fitted into what is around it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from stentor.text.rewrites import Rewrite

_CAPITALS = re.compile(r"\b[A-Z]{2,4}s?\b")


def set_apart(text: str, rewrites: Sequence[Rewrite]) -> Iterator[Rewrite]:
    """Put spaces where words would run into each other."""
    last = ""
    position = 0
    for index, one in enumerate(rewrites):
        before = text[one.start - 1 : one.start] if one.start > position else last
        said = one.text
        adjoins = index + 1 < len(rewrites) and rewrites[index + 1].start == one.end
        after = "" if adjoins else text[one.end : one.end + 1]
        if before.isalnum() and (said or after)[:1].isalnum():
            said = f" {said}"
        if said and after.isalnum() and said[-1:].isalnum():
            said = f"{said} "
        yield one._replace(text=said)
        last, position = said[-1:] or before, one.end


def spelled_out(
    text: str, rewrites: Iterable[Rewrite], spelled: Mapping[str, str], alone: Collection[str]
) -> Iterator[Rewrite]:
    """Give abbreviations that look like words the sounds of their letters, as in "seven AM".

    Args:
        spelled: abbreviations to their pronunciation in IPA.
        alone: those of them that are never words, also where nothing is rewritten.
    """
    position = 0
    for one in rewrites:
        yield from _in_between(text, position, one.start, spelled, alone)
        yield from _parted(text, one, spelled)
        position = one.end
    yield from _in_between(text, position, len(text), spelled, alone)


def _in_between(
    text: str, start: int, end: int, spelled: Mapping[str, str], alone: Collection[str]
) -> Iterator[Rewrite]:
    for word in _CAPITALS.finditer(text, start, end):
        if word[0] in alone:
            yield Rewrite(*word.span(), word[0], spelled[word[0]])


def _parted(text: str, one: Rewrite, spelled: Mapping[str, str]) -> Iterator[Rewrite]:
    """Cut out the abbreviations of one rewrite, each with the letters that it was written with."""
    parts: list[Rewrite] = []
    start, said = one.start, 0
    for word in _CAPITALS.finditer(one.text):
        if word[0] not in spelled:
            continue
        letters = r"\.?\s?".join(word[0])
        written = re.compile(rf"(?<![^\W\d_]){letters}(?![^\W\d_])\.?", re.IGNORECASE)
        place = written.search(text, start, one.end)
        if place is None:
            continue
        if before := one.text[said : word.start()]:
            parts.append(Rewrite(start, place.start(), before))
            start = place.start()
        parts.append(Rewrite(start, place.end(), word[0], spelled[word[0]]))
        start, said = place.end(), word.end()
    if after := one.text[said:]:
        parts.append(Rewrite(start, one.end, after, one.phonemes))
    elif parts:
        parts[-1] = parts[-1]._replace(end=one.end)
    return iter(parts or [one])
