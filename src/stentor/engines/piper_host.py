"""Piper: VITS voices with espeak-ng phonemes, in an engine process."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stentor.engines.base import EngineError, EngineModel, Spoken, Utterance, WordTiming
from stentor.engines.espeak import split_phonemes, whole_pieces
from stentor.engines.onnx import open_session, open_session_with
from stentor.engines.onnx_graph import find_durations
from stentor.engines.plausible import bounds_of_sounds, implausible_levels, measure
from stentor.engines.pronounce import Inventory, Pronounced, Readings
from stentor.engines.words import is_sound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from piper import SynthesisConfig

    from stentor.audio.pcm import Pcm

# Some 500 characters of English. More at once costs memory: 1,500 take half a gigabyte.
PHONEMES_AT_ONCE = 500

# Piper rounds each phoneme's duration up, so a length scale of 1/speed falls short (2 gives
# 1.58). Measured on the embedded voice: the length scale that gives a speaking rate. Beyond
# these ends speech blurs, and stretching it sounds better (docs/performance.md).
_RATES = (0.5, 0.75, 1.0, 1.25, 1.5)
_LENGTH_SCALES = (2.33, 1.463, 1.0, 0.726, 0.574)

# The network's own level is about -25 LUFS and even from sentence to sentence, where scaling
# each sentence to full range, Piper's default, makes short ones louder.
_GAIN = 2.0
_KNEE = 0.7

# Measured on the embedded voice over a book; other voices are within a third of it.
_SECONDS_A_SOUND = 0.08

# Another take differs by the network's own noise, where the voice has any; less of it in the
# durations is the safer side.
_STEADIER, _LEAST_NOISE = 0.75, 0.1

# How Piper frames the ids of a sentence: `^`, and `_` behind it and behind every phoneme.
_BEGIN, _PAD = "^", "_"

# Double brackets would switch Piper to raw phonemes.
_DOUBLE_BRACKET = re.compile(r"\[(?=\[)|\](?=\])")


class _Take(NamedTuple):
    """What the network made of some phonemes; where each begins and ends, if it was asked."""

    audio: NDArray[np.float32]
    starts: NDArray[np.int64] | None
    ends: NDArray[np.int64] | None


class PiperHost:
    """A loaded Piper voice.

    Args:
        model: as `stentor.engines.piper.find_models` described it.
        threads: threads within one inference.
    """

    def __init__(self, model: EngineModel, threads: int) -> None:
        from piper import PiperVoice
        from piper.config import PhonemeType, PiperConfig

        config = PiperConfig.from_dict(json.loads(Path(model.files["config"]).read_bytes()))
        self._model = model
        self._threads = threads
        self._voice = PiperVoice(session=open_session(model.files["model"], threads), config=config)
        self._tells_durations = False
        self._espeak = config.phoneme_type == PhonemeType.ESPEAK
        self._multi = config.num_speakers > 1
        self._speakers = {
            voice.id: config.speaker_id_map.get(voice.id, index)
            for index, voice in enumerate(model.voices)
        }
        self._inventory = Inventory(config.phoneme_id_map, config.vowel_clusters)
        self._readings = Readings()

    def speak(self, utterance: Utterance, *, again: bool = False) -> Spoken:
        import numpy as np

        from stentor.audio.pcm import Pcm, from_float
        from stentor.audio.stretch import stretch

        sentences = self._read(utterance.text)
        pronounced = self._pronounce(utterance, sentences)
        phonemes = [
            part
            for sentence in (pronounced.sentences if pronounced else sentences)
            for part in split_phonemes(sentence, PHONEMES_AT_ONCE)
            if part
        ]
        if not phonemes:
            raise EngineError("unspeakable", "the voice has no sound for this text")
        timed = utterance.timestamps and self._tell_durations()
        native = min(max(utterance.speed, _RATES[0]), _RATES[-1])
        settings = self._settings(utterance, native, again)
        takes = [self._infer(part, settings, timed) for part in phonemes]
        audio = np.concatenate([take.audio for take in takes])
        # A single one makes the sum one, too.
        if not np.isfinite(audio.sum()):
            raise EngineError("implausible_audio", "the voice's samples are not numbers")
        pcm = Pcm(from_float(_limit(audio * np.float32(_GAIN))), self._voice.config.sample_rate)
        if utterance.speed != native:
            pcm = stretch(pcm, utterance.speed / native)
        spoken = list(chain.from_iterable(phonemes))
        self._check(pcm, spoken, utterance.speed)
        warnings = list(pronounced.warnings) if pronounced else []
        if utterance.phonemes and not self._model.phonemes:
            warnings.append("the voice takes no pronunciations; the words are said as written")
        sounds = self._voice.config.phoneme_id_map
        if unknown := dict.fromkeys(one for one in spoken if one not in sounds):
            warnings.append(f"the voice has no sound for: {' '.join(unknown)}")
        timings = None
        if timed and pronounced:
            timings = _timings(
                pronounced, spoken, takes, len(pcm.samples), utterance.speed / native
            )
        return Spoken(pcm.samples.tobytes(), pcm.sample_rate, warnings, timings)

    def _read(self, text: str) -> list[list[str]]:
        """The phonemes of each sentence."""
        text = _DOUBLE_BRACKET.sub(r"\g<0> ", text)
        pieces = whole_pieces(text, self._phonemes_of) if self._espeak else [text]
        return [sentence for piece in pieces for sentence in self._voice.phonemize(piece)]

    def _phonemes_of(self, text: str) -> str:
        return "".join("".join(sentence) for sentence in self._voice.phonemize(text))

    def _read_alone(self, word: str) -> Sequence[str]:
        return self._readings.read(word, "", lambda: list(chain.from_iterable(self._read(word))))

    def _pronounce(self, utterance: Utterance, sentences: list[list[str]]) -> Pronounced | None:
        """None where nobody wants to know which phonemes are whose."""
        asked = utterance.phonemes if self._model.phonemes else ()
        if not asked and not utterance.timestamps:
            return None
        return Pronounced(utterance.text, sentences, asked, self._inventory, self._read_alone)

    def _tell_durations(self) -> bool:
        """Load the voice anew so that it tells how long phonemes last, if it can."""
        if not self._tells_durations and self._model.timestamps:
            path = self._model.files["model"]
            found = find_durations(Path(path))
            if found and not found.told:
                self._voice.session = open_session_with(path, self._threads, found.tensor)
            self._tells_durations = found is not None
        return self._tells_durations

    def _settings(self, utterance: Utterance, native: float, again: bool) -> SynthesisConfig:
        import numpy as np
        from piper import SynthesisConfig

        config = self._voice.config
        return SynthesisConfig(
            speaker_id=self._speakers[utterance.voice] if self._multi else None,
            length_scale=config.length_scale * float(np.interp(native, _RATES, _LENGTH_SCALES)),
            noise_w_scale=config.noise_w_scale * _STEADIER or _LEAST_NOISE if again else None,
        )

    def _infer(self, phonemes: list[str], settings: SynthesisConfig, timed: bool) -> _Take:
        import numpy as np

        voice = self._voice
        ids = voice.phonemes_to_ids(phonemes)
        if not timed:
            audio = voice.phoneme_ids_to_audio(ids, settings)
            return _Take(np.atleast_1d(np.asarray(audio, np.float32)), None, None)
        audio, lengths = voice.phoneme_ids_to_audio(ids, settings, include_alignments=True)
        audio = np.atleast_1d(np.asarray(audio, np.float32))
        assert lengths is not None
        ends_of_ids = np.concatenate([[0], np.cumsum(lengths)])
        sounds = voice.config.phoneme_id_map
        pad = len(sounds[_PAD])
        counts = [len(sounds[one]) + pad if one in sounds else 0 for one in phonemes]
        places = np.cumsum([len(sounds[_BEGIN]) + pad, *counts])
        edges = np.minimum(ends_of_ids[places], len(audio))
        return _Take(audio, edges[:-1], edges[1:])

    def _check(self, pcm: Pcm, phonemes: Sequence[str], speed: float) -> None:
        config = self._voice.config
        count = sum(is_sound(one) and one in config.phoneme_id_map for one in phonemes)
        if not count:
            return
        bounds = bounds_of_sounds(count, _SECONDS_A_SOUND * config.length_scale, speed=speed)
        if reason := implausible_levels(measure(pcm), bounds):
            raise EngineError("implausible_audio", f"the audio cannot be the text's: {reason}")


def _timings(
    pronounced: Pronounced, phonemes: list[str], takes: list[_Take], length: int, stretched: float
) -> tuple[WordTiming, ...]:
    """Where the words are in the samples.

    Args:
        length: of the audio, in samples.
        stretched: how much faster it is than what the network made.
    """
    import numpy as np

    shifts = np.concatenate([[0], np.cumsum([len(take.audio) for take in takes])])
    starts = np.concatenate([take.starts + at for take, at in zip(takes, shifts, strict=False)])
    ends = np.concatenate([take.ends + at for take, at in zip(takes, shifts, strict=False)])

    def sample(position: int) -> int:
        return min(round(position / stretched), length)

    return tuple(
        WordTiming(start, end, sample(int(starts[first])), sample(int(ends[last - 1])))
        for (start, end), (first, last) in pronounced.place_words(phonemes)
    )


def _limit(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bend what exceeds the knee so that it stays within 1, instead of clipping it."""
    import numpy as np

    over = np.abs(audio) > _KNEE
    loud = audio[over]
    room = 1.0 - _KNEE
    audio[over] = np.sign(loud) * (_KNEE + room * np.tanh((np.abs(loud) - _KNEE) / room))
    return audio
