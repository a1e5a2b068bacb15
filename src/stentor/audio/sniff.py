"""What audio is by its first bytes. Costs nothing to import."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from stentor.audio.form import Encoding
from stentor.audio.mapped import Bytes
from stentor.audio.mpeg import Frame, adts_frame, id3v2_end, mp3_frame

# Three frames of mp3 at its highest bit rate, or of AAC at 320 kbit/s and 24 kHz.
SNIFF_BYTES = 8192
# In G.711, 8 ms of quiet speech may be nothing but letters.
TEXT_BYTES = 512
_FRAMES = 3


def sniff(head: Bytes) -> Encoding | None:
    """The encoding that the bytes show, or None: they are headerless, or nothing that is known.

    `SNIFF_BYTES` from the beginning are enough to be sure. 40 are enough for wav, opus (in Ogg)
    and flac, 7 for a good guess at mp3 and aac. Behind an ID3v2 tag that is longer than `head`, the
    guess is mp3. A single frame of mp3 or aac is believed where no room is left for more of them.
    """
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"OggS":
        return "opus" if _ogg_body(head).startswith(b"OpusHead") else None
    start = id3v2_end(head, 0)
    if 0 < len(head) <= start:
        return "mp3"
    if head[start : start + 4] == b"fLaC":
        return "flac"
    if _are_frames(head, start, mp3_frame):
        return "mp3"
    if _are_frames(head, start, adts_frame):
        return "aac"
    return None


def looks_like_text(head: Bytes) -> bool:
    """Whether the bytes begin as a JSON, XML or HTML document, such as an error message, does."""
    start = head[:TEXT_BYTES].lstrip()
    if len(start) < 8 or start[:1] not in (b"{", b"[", b"<"):
        return False
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n" for character in text)


def _ogg_body(head: Bytes) -> bytes:
    segments = head[26] if len(head) > 26 else 0
    return head[27 + segments : 35 + segments]


def _are_frames(head: Bytes, at: int, read: Callable[[Bytes, int], Frame | None]) -> bool:
    first = read(head, at)
    frame = first
    for _ in range(_FRAMES - 1):
        if first is None or frame is None or frame.sample_rate != first.sample_rate:
            return False
        at += frame.size
        if at + 7 > len(head):
            return True
        frame = read(head, at)
    return frame is not None and first is not None and frame.sample_rate == first.sample_rate
