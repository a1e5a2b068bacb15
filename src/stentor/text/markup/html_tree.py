"""Which tag of an HTML document ends which element, with end tags that may be left out.

A simplification of the HTML standard's tree construction (section 13.2.6): enough to know how far
an element reaches whose content is not to be read.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from stentor.text.markup.html_tokens import Tag, Text

_LOOK_BACK = 64
"""Open elements that are looked at for one whose end is implied; keeps the time linear."""


@cache
def html_words() -> dict[str, Any]:
    """The tables of `html.toml`."""
    return tomllib.loads((files(__package__) / "html.toml").read_text("utf-8"))


class Ends(NamedTuple):
    """Where elements end.

    Attributes:
        before: for each start tag, by its index, the index of the token before which its element
            ends: its end tag, where it has one.
        missing: start tags whose end tag should be there and is not.
    """

    before: dict[int, int]
    missing: set[int]


def ends(tokens: Sequence[Tag | Text], *, is_xml: bool) -> Ends:
    """Find the end of each element of a document."""
    words = html_words()
    void, optional = frozenset(words["void"]), frozenset(words["implied_ends"]) | {"p", "html"}
    paragraphs = frozenset(words["paragraphs"])
    before: dict[int, int] = {}
    missing: set[int] = set()
    open_names: list[str] = []
    open_indices: list[int] = []
    counts: Counter[str] = Counter()

    def close(down_to: int, index: int, end_tag: str | None = None) -> None:
        while len(open_names) > down_to:
            name, start = open_names.pop(), open_indices.pop()
            counts[name] -= 1
            before[start] = index
            if name not in optional and not (name == end_tag and len(open_names) == down_to):
                missing.add(start)

    def imply(names: Sequence[str], within: Sequence[str], index: int) -> None:
        if not any(counts[name] for name in names):
            return
        lowest = None
        for depth in range(len(open_names) - 1, max(-1, len(open_names) - 1 - _LOOK_BACK), -1):
            if open_names[depth] in names:
                lowest = depth
            elif open_names[depth] in within:
                break
        if lowest is not None:
            close(lowest, index)

    for index, token in enumerate(tokens):
        if isinstance(token, Text):
            continue
        if token.is_end:
            if counts[token.name]:
                depth = len(open_names) - 1
                while open_names[depth] != token.name:
                    depth -= 1
                close(depth, index, token.name)
            continue
        if token.name in void or (is_xml and token.is_empty):
            before[index] = index + 1
            continue
        if not is_xml:
            if rule := words["implied_ends"].get(token.name):
                imply(rule["ends"], rule["within"], index)
            elif token.name in paragraphs:
                imply(("p",), words["paragraph_scope"], index)
        open_names.append(token.name)
        open_indices.append(index)
        counts[token.name] += 1
    close(0, len(tokens))
    return Ends(before, missing)
