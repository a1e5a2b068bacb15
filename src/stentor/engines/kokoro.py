"""Which voices of Kokoro-82M there are (package `kokoro-onnx`).

The model and the voices are files that the user names. A voice's first letter is its language
and its second its gender (`af_heart`: American English, female), as in the model's own
VOICES.md. It is loaded in an engine process only (`stentor.engines.kokoro_host`).
"""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from stentor.contract import Voice
from stentor.engines.base import (
    EngineModel,
    ModelNotes,
    revision_of,
)
from stentor.engines.onnx_graph import find_durations

NAME = "kokoro"
EXTRA = "stentor[kokoro]"
SAMPLE_RATE = 24_000

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
        timestamps=find_durations(model) is not None,
        phonemes=True,
    )
    left_out = sorted(set(ids) - set(offered))
    notes = [f"provider kokoro: no phonemes for {', '.join(left_out)}"] if left_out else []
    return ModelNotes([found], notes)
