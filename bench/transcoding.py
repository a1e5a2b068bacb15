"""From a vendor's file to the caller's, beside bare PyAV doing the same in the same run.

Both decode, resample where they must, and encode with the same codec settings. Bare PyAV takes
frames from the decoder to the encoder one by one, through FFmpeg's own resampler, and knows of no
concatenated files, wrong headers or silence at the edges.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import av
import numpy as np

from bench.table import Row
from stentor.audio.decode import decode
from stentor.audio.encode import RECIPES, Encoder, _choose_rate
from stentor.audio.form import AudioForm, Encoding
from stentor.audio.mixdown import Mixdown, MixSettings
from stentor.audio.settings import EncoderSettings
from stentor.contract import ResponseFormat

RATE = 24_000
SECONDS = 300
ROUNDS = 5
KBPS = {"mp3": 64, "opus": 32, "aac": 64}
PAIRS: tuple[tuple[Encoding, ResponseFormat], ...] = (
    ("mp3", "mp3"),
    ("mp3", "wav"),
    ("mp3", "opus"),
    ("opus", "mp3"),
    ("aac", "mp3"),
    ("flac", "mp3"),
    ("wav", "mp3"),
    ("wav", "flac"),
    ("pcm", "opus"),
    ("pcm", "wav"),
    ("mp3", "ulaw"),
    ("ulaw", "mp3"),
)
_HEADERLESS = {"pcm": "s16le", "ulaw": "mulaw"}


def run() -> list[Row]:
    """Every pair, alternating ours and bare PyAV."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = _speech_like()
        for source in dict.fromkeys(source for source, _ in PAIRS):
            with Encoder(folder / source, source, RATE) as encoder:
                for start in range(0, len(samples), RATE):
                    encoder.write(samples[start : start + RATE])
        for source, target in PAIRS:
            pairs = [
                (_time(_ours, folder, source, target), _time(_bare, folder, source, target))
                for _ in range(ROUNDS)
            ]
            ratio = median(ours / bare for ours, bare in pairs)
            ours, bare = (median(column) for column in zip(*pairs, strict=True))
            rows.append(
                Row(
                    f"transcode {source} to {target}",
                    f"{ours * 1000:.0f} ms, {SECONDS / ours:,.0f}x real time",
                    f"PyAV alone {bare * 1000:.0f} ms, {SECONDS / bare:,.0f}x",
                    ratio,
                    "<= 1.2",
                    ratio <= 1.2,
                )
            )
    return rows


Transcode = Callable[[Path, Encoding, ResponseFormat], None]


def _time(transcode: Transcode, folder: Path, source: Encoding, target: ResponseFormat) -> float:
    started = time.perf_counter()
    transcode(folder, source, target)
    return time.perf_counter() - started


def _rate(source: Encoding) -> int:
    return 8_000 if source == "ulaw" else RATE


def _ours(folder: Path, source: Encoding, target: ResponseFormat) -> None:
    pcm = decode(folder / source, AudioForm(source, _rate(source)), folder=folder).pcm
    mixdown = Mixdown(folder / "ours", target, pcm.sample_rate, MixSettings(EncoderSettings()))
    mixdown.add_pcm(pcm, 0)
    mixdown.close()


def _bare(folder: Path, source: Encoding, target: ResponseFormat) -> None:
    recipe = RECIPES[target]
    options = {"sample_rate": str(_rate(source))} if source in _HEADERLESS else {}
    with (
        av.open(str(folder / source), format=_HEADERLESS.get(source), options=options) as container,
        av.open(
            str(folder / "bare"), "w", format=recipe.muxer, options=recipe.muxer_options
        ) as out,
    ):
        rate = _choose_rate(container.streams.audio[0].rate, recipe.rates)
        stream = out.add_stream(
            recipe.codec,
            rate=rate,
            layout="mono",
            options=recipe.codec_options,
            bit_rate=1000 * KBPS.get(target, 0),
        )
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        for frame in container.decode(audio=0):
            frame.pts = None
            for resampled in resampler.resample(frame):
                out.mux(stream.encode(resampled))
        for resampled in resampler.resample(None):
            out.mux(stream.encode(resampled))
        out.mux(stream.encode(None))


def _speech_like() -> np.ndarray:
    """Harmonics under a syllable rhythm, with a little noise; int16."""
    t = np.arange(SECONDS * RATE) / RATE
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * t)) / RATE
    voice = sum(np.sin(k * pitch) / k for k in range(1, 20))
    rhythm = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1) * (np.sin(2 * np.pi * 0.2 * t) > -0.7)
    noise = np.random.default_rng(0).normal(0, 0.02, len(t))
    return np.asarray((voice * rhythm / 4 + noise * rhythm) * 12_000, np.int16)
