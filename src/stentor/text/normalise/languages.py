"""The languages there are rules for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stentor.text.normalise.grammar import Grammar

_VARIANTS = {
    "en": "en",
    "de": "de",
    "fr": "fr",
    "fr-be": "fr_BE",
    "fr-ch": "fr_CH",
    "es": "es",
    "it": "it",
    "pt": "pt_BR",
    "pt-pt": "pt",
}
"""Languages and varieties with words of their own, and what num2words calls them."""


def grammar(tag: str) -> Grammar | None:
    """The rules of a language by its BCP 47 tag in lower case; None if there are none.

    They are read at the first use, and kept.
    """
    variant = _VARIANTS.get(tag) or _VARIANTS.get(tag.partition("-")[0])
    return None if variant is None else _grammar(variant)


@lru_cache(maxsize=len(_VARIANTS))
def _grammar(variant: str) -> Grammar:
    if variant == "en":
        from stentor.text.normalise.english.grammar import english

        return english()
    from stentor.text.normalise.european import european

    return european(variant)
