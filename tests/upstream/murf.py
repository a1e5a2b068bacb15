"""Murf's speech endpoints, as far as Stentor uses them.

The bodies of Murf's errors are not documented ("any type"); their statuses are.
"""

from __future__ import annotations

import base64
import json
import re

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

WORD_MS = 300
FORMS = {
    "WAV": ("wav", "audio/wav"),
    "FLAC": ("flac", "audio/flac"),
    "PCM": ("pcm", "audio/pcm"),
    "MP3": ("mp3", "audio/mpeg"),
}
_SPOKEN = {"2": "two"}  # how the vendor reads it
_REFUSALS: dict[FaultKind, tuple[int, str]] = {
    "auth": (403, "Invalid or expired token/api-key provided"),
    "quota": (402, "Expired subscription or character limit exhausted"),
    "rate_limited": (429, "Concurrency limit exceeded"),
    "invalid": (400, "Invalid voice_id en-US-nobody"),
    "not_found": (404, "Not found"),
    "too_long": (400, "Text is longer than 3000 characters"),
    "server": (503, "Service Unavailable"),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    call = (received.method, received.path)
    if call == ("GET", "/v1/speech/voices"):
        return _voices(received)
    if call not in (("POST", "/v1/speech/stream"), ("POST", "/v1/speech/generate")):
        return None
    if not received.headers.get("api-key"):
        return refuse("auth", received)
    body = received.json()
    if not body.get("text") or not body.get("voiceId") or body.get("format") not in FORMS:
        return refuse("invalid", received)
    if len(body["text"]) > 3000:
        return refuse("too_long", received)
    encoding, content_type = FORMS[body["format"]]
    clip = sound.clip(AudioForm(encoding, body["sampleRate"]), body["text"])  # type: ignore[arg-type]
    if received.path.endswith("/stream"):
        return Answer(headers={"content-type": content_type}, parts=[clip])
    if body.get("modelVersion") != "GEN2":
        return refuse("invalid", received)
    document = {
        "audioFile": "https://murf.ai/user-upload/one-day-temp/speech.wav",
        "encodedAudio": base64.b64encode(clip).decode() if body.get("encodeAsBase64") else None,
        "audioLengthInSeconds": 1.5,
        "consumedCharacterCount": len(body["text"]),
        "remainingCharacterCount": 49_982,
        "warning": None,
        "wordDurations": _durations(body["text"]),
    }
    return Answer(
        headers={"content-type": "application/json;charset=UTF-8"},
        parts=[json.dumps(document).encode()],
    )


def _durations(text: str) -> list[dict[str, object]]:
    """Words and marks one after the other, numbers as words."""
    words = re.findall(r"\w+|[^\w\s]", text)
    return [
        {
            "sourceWordIndex": None,
            "word": _SPOKEN.get(word, word),
            "startMs": number * WORD_MS,
            "endMs": (number + 1) * WORD_MS,
            "pitchScaleMinimum": 0,
            "pitchScaleMaximum": 0,
        }
        for number, word in enumerate(words)
    ]


def _voices(received: Received) -> Answer:
    if not received.headers.get("api-key"):
        return refuse("auth", received)
    voices = [
        {
            "voiceId": "en-UK-hazel",
            "displayName": "Hazel (F)",
            "locale": "en-UK",
            "displayLanguage": "English",
            "accent": "UK",
            "description": "Young Adult",
            "gender": "Female",
            "availableStyles": ["Conversational"],
            "supportedLocales": {"en-UK": {"detail": "English (UK)", "availableStyles": []}},
        },
        {"voiceId": "de-DE-ralf", "displayName": "Ralf", "locale": "de-DE", "gender": "Male"},
        {"voiceId": "en-US-jo", "displayName": "Jo", "locale": "en-US", "gender": "NonBinary"},
    ]
    return Answer(headers={"content-type": "application/json"}, parts=[json.dumps(voices).encode()])


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, message = _REFUSALS[kind]
    headers = {"content-type": "application/json"}
    if kind == "rate_limited":
        headers["retry-after"] = "1"
    body = {"errorMessage": message, "errorCode": status}
    return Answer(status, headers, [json.dumps(body).encode()])
