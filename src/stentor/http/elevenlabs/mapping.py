"""From a call as ElevenLabs' clients make it to a request of this server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from stentor.audio.settings import Quality
from stentor.errors import SpeechError, invalid
from stentor.http.elevenlabs.formats import read_output_format
from stentor.http.elevenlabs.models import choose_model
from stentor.http.elevenlabs.wire import ElevenLabsSpeech
from stentor.requests import StoredRequest, explained, from_fields, json_object
from stentor.routing.catalogue import Catalogue

MAX_HASTE = 4

_BODY_FIELDS = frozenset(field.name for field in msgspec.structs.fields(ElevenLabsSpeech))
# Decided by the path and the query here.
_DECIDED = frozenset(
    {"model", "input", "voice", "response_format", "stream_format", "with_timestamps", "metadata"}
)
_PARAMS = {
    "input": "text",
    "voice": "voice_id",
    "model": "model_id",
    "speed": "voice_settings.speed",
}


class Wanted(NamedTuple):
    """What a call asks for."""

    stored: StoredRequest
    quality: Quality | None


def read_call(
    body: bytes,
    query: Mapping[str, str],
    voice_id: str,
    catalogue: Catalogue,
    *,
    with_timestamps: bool,
) -> Wanted:
    """What a call asks for.

    Raises:
        SpeechError: 422 that names the parameter, what was wrong and what was expected.
    """
    made = read_output_format(query.get("output_format"))
    try:
        fields = json_object(body)
        speech = _decoded(fields)
        request = {name: value for name, value in fields.items() if _is_passed_on(name, value)}
        request |= {
            "model": choose_model(catalogue, speech.model_id, voice_id),
            "input": speech.text,
            "voice": voice_id,
            "response_format": made.response_format,
            "with_timestamps": with_timestamps or None,
            "language_code": speech.language_code,
            "pronunciation_dictionary_locators": fields.get("pronunciation_dictionary_locators"),
            **_settings(speech),
            **_query(query),
        }
        return Wanted(from_fields(request), made.quality)
    except SpeechError as error:
        error.status_code = 422
        raise in_their_words(error) from error


def in_their_words(error: SpeechError) -> SpeechError:
    """The error, with ElevenLabs' names of the parameters."""
    if error.param in _PARAMS:
        name = _PARAMS[error.param]
        error.message = re.sub(rf"^{error.param}\b", name, error.message)
        error.param = name
    return error


def _decoded(fields: dict[str, Any]) -> ElevenLabsSpeech:
    try:
        return msgspec.convert(fields, ElevenLabsSpeech)
    except msgspec.ValidationError as error:
        raise explained(str(error), fields) from error


def _is_passed_on(name: str, value: Any) -> bool:
    return value is not None and name not in _BODY_FIELDS and name not in _DECIDED


def _settings(speech: ElevenLabsSpeech) -> dict[str, Any]:
    """The speed for whoever speaks; what else is set, for a vendor that knows it."""
    settings = {k: v for k, v in (speech.voice_settings or {}).items() if v is not None}
    made = {"speed": settings.pop("speed", None)}
    if settings:
        made["voice_settings"] = settings
    if speech.apply_text_normalization is not None:
        made["apply_text_normalization"] = speech.apply_text_normalization
        # Where it is on, the voices of this machine have it anyway, and vendors do it themselves.
        made["text_normalization"] = "off" if speech.apply_text_normalization == "off" else None
    return made


def _query(query: Mapping[str, str]) -> dict[str, bool | None]:
    logging = query.get("enable_logging", "true").lower()
    if logging not in ("true", "false"):
        raise invalid(
            f"enable_logging: expected true or false, got {logging[:40]!r}", param="enable_logging"
        )
    haste = query.get("optimize_streaming_latency", "0")
    if not re.fullmatch(rf"[0-{MAX_HASTE}]", haste):
        raise invalid(
            f"optimize_streaming_latency: expected an integer from 0 to {MAX_HASTE}, "
            f"got {haste[:40]!r}",
            param="optimize_streaming_latency",
        )
    return {
        "enable_logging": False if logging == "false" else None,
        "optimize_streaming_latency": haste != "0" or None,
    }
