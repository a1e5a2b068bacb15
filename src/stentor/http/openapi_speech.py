"""The synchronous call in the OpenAPI document."""

from __future__ import annotations

from stentor.contract import PRIORITIES, SPEECH_PATH, AudioDone
from stentor.http.headers import ASYNC_HEADER, PRIORITY_HEADER
from stentor.http.openapi_parts import (
    PREFER,
    SECONDS,
    Json,
    audio_body,
    header,
    json_body,
    operation,
    speech_request,
)
from stentor.http.streaming import EVENT_STREAM

SPEECH_TYPES = (AudioDone,)


def speech_paths() -> Json:
    """`POST /v1/audio/speech`."""
    audio = audio_body(
        "The audio as it is made; the result with its audio (`with_timestamps`); or "
        "speech.audio.delta (AudioDelta) and at last speech.audio.done (AudioDone) or error "
        '(ErrorResponse) (`stream_format: "sse"`)'
    )
    audio["content"] |= {
        "application/json": {"schema": {"$ref": "#/components/schemas/SpeechResult"}},
        EVENT_STREAM: {"schema": {"type": "string"}},
    }
    described = operation(
        "createSpeech",
        "Create speech",
        {
            "200": audio,
            "202": {
                **json_body("Job", "It became a job, as by POST /v1/async/audio/speech"),
                "headers": {
                    "Location": {"schema": {"type": "string"}, "description": "Where to poll"},
                    "Retry-After": SECONDS,
                },
            },
        },
        errors=(400, 401, 404, 408, 413, 415, 422, 429, 500, 502, 503, 504),
        parameters=[
            header(
                ASYNC_HEADER,
                {"type": "string", "enum": ["true", "false"], "default": "false"},
                "Make a job of it. So does Prefer: respond-async, and a text that is longer than "
                "[server] sync_max_chars; the headers of POST /v1/async/audio/speech count then",
            ),
            header(
                PRIORITY_HEADER,
                {"type": "string", "enum": list(PRIORITIES), "default": "normal"},
                "Orders the work of one caller",
            ),
            PREFER,
        ],
    )
    return {SPEECH_PATH: {"post": described | speech_request()}}
