"""The captions' part of the OpenAPI document."""

from __future__ import annotations

from stentor.http.captions import CAPTION_TYPES, CaptionFormat
from stentor.http.openapi_parts import Json, header, job_id, operation, query
from stentor.http.render import JOBS_PATH

_KARAOKE = query(
    "karaoke", {"type": "boolean", "default": False}, "Put a time in front of each word"
)


def caption_paths() -> Json:
    """The calls that make captions of a job's words."""
    return {
        f"{JOBS_PATH}/{{job_id}}/captions.vtt": {
            "parameters": [job_id()],
            "get": _captions("vtt", "getSpeechCaptionsVtt", "Captions as WebVTT", [_KARAOKE]),
        },
        f"{JOBS_PATH}/{{job_id}}/captions.srt": {
            "parameters": [job_id()],
            "get": _captions("srt", "getSpeechCaptionsSrt", "Captions as SubRip", []),
        },
    }


def _captions(kind: CaptionFormat, name: str, summary: str, parameters: list[Json]) -> Json:
    return operation(
        name,
        f"{summary}, of a job that completed with with_timestamps",
        {
            "200": {
                "description": "The captions",
                "content": {CAPTION_TYPES[kind]: {"schema": {"type": "string"}}},
            },
            "304": {"description": "The caller has them already"},
        },
        errors=(400, 401, 404, 409, 503),
        parameters=[*parameters, header("If-None-Match", {"type": "string"}, "An ETag")],
    )
