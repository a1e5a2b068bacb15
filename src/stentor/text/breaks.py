"""How strongly one stretch of speech is set off from the next."""

from __future__ import annotations

from enum import IntEnum


class Break(IntEnum):
    """The boundary after a stretch of text, weakest first."""

    NONE = 0
    CLAUSE = 1
    SENTENCE = 2
    PARAGRAPH = 3
    SECTION = 4
