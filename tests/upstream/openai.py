"""OpenAI's speech endpoint, as far as Stentor uses it."""

from __future__ import annotations

import json

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_REFUSALS: dict[FaultKind, tuple[int, str, str | None, str]] = {
    "auth": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-x."),
    "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached for tts-1."),
    "invalid": (400, "invalid_request_error", None, "'voice' is not one of the voices."),
    "not_found": (404, "invalid_request_error", "model_not_found", "The model does not exist."),
    "too_long": (400, "invalid_request_error", "string_too_long", "Expected at most 4096."),
    "server": (500, "server_error", None, "The server had an error."),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if (received.method, received.path) != ("POST", "/audio/speech"):
        return None
    if not received.headers.get("authorization", "").startswith("Bearer "):
        return refuse("auth", received)
    body = received.json()
    if not body.get("input") or not body.get("voice"):
        return refuse("invalid", received)
    encoding = body.get("response_format", "mp3")
    rate = 24_000 if encoding == "pcm" else None
    clip = sound.clip(AudioForm(encoding, rate), body["input"])
    return Answer(
        headers={"content-type": CONTENT_TYPES[encoding], "x-request-id": "req_1"}, parts=[clip]
    )


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, type_, code, message = _REFUSALS[kind]
    error = {"message": message, "type": type_, "param": None, "code": code}
    headers = {"content-type": "application/json", "x-request-id": "req_2"}
    if kind == "rate_limited":
        headers["retry-after"] = "1"
    return Answer(status, headers, [json.dumps({"error": error}).encode()])
