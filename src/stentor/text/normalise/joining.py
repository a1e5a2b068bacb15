"""What is said in place of a part, fitted into what is around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from stentor.text.rewrites import Rewrite

_CAPITALS = re.compile(r"\b[A-Z]{2,4}\b")


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
    text: str, rewrites: Iterable[Rewrite], spelled: Mapping[str, str]
) -> Iterator[Rewrite]:
    """Give abbreviations that look like words the sounds of their letters, as in "seven AM".

    Args:
        spelled: abbreviations to their pronunciation in IPA.
    """
    for one in rewrites:
        word = next((found for found in _CAPITALS.finditer(one.text) if found[0] in spelled), None)
        if word is None:
            yield one
            continue
        letters = re.compile(r"\.?\s?".join(word[0]) + r"\.?", re.IGNORECASE)
        place = next(reversed([*letters.finditer(text, one.start, one.end)]), None)
        if place is None:
            yield one
            continue
        before, after = one.text[: word.start()], one.text[word.end() :]
        start, end = place.span()
        if before:
            yield Rewrite(one.start, start, before)
        else:
            start = one.start
        if not after:
            end = one.end
        yield Rewrite(start, end, word[0], spelled[word[0]])
        if after:
            yield Rewrite(end, one.end, after)
