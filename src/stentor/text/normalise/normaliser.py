"""The written form of a passage into its spoken form, in any language."""

from __future__ import annotations

from collections.abc import Iterable

from stentor.text.normalise.emoji import emoji_rewrites
from stentor.text.normalise.joining import set_apart, spelled_out
from stentor.text.normalise.languages import grammar
from stentor.text.normalise.options import NormaliseOptions
from stentor.text.normalise.scan import scan
from stentor.text.normalise.shouting import is_shouted
from stentor.text.normalise.wfst import LANGUAGES, wfst_rewrites
from stentor.text.rewrites import Rewrite, Rewritten, merged

_DEFAULT = NormaliseOptions()


def normalise(
    text: str, language: str = "en", options: NormaliseOptions = _DEFAULT
) -> list[Rewrite]:
    """What is said differently from how it is written.

    Args:
        text: one passage of plain text: a line, a paragraph or a sentence.
        language: BCP 47 or ISO 639-1; there are no rewrites for those without rules.

    Returns:
        Rewrites in order, without overlaps; what they do not touch is said as it is written.
    """
    tag = language.lower().replace("_", "-")
    code = tag.partition("-")[0]
    rules = None if code in LANGUAGES else grammar(tag)
    if rules is None and code not in LANGUAGES:
        return []
    emoji = list(emoji_rewrites(text, code, options.emoji))
    rest = _without(text, emoji)
    if rules is None:
        return merged(emoji, list(wfst_rewrites(rest, code)))
    found = merged(emoji, scan(rest, rules, is_shouted(rest, rules.kept)))
    return list(spelled_out(text, set_apart(text, found), rules.spelled, rules.alone))


def _without(text: str, taken: Iterable[Rewrite]) -> str:
    """`text` with line breaks, which no rule reads across, where it is rewritten already."""
    parts = []
    position = 0
    for one in taken:
        parts += [text[position : one.start], "\n" * (one.end - one.start)]
        position = one.end
    return "".join([*parts, text[position:]])


def spoken(text: str, language: str = "en", options: NormaliseOptions = _DEFAULT) -> str:
    """`text` as it is said; see `normalise`."""
    return Rewritten(text, normalise(text, language, options)).text
