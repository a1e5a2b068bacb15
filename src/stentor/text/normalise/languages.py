"""The languages there are rules for."""

from __future__ import annotations

from functools import lru_cache

from stentor.text.normalise.grammar import Grammar


@lru_cache(maxsize=16)
def grammar(language: str) -> Grammar | None:
    """The rules of a language by its ISO 639-1 code; None if there are none. Read once."""
    if language == "en":
        from stentor.text.normalise.english.grammar import english

        return english()
    return None
