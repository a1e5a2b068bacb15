"""MiniMax's T2A v2 and list of voices, as far as Stentor uses them.

Its errors have the HTTP status 200; the words beside the codes are those of its list of codes.
"""

from __future__ import annotations

import json
from typing import Any

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

VOICES = {
    "system_voice": [
        {
            "voice_id": "English_expressive_narrator",
            "voice_name": "Expressive Narrator",
            "description": ["An expressive adult male voice with a British accent."],
            "created_time": "1970-01-01",
        },
        {
            "voice_id": "Chinese (Mandarin)_Reliable_Executive",
            "voice_name": "Reliable Executive",
            "description": ["A steady and reliable male executive voice."],
            "created_time": "1970-01-01",
        },
        {
            "voice_id": "male-qn-qingse",
            "voice_name": "青涩青年音色",
            "description": [],
            "created_time": "1970-01-01",
        },
    ],
    "voice_cloning": [{"voice_id": "mine001", "description": [], "created_time": "2026-02-03"}],
    "voice_generation": [],
}
_REFUSALS: dict[FaultKind, tuple[int, str]] = {
    "auth": (1004, "login fail: Please carry the API secret key in the 'Authorization' field"),
    "quota": (1008, "insufficient balance"),
    "rate_limited": (1002, "rate limit exceeded(RPM)"),
    "invalid": (2013, "invalid params, speed out of range"),
    "not_found": (20132, "invalid samples or voice_id"),
    "too_long": (2013, "invalid params, text too long"),
    "server": (1000, "unknown error"),
}
TRACE = "01b8bf9bb7433cc75c18eee6cfa8fe21"


def answer(received: Received, sound: Sound) -> Answer | None:
    call = (received.method, received.path)
    if call not in (("POST", "/v1/t2a_v2"), ("POST", "/v1/get_voice")):
        return None
    if not received.headers.get("authorization", "").startswith("Bearer "):
        return refuse("auth", received)
    body = received.json()
    if received.path == "/v1/get_voice":
        if body.get("voice_type") not in ("system", "voice_cloning", "voice_generation", "all"):
            return refuse("invalid", received)
        return _json(VOICES | {"base_resp": {"status_code": 0, "status_msg": "success"}})
    if not body.get("text") or not body.get("voice_setting", {}).get("voice_id"):
        return refuse("invalid", received)
    if len(body["text"]) >= 10_000:
        return refuse("too_long", received)
    audio = body["audio_setting"]
    if not body.get("stream") or audio["format"] == "wav":
        return refuse("invalid", received)
    rate = audio["sample_rate"] if audio["format"] == "pcm" else None
    clip = sound.clip(AudioForm(audio["format"], rate), body["text"])
    whole = not body.get("stream_options", {}).get("exclude_aggregated_audio")
    return Answer(
        headers={"content-type": "text/event-stream", "trace-id": TRACE},
        parts=events(body, clip, again=whole),
    )


def events(body: dict[str, Any], clip: bytes, *, again: bool) -> list[bytes]:
    """The stream: pieces of the audio, and a last event, with all of it once more (`again`)."""
    third = len(clip) // 3
    pieces = [clip[:third], clip[third : 2 * third], clip[2 * third :]]
    found = [_event({"audio": piece.hex(), "status": 1, "ced": ""}) for piece in pieces]
    last: dict[str, Any] = {"status": 2, "ced": ""}
    if again:
        last["audio"] = clip.hex()
    extra = {
        "audio_length": 9900,
        "audio_sample_rate": body["audio_setting"]["sample_rate"],
        "audio_size": len(clip),
        "bitrate": 128_000,
        "word_count": len(body["text"].split()),
        "invisible_character_ratio": 0,
        "usage_characters": len(body["text"]),
        "audio_format": body["audio_setting"]["format"],
        "audio_channel": 1,
    }
    return [*found, _event(last, extra_info=extra)]


def _event(data: dict[str, Any], **more: Any) -> bytes:
    document = {
        "data": data,
        "trace_id": TRACE,
        "base_resp": {"status_code": 0, "status_msg": ""},
        **more,
    }
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _json(document: dict[str, Any]) -> Answer:
    return Answer(
        headers={"content-type": "application/json; charset=utf-8"},
        parts=[json.dumps(document).encode()],
    )


def refuse(kind: FaultKind, received: Received) -> Answer:
    code, message = _REFUSALS[kind]
    return _json({"base_resp": {"status_code": code, "status_msg": message}, "trace_id": TRACE})
