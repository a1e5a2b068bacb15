"""ElevenLabs' paths in the OpenAPI document."""

from __future__ import annotations

from stentor.http.elevenlabs.formats import OUTPUT_FORMATS
from stentor.http.elevenlabs.listing import MAX_PAGE
from stentor.http.elevenlabs.mapping import MAX_HASTE
from stentor.http.elevenlabs.routes import PREFIX
from stentor.http.openapi_parts import ERRORS, Json, audio_body, json_body, operation, query

_SPEECH_ERRORS = (400, 401, 404, 408, 413, 415, 422, 429, 500, 502, 503, 504)
_TOLD: Json = {
    "x-stentor-model": {"schema": {"type": "string"}, "description": "The model that speaks"}
}
_VOICE_ID: Json = {
    "name": "voice_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 256},
}


def elevenlabs_paths() -> Json:
    """All of them."""
    speech = f"{PREFIX}/v1/text-to-speech/{{voice_id}}"
    audio = audio_body("The audio as it is made")
    lines = json_body(
        "ElevenLabsTimedAudio", "A document a line, each with the timings that are new"
    )
    return {
        speech: _speech("elevenLabsSpeech", "Audio", audio),
        f"{speech}/stream": _speech("elevenLabsStream", "Audio, as it is made", audio),
        f"{speech}/with-timestamps": _speech(
            "elevenLabsTimedSpeech",
            "Audio with the timings of its characters",
            json_body("ElevenLabsTimedAudio", "All of it"),
        ),
        f"{speech}/stream/with-timestamps": _speech(
            "elevenLabsTimedStream",
            "Audio as it is made, and the timings of its characters",
            # Several documents are no JSON of the schema.
            lines | {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
        ),
        f"{PREFIX}/v1/voices": _get(
            "elevenLabsVoices", "All voices", json_body("ElevenLabsVoices", "All voices")
        ),
        f"{PREFIX}/v1/voices/{{voice_id}}": {
            "parameters": [_VOICE_ID],
            **_get(
                "elevenLabsVoice", "A voice", json_body("ElevenLabsVoice", "The voice"), (401, 404)
            ),
        },
        f"{PREFIX}/v2/voices": _get(
            "elevenLabsSearchVoices",
            "Search the voices",
            json_body("ElevenLabsVoicePage", "A page of them"),
            (401, 422),
            [
                query("search", {"type": "string"}, "Part of an id, a name or a label"),
                query(
                    "page_size",
                    {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": MAX_PAGE},
                    "Voices on the page",
                ),
                query("next_page_token", {"type": "string"}, "That of the page before"),
            ],
        ),
        f"{PREFIX}/v1/models": _get(
            "elevenLabsModels",
            "All models",
            {
                "description": "All models",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "array",
                            "items": {"$ref": "#/components/schemas/ElevenLabsModel"},
                        }
                    }
                },
            },
        ),
    }


def _speech(operation_id: str, summary: str, answer: Json) -> Json:
    described = operation(
        operation_id,
        summary,
        {"200": answer | {"headers": _TOLD}, **_errors(_SPEECH_ERRORS)},
        parameters=[
            query(
                "output_format",
                {"type": "string", "enum": list(OUTPUT_FORMATS)},
                "An mp3 as this server makes it, if left out",
            ),
            query("enable_logging", {"type": "boolean", "default": True}, "As in SpeechRequest"),
            query(
                "optimize_streaming_latency",
                {"type": "integer", "minimum": 0, "maximum": MAX_HASTE, "default": 0},
                "Above 0, the vendor is asked to hurry, where it can be",
            ),
        ],
    )
    body = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/ElevenLabsSpeech"},
                "example": {"text": "The herald Stentor had the voice of fifty men."},
            }
        },
    }
    return {"parameters": [_VOICE_ID], "post": described | {"requestBody": body}}


def _get(
    operation_id: str,
    summary: str,
    answer: Json,
    errors: tuple[int, ...] = (401,),
    parameters: list[Json] | None = None,
) -> Json:
    responses = {"200": answer, **_errors(errors)}
    return {"get": operation(operation_id, summary, responses, parameters=parameters)}


def _errors(statuses: tuple[int, ...]) -> Json:
    return {str(status): json_body("ElevenLabsError", ERRORS[status]) for status in statuses}
