"""Writing the true length into the header of a file that was streamed before it was known.

Sources: those of `riff.py`; RFC 9639 (FLAC), section 8.2.
"""

from __future__ import annotations

from pathlib import Path

from stentor.audio.mapped import mapped
from stentor.audio.mpeg import id3v2_end
from stentor.audio.probe import FLAC_LENGTH_MISSING, WAV_SIZES_WRONG, AudioFacts
from stentor.audio.riff import read_wav

_LARGEST = 0xFFFFFFFF


def has_only_lengths_wrong(misfits: tuple[str, ...]) -> bool:
    """Whether nothing but the lengths in its header is wrong with a file."""
    return bool(misfits) and set(misfits) <= {FLAC_LENGTH_MISSING, WAV_SIZES_WRONG}


def write_lengths(path: Path, facts: AudioFacts) -> bool:
    """Correct the header in place; False if it cannot be done without moving the audio.

    Raises:
        OSError: the file cannot be written.
    """
    with mapped(path) as data:
        size = len(data)
        if facts.encoding == "wav":
            runs = read_wav(data).runs
            if len(runs) != 1 or runs[0].stop != size or size > _LARGEST or data[:4] != b"RIFF":
                return False
            start = runs[0].start
            patches = [(4, size - 8), (start - 4, size - start)]
            written = [(at, value.to_bytes(4, "little")) for at, value in patches]
        elif facts.encoding == "flac":
            at = id3v2_end(data, 0) + 21
            samples = round(facts.duration_seconds * facts.sample_rate)
            # The upper four bits of the first byte are the sample size's.
            value = (data[at] >> 4 << 36) | samples
            written = [(at, value.to_bytes(5, "big"))]
        else:
            return False
    with path.open("r+b") as file:
        for at, piece in written:
            file.seek(at)
            file.write(piece)
    return True
