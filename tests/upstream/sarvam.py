"""Sarvam's speech endpoint, as far as Stentor uses it."""

from __future__ import annotations

import json

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

CONTENT_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
}
LANGUAGES = (
    "bn-IN", "en-IN", "gu-IN", "hi-IN", "kn-IN", "ml-IN", "mr-IN", "od-IN", "pa-IN", "ta-IN",
    "te-IN",
)  # fmt: skip
MODELS = ("bulbul:v2", "bulbul:v3", "bulbul:v4-flash")
_REFUSALS: dict[FaultKind, tuple[int, str, str]] = {
    "auth": (403, "invalid_api_key_error", "Invalid API key"),
    "quota": (429, "insufficient_quota_error", "Insufficient credits"),
    "rate_limited": (429, "rate_limit_exceeded_error", "Rate limit exceeded"),
    "invalid": (400, "invalid_request_error", "Speaker is not compatible with the model"),
    "not_found": (404, "not_found_error", "Dictionary not found"),
    "too_long": (413, "invalid_request_error", "Text is too long"),
    "server": (500, "internal_server_error", "Internal server error"),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if (received.method, received.path) != ("POST", "/text-to-speech/stream"):
        return None
    if not received.headers.get("api-subscription-key"):
        return refuse("auth", received)
    body = received.json()
    if (
        not body.get("text")
        or body.get("model") not in MODELS
        or body.get("language_code") not in LANGUAGES
        or body.get("speech_sample_rate") not in (8000, 16_000, 22_050, 24_000)
    ):
        return refuse("invalid", received)
    if len(body["text"]) > 3500:
        return refuse("too_long", received)
    codec = body.get("output_audio_codec", "mp3")
    clip = sound.clip(AudioForm(codec, body["speech_sample_rate"]), body["text"])
    return Answer(
        headers={"content-type": CONTENT_TYPES[codec], "x-request-id": "20261124_1"},
        parts=[clip],
    )


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, code, message = _REFUSALS[kind]
    error = {"request_id": "20261124_2", "message": message, "code": code}
    return Answer(
        status, {"content-type": "application/json"}, [json.dumps({"error": error}).encode()]
    )
