"""Google's Gemini API, as far as Stentor uses it: speech and voices."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import unquote

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind
from upstream.values import Answer, Received, Sound

_CURRENT = ("gemini-3.8-flash-tts", "gemini-3.8-flash-lite-tts")
_OLDER = (
    "gemini-3.1-flash-tts-preview",
    "gemini-2.5-flash-preview-tts",
    "gemini-2.5-pro-preview-tts",
)
_MAX_TOKENS = 8192
_CHUNK_BYTES = 16_000
VOICES = [
    {"type": "prebuilt", "id": "Kore", "display_name": "Kore", "gender": "female"},
    {"type": "prebuilt", "id": "Puck", "display_name": "Puck", "gender": "male"},
    {
        "type": "prompted",
        "id": "voice_abc123",
        "display_name": "Homer",
        "gender": "neutral",
        "language_code": "el-GR",
    },
]
_KEY_INVALID = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
    "metadata": {"service": "generativelanguage.googleapis.com"},
}
_RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}


def _quota(quota_id: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
            {
                "quotaMetric": "generativelanguage.googleapis.com/generate_requests_per_model",
                "quotaId": quota_id,
                "quotaDimensions": {"location": "global", "model": "gemini-3.8-flash-tts"},
                "quotaValue": "10",
            }
        ],
    }


_EXCEEDED = "You exceeded your current quota, please check your plan and billing details."
_REFUSALS: dict[FaultKind, tuple[int, str, str, list[dict[str, Any]]]] = {
    "auth": (
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        [_KEY_INVALID],
    ),
    "quota": (
        429,
        "RESOURCE_EXHAUSTED",
        _EXCEEDED,
        [_quota("GenerateRequestsPerDayPerProjectPerModel"), _RETRY],
    ),
    "rate_limited": (
        429,
        "RESOURCE_EXHAUSTED",
        _EXCEEDED,
        [_quota("GenerateRequestsPerMinutePerProjectPerModel"), _RETRY],
    ),
    "invalid": (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", []),
    "not_found": (404, "NOT_FOUND", "models/x is not found for API version v1beta.", []),
    "too_long": (
        400,
        "INVALID_ARGUMENT",
        "The input token count (9000) exceeds the maximum number of tokens allowed (8192).",
        [],
    ),
    "server": (500, "INTERNAL", "An internal error has occurred.", []),
}


def answer(received: Received, sound: Sound) -> Answer | None:
    path = received.path.removeprefix("/v1beta")
    if "x-goog-api-key" not in received.headers:
        return refuse("auth", received)
    if (received.method, path) == ("GET", "/voices"):
        return _voices(received)
    model, colon, method = unquote(path).removeprefix("/models/").partition(":")
    if received.method != "POST" or not colon:
        return None
    if model not in _CURRENT + _OLDER:
        return refuse("not_found", received)
    parts = _checked_parts(received.json(), current=model in _CURRENT)
    if parts is None:
        return refuse("invalid", received)
    text = " ".join(part["text"] for part in parts)
    if len(text.split()) > _MAX_TOKENS:
        return refuse("too_long", received)
    if method == "generateContent":
        kind = "wav" if model in _CURRENT else "pcm"
        clip = sound.clip(AudioForm(kind, 24_000 if kind == "pcm" else None), text)
        mime = "audio/wav" if kind == "wav" else "audio/L16;codec=pcm;rate=24000"
        return document([response(clip, mime, "STOP", len(text.split()))])
    if method == "streamGenerateContent" and ("alt", "sse") in received.query:
        return stream(chunks(sound.clip(AudioForm("pcm", 24_000), text), len(text.split())))
    return None


def refuse(kind: FaultKind, received: Received) -> Answer:
    status, name, message, details = _REFUSALS[kind]
    error: dict[str, Any] = {"code": status, "message": message, "status": name}
    if details:
        error["details"] = details
    return Answer(
        status,
        {"content-type": "application/json; charset=UTF-8"},
        [json.dumps({"error": error}, indent=2).encode()],
    )


def response(audio: bytes, mime: str, reason: str | None, words: int) -> dict[str, Any]:
    """A `GenerateContentResponse`."""
    blob = {"mimeType": mime, "data": base64.b64encode(audio).decode()}
    candidate: dict[str, Any] = {"index": 0, "content": {}}
    if audio:
        candidate["content"] = {"parts": [{"inlineData": blob}], "role": "model"}
    if reason:
        candidate["finishReason"] = reason
    tokens = len(audio) // 1920  # 25 a second
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": words,
            "candidatesTokenCount": tokens,
            "totalTokenCount": words + tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": words}],
        },
        "modelVersion": "gemini-3.8-flash-tts",
        "responseId": "TPBPaOzJEdaY1MkPy5fzkQ0",
    }


def chunks(audio: bytes, words: int) -> list[dict[str, Any]]:
    """The documents of a stream; the last one has no audio."""
    mime = "audio/l16; rate=24000; channels=1"
    pieces = [audio[at : at + _CHUNK_BYTES] for at in range(0, len(audio), _CHUNK_BYTES)]
    return [response(piece, mime, None, words) for piece in pieces] + [
        response(b"", mime, "STOP", words)
    ]


def stream(documents: list[dict[str, Any]]) -> Answer:
    """Server-sent events."""
    return Answer(
        headers={"content-type": "text/event-stream"},
        parts=[b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in documents],
    )


def document(documents: list[dict[str, Any]]) -> Answer:
    return Answer(
        headers={"content-type": "application/json; charset=UTF-8"},
        parts=[json.dumps(one, indent=2).encode() for one in documents],
    )


def _checked_parts(body: Any, *, current: bool) -> list[dict[str, Any]] | None:
    """The parts of a good request; None if it is not one."""
    body = _camel(body)
    config = body.get("generationConfig") or {}
    speech = config.get("speechConfig") or {}
    parts = body["contents"][0].get("parts") or []
    if config.get("responseModalities") != ["AUDIO"] or not all(one.get("text") for one in parts):
        return None
    if current and config.keys() & {"temperature", "topP", "topK"}:
        return None
    several = (speech.get("multiSpeakerVoiceConfig") or {}).get("speakerVoiceConfigs")
    if several is None:
        return parts if speech.get("voiceConfig") else None
    names = {one["speaker"] for one in several}
    if len(names) != 2:
        return None
    said = {(one.get("speechMetadata") or {}).get("speaker") for one in parts}
    if current and not said <= names:
        return None
    if not current and not all(f"\n{name}: " in parts[0]["text"] for name in names):
        return None
    return parts


def _camel(node: Any) -> Any:
    """JSON of protocol buffers, whose names may be in snake_case, in camelCase."""
    if isinstance(node, list):
        return [_camel(one) for one in node]
    if isinstance(node, dict):
        return {
            re.sub("_([a-z])", lambda match: match[1].upper(), name): _camel(one)
            for name, one in node.items()
        }
    return node


def _voices(received: Received) -> Answer:
    """At most two of them a page."""
    start = int(dict(received.query).get("page_token") or 0)
    size = min(2, int(dict(received.query).get("page_size") or 50))
    page: dict[str, Any] = {"voices": VOICES[start : start + size]}
    if start + size < len(VOICES):
        page["next_page_token"] = str(start + size)
    return document([page])
