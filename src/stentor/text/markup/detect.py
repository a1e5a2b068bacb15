"""What a text is, when the caller did not say."""

from __future__ import annotations

import re

from stentor.contract import InputType

_OPENING = re.compile(r"\ufeff?\s*+(?:<\?xml\s[^>]*+>\s*+)?")
_SSML = re.compile(r"<(?:!DOCTYPE\s++)?speak(?=[\s/>])")
_HTML = re.compile(r"<(?:!doctype\s++)?html(?=[\s/>])", re.IGNORECASE)
_COMMENT_START, _COMMENT_END = "<!--", "-->"


def detect(text: str) -> InputType:
    """`ssml` or `html` for what begins unmistakably like a whole document of it, else `text`.

    White space, an XML declaration and comments may come before the root. Markdown is never
    found: an asterisk or a number sign is too common in texts that are none.
    """
    opening = _OPENING.match(text)
    position = opening.end() if opening else 0
    while text.startswith(_COMMENT_START, position):
        end = text.find(_COMMENT_END, position)
        if end < 0:
            return "text"
        position = end + len(_COMMENT_END)
        while text[position : position + 1].isspace():
            position += 1
    if _SSML.match(text, position):
        return "ssml"
    return "html" if _HTML.match(text, position) else "text"
