"""Voices and models as ElevenLabs' clients read them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from stentor.contract import Model, Voice
from stentor.errors import SpeechError, not_found
from stentor.gateway import Gateway
from stentor.http.elevenlabs.wire import (
    ElevenLabsLanguage,
    ElevenLabsModel,
    ElevenLabsVoice,
    ElevenLabsVoiceLanguage,
    ElevenLabsVoicePage,
)
from stentor.routing.catalogue import Catalogue
from stentor.voice_list import list_voices

MAX_PAGE = 100


async def all_voices(gateway: Gateway) -> list[ElevenLabsVoice]:
    """Every voice once, whichever models have it; then the configuration's own names of voices."""
    listed = await list_voices(gateway.voices, None)
    by_id: dict[str, list[Voice]] = {}
    for voice in listed.voices:
        by_id.setdefault(voice.id, []).append(voice)
    aliases = _aliases(gateway.voices.catalogue)
    return [
        *(_voice(voices) for id_, voices in by_id.items() if id_ not in aliases),
        *aliases.values(),
    ]


async def one_voice(gateway: Gateway, voice_id: str) -> ElevenLabsVoice:
    """A voice by its id.

    Raises:
        SpeechError: 404: there is none.
    """
    for voice in await all_voices(gateway):
        if voice.voice_id == voice_id:
            return voice
    raise not_found(f"there is no voice {voice_id[:80]!r}", code="unknown_voice")


async def voice_page(gateway: Gateway, query: Mapping[str, str]) -> ElevenLabsVoicePage:
    """The voices that a search finds, by pages.

    Raises:
        SpeechError: 422 that names the parameter.
    """
    size = _number(query, "page_size", MAX_PAGE, 1, MAX_PAGE)
    begin = _number(query, "next_page_token", 0, 0, 10**9)
    wanted = query.get("search", "").lower()
    found = [one for one in await all_voices(gateway) if wanted in _searched(one)]
    end = begin + size
    more = end < len(found)
    return ElevenLabsVoicePage(found[begin:end], more, len(found), str(end) if more else None)


def all_models(gateway: Gateway) -> list[ElevenLabsModel]:
    """Every model that can be named."""
    longest = gateway.config.server.max_input_chars
    return [_model(one, longest) for one in gateway.voices.catalogue.models()]


def _voice(voices: Sequence[Voice]) -> ElevenLabsVoice:
    first = voices[0]
    labels = {"language": first.language, "gender": first.gender, "provider": first.provider}
    return ElevenLabsVoice(
        voice_id=first.id,
        name=first.name,
        labels={name: value for name, value in labels.items() if value is not None},
        high_quality_base_model_ids=[one.model for one in voices if one.model],
        verified_languages=[
            ElevenLabsVoiceLanguage(one.language.partition("-")[0], one.model, one.language)
            for one in voices
            if one.language is not None
        ],
    )


def _aliases(catalogue: Catalogue) -> dict[str, ElevenLabsVoice]:
    return {
        alias: ElevenLabsVoice(
            voice_id=alias,
            name=alias,
            high_quality_base_model_ids=catalogue.models_with(alias),
        )
        for alias in catalogue.voice_aliases
    }


def _searched(voice: ElevenLabsVoice) -> str:
    return "\n".join([voice.voice_id, voice.name, *voice.labels.values()]).lower()


def _model(model: Model, longest: int) -> ElevenLabsModel:
    return ElevenLabsModel(
        model_id=model.id,
        name=model.name or model.id,
        description=f"{model.name or model.id} by {model.owned_by}",
        maximum_text_length_per_request=longest,
        max_characters_request_free_user=longest,
        max_characters_request_subscribed_user=longest,
        languages=[ElevenLabsLanguage(one, one) for one in model.languages],
    )


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,10}", value) or not least <= int(value) <= most:
        raise SpeechError(
            422,
            "invalid_value",
            f"{name}: expected an integer from {least} to {most}, got {value[:40]!r}",
            param=name,
        )
    return int(value)
