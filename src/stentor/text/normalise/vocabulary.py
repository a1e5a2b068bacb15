"""Tables of written forms and what they are read as, one TSV file each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable


def data() -> Traversable:
    """Where the files of all languages are, one folder for each."""
    return files("stentor.text.normalise") / "data"


class Vocabulary:
    """One table: a written form to the rest of its line.

    A form that is not in the table as it is written is looked up in lower case.
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: dict[str, tuple[str, ...]]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def get(self, written: str) -> tuple[str, ...] | None:
        """The columns after the first of the line of `written`; None if it has no line."""
        return self._rows.get(written) or self._rows.get(written.lower())

    def row(self, form: str) -> tuple[str, ...]:
        """The columns after the first of a form that the table has."""
        return self._rows[form]

    def alternatives(self) -> str:
        """A pattern that matches any form of the table, the longest first."""
        return "|".join(re.escape(form) for form in sorted(self._rows, key=len, reverse=True))


def read_rows(file: Traversable) -> Iterator[list[str]]:
    """The lines of a TSV file, split; empty ones and those that begin with `# ` are left out."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("# "):
            yield line.split("\t")


def vocabularies(language: str) -> dict[str, Vocabulary]:
    """The tables of a language, by the names of their files. A first column may hold several
    forms with `|` between them."""
    found = {}
    for file in (data() / language).iterdir():
        name, _, suffix = file.name.partition(".")
        if suffix == "tsv":
            rows: dict[str, tuple[str, ...]] = {}
            for first, *rest in read_rows(file):
                for form in first.split("|"):
                    rows.setdefault(form, tuple(rest))
            found[name] = Vocabulary(rows)
    return found
