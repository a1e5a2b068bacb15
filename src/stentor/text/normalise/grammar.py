"""Rules of reading, from TOML files.

A file has an array `rule`; each rule has

- `match`: a regular expression, without regard to case unless `case = true`. `<name>` stands for
  the macro or table of that name, as a part of that name; `<part=name>` gives the part another
  name, `<:name>` none. It is tried where a token begins and is not between letters or digits,
  unless `inside = true` (may begin there) or `open = true` (may end there). Repetitions have
  bounds, so that no text takes more than linear time.
- `say`: a template (see `template`); none to leave what matches as it is.
- `ends = true`: a full stop at its end is also that of a sentence if a capital follows.
- `on`: what its first character is: `digit`, `letter`, `upper`, or the characters themselves.
  The file's own `on` holds where a rule has none.

Rules are tried in the order of the files and in the files' order; the first that reads wins.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from stentor.text.normalise.template import Reading, Template
from stentor.text.normalise.vocabulary import Vocabulary, data

_MACRO = re.compile(r"(?<!\(\?P)(?<!\(\?)<(?:(\w*)(:|=))?(\w+)>")
_FIGURE = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\d|\\.")
_INNER = r"[^\W_]"


class Rule(NamedTuple):
    """One rule.

    Attributes:
        on: names of classes of characters, or characters.
        say: None to leave what matches as it is.
        ends: a full stop at its end may also be that of a sentence.
    """

    name: str
    pattern: re.Pattern[str]
    say: Template | None
    on: tuple[str, ...]
    ends: bool


class Grammar:
    """The rules of one language.

    Args:
        number: reads figures that no rule has read.
        digits: reads them one by one, where there are very many.
        kept: words that stay in capitals where everything is in capitals.
        spelled: abbreviations that voices take for words, with their letters in IPA.
        alone: those of them that are never words.
    """

    __slots__ = ("_by_first", "_special", "alone", "digits", "kept", "number", "rules", "spelled")

    def __init__(
        self,
        rules: Iterable[Rule],
        number: Reading,
        digits: Reading,
        kept: frozenset[str] = frozenset(),
        spelled: Mapping[str, str] = MappingProxyType({}),
        alone: frozenset[str] = frozenset(),
    ) -> None:
        self.rules = tuple(rules)
        self.number = number
        self.digits = digits
        self.kept = kept
        self.spelled = spelled
        self.alone = alone
        self._by_first: dict[str, tuple[Rule, ...]] = {}
        self._special = {
            char for rule in self.rules for on in rule.on if on not in _CLASSES for char in on
        }

    def starting_with(self, char: str) -> tuple[Rule, ...]:
        """The rules to try where a token begins with `char`."""
        key = char if char.isascii() or char in self._special else _other(char)
        found = self._by_first.get(key)
        if found is None:
            found = tuple(rule for rule in self.rules if any(_fits(char, on) for on in rule.on))
            self._by_first[key] = found
        return found


_CLASSES = {
    "digit": lambda char: char in "0123456789",
    "letter": str.isalpha,
    "upper": str.isupper,
}


def _fits(char: str, on: str) -> bool:
    return _CLASSES[on](char) if on in _CLASSES else char in on


def _other(char: str) -> str:
    return "upper" if char.isupper() else "letter" if char.isalpha() else "other"


def read_rules(
    macros: Iterable[str],
    names: Iterable[str],
    tables: Mapping[str, Vocabulary],
    readings: Mapping[str, Reading],
) -> list[Rule]:
    """The rules of several files, in order.

    Args:
        macros: files of macros: names to patterns, which may have macros in turn.
        names: files of rules, by their paths without suffix under the data.

    Raises:
        KeyError: a macro or a reading that there is none of.
        ValueError: a file that is not as described above.
    """
    patterns = {name: table.alternatives() for name, table in tables.items()}
    for name in macros:
        patterns |= _toml(name)
    found = []
    for name in names:
        file = _toml(name)
        on = file.get("on", [])
        found += [_rule(name, entry, on, patterns, readings) for entry in file["rule"]]
    return found


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((data() / f"{name}.toml").read_text(encoding="utf-8"))


def _rule(
    file: str,
    entry: Mapping[str, Any],
    on: list[str],
    patterns: Mapping[str, str],
    readings: Mapping[str, Reading],
) -> Rule:
    body = expanded(entry["match"], patterns)
    body = _FIGURE.sub(lambda found: _ascii_figures(found[0]), body)
    start = "" if entry.get("inside") else rf"(?<!{_INNER})"
    end = "" if entry.get("open") else rf"(?!{_INNER})"
    flags = re.NOFLAG if entry.get("case") else re.IGNORECASE
    say = Template(entry["say"], readings) if "say" in entry else None
    pattern = re.compile(f"{start}(?:{body}){end}", flags)
    return Rule(
        f"{file}: {entry['match']}",
        pattern,
        say,
        tuple(entry.get("on", on)),
        entry.get("ends", False),
    )


def _ascii_figures(piece: str) -> str:
    """Figures of other scripts are letters to the rules."""
    return "[0-9]" if piece == r"\d" else piece.replace(r"\d", "0-9")


def expanded(pattern: str, patterns: Mapping[str, str]) -> str:
    """`pattern` with its macros written out."""

    def written_out(macro: re.Match[str]) -> str:
        part, sign, name = macro.groups()
        inner = expanded(patterns[name], patterns)
        if sign == ":":
            return f"(?:{inner})"
        return f"(?P<{part or name}>{inner})"

    return _MACRO.sub(written_out, pattern)
