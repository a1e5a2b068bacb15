"""What a webhook says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from stentor.blobs import BlobMissing, BlobStore
from stentor.contract import (
    JOBS_PATH,
    ErrorResponse,
    SpeechResult,
    WebhookData,
    WebhookEvent,
    WebhookUrls,
)
from stentor.webhooks.store import DeliveryRecord

# Base64 makes four characters of three bytes.
_BASE64 = 4 / 3


async def body_of(
    delivery: DeliveryRecord, blobs: BlobStore, *, base_url: str, max_bytes: int
) -> bytes:
    """The JSON body of a call, of at most `max_bytes` bytes if that can be.

    Where it would be longer, the audio is left out of the result, then the result.

    Args:
        base_url: what the URLs in it begin with.

    Raises:
        OSError, obstore.exceptions.BaseError: the audio cannot be read now.
    """
    event = _event(delivery, f"{base_url.rstrip('/')}{JOBS_PATH}/{delivery.job_id}")
    if delivery.result is None:
        gone = delivery.status == "completed" or None
        return msgspec.json.encode(_replaced(event, result_omitted=gone))
    # In threads, because results may be large.
    result = await asyncio.to_thread(_result, delivery.result, event)
    bare = await asyncio.to_thread(_with, event, result)
    if len(bare) > max_bytes:
        return msgspec.json.encode(_replaced(event, result_omitted=True))
    if len(bare) + result.size_bytes * _BASE64 < max_bytes:
        try:
            audio = await blobs.read_all(delivery.job_id)
        except BlobMissing:
            return bare  # it expired, or was deleted
        full = msgspec.structs.replace(result, audio=audio, audio_omitted=None)
        return await asyncio.to_thread(_with, event, full)
    return bare


def _event(delivery: DeliveryRecord, url: str) -> WebhookEvent:
    """What is told of any job, `url` being the job's."""
    return WebhookEvent(
        f"async_job.{delivery.status}",  # type: ignore[arg-type]
        _time(delivery.completed_ms),
        WebhookData(
            id=delivery.job_id,
            status=delivery.status,
            status_code=delivery.status_code,
            created_at=_time(delivery.created_ms),
            completed_at=_time(delivery.completed_ms),
            expires_at=_time(delivery.expires_ms),
            urls=WebhookUrls(url, f"{url}/audio" if delivery.result is not None else None),
            request_id=delivery.request_id,
            error=(
                msgspec.json.decode(delivery.error, type=ErrorResponse)
                if delivery.error is not None
                else None
            ),
        ),
    )


def _result(stored: bytes, event: WebhookEvent) -> SpeechResult:
    result = msgspec.json.decode(stored, type=SpeechResult)
    audio_url = event.data.urls.audio
    assert audio_url is not None
    return msgspec.structs.replace(result, audio_url=audio_url, audio_omitted=True)


def _with(event: WebhookEvent, result: SpeechResult) -> bytes:
    return msgspec.json.encode(_replaced(event, result=result))


def _replaced(event: WebhookEvent, **changes: object) -> WebhookEvent:
    return msgspec.structs.replace(event, data=msgspec.structs.replace(event.data, **changes))


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
