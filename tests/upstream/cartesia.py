"""Cartesia's speech and voices, as far as Stentor uses them."""

from __future__ import annotations

import base64
import json
from typing import Any

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.sound import SECONDS_PER_CHARACTER
from upstream.values import Answer, Received, Sound

VOICES = 205
CHUNK_BYTES = 9_999  # neither whole samples nor whole groups of base64
MODELS = ("sonic-3.5", "sonic-3.6", "sonic-3", "sonic-latest", "sonic-3-2026-01-12")
_RATES = (8000, 16000, 22050, 24000, 44100, 48000)
_ENCODINGS = {"pcm_s16le": "pcm", "pcm_mulaw": "ulaw", "pcm_alaw": "alaw"}
_REFUSALS: dict[FaultKind, tuple[int, str | None, str, str]] = {
    "auth": (401, "unauthorized", "Invalid API key", "The API key is not valid."),
    "quota": (402, "quota_exceeded", "Out of credits", "Your plan has no credits left."),
    "rate_limited": (
        429,
        "concurrency_limited",
        "Too many concurrent requests",
        "You have exceeded your plan's concurrency limit.",
    ),
    "invalid": (400, None, "Bad request", "generation_config.speed must be from 0.6 to 1.5."),
    "not_found": (
        400,
        "model_not_found",
        "Invalid model",
        "The model is not valid, make sure it is a valid model ID.",
    ),
    "too_long": (413, None, "Request too large", "The transcript is too long."),
    "server": (500, None, "Internal server error", "An unexpected error occurred."),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if not received.headers.get("cartesia-version"):
        return _error(400, None, "Bad request", "The Cartesia-Version header is missing.")
    if not received.headers.get("authorization", "").startswith("Bearer "):
        return refuse("auth", received)
    if (received.method, received.path) == ("GET", "/voices"):
        return _voices(dict(received.query))
    if received.method != "POST" or received.path not in ("/tts/bytes", "/tts/sse"):
        return None
    body, events = received.json(), received.path == "/tts/sse"
    if body.get("model_id") not in MODELS:
        return refuse("not_found", received)
    if not _good(body, events=events):
        return refuse("invalid", received)
    form = _form(body["output_format"])
    clip = sound.clip(form, body["transcript"])
    if events:
        parts = _events(body["transcript"], clip, timed=body.get("add_timestamps", False))
        return Answer(headers={"content-type": "text/event-stream"}, parts=parts)
    type_ = {"mp3": "audio/mpeg", "wav": "audio/wav"}.get(form.encoding, "audio/pcm")
    headers = {"content-type": type_, "x-request-id": "req_cartesia"}
    return Answer(headers=headers, parts=[clip[:777], clip[777:]])


def refuse(kind: FaultKind, received: Received) -> Answer:
    return _error(*_REFUSALS[kind])


def _good(body: dict[str, Any], *, events: bool) -> bool:
    format_ = body.get("output_format", {})
    speed = body.get("generation_config", {}).get("speed", 1.0)
    return (
        bool(body.get("transcript"))
        and isinstance(body.get("voice"), str)
        and format_.get("sample_rate") in _RATES
        and (format_.get("container") == "raw" or (not events and "container" in format_))
        and 0.6 <= speed <= 1.5
        and not ("language" in body and "locale" in body)
    )


def _form(format_: dict[str, Any]) -> AudioForm:
    if format_["container"] == "raw":
        return AudioForm(_ENCODINGS[format_["encoding"]], format_["sample_rate"])  # type: ignore[arg-type]
    return AudioForm(format_["container"])


def _events(transcript: str, clip: bytes, *, timed: bool) -> list[bytes]:
    chunks = [clip[at : at + CHUNK_BYTES] for at in range(0, len(clip), CHUNK_BYTES)]
    events: list[dict[str, Any]] = [
        {"type": "chunk", "data": base64.b64encode(chunk).decode(), "step_time": 12.5}
        for chunk in chunks
    ]
    if timed:
        words = transcript.split()
        half = len(words) // 2
        at, starts = 0, []
        for word in words:
            at = transcript.index(word, at)
            starts.append(at * SECONDS_PER_CHARACTER)
            at += len(word)
        for part in (slice(0, half), slice(half, None)):
            timestamps = {
                "words": words[part],
                "start": starts[part],
                "end": [
                    start + len(word) * SECONDS_PER_CHARACTER
                    for start, word in zip(starts[part], words[part], strict=True)
                ],
            }
            place = 1 if part.start == 0 else len(events)
            events.insert(place, {"type": "timestamps", "word_timestamps": timestamps})
    common = {"done": False, "status_code": 206}
    lines = [(one["type"], common | one) for one in events]
    lines.append(("done", {"type": "done", "done": True, "status_code": 200}))
    return [f"event: {name}\ndata: {json.dumps(one)}\n\n".encode() for name, one in lines]


def _voices(query: dict[str, str]) -> Answer:
    after = query.get("starting_after")
    begin = int(after.removeprefix("voice")) + 1 if after else 0
    end = min(begin + min(int(query.get("limit", 10)), 100), VOICES)
    data = [
        {
            "id": f"voice{number:04}",
            "name": f"Voice {number}",
            "tagline": "",
            "description": "A voice.",
            "language": "en",
            "locales": [{"locale": "en-GB", "is_native": True}] if number % 2 else [],
            "gender": ("feminine", "masculine", "gender_neutral", None)[number % 4],
            "is_owner": False,
            "access": "public",
            "visibility": "all",
            "created_at": "2026-01-02T03:04:05Z",
        }
        for number in range(begin, end)
    ]
    page = {"data": data, "has_more": end < VOICES}
    return Answer(headers={"content-type": "application/json"}, parts=[json.dumps(page).encode()])


def _error(status: int, code: str | None, title: str, message: str) -> Answer:
    error = {
        "error_code": code,
        "title": title,
        "message": message,
        "request_id": "550e8400-e29b-41d4-a716-446655440000",
    }
    return Answer(status, {"content-type": "application/json"}, [json.dumps(error).encode()])
