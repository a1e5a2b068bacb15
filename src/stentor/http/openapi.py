"""The OpenAPI 3.1 document, its schemas made from the contract's types."""

from __future__ import annotations

from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec

from stentor import __version__
from stentor.config import Jobs
from stentor.contract import (
    JOB_STATUSES,
    PRIORITIES,
    AudioDelta,
    AudioModelList,
    ErrorResponse,
    Health,
    Job,
    JobList,
    JobProgress,
    JobRestarted,
    ModelList,
    SpeechRequest,
    VoiceList,
)
from stentor.http.elevenlabs.openapi import elevenlabs_paths
from stentor.http.elevenlabs.wire import ELEVENLABS_TYPES
from stentor.http.headers import (
    DEADLINE_HEADER,
    IDEMPOTENCY_HEADER,
    MAX_DEADLINE_S,
    MAX_KEY_CHARS,
    PRIORITY_HEADER,
    TTL_HEADER,
    WEBHOOK_HEADER,
)
from stentor.http.openapi_captions import caption_paths
from stentor.http.openapi_dictionaries import DICTIONARY_TYPES, dictionary_paths
from stentor.http.openapi_parts import (
    APPLIED,
    PREFER,
    SECONDS,
    Json,
    audio_body,
    header,
    job_id,
    json_body,
    operation,
    query,
    speech_request,
)
from stentor.http.openapi_speech import SPEECH_TYPES, speech_paths
from stentor.http.openapi_webhooks import WEBHOOK_TYPES, webhook_paths
from stentor.http.paging import DEFAULT_PAGE, MAX_PAGE
from stentor.http.render import JOBS_PATH
from stentor.http.streaming import EVENT_STREAM

_TYPES = (
    SpeechRequest,
    Job,
    JobList,
    JobProgress,
    JobRestarted,
    AudioDelta,
    ErrorResponse,
    ModelList,
    AudioModelList,
    VoiceList,
    Health,
    *WEBHOOK_TYPES,
    *DICTIONARY_TYPES,
    *SPEECH_TYPES,
    *ELEVENLABS_TYPES,
)

DEFAULTS = Jobs()


@cache
def document(jobs: Jobs = DEFAULTS) -> bytes:
    """The document as JSON, with the limits of this configuration."""
    return msgspec.json.format(msgspec.json.encode(_document(jobs)), indent=1)


def _document(jobs: Jobs) -> Json:
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
            **speech_paths(),
            JOBS_PATH: {"post": _submit(jobs), "get": _list()},
            f"{JOBS_PATH}/{{job_id}}": {
                "parameters": [job_id()],
                "get": operation(
                    "pollSpeechJob",
                    "Poll a job, or wait for its end",
                    {
                        "200": {
                            **json_body("Job", "The job has ended"),
                            "headers": {"Preference-Applied": APPLIED},
                        },
                        "202": {
                            **json_body("Job", "The job waits or runs"),
                            "headers": {"Retry-After": SECONDS, "Preference-Applied": APPLIED},
                        },
                    },
                    errors=(400, 401, 404, 503),
                    parameters=[
                        query(
                            "wait",
                            {"type": "number", "minimum": 0},
                            "Hold the answer until the job has ended or so many seconds have "
                            "passed; at most [server] max_wait_seconds",
                        ),
                        PREFER,
                    ],
                ),
                "delete": operation(
                    "deleteSpeechJob",
                    "Cancel a live job; delete a finished one with its audio",
                    {
                        "200": json_body("Job", "The job was cancelled"),
                        "204": {"description": "The job and its audio are deleted"},
                    },
                    errors=(400, 401, 404, 409, 503),
                    parameters=[
                        query(
                            "cancel_only",
                            {"type": "boolean", "default": False},
                            "Leave a finished job alone: 409",
                        ),
                    ],
                ),
            },
            f"{JOBS_PATH}/{{job_id}}/audio": {
                "parameters": [job_id()],
                "get": operation(
                    "getSpeechAudio",
                    "The audio: of a finished job as a file, of a live one as it is made",
                    {
                        "200": audio_body("The whole audio; chunked while the job runs"),
                        "206": audio_body("The range asked for, of a finished job"),
                        "304": {"description": "The caller has it already"},
                    },
                    errors=(401, 404, 409, 416, 503),
                    parameters=[
                        header("Range", {"type": "string"}, "A byte range, such as bytes=0-1023"),
                        header("If-None-Match", {"type": "string"}, "An ETag"),
                    ],
                ),
            },
            **caption_paths(),
            f"{JOBS_PATH}/{{job_id}}/events": {
                "parameters": [job_id()],
                "get": _events(),
            },
            **webhook_paths(),
            **dictionary_paths(),
            **elevenlabs_paths(),
            "/v1/models": {
                "get": operation(
                    "listModels",
                    "The models that can be named",
                    {"200": json_body("ModelList", "All models")},
                    errors=(401,),
                )
            },
            "/v1/audio/models": {
                "get": operation(
                    "listAudioModels",
                    "The models that can be named, as Open WebUI reads them",
                    {"200": json_body("AudioModelList", "All models")},
                    errors=(401,),
                )
            },
            "/v1/audio/voices": {
                "get": operation(
                    "listVoices",
                    "The voices of all models",
                    {"200": json_body("VoiceList", "All voices")},
                    errors=(401,),
                )
            },
            "/health": {
                "get": operation(
                    "health",
                    "The process lives",
                    {"200": json_body("Health", "It does")},
                    open_=True,
                )
            },
            "/ready": {
                "get": operation(
                    "ready",
                    "Jobs are taken",
                    {
                        "200": json_body("Health", "They are"),
                        "503": json_body("Health", "The server is stopping"),
                    },
                    open_=True,
                )
            },
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-bf-vk": {"type": "apiKey", "in": "header", "name": "x-bf-vk"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "xi-api-key": {"type": "apiKey", "in": "header", "name": "xi-api-key"},
            },
        },
        "security": [{}, {"bearer": []}, {"x-bf-vk": []}, {"x-api-key": []}, {"xi-api-key": []}],
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


