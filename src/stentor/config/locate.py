"""Where in a TOML file a key is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

KeyPath = tuple[str, ...]


def holds(tree: Mapping[str, Any], path: KeyPath) -> bool:
    """Whether nested tables have something at `path`."""
    node: Any = tree
    for name in path:
        if not isinstance(node, Mapping) or name not in node:
            return False
        node = node[name]
    return True


def line_of(text: str, path: KeyPath) -> int:
    """The line, counted from 1, of the statement that first mentions the key at `path`.

    `text` is valid TOML with `\\n` line ends. The parser itself is asked, statement by
    statement, so that every way to write a key is understood: lines that end inside a
    statement do not parse.

    Raises:
        KeyError: the text has no such key.
    """
    lines = text.split("\n")
    header, start = "", 0
    for end in range(1, len(lines) + 1):
        statement = "\n".join(lines[start:end])
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            header = statement
        else:
            statement = f"{header}\n{statement}"
        if holds(tomllib.loads(statement), path):
            return start + 1
        start = end
    raise KeyError(".".join(path))
