"""Mistral's speech and voices endpoints, as far as Stentor uses them."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

CONTENT_TYPE = {"content-type": "application/json"}
VOICES: list[dict[str, Any]] = [
    {
        "name": f"Paul {number}",
        "id": f"00000000-0000-4000-8000-{number:012}",
        "slug": f"en_paul_{number}",
        "created_at": "2026-03-26T00:00:00Z",
        "user_id": None,
        "type": "preset",
        "languages": ["en_us"],
        "gender": "male",
        "kind": "ivc",
    }
    for number in range(120)
] + [
    {
        "name": "Mine",
        "id": "ffffffff-0000-4000-8000-000000000000",
        "slug": None,
        "created_at": "2026-05-01T00:00:00Z",
        "user_id": "u-1",
        "type": "custom",
        "languages": [],
        "gender": None,
    }
]
_REFUSALS: dict[FaultKind, tuple[int, Any]] = {
    "auth": (401, {"detail": "Unauthorized"}),
    "quota": (402, {"detail": "Payment required"}),
    "rate_limited": (
        429,
        {
            "object": "error",
            "message": "Rate limit exceeded",
            "type": "rate_limited",
            "param": None,
            "code": "1300",
            "raw_status_code": 429,
        },
    ),
    "invalid": (
        422,
        {"detail": [{"type": "missing", "loc": ["body", "input"], "msg": "Field required"}]},
    ),
    "not_found": (
        400,
        {
            "object": "error",
            "message": "Invalid model: voxtral-9",
            "type": "invalid_model",
            "param": None,
            "code": "1500",
        },
    ),
    "too_long": (
        422,
        {
            "detail": [
                {
                    "type": "string_too_long",
                    "loc": ["body", "input"],
                    "msg": "Input is too long",
                }
            ]
        },
    ),
    "server": (503, {"object": "error", "message": "Service unavailable.", "type": "server"}),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    path = (received.method, received.path.partition("?")[0])
    if path not in (("POST", "/v1/audio/speech"), ("GET", "/v2/audio/voices")):
        return None
    if not received.headers.get("authorization", "").startswith("Bearer "):
        return refuse("auth", received)
    if received.method == "GET":
        return _voices(dict(received.query))
    body = received.json()
    if not body.get("input") or not (body.get("voice_id") or body.get("ref_audio")):
        return refuse("invalid", received)
    audio = speech(body.get("response_format", "mp3"), body["input"], sound)
    return Answer(headers={"content-type": "text/event-stream"}, parts=events(audio))


def speech(name: str, text: str, sound: Sound) -> bytes:
    """The audio; `pcm` is 32 bit floating point."""
    if name != "pcm":
        return sound.clip(AudioForm(name), text)
    pcm = np.frombuffer(sound.clip(AudioForm("pcm", 24_000), text), "<i2")
    return (pcm.astype("<f4") / 32768).tobytes()


def events(audio: bytes, *, piece: int = 10_001, done: bool = True) -> list[bytes]:
    """The body, an event each; the pieces do not end where samples do."""
    found = [
        _event("speech.audio.delta", audio_data=base64.b64encode(audio[at : at + piece]).decode())
        for at in range(0, len(audio), piece)
    ]
    usage = {"prompt_tokens": 7, "completion_tokens": 41, "total_tokens": 48}
    return [*found, _event("speech.audio.done", usage=usage)] if done else found


def _event(name: str, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name} | data)}\n\n".encode()


def _voices(query: dict[str, str]) -> Answer:
    start = int(query.get("page_token", 0))
    end = start + int(query.get("page_size", 10))
    following = str(end) if end < len(VOICES) else None
    page = {"data": VOICES[start:end], "next_page_token": following}
    return Answer(200, CONTENT_TYPE, [json.dumps(page).encode()])


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, body = _REFUSALS[kind]
    headers = CONTENT_TYPE | ({"retry-after": "1"} if kind == "rate_limited" else {})
    return Answer(status, headers, [json.dumps(body).encode()])
