"""A job as an answer."""

from __future__ import annotations

import asyncio

import msgspec
import uuid_utils
from starlette.requests import Request
from starlette.responses import Response

from stentor.blobs import BlobMissing
from stentor.contract import Job, SpeechResult
from stentor.errors import SpeechError, not_found
from stentor.gateway import Gateway
from stentor.http.follow import has_ended
from stentor.http.render import RETRY_AFTER_S, base_url, job_view, json_response, without_audio
from stentor.jobs.record import JobRecord

# A body beyond this size is coded in a thread: about a millisecond's worth of the event loop.
INLINE_BODY_BYTES = 128 * 1024


async def job_answer(
    gateway: Gateway, record: JobRecord, request: Request, audio: bytes | None = None
) -> Response:
    """202 with a job that waits or runs, 200 with one that has ended and its audio, if small.

    Args:
        audio: the job's, if it is at hand.

    Raises:
        SpeechError: 404: it went meanwhile.
    """
    if not has_ended(record):
        return json_response(job_view(record, base=""), 202, {"Retry-After": str(RETRY_AFTER_S)})
    large = is_large(record)
    base = base_url(request)
    job = (
        await asyncio.to_thread(job_view, record, base=base)
        if large
        else (job_view(record, base=base))
    )
    if job.result is None:
        return json_response(job)
    if job.result.size_bytes > gateway.config.jobs.inline_audio_max_bytes:
        shown = without_audio(job)
        return await asyncio.to_thread(json_response, shown) if large else json_response(shown)
    return await _with_audio(gateway, job, job.result, large, audio)


def is_large(record: JobRecord) -> bool:
    """Whether a job's result takes more than about a millisecond to decode: it has timings."""
    return record.result is not None and len(record.result) > INLINE_BODY_BYTES


async def _with_audio(
    gateway: Gateway, job: Job, result: SpeechResult, large: bool, audio: bytes | None
) -> Response:
    try:
        audio = await gateway.blobs.read_all(job.id) if audio is None else audio
    except BlobMissing:
        # It expired, or was deleted, since the row was read.
        raise no_such_job() from None
    full = msgspec.structs.replace(job, result=msgspec.structs.replace(result, audio=audio))
    if large or len(audio) > INLINE_BODY_BYTES:
        return await asyncio.to_thread(json_response, full)
    return json_response(full)


def read_job_id(request: Request) -> str:
    """The id in the path, if it has the form of one: no other string reaches store or disk.

    Raises:
        SpeechError: 404.
    """
    try:
        return str(uuid_utils.UUID(request.path_params["job_id"]))
    except ValueError:
        raise no_such_job() from None


def no_such_job() -> SpeechError:
    """The one error for every reason why a job cannot be seen."""
    return not_found(
        "there is no such job: it is unknown, expired or another caller's", code="job_not_found"
    )
