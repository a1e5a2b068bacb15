"""Inworld's speech stream and list of voices, as far as Stentor uses them.

Errors are of the shape of `google.rpc.Status`; their words are not documented.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from typing import Any

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

TOKEN_S = 0.2
FORMS = {"PCM": "pcm", "MP3": "mp3", "OGG_OPUS": "opus", "LINEAR16": "pcm"}
RATES = (8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
VOICES = [
    {
        "voiceId": "Ashley",
        "displayName": "Ashley",
        "langCode": "EN_US",
        "description": "A warm, natural female voice",
        "tags": ["Female", "warm"],
        "name": "workspaces/w/voices/Ashley",
        "source": "SYSTEM",
    },
    {"voiceId": "w__mine", "displayName": "Mine", "langCode": "AUTO", "source": "IVC"},
]
_REFUSALS: dict[FaultKind, tuple[int, int, str]] = {
    "auth": (401, 16, "Invalid authorization credentials"),
    "quota": (429, 8, "Insufficient credits: the balance of the workspace is used up"),
    "rate_limited": (429, 8, "Rate limit exceeded"),
    "invalid": (400, 3, "Sample rate 11025 is not supported"),
    "not_found": (404, 5, "Unknown voice: Nobody not found!"),
    "too_long": (400, 3, "Text length exceeds the maximum of 2000 characters"),
    "server": (503, 14, "The service is unavailable"),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    call = (received.method, received.path)
    if call not in (("POST", "/tts/v1/voice:stream"), ("GET", "/voices/v1/voices")):
        return None
    if not received.headers.get("authorization", "").startswith("Basic "):
        return refuse("auth", received)
    if received.method == "GET":
        return Answer(
            headers={"content-type": "application/json"},
            parts=[json.dumps({"voices": VOICES}).encode()],
        )
    body = received.json()
    audio = body.get("audioConfig", {})
    if not body.get("text") or not body.get("voiceId") or not body.get("modelId"):
        return refuse("invalid", received)
    if audio["sampleRateHertz"] not in RATES or audio["audioEncoding"] not in FORMS:
        return refuse("invalid", received)
    if len(body["text"]) > 2000:
        return refuse("too_long", received)
    encoding = FORMS[audio["audioEncoding"]]
    rate = audio["sampleRateHertz"] if encoding == "pcm" else None
    clip = sound.clip(AudioForm(encoding, rate), body["text"])  # type: ignore[arg-type]
    return Answer(
        headers={"content-type": "application/json"},
        parts=[json.dumps(document).encode() + b"\n" for document in _documents(body, clip)],
    )


def _documents(body: dict[str, Any], clip: bytes) -> list[dict[str, Any]]:
    """Two pieces of the audio with the times of their tokens, and a silent one without any."""
    text = body["text"]
    tokens = re.findall(r"\w+|\s+|[^\w\s]+", text)
    third = len(clip) // 6 * 2
    pieces = [clip[:third], clip[third : 2 * third], clip[2 * third :]]
    shares = [tokens[: len(tokens) // 2], tokens[len(tokens) // 2 :], []]
    documents: list[dict[str, Any]] = []
    at_s = 0.0
    for piece, share in zip(pieces, shares, strict=True):
        if body["audioConfig"]["audioEncoding"] == "LINEAR16":
            piece = wav(piece, body["audioConfig"]["sampleRateHertz"])
        result: dict[str, Any] = {
            "audioContent": base64.b64encode(piece).decode(),
            "usage": {"processedCharactersCount": len(text), "modelId": body["modelId"]},
        }
        if body.get("timestampType") == "WORD" and share:
            starts = [round(at_s + number * TOKEN_S, 3) for number in range(len(share))]
            result["timestampInfo"] = {
                "wordAlignment": {
                    "words": share,
                    "wordStartTimeSeconds": starts,
                    "wordEndTimeSeconds": [round(start + TOKEN_S, 3) for start in starts],
                    "phoneticDetails": [],
                }
            }
            at_s += len(share) * TOKEN_S
        documents.append({"result": result})
    return documents


def wav(samples: bytes, rate: int) -> bytes:
    """A WAV file with a chunk before the samples that is not of interest."""
    chunk = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    data = b"WAVE" + head + chunk + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(data)) + data


def status(kind: FaultKind) -> dict[str, Any]:
    """The `google.rpc.Status` of a refusal."""
    _, code, message = _REFUSALS[kind]
    return {"code": code, "message": message, "details": []}


def refuse(kind: FaultKind, received: Received) -> Answer:
    headers = {"content-type": "application/json"}
    if kind == "rate_limited":
        headers["retry-after"] = "1"
    return Answer(_REFUSALS[kind][0], headers, [json.dumps(status(kind)).encode()])
