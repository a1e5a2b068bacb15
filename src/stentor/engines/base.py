"""What every engine is: something that speaks one utterance at a time.

An engine has two halves. Its *catalogue* half reads names and sample rates from files and is
cheap enough for the HTTP process; its *voice* half loads a network and runs in an engine
process only (`stentor.engines.worker`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from stentor.contract import Priority, Voice


class Pronunciation(Struct, frozen=True, array_like=True):
    """The characters `[start, end)` of an utterance's text are to sound like this, in IPA."""

    start: int
    end: int
    ipa: str


class WordTiming(Struct, frozen=True, array_like=True):
    """When the characters `[start, end)` of an utterance's text, a word, are heard.

    Attributes:
        start_sample, end_sample: positions in the utterance's samples, from their beginning.
    """

    start: int
    end: int
    start_sample: int
    end_sample: int


class Utterance(Struct, frozen=True, omit_defaults=True):
    """One segment to speak.

    Attributes:
        engine: the engine's name, such as `piper`.
        model: the engine's name of the model, without the provider's prefix.
        voice: one of the model's voices.
        text: one line of plain text.
        speed: speaking rate, 0.25 to 4, 1 being the voice's own.
        language: BCP 47 tag, or None for the voice's own language.
        revision: of the model; no engine reads it, but what is kept of an utterance depends on it.
        timestamps: whether to tell when each word is heard.
        phonemes: how parts of the text are pronounced, in order and disjoint.
    """

    engine: str
    model: str
    voice: str
    text: str
    speed: float = 1.0
    language: str | None = None
    revision: str = ""
    timestamps: bool = False
    phonemes: tuple[Pronunciation, ...] = ()


class Flow(Struct, frozen=True):
    """A piece of work that utterances belong to; flows share the engines fairly.

    Attributes:
        owner: whose work it is; owners take turns.
        job: what the work is, unique among the owner's.
        priority: orders an owner's flows among themselves.
    """

    owner: str
    job: str
    priority: Priority = "normal"


class Spoken(Struct, frozen=True, omit_defaults=True):
    """What came of an utterance.

    Attributes:
        samples: mono PCM, signed 16 bit, native byte order.
        sample_rate: in Hz.
        warnings: what a listener may miss, in sentences; usually empty.
        timings: of the words, in order and disjoint; a word without sound has none. None unless
            they were asked for and the engine knows.
    """

    samples: bytes
    sample_rate: int
    warnings: list[str] = []
    timings: tuple[WordTiming, ...] | None = None


class EngineModel(Struct, frozen=True):
    """A model that an engine can load, with all that the worker needs to load it.

    Attributes:
        engine: the engine's name.
        name: the model's name, unique within the engine.
        voices: at least one; the first is the model's own choice.
        sample_rate: of the audio it makes, in Hz.
        languages: BCP 47 tags that it is made for.
        files: paths by role, as the engine's voice half wants them.
        revision: changes when the same request would sound different; see `revision_of`.
        timestamps: whether it tells when each word is heard.
        phonemes: whether it takes pronunciations.
    """

    engine: str
    name: str
    voices: list[Voice]
    sample_rate: int
    languages: list[str]
    files: dict[str, str]
    revision: str = ""
    timestamps: bool = False
    phonemes: bool = False


def revision_of(package: str, files: Iterable[Path]) -> str:
    """What tells a model and its engine from later ones: versions, sizes and times of change.

    Args:
        package: the name of the distribution that runs the model.
        files: the model's; those that are missing count as empty.
    """
    try:
        parts = [f"{package} {version(package)}"]
    except PackageNotFoundError:
        parts = [package]
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        parts.append(f"{file.name} {stat.st_size} {stat.st_mtime_ns}")
    return "; ".join(parts)


class EngineError(Exception):
    """An utterance that could not be spoken.

    Args:
        code: `unspeakable` where the text is at fault, `model_not_loaded` where the model's files
            are, `engine_failed` where the engine is, `implausible_audio` where what came of the
            text cannot be its speech.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class VoiceHost(Protocol):
    """A loaded model. Lives in an engine process; not thread-safe."""

    def speak(self, utterance: Utterance, *, again: bool = False) -> Spoken:
        """Speak one utterance.

        Args:
            again: the last take was implausible; this one is to differ.

        Raises:
            EngineError: the text yields no sound, or the engine failed.
        """
        ...


class ModelNotes(Struct, frozen=True):
    """What was found when looking for models, and what a person should know about it."""

    models: Sequence[EngineModel]
    notes: Sequence[str] = ()