def _submit(jobs: Jobs) -> Json:
    replayed = {"schema": {"const": "true"}, "description": "The answer to an earlier submission"}
    described = operation(
        "createSpeechJob",
        "Create async speech",
        {
            "200": {
                **json_body("Job", "The job has ended while the caller preferred to wait"),
                "headers": {"Idempotent-Replayed": replayed, "Preference-Applied": APPLIED},
            },
            "202": {
                **json_body("Job", "Job accepted for processing; it is on disk"),
                "headers": {
                    "Location": {"schema": {"type": "string"}, "description": "Where to poll"},
                    "Retry-After": SECONDS,
                    "Idempotent-Replayed": replayed,
                    "Preference-Applied": APPLIED,
                },
            },
        },
        errors=(400, 401, 404, 408, 413, 415, 422, 503),
        parameters=[
            header(
                TTL_HEADER,
                {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": jobs.max_ttl_seconds,
                    "default": jobs.default_ttl_seconds,
                },
                "Time-to-live in seconds for the job result after completion",
            ),
            header(
                IDEMPOTENCY_HEADER,
                {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS},
                "Makes a second submission of the same body harmless: it is answered with the "
                "first job. Bare or in double quotes",
            ),
            header(
                PRIORITY_HEADER,
                {"type": "string", "enum": list(PRIORITIES), "default": "normal"},
                "Orders the jobs of one caller among themselves",
            ),
            header(
                DEADLINE_HEADER,
                {"type": "integer", "minimum": 1, "maximum": MAX_DEADLINE_S},
                "Seconds after which the job fails if it has not ended",
            ),
            header(
                WEBHOOK_HEADER,
                {"type": "string"},
                "Name of the configured webhook to call when the job has ended",
            ),
            PREFER,
        ],
    )
    return described | speech_request()


def _list() -> Json:
    return operation(
        "listSpeechJobs",
        "The caller's jobs, newest first, without their audio",
        {"200": json_body("JobList", "A page of jobs")},
        errors=(400, 401, 503),
        parameters=[
            query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
                "Jobs on the page",
            ),
            query(
                "after",
                {"type": "string", "format": "uuid"},
                "Only jobs older than this one: the last of the page before",
            ),
            query(
                "status",
                {"type": "string", "enum": list(JOB_STATUSES)},
                "Only jobs of this status",
            ),
        ],
    )


def _events() -> Json:
    last_id = {"type": "string", "pattern": r"^[0-9]{1,9}\.[0-9]{1,18}(\.end)?$"}
    return operation(
        "followSpeechJob",
        "The job's events, with its audio as it is made",
        {
            "200": {
                "description": "job.progress (JobProgress), speech.audio.delta (AudioDelta), "
                "job.restarted (JobRestarted), and at last job.completed or job.failed (Job)",
                "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
            },
            "204": {"description": "The caller was told of the job's end already"},
        },
        errors=(400, 401, 404, 503),
        parameters=[
            header("Last-Event-ID", last_id, "Resume after this event"),
            query("last_event_id", last_id, "The same, for who cannot set headers"),
            query("audio", {"type": "boolean", "default": True}, "Whether to send the audio"),
        ],
    )
