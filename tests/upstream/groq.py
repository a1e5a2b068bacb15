"""Groq's speech endpoint, as far as Stentor uses it."""

from __future__ import annotations

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.openai import Refusal, refusal
from upstream.values import Answer, Received, Sound

MAX_CHARS = 200
_REFUSALS: dict[FaultKind, Refusal] = {
    "auth": (401, "invalid_request_error", "invalid_api_key", "Invalid API Key"),
    "quota": (400, "invalid_request_error", "blocked_api_access", "Spend limit reached."),
    "rate_limited": (
        429,
        "tokens",
        "rate_limit_exceeded",
        "Rate limit reached for model `canopylabs/orpheus-v1-english`. Please try again in 1s.",
    ),
    "invalid": (400, "invalid_request_error", None, "`voice` must be one of [autumn diana]"),
    "not_found": (404, "invalid_request_error", "model_not_found", "The model does not exist."),
    "too_long": (400, "invalid_request_error", None, "Input must be less than 200 characters"),
    "server": (503, "internal_server_error", None, "Service Unavailable"),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if (received.method, received.path) != ("POST", "/openai/v1/audio/speech"):
        return None
    if not received.headers.get("authorization", "").startswith("Bearer "):
        return refuse("auth", received)
    body = received.json()
    if not body.get("voice") or body.get("response_format") != "wav":
        return refuse("invalid", received)
    if len(body["input"]) > MAX_CHARS:
        return refuse("too_long", received)
    clip = sound.clip(AudioForm("wav"), body["input"])
    return Answer(headers={"content-type": "audio/wav", "x-request-id": "req_1"}, parts=[clip])


def refuse(kind: FaultKind, received: Received) -> Answer:
    return refusal(_REFUSALS[kind], hurry=kind == "rate_limited")
