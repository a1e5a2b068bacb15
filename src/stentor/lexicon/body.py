"""From JSON to rules and back, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from stentor.errors import SpeechError, invalid
from stentor.lexicon.contract import AliasRule, PhonemeRule, PronunciationRule
from stentor.lexicon.rules import DEFAULT_LIMITS, BadRule, Limits, Rule, make_rule, read_text

T = TypeVar("T")

_PATH = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")
_FIELDS = {"grapheme": "string_to_replace"}
_TYPE_NAMES = {"str": "string", "bool": "boolean", "int": "integer", "float": "number"}


def decode(body: bytes, kind: type[T]) -> T:
    """A body of a contract type.

    Raises:
        SpeechError: 400 that names the field, what was wrong and what was expected.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise invalid(
            f"the body is not valid JSON: {error}", param=None, code="invalid_json"
        ) from None


def read_rules(
    given: Sequence[PronunciationRule],
    field: str,
    *,
    language: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> list[Rule]:
    """Sound rules out of those that a caller wrote.

    Args:
        field: where they stand in the body.
        language: of those that do not say theirs.

    Raises:
        SpeechError: 400 that names the rule and its field.
    """
    check_count(len(given), field, limits)
    rules = []
    for number, one in enumerate(given):
        try:
            rules.append(_read_rule(one, language, limits))
        except BadRule as error:
            place = f"{field}[{number}].{_FIELDS.get(error.field, error.field)}"
            raise invalid(f"{place}: {error.problem}", param=place) from None
    return rules


def check_count(count: int, field: str, limits: Limits) -> None:
    """Make sure that a version has not too many rules.

    Raises:
        SpeechError: 400.
    """
    if count > limits.rules:
        raise invalid(
            f"{field}: the dictionary has {count} rules; at most {limits.rules} are taken",
            param=field,
            code="too_many_rules",
        )


def read_words(field: str, text: str, max_chars: int) -> str:
    """A caller's name for something, or another line of text.

    Raises:
        SpeechError: 400 that names the field.
    """
    try:
        return read_text(field, text, max_chars)
    except BadRule as error:
        raise invalid(str(error), param=field) from None


def show_rule(rule: Rule) -> PronunciationRule:
    """The rule as the wire has it."""
    if rule.alias is not None:
        return AliasRule(
            string_to_replace=rule.grapheme,
            alias=rule.alias,
            case_sensitive=rule.case_sensitive,
            word_boundaries=rule.whole_word,
            language=rule.language,
        )
    return PhonemeRule(
        string_to_replace=rule.grapheme,
        phoneme=rule.phonemes or "",
        alphabet="ipa",
        case_sensitive=rule.case_sensitive,
        word_boundaries=rule.whole_word,
        language=rule.language,
    )


def _read_rule(one: PronunciationRule, language: str | None, limits: Limits) -> Rule:
    phonetic = one if isinstance(one, PhonemeRule) else None
    return make_rule(
        one.string_to_replace,
        alias=one.alias if isinstance(one, AliasRule) else None,
        phoneme=phonetic.phoneme if phonetic else None,
        alphabet=phonetic.alphabet if phonetic else "ipa",
        case_sensitive=one.case_sensitive is not False,
        whole_word=one.word_boundaries is not False,
        language=one.language or language,
        limits=limits,
    )


def _explain(reason: str) -> SpeechError:
    """The error for what msgspec says of a field, in the words of JSON."""
    match = _PATH.search(reason)
    path = match.group(1) if match else ""
    said = _PATH.sub("", reason).replace("`", "")
    if missing := re.search(r"missing required field (\w+)", said):
        name = f"{path}.{missing.group(1)}" if path else missing.group(1)
        return invalid(f"{name} is required", param=name, code="missing_field")
    if unknown := re.search(r"unknown field (.*)$", said):
        name = f"{path}.{unknown.group(1)}" if path else unknown.group(1)
        return invalid(f"{name[:80]}: there is no such field", param=name[:80])
    if path.endswith(".type"):
        said = said.replace("Invalid value", "Expected alias or phoneme, got")
    said = said.replace(" | null", "")
    said = re.sub(r"\b(str|int|float|bool)\b", lambda m: _TYPE_NAMES[m.group()], said)
    return invalid(f"{path or 'body'}: {said[:1].lower()}{said[1:]}", param=path or None)
