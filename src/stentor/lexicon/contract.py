"""What a caller sends of dictionaries and what a caller gets back.

Rules are written as ElevenLabs' interface has them, so that a list of rules that was made for it
can be sent as it is.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from stentor.contract import Timestamp
from stentor.lexicon.alphabets import ALPHABETS

DICTIONARIES_PATH = "/v1/pronunciation-dictionaries"
PLS_TYPE = "application/pls+xml"
"""What a PLS document is called (RFC 4267)."""

_CASE = Meta(description="Whether `polish` leaves `Polish` alone; true if left out")
_WORDS = Meta(description="Whether `cat` leaves `category` alone; true if left out")
_LANGUAGE = Meta(description="BCP 47 tag of the texts that it is for; all if left out")
Grapheme = Annotated[str, Meta(min_length=1, description="What is written")]
Name = Annotated[str, Meta(min_length=1, description="What the dictionary is called")]


class AliasRule(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag="alias",
):
    """Something else is read in place of what is written."""

    string_to_replace: Grapheme
    alias: Annotated[str, Meta(min_length=1, description="What is read in its place")]
    case_sensitive: Annotated[bool | None, _CASE] = None
    word_boundaries: Annotated[bool | None, _WORDS] = None
    language: Annotated[str | None, _LANGUAGE] = None


class PhonemeRule(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag="phoneme",
):
    """What is written is pronounced like this."""

    string_to_replace: Grapheme
    phoneme: Annotated[str, Meta(min_length=1, description="How it is pronounced")]
    alphabet: Annotated[str, Meta(description=f"One of {', '.join(ALPHABETS)}; answers have ipa")]
    case_sensitive: Annotated[bool | None, _CASE] = None
    word_boundaries: Annotated[bool | None, _WORDS] = None
    language: Annotated[str | None, _LANGUAGE] = None


PronunciationRule = AliasRule | PhonemeRule


class NewDictionary(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The body of `POST /v1/pronunciation-dictionaries`."""

    name: Name
    rules: Annotated[
        list[PronunciationRule], Meta(description="Of several for a string the first holds")
    ]
    description: str | None = None
    language: Annotated[str | None, Meta(description="Of rules that do not name theirs")] = None


class RulesChange(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The body of `POST /v1/pronunciation-dictionaries/{id}/versions`.

    Either `rules`, in place of all that there were, or what to `add` and to `remove`.
    """

    rules: Annotated[
        list[PronunciationRule] | None, Meta(description="In place of all that there were")
    ] = None
    add: Annotated[
        list[PronunciationRule] | None,
        Meta(description="In place of those that there were for the same strings"),
    ] = None
    remove: Annotated[
        list[str] | None, Meta(description="Strings whose rules are left out, as they are written")
    ] = None
    language: Annotated[str | None, Meta(description="Of rules that do not name theirs")] = None


class PronunciationDictionary(Struct, frozen=True, omit_defaults=True):
    """A dictionary; `version_id` is its newest version."""

    id: str
    name: str
    created_at: Timestamp
    version_id: str
    version_rules_num: int
    updated_at: Annotated[Timestamp, Meta(description="When its newest version was made")]
    description: str | None = None


class PronunciationDictionaryList(Struct, frozen=True):
    """A page of the caller's dictionaries, newest first."""

    data: list[PronunciationDictionary]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
    object: Literal["list"] = "list"


class DictionaryVersion(Struct, frozen=True, omit_defaults=True):
    """A version of a dictionary, which never changes. A list of versions has no `rules`."""

    version_id: str
    pronunciation_dictionary_id: str
    created_at: Timestamp
    version_rules_num: int
    rules: list[PronunciationRule] | None = None


class DictionaryVersionList(Struct, frozen=True):
    """A page of a dictionary's versions, newest first."""

    data: list[DictionaryVersion]
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
    object: Literal["list"] = "list"
