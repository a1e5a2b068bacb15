"""Pieces of the OpenAPI document that its operations share."""

from __future__ import annotations

from typing import Any

from stentor.contract import CONTENT_TYPES

Json = dict[str, Any]


def operation(
    operation_id: str,
    summary: str,
    responses: Json,
    *,
    errors: tuple[int, ...] = (),
    parameters: list[Json] | None = None,
    open_: bool = False,
) -> Json:
    """A call.

    Args:
        responses: by status, those that are not errors.
        errors: statuses that are answered in the one error shape.
        open_: whether it needs no key.
    """
    described: Json = {str(status): json_body("ErrorResponse", ERRORS[status]) for status in errors}
    made: Json = {
        "operationId": operation_id,
        "summary": summary,
        "responses": responses | described,
    }
    if parameters:
        made["parameters"] = parameters
    if open_:
        made["security"] = []
    return made


SECONDS: Json = {"schema": {"type": "integer"}, "description": "Seconds"}
APPLIED: Json = {"schema": {"type": "string"}, "description": "Such as wait=10"}
PREFER: Json = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "description": "wait=SECONDS: hold the answer until the job has ended or so many seconds "
    "have passed; at most [server] max_wait_seconds (RFC 7240)",
}

ERRORS = {
    400: "Malformed, or not serviceable",
    401: "No key, or an unknown one",
    404: "Unknown, expired or another caller's",
    408: "The request did not arrive in time",
    409: "The job does not stand as this call needs it",
    413: "The body or its input is too large",
    415: "Not JSON",
    416: "No byte of the audio lies in the range",
    422: "The idempotency key was used before, for another body",
    429: "Too much at once, says the provider",
    500: "The server failed",
    502: "The provider failed",
    503: "The queue or the disk is full, or the server is stopping",
    504: "The provider took too long",
}


def json_body(schema: str, description: str) -> Json:
    """A response whose body is of a contract type."""
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def speech_request() -> Json:
    """The body of the calls that have something spoken."""
    return {
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


def audio_body(description: str) -> Json:
    """A response whose body is audio."""
    media = {name: {"schema": {"type": "string", "format": "binary"}} for name in _MEDIA}
    return {"description": description, "content": media}


_MEDIA = sorted(set(CONTENT_TYPES.values()))


def job_id() -> Json:
    """The id in the path."""
    return {
        "name": "job_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }


def query(name: str, schema: Json, description: str) -> Json:
    """A parameter in the query string."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def header(name: str, schema: Json, description: str) -> Json:
    """A parameter in a header."""
    return {"name": name, "in": "header", "schema": schema, "description": description}
