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
        sample_rate: of the file, in Hz, one that its format can have; None lets the format and
            the source decide.
    """

    mp3_kbps: int = 64
    opus_kbps: int = 32
    aac_kbps: int = 64
    sample_rate: int | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """What one file shall be, where that is not left to the server.

    Attributes:
        sample_rate: in Hz.
        kbps: of a lossy format.
    """

    sample_rate: int | None = None
    kbps: int | None = None

    def applied_to(self, settings: EncoderSettings) -> EncoderSettings:
        """The settings for such a file."""
        return EncoderSettings(
            mp3_kbps=self.kbps or settings.mp3_kbps,
            opus_kbps=self.kbps or settings.opus_kbps,
            aac_kbps=self.kbps or settings.aac_kbps,
            sample_rate=self.sample_rate or settings.sample_rate,
        )


@dataclass(frozen=True, slots=True)
class LoudnessTarget:
    """How loud a whole shall be.

    Attributes:
        lufs: integrated loudness by ITU-R BS.1770-4, of the mono file as one channel; -50 to -5.
        true_peak_dbtp: what no peak exceeds, between the samples either; -20 to 0.
    """

    lufs: float = -16.0
    true_peak_dbtp: float = -1.0


LOUDNESS_PRESETS = {
    "podcast": LoudnessTarget(-16.0, -1.0),
    # ACX asks for -23 to -18 dB RMS and peaks of at most -3 dB; a narration with its pauses
    # has an RMS within 1 dB of its loudness.
    "audiobook": LoudnessTarget(-20.0, -3.0),
    # EBU R 128.
    "broadcast": LoudnessTarget(-23.0, -1.0),
}
"""Targets by the names that people know them by."""
