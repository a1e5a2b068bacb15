"""One way in for texts of every kind."""

from __future__ import annotations

import msgspec

from stentor.contract import InputType
from stentor.errors import invalid
from stentor.text.characters import find_surrogate
from stentor.text.markup.detect import detect
from stentor.text.markup.marked import Marked, Spans
from stentor.text.markup.pauses import read_pauses
from stentor.text.markup.phonemes import inline_phonemes
from stentor.text.rewrites import merged


def read_markup(source: str, input_type: InputType = "auto") -> Marked:
    """Take the markup out of a caller's input. Takes time in proportion to its length.

    Args:
        source: what the caller wrote.
        input_type: what it is; `auto` takes only what is unmistakable for anything but text.

    Raises:
        SpeechError: 400: the input is SSML that is not well-formed or not allowed
            (`invalid_ssml`), with line and column, or has a lone surrogate (`invalid_text`).
    """
    if (offset := find_surrogate(source)) is not None:
        raise invalid(
            f"input has half of a surrogate pair (U+{ord(source[offset]):04X}) at character "
            f"{offset}; expected valid Unicode text",
            param="input",
            code="invalid_text",
        )
    kind = detect(source) if input_type == "auto" else input_type
    marked = read_pauses(source) if input_type == "auto" and kind == "text" else None
    marked = marked or _read(source, kind)
    inline = inline_phonemes(marked.text)
    if not inline:
        return marked
    return msgspec.structs.replace(marked, rewrites=tuple(merged(marked.rewrites, inline)))


def _read(source: str, kind: InputType) -> Marked:
    if kind == "ssml":
        from stentor.text.markup.from_ssml import read_ssml

        return read_ssml(source)
    if kind == "html":
        from stentor.text.markup.from_html import read_html

        return read_html(source)
    if kind == "markdown":
        from stentor.text.markup.from_markdown import read_markdown

        return read_markdown(source)
    return Marked(source, Spans([(0, 0, len(source))], len(source)), "text")
