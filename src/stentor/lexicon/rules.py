"""One rule of a dictionary, and what it must be like."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from msgspec import Struct

from stentor.lexicon.alphabets import NotPhonemes, read_alphabet, to_ipa
from stentor.text.characters import INVISIBLE, JOINERS


class Rule(Struct, frozen=True, omit_defaults=True):
    """How a stretch of text is spoken.

    Exactly one of `alias` and `phonemes` is there. Of several rules for the same grapheme the
    first holds; an alias among the others is for targets that take no phonemes.

    Attributes:
        grapheme: what is written, in Unicode's form NFC and with single spaces.
        alias: what is read in its place.
        phonemes: how it is pronounced, in IPA.
        case_sensitive: whether `polish` leaves `Polish` alone.
        whole_word: whether `cat` leaves `category` alone.
        language: BCP 47 tag of the texts that it is for; None for all.
    """

    grapheme: str
    alias: str | None = None
    phonemes: str | None = None
    case_sensitive: bool = True
    whole_word: bool = True
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a dictionary may be.

    Attributes:
        bytes: of an upload.
        rules: in one version.
        grapheme_chars, alias_chars, phonemes_chars: of a rule, in characters.
        name_chars, description_chars: of a dictionary, in characters.
        xml_depth: elements within each other.
    """

    bytes: int = 4 * 1024**2
    rules: int = 10_000
    grapheme_chars: int = 200
    alias_chars: int = 1000
    phonemes_chars: int = 500
    name_chars: int = 200
    description_chars: int = 2000
    xml_depth: int = 16


DEFAULT_LIMITS = Limits()


class BadRule(ValueError):
    """A rule that cannot be kept.

    Attributes:
        field: the part of it that is at fault, one of `grapheme`, `alias`, `phoneme`, `alphabet`
            and `language`.
        problem: what is wrong and what was expected.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}")
_UNSEEN = re.compile(f"[{INVISIBLE}]")
# What no XML 1.0 document can hold, so that every dictionary can be written as one.
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


def make_rule(
    grapheme: str,
    *,
    alias: str | None = None,
    phoneme: str | None = None,
    alphabet: str = "ipa",
    case_sensitive: bool = True,
    whole_word: bool = True,
    language: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Rule:
    """A sound rule out of what a caller wrote: one of `alias` and `phoneme`.

    Raises:
        BadRule: it is not one.
    """
    read_grapheme = read_text("grapheme", grapheme, limits.grapheme_chars)
    language = read_language(language)
    if alias is not None:
        return Rule(
            read_grapheme,
            alias=read_text("alias", alias, limits.alias_chars),
            case_sensitive=case_sensitive,
            whole_word=whole_word,
            language=language,
        )
    phonemes = read_text("phoneme", phoneme or "", limits.phonemes_chars)
    try:
        known = read_alphabet(alphabet)
    except NotPhonemes as error:
        raise BadRule("alphabet", str(error)) from None
    try:
        ipa = to_ipa(phonemes, known)
    except NotPhonemes as error:
        raise BadRule("phoneme", str(error)) from None
    return Rule(
        read_grapheme,
        phonemes=ipa,
        case_sensitive=case_sensitive,
        whole_word=whole_word,
        language=language,
    )


def read_text(field: str, text: str, max_chars: int) -> str:
    """A caller's words in NFC and with single spaces, without what leaves no trace in speech.

    Raises:
        BadRule: they are empty, too long, or hold what is no text.
    """
    # Before anything else is done with it, as that takes time.
    if len(text) > 4 * max_chars:
        raise _too_long(field, len(text), max_chars)
    clean = unicodedata.normalize("NFC", " ".join(_UNSEEN.sub("", text).split()))
    if not clean.strip(JOINERS + " "):
        raise BadRule(field, "it is empty; expected at least one visible character")
    if len(clean) > max_chars:
        raise _too_long(field, len(clean), max_chars)
    if wrong := _NOT_XML.search(clean):
        raise BadRule(field, f"it has U+{ord(wrong.group()):04X}, which is no character")
    return clean


def read_language(language: str | None) -> str | None:
    """A BCP 47 tag; None for `und`, the undetermined language, and for none.

    Raises:
        BadRule: this has not the form of one.
    """
    if language is None or language.lower() in ("", "und"):
        return None
    if not _LANGUAGE.fullmatch(language):
        raise BadRule("language", f"expected a BCP 47 tag such as en-GB, got {language[:40]!r}")
    return language


def _too_long(field: str, length: int, max_chars: int) -> BadRule:
    return BadRule(field, f"it has {length} characters; at most {max_chars} are taken")
