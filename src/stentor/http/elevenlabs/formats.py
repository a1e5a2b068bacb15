"""`output_format`: a codec, a sample rate in Hz and, of lossy ones, a bit rate in kbit/s."""

from __future__ import annotations

from typing import NamedTuple

from stentor.audio.settings import Quality
from stentor.contract import ResponseFormat
from stentor.errors import SpeechError

_MP3 = ("22050_32", "24000_48", "44100_32", "44100_64", "44100_96", "44100_128", "44100_192")
_RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_OPUS_KBPS = (32, 64, 96, 128, 192)


class OutputFormat(NamedTuple):
    """What an `output_format` is here.

    Attributes:
        quality: None where the format has its rate anyway.
    """

    response_format: ResponseFormat
    quality: Quality | None


def _known() -> dict[str, OutputFormat]:
    known: dict[str, OutputFormat] = {}
    for name in _MP3:
        rate, kbps = map(int, name.split("_"))
        known[f"mp3_{name}"] = OutputFormat("mp3", Quality(rate, kbps))
    for kbps in _OPUS_KBPS:
        known[f"opus_48000_{kbps}"] = OutputFormat("opus", Quality(48_000, kbps))
    for rate in _RATES:
        usual = None if rate == 24_000 else Quality(rate)
        known[f"pcm_{rate}"] = OutputFormat("pcm", usual)
        known[f"wav_{rate}"] = OutputFormat("wav", Quality(rate))
    known["ulaw_8000"] = OutputFormat("ulaw", None)
    known["alaw_8000"] = OutputFormat("alaw", None)
    return known


_KNOWN = _known()
OUTPUT_FORMATS = tuple(sorted(_KNOWN))


def read_output_format(name: str | None) -> OutputFormat:
    """What is to be made.

    Args:
        name: None for an mp3 as this server makes it.

    Raises:
        SpeechError: 422 that lists what there is.
    """
    if name is None:
        return OutputFormat("mp3", None)
    known = _KNOWN.get(name)
    if known is None:
        raise SpeechError(
            422,
            "invalid_output_format",
            f"output_format: expected one of {', '.join(OUTPUT_FORMATS)}, got {name[:40]!r}",
            param="output_format",
        )
    return known
