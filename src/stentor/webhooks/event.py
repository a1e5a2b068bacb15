"""What a webhook says."""

from __future__ import annotations

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
    url = f"{base_url.rstrip('/')}{JOBS_PATH}/{delivery.job_id}"
    event = WebhookEvent(
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
    if delivery.result is None:
        return msgspec.json.encode(event)
    result = msgspec.json.decode(delivery.result, type=SpeechResult)
    result = msgspec.structs.replace(result, audio_url=f"{url}/audio")
    bare = _with(event, msgspec.structs.replace(result, audio_omitted=True))
    if len(bare) > max_bytes:
        return msgspec.json.encode(_replaced(event, result_omitted=True))
    if len(bare) + result.size_bytes * _BASE64 < max_bytes:
        try:
            audio = await blobs.read_all(delivery.job_id)
        except BlobMissing:
            return bare  # it expired, or was deleted
        return _with(event, msgspec.structs.replace(result, audio=audio))
    return bare


def _with(event: WebhookEvent, result: SpeechResult) -> bytes:
    return msgspec.json.encode(_replaced(event, result=result))


def _replaced(event: WebhookEvent, **changes: object) -> WebhookEvent:
    return msgspec.structs.replace(event, data=msgspec.structs.replace(event.data, **changes))


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
