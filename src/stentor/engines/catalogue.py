"""Which local models there are, by what is installed and what the configuration names."""

from __future__ import annotations

from stentor.config import Config
from stentor.engines import kokoro, piper
from stentor.engines.base import ModelNotes


def find_models(config: Config) -> ModelNotes:
    """Look for every engine's models. Cheap: no model is loaded, no engine imported."""
    found: list[ModelNotes] = []
    options = config.providers
    if options.piper.enabled:
        found.append(
            piper.find_models(
                voices_dir=options.piper.voices_dir,
                voices_package=options.piper.voices_package,
            )
        )
    found.append(
        kokoro.find_models(
            model=options.kokoro.model,
            voices=options.kokoro.voices,
            name=options.kokoro.model_name,
        )
    )
    return ModelNotes(
        [model for one in found for model in one.models],
        [note for one in found for note in one.notes],
    )
