"""`/v1/async/audio/speech`: submit, poll, fetch, delete."""

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
from stentor.http.audio import audio_response
from stentor.http.body import Keys, read_headers, read_json_body, read_request_id, read_ttl
from stentor.http.render import JOBS_PATH, RETRY_AFTER_S, base_url, job_view, json_response
from stentor.jobs.record import JobRecord
from stentor.jobs.runner import cancelled, now_ms
from stentor.jobs.store import QueueFull
from stentor.requests import check, encode, parse

# A body beyond this size is decoded in a thread: about a millisecond's worth of the event loop.
INLINE_BODY_BYTES = 128 * 1024

_GONE = "there is no such job: it is unknown, expired or another caller's"


class JobsApi:
    """The handlers of the asynchronous speech API."""

    def __init__(self, gateway: Gateway, keys: Keys) -> None:
        self._gateway = gateway
        self._keys = keys

    async def submit(self, request: Request) -> Response:
        headers = read_headers(request)
        owner = self._keys.owner(headers)
        config = self._gateway.config
        ttl_seconds = read_ttl(
            headers,
            default=config.jobs.default_ttl_seconds,
            maximum=config.jobs.max_ttl_seconds,
        )
        body = await read_json_body(request, headers, max_bytes=config.server.max_body_bytes)
        if len(body) > INLINE_BODY_BYTES:
            stored = await asyncio.to_thread(self._prepare, body)
        else:
            stored = self._prepare(body)
        record = JobRecord(
            id=str(uuid_utils.uuid7()),
            owner=owner,
            status="pending",
            request=stored,
            ttl_seconds=ttl_seconds,
            created_ms=now_ms(),
            request_id=read_request_id(headers),
        )
        try:
            await self._gateway.store.submit(record, queue_limit=config.jobs.queue_limit)
        except QueueFull as error:
            raise SpeechError(
                503,
                "queue_full",
                f"{config.jobs.queue_limit} jobs are waiting already; try again later",
                retry_after_s=30,
            ) from error
        self._gateway.runner.notify()
        return json_response(
            job_view(record, base=""),
            202,
            {"Location": f"{JOBS_PATH}/{record.id}", "Retry-After": str(RETRY_AFTER_S)},
        )

    def _prepare(self, body: bytes) -> bytes:
        stored = parse(body)
        try:
            check(
                stored,
                self._gateway.voices.catalogue,
                max_input_chars=self._gateway.config.server.max_input_chars,
            )
        except SpeechError as error:
            error.model = stored.speech.model
            raise
        return encode(stored)

    async def poll(self, request: Request) -> Response:
        record = await self._find(request)
        if record.status in ("pending", "processing"):
            return json_response(
                job_view(record, base=""), 202, {"Retry-After": str(RETRY_AFTER_S)}
            )
        job = job_view(record, base=base_url(request))
        if job.result is None:
            return json_response(job)
        return await self._with_audio(job, job.result)

    async def _with_audio(self, job: Job, result: SpeechResult) -> Response:
        if result.size_bytes > self._gateway.config.jobs.inline_audio_max_bytes:
            omitted = msgspec.structs.replace(result, audio_omitted=True)
            return json_response(msgspec.structs.replace(job, result=omitted))
        try:
            audio = await self._gateway.blobs.read_all(job.id)
        except BlobMissing:
            # It expired, or was deleted, since the row was read.
            raise not_found(_GONE, code="job_not_found") from None
        full = msgspec.structs.replace(job, result=msgspec.structs.replace(result, audio=audio))
        if len(audio) > INLINE_BODY_BYTES:
            return await asyncio.to_thread(json_response, full)
        return json_response(full)

    async def audio(self, request: Request) -> Response:
        record = await self._find(request)
        if record.status != "completed":
            hint = "it has no audio" if record.status == "failed" else "ask again when it has ended"
            raise SpeechError(409, "not_completed", f"the job is {record.status}; {hint}")
        view = job_view(record, base="")
        assert view.result is not None
        return await audio_response(request, self._gateway.blobs, record.id, view.result)

    async def delete(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        job_id = _job_id(request)
        store = self._gateway.store
        ended = await store.cancel(job_id, owner, cancelled(), now_ms())
        if ended is not None:
            self._gateway.runner.cancel(job_id)
            return json_response(job_view(ended, base=base_url(request)))
        await self._find(request)
        await self._gateway.blobs.delete([job_id])
        await store.delete(job_id, owner)
        return Response(status_code=204)

    async def _find(self, request: Request) -> JobRecord:
        owner = self._keys.owner(read_headers(request))
        record = await self._gateway.store.get(_job_id(request), owner, now_ms())
        if record is None:
            raise not_found(_GONE, code="job_not_found")
        return record


def _job_id(request: Request) -> str:
    """The id in the path, if it has the form of one: no other string reaches store or disk."""
    try:
        return str(uuid_utils.UUID(request.path_params["job_id"]))
    except ValueError:
        raise not_found(_GONE, code="job_not_found") from None
