"""What stands between two words of the caller's text, and what it means for captions."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from stentor.text.breaks import Break
from stentor.text.characters import CLOSERS, INVISIBLE, TERMINATORS

# Neither tags nor signs of emphasis are read out, nor shown.
_UNSEEN = re.compile(rf"</?[A-Za-z!?][^<>]{{0,999}}>|[*_~|\\{INVISIBLE}]")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n|\r[^\S\r\n]*\r|\u2029")
_LINE_END = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")
_LETTER_OR_NUMBER = re.compile(r"[^\W_]")
_DASH = re.compile(r"[-–—―…]+|\.\.\.")
_CLOSERS = re.escape(CLOSERS)
_CLAUSE = re.compile(rf"(?:[,;:!?…،؛؟，；：、—―–]|--)[{_CLOSERS}]{{0,9}}$")
_TERMINATED = re.compile(rf"[{re.escape(TERMINATORS)}][{_CLOSERS}]{{0,9}}$")
# These end a sentence without a look at what follows.
_FULL = re.compile(rf"[。！？｡।॥][{_CLOSERS}]{{0,9}}$")
_OPENERS = frozenset("\"'`¿¡#@&+-–—…")


class Gap(NamedTuple):
    """What is between two words.

    Attributes:
        tail: what to show after the word before.
        head: what to show in front of the word behind.
        is_spaced: whether there is white space, or something that is not read.
        has_line_end: whether the word behind stands on another line.
        has_blank_line: whether it stands in another paragraph.
    """

    tail: str
    head: str
    is_spaced: bool
    has_line_end: bool
    has_blank_line: bool


def read_gap(text: str) -> Gap:
    """Tell what is between two words that are `text` apart."""
    if text == " ":
        return Gap("", "", True, False, False)
    seen = _UNSEEN.sub("", text)
    tail, head, is_spaced = _apart(seen) if seen else ("", "", False)
    has_line_end = _LINE_END.search(text) is not None
    has_blank_line = has_line_end and _BLANK_LINE.search(seen.replace("\r\n", "\n")) is not None
    return Gap(tail, head, is_spaced or has_line_end, has_line_end, has_blank_line)


def break_after(shown: str, at_sentence_end: bool) -> Break:
    """How strongly a word with its punctuation is set off from the next one.

    Args:
        at_sentence_end: whether a sentence ends here, as far as a look at the text tells.
    """
    if _FULL.search(shown) or (at_sentence_end and _TERMINATED.search(shown)):
        return Break.SENTENCE
    return Break.CLAUSE if _CLAUSE.search(shown) else Break.NONE


def _apart(text: str) -> tuple[str, str, bool]:
    is_read = _LETTER_OR_NUMBER.search(text) is None
    tokens = text.split()
    if is_read and len(tokens) == 1 and text == tokens[0]:
        opening = next((at for at, mark in enumerate(text) if _opens(mark)), len(text))
        return text[:opening], text[opening:], False
    tail = head = ""
    if not text[0].isspace():
        tail = tokens.pop(0)
        if letter := _LETTER_OR_NUMBER.search(tail):
            tail = tail[: letter.start()]
    if tokens and not text[-1].isspace():
        head = tokens.pop()
        kept = len(head)
        while kept and (head[kept - 1] in _OPENERS or _opens(head[kept - 1])):
            kept -= 1
        head = head[kept:]
    dashes = [token for token in tokens if _DASH.fullmatch(token)]
    return tail + "".join(f" {dash}" for dash in dashes[:1]), head, True


def _opens(mark: str) -> bool:
    return unicodedata.category(mark) in ("Ps", "Pi", "Sc")
