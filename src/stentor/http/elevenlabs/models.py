"""Which model speaks, where a client names one of ElevenLabs' own."""

from __future__ import annotations

from stentor.routing.catalogue import Catalogue

# The one that ElevenLabs takes where none is named.
DEFAULT_MODEL = "eleven_multilingual_v2"
_PREFIX = "eleven_"


def choose_model(catalogue: Catalogue, model_id: str | None, voice: str) -> str:
    """The name of the model that a call means.

    An alias, or `provider/model`, means itself. An id of ElevenLabs' is a configured account's;
    but a voice of another model is spoken by that, and where there is no account, some model of
    this machine does. What is unknown comes back as it is, to be refused as on any other path.
    """
    named = model_id or DEFAULT_MODEL
    if catalogue.has(named):
        return named
    own = [
        f"{account.name}/{named}"
        for account in catalogue.accounts
        if account.provider.type == "elevenlabs" and account.has(named)
    ]
    if not own and not named.startswith(_PREFIX):
        return named
    if own:
        [target] = catalogue.resolve(own[0], param="model")
        if target.voices.get(voice) is not None:
            return own[0]
    local = [voice.model for voice in catalogue.voices()]
    candidates = [*catalogue.models_with(voice), *own, *local]
    return candidates[0] if candidates else named
