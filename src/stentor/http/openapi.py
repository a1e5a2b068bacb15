"""The OpenAPI 3.1 document, its schemas made from the contract's types."""

from __future__ import annotations

from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec

from stentor import __version__
from stentor.contract import (
    CONTENT_TYPES,
    ErrorResponse,
    Health,
    Job,
    ModelList,
    SpeechRequest,
    VoiceList,
)
from stentor.http.body import TTL_HEADER
from stentor.http.render import JOBS_PATH

_TYPES = (SpeechRequest, Job, ErrorResponse, ModelList, VoiceList, Health)

Json = dict[str, Any]


@cache
def document() -> bytes:
    """The document as JSON."""
    return msgspec.json.format(msgspec.json.encode(_document()), indent=1)


def _document() -> Json:
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    _tidy(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stentor",
            "version": __version__,
            "summary": "A self-hosted speech gateway",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            JOBS_PATH: {"post": _submit()},
            f"{JOBS_PATH}/{{job_id}}": {
                "parameters": [_job_id()],
                "get": _operation(
                    "pollSpeechJob",
                    "Poll a job",
                    {
                        "200": _json("Job", "The job has ended"),
                        "202": {
                            **_json("Job", "The job waits or runs"),
                            "headers": {"Retry-After": _SECONDS},
                        },
                    },
                    errors=(401, 404),
                ),
                "delete": _operation(
                    "deleteSpeechJob",
                    "Cancel a live job; delete a finished one with its audio",
                    {
                        "200": _json("Job", "The job was cancelled"),
                        "204": {"description": "The job and its audio are deleted"},
                    },
                    errors=(401, 404),
                ),
            },
            f"{JOBS_PATH}/{{job_id}}/audio": {
                "parameters": [_job_id()],
                "get": _operation(
                    "getSpeechAudio",
                    "The finished audio",
                    {
                        "200": _audio("The whole audio"),
                        "206": _audio("The range asked for"),
                        "304": {"description": "The caller has it already"},
                    },
                    errors=(401, 404, 409, 416),
                    parameters=[
                        _header("Range", {"type": "string"}, "A byte range, such as bytes=0-1023"),
                        _header("If-None-Match", {"type": "string"}, "An ETag"),
                    ],
                ),
            },
            "/v1/models": {
                "get": _operation(
                    "listModels",
                    "The models that can be named",
                    {"200": _json("ModelList", "All models")},
                    errors=(401,),
                )
            },
            "/v1/audio/voices": {
                "get": _operation(
                    "listVoices",
                    "The voices of all models",
                    {"200": _json("VoiceList", "All voices")},
                    errors=(401,),
                )
            },
            "/health": {
                "get": _operation(
                    "health", "The process lives", {"200": _json("Health", "It does")}, open_=True
                )
            },
            "/ready": {
                "get": _operation(
                    "ready", "Jobs are taken", {"200": _json("Health", "They are")}, open_=True
                )
            },
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-bf-vk": {"type": "apiKey", "in": "header", "name": "x-bf-vk"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        "security": [{}, {"bearer": []}, {"x-bf-vk": []}, {"x-api-key": []}],
    }


def _tidy(node: Any) -> None:
    """Say the type of enumerations, and take the indentation out of docstrings."""
    if isinstance(node, list):
        for one in node:
            _tidy(one)
    elif isinstance(node, dict):
        if isinstance(node.get("enum"), list):
            node.setdefault("type", "string")
        if isinstance(node.get("description"), str):
            node["description"] = cleandoc(node["description"])
        for one in node.values():
            _tidy(one)


def _submit() -> Json:
    operation = _operation(
        "createSpeechJob",
        "Create async speech",
        {
            "202": {
                **_json("Job", "Job accepted for processing; it is on disk"),
                "headers": {
                    "Location": {"schema": {"type": "string"}, "description": "Where to poll"},
                    "Retry-After": _SECONDS,
                },
            }
        },
        errors=(400, 401, 413, 415, 503),
        parameters=[
            _header(
                TTL_HEADER,
                {"type": "integer", "minimum": 0, "maximum": 31_536_000, "default": 3600},
                "Time-to-live in seconds for the job result after completion",
            )
        ],
    )
    return operation | {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/SpeechRequest"},
                    "example": {
                        "model": "piper/en_US-joe-medium",
                        "voice": "joe",
                        "input": "The herald Stentor had the voice of fifty men.",
                    },
                }
            },
        }
    }


def _operation(
    operation_id: str,
    summary: str,
    responses: Json,
    *,
    errors: tuple[int, ...] = (),
    parameters: list[Json] | None = None,
    open_: bool = False,
) -> Json:
    described: Json = {str(status): _json("ErrorResponse", _ERRORS[status]) for status in errors}
    operation: Json = {
        "operationId": operation_id,
        "summary": summary,
        "responses": responses | described,
    }
    if parameters:
        operation["parameters"] = parameters
    if open_:
        operation["security"] = []
    return operation


_SECONDS: Json = {"schema": {"type": "integer"}, "description": "Seconds"}

_ERRORS = {
    400: "Malformed, or not serviceable",
    401: "No key, or an unknown one",
    404: "Unknown, expired or another caller's",
    409: "The job has not completed",
    413: "The body or its input is too large",
    415: "Not JSON",
    416: "No byte of the audio lies in the range",
    503: "The queue is full",
}


def _json(schema: str, description: str) -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _audio(description: str) -> Json:
    media = {name: {"schema": {"type": "string", "format": "binary"}} for name in _MEDIA}
    return {"description": description, "content": media}


_MEDIA = sorted(set(CONTENT_TYPES.values()))


def _job_id() -> Json:
    return {
        "name": "job_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }


def _header(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "header", "schema": schema, "description": description}
