"""Responses: JSON bodies, the error shape, and a job as the wire shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response

from stentor.contract import JOBS_PATH as JOBS_PATH
from stentor.contract import ErrorResponse, Job, SpeechResult
from stentor.errors import SpeechError
from stentor.jobs.record import JobRecord

RETRY_AFTER_S = 1

_encoder = msgspec.json.Encoder()
_result_decoder = msgspec.json.Decoder(SpeechResult)
_error_decoder = msgspec.json.Decoder(ErrorResponse)


def json_response(
    body: object, status_code: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON response of a contract type."""
    return raw_json_response(encode(body), status_code, headers)


def raw_json_response(
    body: bytes, status_code: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A response whose body is JSON already."""
    return Response(body, status_code, headers, media_type="application/json")


def encode(body: object) -> bytes:
    """JSON of a contract type."""
    return _encoder.encode(body)


def error_response(error: SpeechError, headers: Mapping[str, str] | None = None) -> Response:
    """The one error shape."""
    return json_response(
        error.response(), error.status_code, {**(headers or {}), **error_headers(error)}
    )


def error_headers(error: SpeechError) -> dict[str, str]:
    """What an error says beside its body."""
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status_code == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.code == "draining":
        headers["Connection"] = "close"
    return headers


def job_view(record: JobRecord, *, base: URL | str) -> Job:
    """A stored job as the wire shows it, without its audio.

    Args:
        base: what the audio's URL begins with, such as `http://localhost:8080/`.
    """
    result: SpeechResult | None = None
    if record.result is not None:
        result = msgspec.structs.replace(
            _result_decoder.decode(record.result),
            audio_url=f"{str(base).rstrip('/')}{JOBS_PATH}/{record.id}/audio",
        )
    return Job(
        id=record.id,
        status=record.status,
        created_at=_time(record.created_ms),
        completed_at=_time(record.completed_ms) if record.completed_ms is not None else None,
        expires_at=_time(record.expires_ms) if record.expires_ms is not None else None,
        status_code=record.status_code,
        result=result,
        error=_error_decoder.decode(record.error) if record.error is not None else None,
        progress=record.progress,
        position=record.position,
        request_id=record.request_id,
    )


def without_audio(job: Job) -> Job:
    """The job with the note that its audio is not in the result."""
    if job.result is None:
        return job
    return msgspec.structs.replace(
        job, result=msgspec.structs.replace(job.result, audio_omitted=True)
    )


def without_timings(job: Job) -> Job:
    """The job without what there is of each character and word."""
    if job.result is None or job.result.alignment is None:
        return job
    bare = msgspec.structs.replace(
        job.result, alignment=None, normalized_alignment=None, words=None
    )
    return msgspec.structs.replace(job, result=bare)


def base_url(request: Request) -> str:
    """Scheme and host as the caller wrote them."""
    return str(request.base_url)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
