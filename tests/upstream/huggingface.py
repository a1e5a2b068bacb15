"""Hugging Face's router, as far as Stentor uses it: three of its routes to speech."""

from __future__ import annotations

import json
import re

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

CONTENT_TYPES = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
}
ROUTES = {
    "/deepinfra/v1/openai/audio/speech": ("wav", "flac", "mp3", "opus"),
    "/together/v1/audio/speech": ("wav", "mp3"),
}
_REFUSALS: dict[FaultKind, tuple[int, str]] = {
    "auth": (401, "Invalid username or password."),
    "quota": (402, "You have exceeded your monthly included credits for Inference Providers."),
    "rate_limited": (429, "Too many requests"),
    "invalid": (422, "Input validation error"),
    "not_found": (400, "Model not supported by provider hf-inference"),
    "too_long": (413, "Payload too large"),
    "server": (503, "Model facebook/mms-tts-eng is currently loading"),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if received.method != "POST":
        return None
    model = re.fullmatch(r"/hf-inference/models/([\w.-]+/[\w.-]+)", received.path)
    if model is None and received.path not in ROUTES:
        return None
    if not received.headers.get("authorization", "").startswith("Bearer "):
        return refuse("auth", received)
    body = received.json()
    if model is not None:
        if not body.get("inputs"):
            return refuse("invalid", received)
        text, encoding = body["inputs"], "flac"
    else:
        text, encoding = body.get("input"), body.get("response_format", "wav")
        if not text or not body.get("model") or encoding not in ROUTES[received.path]:
            return refuse("invalid", received)
    clip = sound.clip(AudioForm(encoding), text)
    return Answer(
        headers={"content-type": CONTENT_TYPES[encoding], "x-request-id": "Root=1-67"},
        parts=[clip],
    )


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, message = _REFUSALS[kind]
    headers = {"content-type": "application/json"}
    body: dict[str, object] = {"error": message}
    if kind == "rate_limited":
        headers["retry-after"] = "1"
    if kind == "server":
        body["estimated_time"] = 20.0
    return Answer(status, headers, [json.dumps(body).encode()])
