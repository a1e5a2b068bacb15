"""Stand-ins for ears: a transcriber, and looks at the samples."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from stentor.audio.decode import decode
from stentor.audio.form import AudioForm

RATE = 16_000
PASSAGE_S = 28.0
# -50 dBFS.
QUIET = 104
# Samples that are 0, as only joins have them; how far from these a step is the join's own, and not
# the speech's; and a step that no faded edge makes: -50 dBFS from one sample to the next.
TRUE_SILENCE = 100
AT_JOIN = 8
CLICK = 104


class Silence(NamedTuple):
    """A stretch of near silence."""

    at_s: float
    length_s: float


def samples_of(file: Path) -> tuple[NDArray[np.int16], int]:
    """The samples of a FLAC file, and their rate."""
    pcm = decode(file, AudioForm("flac")).pcm
    return pcm.samples, pcm.sample_rate


def plain_words(text: str) -> list[str]:
    """Words without case, hyphens and punctuation."""
    return re.findall(r"[a-z0-9]+", re.sub(r"['’`]", "", text.lower()))


def heard_words(ears: WhisperModel, samples: NDArray[np.int16], rate: int) -> list[str]:
    """What is heard, in passages that end in pauses."""
    words: list[str] = []
    for start, end in _passages(samples, rate):
        piece = soxr.resample(samples[start:end].astype(np.float32) / 32768, rate, RATE)
        segments, _ = ears.transcribe(
            piece, language="en", beam_size=1, condition_on_previous_text=False
        )
        words += plain_words(" ".join(one.text for one in segments))
    return words


def silences(samples: NDArray[np.int16], rate: int, least_s: float) -> list[Silence]:
    """Stretches below -50 dBFS of at least so long, between sounds."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET)
    gaps = np.diff(loud)
    return [
        Silence(loud[at] / rate, gaps[at] / rate) for at in np.flatnonzero(gaps > least_s * rate)
    ]


def clicks(samples: NDArray[np.int16]) -> list[int]:
    """Where samples jump at a join: beside the true silence that lies between two segments."""
    steps = np.abs(np.diff(samples.astype(np.int32)))
    sounding = np.flatnonzero(samples)
    gaps = np.flatnonzero(np.diff(sounding) > TRUE_SILENCE)
    edges = np.concatenate([sounding[gaps], sounding[gaps + 1]])
    return [
        int(edge)
        for edge in np.sort(edges)
        if steps[max(0, edge - AT_JOIN) : edge + AT_JOIN].max(initial=0) > CLICK
    ]


def joins_in(wanted: Sequence[str], heard: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    """How one list of words becomes the other, as `difflib` tells it, in windows."""
    opcodes = []
    step = 400
    position = 0
    for start in range(0, len(wanted), step):
        end = min(start + step, len(wanted))
        last = end == len(wanted)
        window = heard[position:] if last else heard[position : position + step + 200]
        matcher = difflib.SequenceMatcher(None, wanted[start:end], window, autojunk=False)
        blocks = matcher.get_matching_blocks()
        used = len(window)
        if not last:
            final = next((b for b in reversed(blocks) if b.size >= 3), None)
            used = final.b + final.size if final else step
        opcodes += [
            (kind, a + start, b + start, c + position, min(d, used) + position)
            for kind, a, b, c, d in matcher.get_opcodes()
            if c < used or a < b
        ]
        position += used
    return opcodes


def _passages(samples: NDArray[np.int16], rate: int) -> Iterator[tuple[int, int]]:
    """Passages of half a minute at most, cut in the middle of the longest pauses near their end."""
    pauses = silences(samples, rate, 0.15)
    start = 0
    number = 0
    while start < len(samples):
        limit = start + int(PASSAGE_S * rate)
        if limit >= len(samples):
            yield start, len(samples)
            return
        while number < len(pauses) and pauses[number].at_s * rate <= start + PASSAGE_S * rate / 2:
            number += 1
        inside = [
            one
            for one in pauses[number : number + 200]
            if (one.at_s + one.length_s / 2) * rate < limit
        ]
        if inside:
            best = max(inside, key=lambda one: one.length_s)
            end = int((best.at_s + best.length_s / 2) * rate)
        else:
            end = limit
        yield start, end
        start = end
