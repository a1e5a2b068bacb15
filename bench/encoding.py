"""Encoding each format through `Encoder`, beside a plain PyAV loop with the same codec settings.

Both resample with soxr where the format wants another rate.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
import numpy as np
import soxr

from bench.table import Row
from stentor.audio.encode import RECIPES, Encoder, _choose_rate
from stentor.audio.settings import EncoderSettings
from stentor.contract import RESPONSE_FORMATS, ResponseFormat

RATE = 22_050
SECONDS = 120
PIECE = 4 * RATE
ROUNDS = 5
KBPS = {"mp3": 64, "opus": 32, "aac": 64}


def run() -> list[Row]:
    """Every format, alternating ours and plain PyAV."""
    samples = _speech_like()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        for name in RESPONSE_FORMATS:
            pairs = [
                (_time(_ours, path, name, samples), _time(_plain, path, name, samples))
                for _ in range(ROUNDS)
            ]
            ratio = median(ours / plain for ours, plain in pairs)
            ours, plain = (median(column) for column in zip(*pairs, strict=True))
            rows.append(
                Row(
                    f"encode {name}",
                    f"{ours * 1000:.0f} ms, {SECONDS / ours:,.0f}x real time",
                    f"PyAV alone {plain * 1000:.0f} ms",
                    ratio,
                    "<= 1.2",
                    ratio <= 1.2,
                )
            )
    return rows


Encode = Callable[[Path, ResponseFormat, "np.ndarray"], None]


def _time(encode: Encode, path: Path, name: ResponseFormat, samples: np.ndarray) -> float:
    started = time.perf_counter()
    encode(path, name, samples)
    return time.perf_counter() - started


def _ours(path: Path, name: ResponseFormat, samples: np.ndarray) -> None:
    encoder = Encoder(path, name, RATE, EncoderSettings())
    for start in range(0, len(samples), PIECE):
        encoder.write(samples[start : start + PIECE])
    encoder.close()


def _plain(path: Path, name: ResponseFormat, samples: np.ndarray) -> None:
    recipe = RECIPES[name]
    rate = _choose_rate(RATE, recipe.rates)
    resampler = soxr.ResampleStream(RATE, rate, 1, dtype="float32") if rate != RATE else None
    with av.open(str(path), "w", format=recipe.muxer, options=recipe.muxer_options) as container:
        stream = container.add_stream(
            recipe.codec,
            rate=rate,
            layout="mono",
            options=recipe.codec_options,
            bit_rate=1000 * KBPS.get(name, 0),
        )
        written = 0
        for start in range(0, len(samples), PIECE):
            piece = samples[start : start + PIECE]
            if resampler is not None:
                last = start + PIECE >= len(samples)
                floats = resampler.resample_chunk(piece.astype(np.float32), last=last)
                piece = np.clip(np.rint(floats), -32768, 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(piece[None], format="s16", layout="mono")
            frame.sample_rate = rate
            frame.time_base = Fraction(1, rate)
            frame.pts = written
            written += len(piece)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _speech_like() -> np.ndarray:
    """Harmonics under a syllable rhythm, with a little noise; int16."""
    t = np.arange(SECONDS * RATE) / RATE
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * t)) / RATE
    voice = sum(np.sin(k * pitch) / k for k in range(1, 20))
    rhythm = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1) * (np.sin(2 * np.pi * 0.2 * t) > -0.7)
    noise = np.random.default_rng(0).normal(0, 0.02, len(t))
    return np.asarray((voice * rhythm / 4 + noise * rhythm) * 12_000, np.int16)
