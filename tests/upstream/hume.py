"""Hume's Octave, as far as Stentor uses it.

What the bodies of its errors look like is documented (`code`, `error`, `message`; a list of
`detail` for 422), their words are not, but for those of the gateway that checks keys.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

RATE = 48_000
WORD_MS = 250
CONTENT_TYPES = {"pcm": "audio/pcm", "wav": "audio/wav", "mp3": "audio/mpeg"}
LIBRARY = [
    {
        "id": f"5bb7de05-c8fe-426a-8fcc-ba4fc4ce{number:04x}",
        "name": f"Actor {number}",
        "provider": "HUME_AI",
        "compatible_octave_models": ["1", "2"] if number % 2 else ["1"],
    }
    for number in range(150)
]
OWN = [
    {
        "id": "c42352c0-4566-455d-b180-0f654b65b525",
        "name": "Mine",
        "provider": "CUSTOM_VOICE",
        "compatible_octave_models": None,
    }
]
_REFUSALS: dict[FaultKind, tuple[int, dict[str, Any]]] = {
    "auth": (
        401,
        {
            "fault": {
                "faultstring": "Invalid ApiKey",
                "detail": {"errorcode": "oauth.v2.InvalidApiKey"},
            }
        },
    ),
    "quota": (
        429,
        {"code": "E0300", "error": "Exhausted", "message": "You have run out of credits."},
    ),
    "rate_limited": (
        429,
        {"code": "E0301", "error": "Too Many Requests", "message": "Too many requests."},
    ),
    "invalid": (
        422,
        {"detail": [{"type": "missing", "loc": ["body", "utterances"], "msg": "Field required"}]},
    ),
    "not_found": (
        400,
        {"code": "E0400", "error": "Bad Request", "message": "Voice 'Nobody' was not found."},
    ),
    "too_long": (
        422,
        {
            "detail": [
                {
                    "type": "string_too_long",
                    "loc": ["body", "utterances", 0, "text"],
                    "msg": "String should have at most 5000 characters",
                }
            ]
        },
    ),
    "server": (500, {"code": "I0100", "error": "Internal", "message": "Something went wrong."}),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    call = (received.method, received.path)
    speak = call in (("POST", "/v0/tts/stream/file"), ("POST", "/v0/tts/stream/json"))
    if not speak and call != ("GET", "/v0/tts/voices"):
        return None
    if not received.headers.get("x-hume-api-key"):
        return refuse("auth", received)
    if not speak:
        return _voices(dict(received.query))
    body = received.json()
    utterances = body.get("utterances") or []
    if not utterances or not all(one.get("text") for one in utterances):
        return refuse("invalid", received)
    if any(len(one["text"]) > 5000 for one in utterances):
        return refuse("too_long", received)
    if body.get("version") == "2" and not utterances[0].get("voice"):
        return refuse("invalid", received)
    if body.get("instant_mode", True) and not utterances[0].get("voice"):
        return refuse("invalid", received)
    encoding = body.get("format", {}).get("type", "mp3")
    clip = sound.clip(
        AudioForm(encoding, RATE if encoding == "pcm" else None),
        "".join(one["text"] for one in utterances),
    )
    if received.path.endswith("/file"):
        half = len(clip) // 2
        return Answer(
            headers={"content-type": CONTENT_TYPES[encoding]}, parts=[clip[:half], clip[half:]]
        )
    return _stream(body, clip, encoding)


def _stream(body: dict[str, Any], clip: bytes, encoding: str) -> Answer:
    """A snippet for each utterance, in two chunks; times after the first of them."""
    utterances = body["utterances"]
    times = "word" in body.get("include_timestamp_types", []) and body.get("version") == "2"
    each = len(clip) // len(utterances) // 4 * 2
    messages: list[dict[str, Any]] = []
    at_ms = 0
    for index, utterance in enumerate(utterances):
        last = index == len(utterances) - 1
        piece = clip[2 * index * each : None if last else 2 * (index + 1) * each]
        ids = {
            "request_id": "66e01f90-4501-4aa0-bbaf-74f45dc15aa7",
            "generation_id": "795c949a-1510-4a80-9646-7d0863b023ab",
            "snippet_id": f"37b1b1b1-1b1b-1b1b-1b1b-{index:012x}",
        }
        for number, audio in enumerate((piece[:each], piece[each:])):
            messages.append(
                {
                    "type": "audio",
                    **ids,
                    "audio": base64.b64encode(audio).decode(),
                    "audio_format": encoding,
                    "chunk_index": number,
                    "is_last_chunk": number == 1,
                    "text": utterance["text"],
                    "utterance_index": index,
                    "snippet": None,
                }
            )
            if number or not times:
                continue
            for word in re.findall(r"\S+", utterance["text"]):
                time = {"begin": at_ms, "end": at_ms + WORD_MS}
                for type_, text in (("word", word), ("phoneme", "h")):
                    timestamp = {"type": type_, "text": text, "time": time}
                    messages.append({"type": "timestamp", **ids, "timestamp": timestamp})
                at_ms += WORD_MS
    return Answer(
        headers={"content-type": "application/json"},
        parts=[json.dumps(message).encode() + b"\n" for message in messages],
    )


def _voices(query: dict[str, str]) -> Answer:
    voices = {"HUME_AI": LIBRARY, "CUSTOM_VOICE": OWN}[query["provider"]]
    size, number = int(query.get("page_size", 10)), int(query.get("page_number", 0))
    page = {
        "page_number": number,
        "page_size": size,
        "total_pages": -(-len(voices) // size),
        "voices_page": voices[number * size : (number + 1) * size],
    }
    return Answer(headers={"content-type": "application/json"}, parts=[json.dumps(page).encode()])


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, body = _REFUSALS[kind]
    headers = {"content-type": "application/json"}
    if kind == "rate_limited":
        headers["retry-after"] = "1"
    return Answer(status, headers, [json.dumps(body).encode()])
