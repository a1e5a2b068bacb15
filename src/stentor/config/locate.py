"""Where in a TOML file a key is."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

# Names of keys, and for an item of a list its number, counted from 0.
KeyPath = tuple[str | int, ...]


def holds(tree: Any, path: KeyPath) -> bool:
    """Whether nested tables and lists have something at `path`."""
    node = tree
    for step in path:
        steps = node if isinstance(node, dict) else _numbers(node)
        if step not in steps:
            return False
        node = node[step]
    return True


def _numbers(node: Any) -> range:
    return range(len(node) if isinstance(node, list) else 0)


def line_of(text: str, path: KeyPath) -> int:
    """The line, counted from 1, of the statement that first mentions what is at `path`.

    `text` is valid TOML with `\\n` line ends. The parser itself is asked what the statements up
    to a certain one say, so that every way to write a key is understood.

    Raises:
        KeyError: the text has no such key.
    """
    lines = text.split("\n")
    statements = list(_statements(lines))

    def mentioned(statement: tuple[int, int]) -> bool:
        return holds(tomllib.loads("\n".join(lines[: statement[1]])), path)

    first = bisect_left(statements, True, key=mentioned)
    if first == len(statements):
        raise KeyError(".".join(map(str, path)))
    return statements[first][0] + 1


def _statements(lines: list[str]) -> Iterator[tuple[int, int]]:
    """The first line of each statement and the one after its last, counted from 0."""
    start = 0
    for end in range(1, len(lines) + 1):
        try:
            tomllib.loads("\n".join(lines[start:end]))
        except tomllib.TOMLDecodeError:
            continue  # lines that end inside a statement do not parse
        yield start, end
        start = end
