"""OpenAI's speech endpoint, as far as Stentor uses it, and servers that took it over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

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
Refusal = tuple[int, str, str | None, str]
_REFUSALS: dict[FaultKind, Refusal] = {
    "auth": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-x."),
    "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached for tts-1."),
    "invalid": (400, "invalid_request_error", None, "'voice' is not one of the voices."),
    "not_found": (404, "invalid_request_error", "model_not_found", "The model does not exist."),
    "too_long": (
        400,
        "invalid_request_error",
        "invalid_value",
        "Input of 2132 tokens is over the maximum input limit of 2000 tokens. "
        "Please shorten your input.",
    ),
    "server": (500, "server_error", None, "The server had an error."),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if (received.method, received.path) != ("POST", "/audio/speech"):
        return None
    if not received.headers.get("authorization", "").startswith("Bearer "):
        return refuse("auth", received)
    return speech(received, sound)


def speech(received: Received, sound: Sound) -> Answer:
    """The answer to a call that proved itself."""
    body = received.json()
    if not body.get("model") or not body.get("input") or not body.get("voice"):
        return refuse("invalid", received)
    encoding = body.get("response_format", "mp3")
    rate = 24_000 if encoding == "pcm" else None
    clip = sound.clip(AudioForm(encoding, rate), body["input"])
    return Answer(
        headers={"content-type": CONTENT_TYPES[encoding], "x-request-id": "req_1"}, parts=[clip]
    )


def refuse(kind: FaultKind, received: Received) -> Answer:
    return refusal(_REFUSALS[kind], hurry=kind == "rate_limited")


def refusal(words: Refusal, *, hurry: bool = False) -> Answer:
    """An error in OpenAI's form."""
    status, type_, code, message = words
    error = {"message": message, "type": type_, "param": None, "code": code}
    headers = {"content-type": "application/json", "x-request-id": "req_2"}
    if hurry:
        headers["retry-after"] = "1"
    return Answer(status, headers, [json.dumps({"error": error}).encode()])


@dataclass(frozen=True)
class OwnServer:
    """A server such as Kokoro-FastAPI, without keys.

    Attributes:
        voices: its `GET /audio/voices`; None: it has none.
        only: the one format that it answers with, whatever it is asked for.
    """

    voices: Any = None
    only: str | None = None

    def answer(self, received: Received, sound: Sound) -> Answer | None:
        if (received.method, received.path) == ("GET", "/v1/audio/voices"):
            return None if self.voices is None else _json(200, self.voices)
        if (received.method, received.path) != ("POST", "/v1/audio/speech"):
            return None
        body = received.json()
        if not body.get("input"):
            return self.refuse("invalid", received)
        encoding = self.only or body.get("response_format", "mp3")
        clip = sound.clip(AudioForm(encoding), body["input"])
        return Answer(headers={"content-type": "application/octet-stream"}, parts=[clip])

    def refuse(self, kind: FaultKind, received: Received) -> Answer:
        """As FastAPI does."""
        status = {"invalid": 400, "not_found": 404, "server": 500}.get(kind, 422)
        detail = {"error": "validation_error", "message": "Voice 'x' not found.", "type": kind}
        return _json(status, {"detail": detail})


def _json(status: int, body: Any) -> Answer:
    return Answer(status, {"content-type": "application/json"}, [json.dumps(body).encode()])
