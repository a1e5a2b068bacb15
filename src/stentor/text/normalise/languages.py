"""The languages there are rules for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stentor.text.normalise.grammar import Grammar


@lru_cache(maxsize=16)
def grammar(tag: str) -> Grammar | None:
    """The rules of a language by its BCP 47 tag in lower case; None if there are none.

    They are read at the first use, and kept.
    """
    if tag.partition("-")[0] == "en":
        from stentor.text.normalise.english.grammar import english

        return english()
    from stentor.text.normalise.european import european

    return european(tag)
