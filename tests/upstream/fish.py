"""Fish Audio's speech endpoints and list of voice models, as far as Stentor uses them."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import ormsgpack

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

WORD_S = 0.25
PAUSE_S = 0.05
CONTENT_TYPES = {"pcm": "audio/pcm", "wav": "audio/wav", "mp3": "audio/mpeg"}
_REFUSALS: dict[FaultKind, tuple[int, str]] = {
    "auth": (401, "Invalid Token"),
    "quota": (402, "Insufficient Balance"),
    "rate_limited": (429, "Too Many Requests"),
    "invalid": (400, "prosody.speed must be between 0.5 and 2.0"),
    "not_found": (400, "Reference not found"),
    "too_long": (413, "Payload Too Large"),
    "server": (503, "The server cannot process the request due to a high load"),
}
_AUTHOR = {"_id": "d8b0991f96b44e489422ca2ddf0bd31d", "nickname": "me", "avatar": ""}


def _model(number: int, **changes: Any) -> dict[str, Any]:
    counts = dict.fromkeys(("like_count", "mark_count", "shared_count", "task_count"), 0)
    return {
        "_id": f"{number:032x}",
        "type": "tts",
        "title": f"Voice {number}",
        "description": "",
        "cover_image": "",
        "train_mode": "fast",
        "state": "trained",
        "tags": ["female", "young"],
        "samples": [],
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:04:05Z",
        "languages": ["en"],
        "visibility": "private",
        "lock_visibility": False,
        **counts,
        "author": _AUTHOR,
        **changes,
    }


MODELS = [
    _model(1),
    _model(2, languages=[], tags=[]),
    _model(3, state="training"),
    _model(4, type="svc"),
]


def answer(received: Received, sound: Sound) -> Answer | None:
    call = (received.method, received.path)
    spoken = {("POST", "/v1/tts"), ("POST", "/v1/tts/stream/with-timestamp")}
    if call not in spoken and call != ("GET", "/model"):
        return None
    if not received.headers.get("authorization", "").startswith("Bearer "):
        return refuse("auth", received)
    if call not in spoken:
        page = {"total": len(MODELS), "items": MODELS, "has_more": False}
        return Answer(
            headers={"content-type": "application/json"}, parts=[json.dumps(page).encode()]
        )
    packed = received.headers["content-type"] == "application/msgpack"
    body = ormsgpack.unpackb(received.body) if packed else received.json()
    if not body.get("text") or not 0.5 <= (body.get("prosody") or {}).get("speed", 1) <= 2:
        return refuse("invalid", received)
    encoding = body.get("format", "mp3")
    rate = body.get("sample_rate") or 44_100
    clip = sound.clip(AudioForm(encoding, rate if encoding == "pcm" else None), body["text"])
    half = len(clip) // 4 * 2
    pieces = [clip[:half], clip[half:]]
    if received.path == "/v1/tts":
        return Answer(headers={"content-type": CONTENT_TYPES[encoding]}, parts=pieces)
    return Answer(
        headers={"content-type": "text/event-stream; charset=utf-8"},
        parts=[
            b"event: message\ndata: " + json.dumps(event).encode() + b"\n\n"
            for event in _events(body["text"], pieces)
        ],
    )


def _events(text: str, pieces: list[bytes]) -> list[dict[str, Any]]:
    """Two parts of the text; the first one's times are told twice, incomplete and whole."""
    words = [word for word in re.sub(r"<\|.*?\|>", " ", text).split() if re.search(r"\w", word)]
    middle = -(-len(words) // 2)
    first, second = words[:middle], words[middle:]
    offset = len(first) * WORD_S
    return [
        _timed(b"", 0, 0.0, None),
        _timed(pieces[0], 0, 0.0, first[:1]),
        _timed(pieces[1], 0, 0.0, first),
        _timed(b"", 1, offset, second),
    ]


def _timed(audio: bytes, part: int, from_s: float, words: list[str] | None) -> dict[str, Any]:
    segments = [
        {
            # Punctuation is left out, and so are some apostrophes; others are other ones.
            "text": re.sub(r"[^\w']", "", word.replace("’t", "'t")),
            "start": number * WORD_S + PAUSE_S,
            "end": (number + 1) * WORD_S,
        }
        for number, word in enumerate(words or ())
    ]
    return {
        "audio_base64": base64.b64encode(audio).decode(),
        "content": " ".join(words or ()),
        "alignment": None
        if words is None
        else {"audio_duration": len(segments) * WORD_S, "segments": segments},
        "chunk_seq": part,
        "chunk_audio_offset_sec": from_s,
    }


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, message = _REFUSALS[kind]
    headers = {"content-type": "application/json"}
    if kind == "rate_limited":
        headers["retry-after"] = "1"
    return Answer(status, headers, [json.dumps({"message": message, "status": status}).encode()])
