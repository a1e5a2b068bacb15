"""ElevenLabs's speech, dialogue and voices, as far as Stentor uses them."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import unquote

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.sound import SECONDS_PER_CHARACTER
from upstream.values import Answer, Received, Sound

VOICES = 205
CHUNK_BYTES = 9_999  # neither whole samples nor whole groups of base64
_FORMAT = re.compile(r"(pcm|mp3|ulaw|alaw|opus|wav)_(\d+)(?:_\d+)?")
_SPEECH = re.compile(r"/v1/text-to-speech/([^/]+)/stream(/with-timestamps)?")
_DIALOGUE = re.compile(r"/v1/text-to-dialogue/stream(/with-timestamps)?")
_LIMITS = {
    "eleven_v3": 5_000,
    "eleven_v4": 10_000,
    "eleven_v4_turbo": 10_000,
    "eleven_multilingual_v2": 10_000,
    "eleven_flash_v2_5": 40_000,
    "eleven_turbo_v2_5": 40_000,
    "eleven_flash_v2": 30_000,
    "eleven_turbo_v2": 30_000,
}
_REFUSALS: dict[FaultKind, tuple[int, str, str, str]] = {
    "auth": (401, "authentication_error", "invalid_api_key", "Invalid API key"),
    "quota": (
        401,
        "authentication_error",
        "quota_exceeded",
        "This request exceeds your quota of 10000. You have 3 credits remaining, while 9 credits "
        "are required for this request.",
    ),
    "rate_limited": (
        429,
        "rate_limit_error",
        "too_many_concurrent_requests",
        "Too many concurrent requests. Your current subscription is associated with a maximum of "
        "3 concurrent requests.",
    ),
    "invalid": (
        400,
        "validation_error",
        "invalid_voice_settings",
        "Invalid setting for speed received, expected to be greater or equal to 0.7 and less or "
        "equal to 1.2, received 3.0",
    ),
    "not_found": (
        400,
        "validation_error",
        "voice_not_found",
        "A voice with the voice_id x was not found.",
    ),
    "too_long": (
        400,
        "validation_error",
        "max_character_limit_exceeded",
        "This request's text has 10001 characters and exceeds the character limit of 10000.",
    ),
    "server": (500, "internal_error", "internal_server_error", "Internal server error"),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    if not received.headers.get("xi-api-key"):
        return refuse("auth", received)
    query = dict(received.query)
    if (received.method, received.path) == ("GET", "/v2/voices"):
        return _voices(query)
    speech, dialogue = _SPEECH.fullmatch(received.path), _DIALOGUE.fullmatch(received.path)
    if received.method != "POST" or not (speech or dialogue):
        return None
    if (format_ := _FORMAT.fullmatch(query.get("output_format", "mp3_44100_128"))) is None:
        return _error(400, "validation_error", "invalid_output_format", "Output format not known.")
    body = received.json()
    text = "".join(one["text"] for one in body["inputs"]) if dialogue else body.get("text", "")
    refusal = _checked(body, query, text, dialogue=dialogue is not None)
    if refusal is not None:
        return refusal
    if speech and unquote(speech[1]) == "nobody":
        return refuse("not_found", received)
    encoding, rate = format_[1], int(format_[2])
    form = AudioForm(encoding, None if encoding == "mp3" else rate)  # type: ignore[arg-type]
    clip = sound.clip(form, text)
    headers = {"request-id": "req_eleven", "character-cost": str(len(text))}
    if (speech and speech[2]) or (dialogue and dialogue[1]):
        headers["content-type"] = "application/json"
        return Answer(headers=headers, parts=_timed(text, clip))
    headers["content-type"] = "audio/mpeg" if encoding == "mp3" else f"audio/{encoding}"
    return Answer(headers=headers, parts=[clip[:777], clip[777:]])


def refuse(kind: FaultKind, received: Received) -> Answer:
    return _error(*_REFUSALS[kind])


def _checked(
    body: dict[str, Any], query: dict[str, str], text: str, *, dialogue: bool
) -> Answer | None:
    model = body.get("model_id", "eleven_multilingual_v2")
    if model not in _LIMITS:
        return _error(400, "validation_error", "model_not_found", f"A model {model} was not found")
    if not text:
        return Answer(
            422,
            {"content-type": "application/json"},
            [b'{"detail":[{"type":"missing","loc":["body","text"],"msg":"Field required"}]}'],
        )
    if len(text) > _LIMITS[model]:
        return _error(*_REFUSALS["too_long"])
    newer = model.startswith(("eleven_v3", "eleven_v4"))
    for field, value in (
        ("previous_text or next_text", body.get("previous_text") or body.get("next_text")),
        ("optimize_streaming_latency", query.get("optimize_streaming_latency")),
    ):
        if newer and value:
            return _error(
                400,
                "validation_error",
                "unsupported_model",
                f"Providing {field} is not supported with the '{model}' model.",
            )
    if dialogue and not newer:
        return _error(400, "validation_error", "unsupported_model", "Not a model for dialogues.")
    speed = body.get("voice_settings", {}).get("speed", 1.0)
    if not 0.7 <= speed <= 1.2:
        return _error(*_REFUSALS["invalid"])
    if len(body.get("pronunciation_dictionary_locators", ())) > 3:
        return _error(400, "validation_error", "invalid_parameters", "At most 3 dictionaries.")
    return None


def _timed(text: str, clip: bytes) -> list[bytes]:
    """A document a line; the first of several has no timings, the others a share of them each."""
    chunks = [clip[at : at + CHUNK_BYTES] for at in range(0, len(clip), CHUNK_BYTES)]
    share = -(-len(text) // max(1, len(chunks) - 1))
    lines = []
    for number, chunk in enumerate(chunks):
        begin = max(0, number - 1) * share
        spoken = text[begin : begin + share] if number or len(chunks) == 1 else ""
        starts = [(begin + at) * SECONDS_PER_CHARACTER for at in range(len(spoken))]
        alignment = {
            "characters": list(spoken),
            "character_start_times_seconds": starts,
            "character_end_times_seconds": [start + SECONDS_PER_CHARACTER for start in starts],
        }
        document = {
            "audio_base64": base64.b64encode(chunk).decode(),
            "alignment": alignment if spoken else None,
            "normalized_alignment": None,
        }
        lines.append(json.dumps(document).encode() + b"\n\n")
    return lines


def _voices(query: dict[str, str]) -> Answer:
    begin = int(query.get("next_page_token", 0))
    end = begin + min(int(query.get("page_size", 10)), 100)
    voices = [
        {
            "voice_id": f"voice{number:04}",
            "name": f"Voice {number}",
            "category": "premade",
            "labels": {"accent": "american", "gender": "female", "language": "en"}
            if number % 2
            else {},
            "verified_languages": [
                {"language": "de", "model_id": "eleven_multilingual_v2", "locale": "de-DE"}
            ],
            "settings": None,
        }
        for number in range(begin, min(end, VOICES))
    ]
    more = end < VOICES
    page = {
        "voices": voices,
        "has_more": more,
        "total_count": VOICES,
        "next_page_token": str(end) if more else None,
    }
    return Answer(headers={"content-type": "application/json"}, parts=[json.dumps(page).encode()])


def _error(status: int, type_: str, code: str, message: str) -> Answer:
    detail = {
        "type": type_,
        "code": code,
        "message": message,
        "status": code,
        "request_id": "3c807fc4c3a1705f9638ecc764a91c01",
        "param": None,
    }
    return Answer(
        status, {"content-type": "application/json"}, [json.dumps({"detail": detail}).encode()]
    )
