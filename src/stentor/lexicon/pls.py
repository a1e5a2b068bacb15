"""W3C Pronunciation Lexicon Specification 1.0, read and written.

Source: https://www.w3.org/TR/pronunciation-lexicon/. What PLS has no word for, whether a rule
minds the case and whole words, stands in attributes of a namespace of our own, and only where a
rule differs from what PLS means: both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from stentor.errors import SpeechError, invalid
from stentor.lexicon.rules import (
    DEFAULT_LIMITS,
    BadRule,
    Limits,
    Rule,
    make_rule,
    read_language,
)

NAMESPACE = "http://www.w3.org/2005/01/pronunciation-lexicon"
_OURS = "urn:stentor:lexicon"
_LANG = "http://www.w3.org/XML/1998/namespace lang"

_TEXTS = ("grapheme", "phoneme", "alias")
_WITHIN = {
    "lexicon": ("",),
    "meta": ("lexicon",),
    "metadata": ("lexicon",),
    "lexeme": ("lexicon",),
    "grapheme": ("lexeme",),
    "phoneme": ("lexeme",),
    "alias": ("lexeme",),
    "example": ("lexeme",),
}
_UNDETERMINED = "und"


def parse_pls(document: bytes, *, limits: Limits = DEFAULT_LIMITS) -> list[Rule]:
    """The rules of a PLS document, in the order in which they hold.

    That is the order of the document, after what has `prefer`. Examples, metadata and `role` are
    read over. `xml:lang` may be left out, and stand at a lexeme too. Takes time in proportion to
    the document's length.

    Raises:
        SpeechError: 400 with line and column, or 413.
    """
    if len(document) > limits.bytes:
        raise SpeechError(
            413,
            "body_too_large",
            f"the dictionary has {len(document)} bytes; at most {limits.bytes} are taken",
        )
    reader = _Reader(limits)
    return reader.read(document)


def write_pls(rules: Iterable[Rule], *, language: str | None = None) -> bytes:
    """A PLS document of these rules, in UTF-8, from which `parse_pls` reads the same rules.

    Args:
        language: of the dictionary; by default that of its first rule.
    """
    rules = list(rules)
    language = language or next((rule.language for rule in rules), None) or _UNDETERMINED
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<lexicon version="1.0" xmlns="{NAMESPACE}" xmlns:stentor="{_OURS}"',
        f'    alphabet="ipa" xml:lang="{language}">',
    ]
    for head, group in groupby(rules, key=lambda one: (one.grapheme, *_manner(one, language))):
        grapheme, *attributes = head
        lines.append(f"  <lexeme{''.join(attributes)}>")
        lines.append(f"    <grapheme>{escape(grapheme)}</grapheme>")
        for rule in group:
            if rule.alias is not None:
                lines.append(f"    <alias>{escape(rule.alias)}</alias>")
            else:
                lines.append(f"    <phoneme>{escape(rule.phonemes or '')}</phoneme>")
        lines.append("  </lexeme>")
    lines.append("</lexicon>\n")
    return "\n".join(lines).encode()


def _manner(rule: Rule, language: str) -> Iterator[str]:
    """Attributes of a lexeme, where the rule differs from what PLS and the document mean."""
    own = rule.language or _UNDETERMINED
    if own != language:
        yield f" xml:lang={quoteattr(own)}"
    if not rule.case_sensitive:
        yield ' stentor:case-sensitive="false"'
    if not rule.whole_word:
        yield ' stentor:whole-word="false"'


class _Text(NamedTuple):
    """The words of an element, and where it begins."""

    element: str
    text: str
    alphabet: str
    prefer: bool
    place: tuple[int, int]


class _Lexeme:
    def __init__(
        self, place: tuple[int, int], language: str | None, case_sensitive: bool, whole_word: bool
    ) -> None:
        self.place = place
        self.language = language
        self.case_sensitive = case_sensitive
        self.whole_word = whole_word
        self.graphemes: list[_Text] = []
        self.pronunciations: list[_Text] = []


class _Reader:
    """Reads one document: the handlers of an expat parser, and what they have read so far."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._longest = 4 * max(limits.grapheme_chars, limits.alias_chars, limits.phonemes_chars)
        self._open: list[str] = []
        self._alphabet = "ipa"
        self._language: str | None = None
        self._lexeme: _Lexeme | None = None
        self._text: _Text | None = None
        self._pieces: list[str] = []
        self._piece_chars = 0
        self._preferred: list[Rule] = []
        self._others: list[Rule] = []
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, document: bytes) -> list[Rule]:
        try:
            self._parser.Parse(document, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code) or "it is not well-formed"
            self._refuse(f"this is not well-formed XML: {reason}", (error.lineno, error.offset + 1))
        except (LookupError, ValueError) as error:
            # An encoding that is not known, or whose characters take several bytes.
            self._refuse(f"the encoding cannot be read: {error}; expected UTF-8")
        return self._preferred + self._others

    def _doctype(self, *_: object) -> None:
        self._refuse("a document type declaration is not taken")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= self._limits.xml_depth:
            self._refuse(f"elements are nested more than {self._limits.xml_depth} deep")
        if self._ignored:
            self._open.append("?")
            return
        namespace, _, element = name.rpartition(" ")
        parent = self._open[-1] if self._open else ""
        if namespace not in ("", NAMESPACE):
            if not parent:
                self._refuse(f"the document is of the namespace {namespace!r}, not of PLS")
            self._open.append("?")
            return
        self._check_place(element, parent)
        self._open.append(element)
        if element == "lexicon":
            self._alphabet = attributes.get("alphabet", "ipa")
            self._language = self._read_language(attributes, None)
        elif element == "lexeme":
            self._lexeme = _Lexeme(
                self._place,
                self._read_language(attributes, self._language),
                self._flag(attributes, f"{_OURS} case-sensitive", default=True),
                self._flag(attributes, f"{_OURS} whole-word", default=True),
            )
        elif element in _TEXTS:
            alphabet = attributes.get("alphabet", self._alphabet)
            prefer = self._flag(attributes, "prefer", default=False)
            self._text = _Text(element, "", alphabet, prefer, self._place)

    def _end(self, _: str) -> None:
        element = self._open.pop()
        if element in _TEXTS and self._text is not None and self._lexeme is not None:
            text = self._text._replace(text="".join(self._pieces))
            if element == "grapheme":
                self._lexeme.graphemes.append(text)
            else:
                self._lexeme.pronunciations.append(text)
            self._text = None
            self._pieces.clear()
            self._piece_chars = 0
        elif element == "lexeme" and self._lexeme is not None:
            self._add(self._lexeme)
            self._lexeme = None

    def _characters(self, data: str) -> None:
        if self._text is not None and not self._ignored:
            self._pieces.append(data)
            self._piece_chars += len(data)
            if self._piece_chars > self._longest:
                self._refuse(f"<{self._text.element}> is too long", self._text.place)
        elif not self._ignored and self._open[-1] != "example" and data.strip():
            self._refuse(f"<{self._open[-1]}> has text of its own: {data.strip()[:40]!r}")

    def _add(self, lexeme: _Lexeme) -> None:
        for what, missing in (
            ("grapheme", not lexeme.graphemes),
            ("phoneme> or <alias", not lexeme.pronunciations),
        ):
            if missing:
                self._refuse(f"<lexeme> has no <{what}>", lexeme.place)
        for grapheme in lexeme.graphemes:
            for one in lexeme.pronunciations:
                rule = self._rule(lexeme, grapheme, one)
                (self._preferred if one.prefer else self._others).append(rule)
                if len(self._preferred) + len(self._others) > self._limits.rules:
                    self._refuse(
                        f"the dictionary has more than {self._limits.rules} rules", lexeme.place
                    )

    def _rule(self, lexeme: _Lexeme, grapheme: _Text, one: _Text) -> Rule:
        try:
            return make_rule(
                grapheme.text,
                alias=one.text if one.element == "alias" else None,
                phoneme=one.text if one.element == "phoneme" else None,
                alphabet=one.alphabet,
                case_sensitive=lexeme.case_sensitive,
                whole_word=lexeme.whole_word,
                language=lexeme.language,
                limits=self._limits,
            )
        except BadRule as error:
            place = grapheme.place if error.field == "grapheme" else one.place
            self._refuse(str(error), place)

    @property
    def _ignored(self) -> bool:
        """Whether this is inside metadata, or inside an element of another namespace."""
        return bool(self._open) and self._open[-1] in ("?", "metadata")

    @property
    def _place(self) -> tuple[int, int]:
        """Line and column, from 1, of what is being read."""
        return self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1

    def _check_place(self, element: str, parent: str) -> None:
        if element not in _WITHIN:
            self._refuse(f"<{element[:40]}> is no element of PLS; expected {_expected(parent)}")
        if parent not in _WITHIN[element]:
            where = f"in <{parent}>" if parent else "at the top"
            self._refuse(f"<{element}> cannot stand {where}; expected {_expected(parent)}")

    def _read_language(self, attributes: dict[str, str], default: str | None) -> str | None:
        language = attributes.get(_LANG)
        if language is None:
            return default
        try:
            return read_language(language)
        except BadRule as error:
            self._refuse(f"xml:lang: {error.problem}")

    def _flag(self, attributes: dict[str, str], name: str, *, default: bool) -> bool:
        value = attributes.get(name)
        if value is None:
            return default
        if value.strip() not in ("true", "false", "1", "0"):
            self._refuse(f"{name.rpartition(' ')[2]}: expected true or false, got {value[:40]!r}")
        return value.strip() in ("true", "1")

    def _refuse(self, problem: str, place: tuple[int, int] | None = None) -> NoReturn:
        line, column = place or self._place
        raise invalid(f"line {line}, column {column}: {problem}", param=None, code="invalid_pls")


def _expected(parent: str) -> str:
    allowed = [f"<{element}>" for element, parents in _WITHIN.items() if parent in parents]
    return ", ".join(allowed) or "no element"
