"""What a caller may choose about normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class NormaliseOptions:
    """How written forms are read where people differ.

    Attributes:
        emoji: say their names, leave them out, or leave them to the voice.
    """

    emoji: Literal["speak", "drop", "keep"] = "speak"
