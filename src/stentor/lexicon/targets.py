"""What of a dictionary a target can take."""

from __future__ import annotations

from collections.abc import Iterable

from stentor.text.rewrites import Rewrite


def compile_for(
    rewrites: Iterable[Rewrite], text: str, *, phonemes: bool
) -> tuple[list[Rewrite], list[str]]:
    """The rewrites of a text as a target can take them, and what it cannot.

    Where a target takes no phonemes, what is said in words stays; what is written is left as it
    is where there is nothing else.

    Args:
        text: that they are rewrites of.
        phonemes: whether the target takes phonemes.

    Returns:
        The rewrites in the same order, and a warning in words for each stretch of text, once,
        whose pronunciation is lost.
    """
    if phonemes:
        return list(rewrites), []
    taken: list[Rewrite] = []
    lost: dict[str, None] = {}
    for one in rewrites:
        written = text[one.start : one.end]
        if one.phonemes is None or one.text != written:
            taken.append(one._replace(phonemes=None))
        else:
            lost[written] = None
    return taken, [
        f"the pronunciation of {written!r} is left to the voice: it takes no phonemes, and the "
        "dictionary has no alias for it"
        for written in lost
    ]
