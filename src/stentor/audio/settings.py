"""What can be chosen about encoding. Apart from the codecs, so that it costs nothing to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Bit rates of the lossy formats, in kbit/s, for mono.

    Attributes:
        mp3_kbps: constant; 8 to 320. The encoder takes the nearest rate that MPEG has for the
            sample rate: up to 64 below 16 kHz, 8 to 160 up to 24 kHz, 32 to 320 above.
        opus_kbps: mean over a second or so; 6 to 256.
        aac_kbps: mean; 8 to 320, of which the encoder uses up to about 220.
    """

    mp3_kbps: int = 64
    opus_kbps: int = 32
    aac_kbps: int = 64
