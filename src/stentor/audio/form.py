"""What bytes of audio are. Costs nothing to import."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Encoding = Literal["pcm", "wav", "mp3", "opus", "aac", "flac", "ulaw", "alaw"]


class DecodeError(ValueError):
    """The bytes hold no audio that can be had; the text says what they are instead."""


class AudioForm(Struct, frozen=True, omit_defaults=True):
    """The form of some bytes of audio.

    Attributes:
        encoding: `pcm` is headerless signed 16 bit little-endian; `ulaw` and `alaw` are headerless
            G.711; `opus` is in Ogg, `aac` in ADTS; `wav` may hold any of the first three.
        sample_rate: in Hz; None where the bytes tell, as those with a header do.
        channels: interleaved, of the headerless ones.
    """

    encoding: Encoding
    sample_rate: int | None = None
    channels: int = 1
