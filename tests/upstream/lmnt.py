"""LMNT's speech and voices, as far as Stentor uses them."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.sound import SECONDS_PER_CHARACTER
from upstream.values import Answer, Received, Sound

MAX_CHARS = 5_000
_FORMATS = {"pcm_s16le": "pcm", "wav": "wav", "mp3": "mp3"}
_CONTENT_TYPES = {"pcm": "application/octet-stream", "wav": "audio/wav", "mp3": "audio/mpeg"}
_PIECES = re.compile(r"\w+|\s+|[^\w\s]+")
_REFUSALS: dict[FaultKind, tuple[int, str, str]] = {
    "auth": (401, "authentication_error", "Invalid API key."),
    "quota": (402, "payment_required_error", "Your plan's characters are used up."),
    "rate_limited": (429, "rate_limit_error", "Too many requests."),
    "invalid": (400, "invalid_request_error", "sample_rate: must be 8000, 16000 or 24000"),
    "not_found": (404, "not_found_error", "Voice 'x' not found."),
    "too_long": (400, "invalid_request_error", "text: must be at most 5000 characters"),
    "server": (500, "internal_server_error", "Something went wrong."),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if not received.headers.get("x-api-key"):
        return refuse("auth", received)
    if not received.headers.get("lmnt-version"):
        return refuse("invalid", received)
    if (received.method, received.path) == ("GET", "/v1/ai/voice/list"):
        return _json(200, _voices())
    if received.method != "POST" or received.path not in ("/v1/ai/speech", "/v1/ai/speech/bytes"):
        return None
    body = received.json()
    if len(body.get("text", "")) > MAX_CHARS:
        return refuse("too_long", received)
    if not body.get("text") or body.get("sample_rate", 24_000) not in (8_000, 16_000, 24_000):
        return refuse("invalid", received)
    if body.get("voice") == "nobody":
        return refuse("not_found", received)
    encoding = _FORMATS[body.get("format", "mp3")]
    rate = body.get("sample_rate", 24_000) if encoding == "pcm" else None
    clip = sound.clip(AudioForm(encoding, rate), body["text"])  # type: ignore[arg-type]
    if received.path == "/v1/ai/speech":
        document: dict[str, Any] = {"audio": base64.b64encode(clip).decode()}
        if body.get("return_timestamps"):
            document["timestamps"] = _timestamps(body["text"])
        return _json(200, document)
    headers = {"content-type": _CONTENT_TYPES[encoding], "request-id": "req_lmnt"}
    return Answer(headers=headers, parts=[clip[:777], clip[777:]])


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, type_, message = _REFUSALS[kind]
    answer = _json(status, {"error": {"type": type_, "message": message}})
    if kind == "rate_limited":
        answer.headers["retry-after"] = "1"
    return answer


def _timestamps(text: str) -> list[dict[str, Any]]:
    """Every piece of the text is timed, with a silence before and after."""
    pieces = [
        {
            "text": match[0],
            "start": match.start() * SECONDS_PER_CHARACTER,
            "duration": len(match[0]) * SECONDS_PER_CHARACTER,
        }
        for match in _PIECES.finditer(text)
    ]
    end = len(text) * SECONDS_PER_CHARACTER
    silence = {"text": "", "duration": 0.0}
    return [silence | {"start": 0.0}, *pieces, silence | {"start": end}]


def _voices() -> list[dict[str, Any]]:
    common = {"owner": "system", "description": "A voice.", "starred": False, "tags": []}
    return [
        common | {"id": "leah", "name": "Leah", "state": "ready", "gender": "female"},
        common | {"id": "miles", "name": "Miles", "state": "ready", "gender": "male"},
        common | {"id": "ansel", "name": "Ansel", "state": "ready", "gender": "nonbinary"},
        common | {"id": "mine", "name": "Mine", "state": "training", "owner": "me"},
    ]


def _json(status: int, body: Any) -> Answer:
    headers = {"content-type": "application/json", "request-id": "req_lmnt"}
    return Answer(status, headers, [json.dumps(body).encode()])
