"""Deepgram's speech and models, as far as Stentor uses them."""

from __future__ import annotations

import json
from typing import Any

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

MAX_CHARS = 2_000
VOICES = (
    "aura-2-thalia-en",
    "aura-2-celeste-es",
    "aura-2-julius-de",
    "aura-asteria-en",
    "flux-haley-en",
    "flux-wes-en",
)
_ENCODINGS = {"linear16": "pcm", "mulaw": "ulaw", "alaw": "alaw", "mp3": "mp3", "opus": "opus"}
_CONTENT_TYPES = {
    "ulaw": "audio/mulaw",
    "alaw": "audio/alaw",
    "pcm": "audio/l16;rate=24000;channels=1",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg;codecs=opus",
}
# Each model has its own names for the headers.
_HEADERS = {
    "aura-2": ("x-dg-characters", "x-dg-request-id"),
    "aura": ("dg-char-count", "dg-request-id"),
    "flux": ("dg-char-count", "dg-request-id"),
}
_REFUSALS: dict[FaultKind, tuple[int, str, str]] = {
    "auth": (401, "INVALID_AUTH", "Invalid credentials."),
    "quota": (402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits."),
    "rate_limited": (429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later"),
    "invalid": (400, "Bad Request", "Bad Request: failed to deserialize the query."),
    "not_found": (400, "Bad Request", "Bad Request: No such model/version combination found."),
    "too_long": (413, "PAYLOAD_TOO_LARGE", "Input text exceeds maximum character limit of 2000."),
    "server": (500, "INTERNAL_SERVER_ERROR", "An internal error occurred."),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if not received.headers.get("authorization", "").startswith("Token "):
        return refuse("auth", received)
    if (received.method, received.path) == ("GET", "/v1/models"):
        return _json(200, {"stt": [], "tts": [_listed(name) for name in VOICES]})
    if received.method != "POST" or received.path not in ("/v1/speak", "/v2/speak"):
        return None
    query, text = dict(received.query), received.json().get("text", "")
    if not text:
        body = {
            "category": "INVALID_JSON",
            "message": "Invalid JSON submitted.",
            "details": "Json deserialize error: missing field `text` at line 1 column 2",
            "request_id": "uuid",
        }
        return _json(400, body)
    if len(text) > MAX_CHARS:
        return refuse("too_long", received)
    voice = query.get("model", "aura-asteria-en")
    model = next(one for one in ("aura-2", "aura", "flux", voice) if voice.startswith(one))
    if voice not in VOICES or (model == "flux") != (received.path == "/v2/speak"):
        return refuse("not_found", received)
    form = _form(query)
    if form is None:
        return refuse("invalid", received)
    clip = sound.clip(form, text)
    count, id_ = _HEADERS[model]
    headers = {"content-type": _CONTENT_TYPES[form.encoding], count: str(len(text)), id_: "uuid-7"}
    return Answer(headers=headers, parts=[clip[:777], clip[777:]])


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, code, message = _REFUSALS[kind]
    return _json(status, {"err_code": code, "err_msg": message, "request_id": "uuid"})


def _form(query: dict[str, str]) -> AudioForm | None:
    """What is asked for; None: the vendor has no such combination."""
    encoding = _ENCODINGS.get(query.get("encoding", "mp3"))
    container, rate = query.get("container"), query.get("sample_rate")
    if encoding == "pcm":
        if rate not in (None, "8000", "16000", "24000", "32000", "48000"):
            return None
        if container in (None, "wav"):
            return AudioForm("wav")
        return AudioForm("pcm", int(rate or 24_000)) if container == "none" else None
    if encoding in ("mp3", "opus"):
        wanted = {"mp3": None, "opus": "ogg"}[encoding]
        fits = container in (None, wanted) and rate is None
        return AudioForm(encoding) if fits else None  # type: ignore[arg-type]
    return AudioForm(encoding, 8_000) if encoding and rate == "8000" else None  # type: ignore[arg-type]


def _listed(name: str) -> dict[str, Any]:
    _, voice, language = name.rsplit("-", 2)
    return {
        "name": voice,
        "canonical_name": name,
        "architecture": name.removesuffix(f"-{voice}-{language}"),
        "languages": ["en", "en-US"] if language == "en" else [language],
        "version": "2026-01-02.0",
        "uuid": "uuid",
        "metadata": {
            "accent": "American",
            "age": "Adult",
            "tags": ["masculine" if voice in ("julius", "wes") else "feminine", "clear"],
            "use_cases": [],
        },
    }


def _json(status: int, body: Any) -> Answer:
    return Answer(status, {"content-type": "application/json"}, [json.dumps(body).encode()])
