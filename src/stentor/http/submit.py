"""`POST /v1/async/audio/speech`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import uuid_utils
from starlette.requests import Request
from starlette.responses import Response

from stentor.errors import SpeechError
from stentor.gateway import Gateway
from stentor.http.answer import job_answer
from stentor.http.body import read_json_body
from stentor.http.checking import SMALL_BODY_BYTES, checked, named_lexicons, refuse_if_unable
from stentor.http.follow import Follow, has_ended
from stentor.http.headers import (
    IDEMPOTENCY_HEADER,
    WEBHOOK_HEADER,
    read_deadline,
    read_headers,
    read_idempotency_key,
    read_priority,
    read_request_id,
    read_ttl,
    read_wait_preference,
)
from stentor.http.keys import Keys
from stentor.http.render import (
    JOBS_PATH,
    RETRY_AFTER_S,
    encode,
    job_view,
    raw_json_response,
)
from stentor.http.streaming import unless_gone
from stentor.jobs.clock import now_ms
from stentor.jobs.record import IdempotencyKey, JobRecord, Replay
from stentor.jobs.store import KeyReused, QueueFull
from stentor.jobs.work import Known
from stentor.lexicon.lexicon import Lexicon
from stentor.requests import StoredRequest, parse, pinned
from stentor.requests import encode as encode_request


class _Prepared(NamedTuple):
    """A checked request.

    Attributes:
        request: as the store keeps it.
        asked: the same for bodies that mean the same.
        known: for who works on it now.
    """

    request: bytes
    asked: bytes
    known: Known | None


class Submission:
    """The handler that accepts jobs."""

    def __init__(self, gateway: Gateway, keys: Keys) -> None:
        self._gateway = gateway
        self._keys = keys

    async def submit(self, request: Request, body: bytes | None = None) -> Response:
        """202 with the job, which is on disk; 200 with the finished one to who prefers to wait.

        Args:
            body: the request's, if it was read already.
        """
        headers = read_headers(request)
        owner = self._keys.owner(headers)
        gateway = self._gateway
        refuse_if_unable(gateway)
        config = gateway.config
        ttl_seconds = read_ttl(
            headers,
            default=config.jobs.default_ttl_seconds,
            maximum=config.jobs.max_ttl_seconds,
        )
        deadline_s = read_deadline(headers, default=config.jobs.deadline_seconds)
        priority = read_priority(headers)
        key = read_idempotency_key(headers)
        webhook = headers.get(WEBHOOK_HEADER)
        if webhook is not None:
            gateway.webhooks.endpoints.check(webhook, owner)
        if body is None:
            body = await read_json_body(request, headers, max_bytes=config.server.max_body_bytes)
        job_id = str(uuid_utils.uuid7())
        if len(body) > SMALL_BODY_BYTES:
            stored = await asyncio.to_thread(parse, body)
            lexicons = await named_lexicons(gateway, stored, owner)
            prepared = await asyncio.to_thread(self._prepare, job_id, stored, lexicons)
        else:
            stored = parse(body)
            lexicons = await named_lexicons(gateway, stored, owner)
            prepared = self._prepare(job_id, stored, lexicons)
        created_ms = now_ms()
        record = JobRecord(
            id=job_id,
            owner=owner,
            status="pending",
            request=prepared.request,
            ttl_seconds=ttl_seconds,
            created_ms=created_ms,
            request_id=read_request_id(headers),
            priority=priority,
            express=len(stored.speech.input) <= config.jobs.express_max_chars,
            deadline_ms=created_ms + 1000 * deadline_s if deadline_s else None,
            webhook=webhook,
        )
        answer = encode(job_view(record, base=""))
        seconds = None
        if "prefer" in headers:
            seconds = read_wait_preference(request, maximum=config.server.max_wait_seconds)
        if not seconds:
            replay = await self._store(record, key, prepared, answer)
            return _accepted(record, answer, replay, seconds)
        # Followed before it is stored, so that no end is missed, nor looked for.
        with Follow(gateway, record.id, owner) as follow:
            replay = await self._store(record, key, prepared, answer)
            if replay is None:
                ended = await self._ended(request, follow, seconds, new=True)
        if replay is not None:
            with Follow(gateway, replay.job_id, owner) as follow:
                ended = await self._ended(request, follow, seconds, new=False)
        accepted = _accepted(record, answer, replay, seconds)
        if ended is None:
            return accepted
        shown = ("Idempotent-Replayed", "Preference-Applied")
        # Not ended yet, it is accepted all the same.
        for name in ("Location", *shown) if ended.status_code == 202 else shown:
            if name in accepted.headers:
                ended.headers[name] = accepted.headers[name]
        return ended

    def _prepare(
        self, job_id: str, stored: StoredRequest, lexicons: Sequence[Lexicon]
    ) -> _Prepared:
        speech = checked(self._gateway, stored, lexicons, seed=job_id)
        request = encode_request(stored)
        if not lexicons:
            return _Prepared(request, request, Known(stored, speech))
        return _Prepared(encode_request(pinned(stored, lexicons)), request, None)

    async def _store(
        self, record: JobRecord, key: str | None, prepared: _Prepared, answer: bytes
    ) -> Replay | None:
        jobs = self._gateway.config.jobs
        idempotency = None
        replay = None
        if key is not None:
            idempotency = IdempotencyKey(
                key=key,
                fingerprint=hashlib.sha256(prepared.asked).digest(),
                answer=answer,
                expires_ms=record.created_ms + 1000 * jobs.idempotency_seconds,
            )
        try:
            if idempotency is None:
                await self._gateway.runner.submit(
                    record, queue_limit=jobs.queue_limit, known=prepared.known
                )
            else:
                replay = await self._gateway.store.submit(
                    record, queue_limit=jobs.queue_limit, idempotency=idempotency
                )
        except QueueFull as error:
            raise SpeechError(
                503,
                "queue_full",
                f"{jobs.queue_limit} jobs are waiting already; try again later",
                retry_after_s=30,
            ) from error
        except KeyReused as error:
            raise SpeechError(
                422,
                "idempotency_key_reused",
                f"{IDEMPOTENCY_HEADER}: the key was used before, for another body; take a new key "
                "for a new request",
                param=IDEMPOTENCY_HEADER,
            ) from error
        if idempotency is not None and replay is None:
            self._gateway.runner.notify()
        return replay

    async def _ended(
        self, request: Request, follow: Follow, seconds: int, *, new: bool
    ) -> Response | None:
        """The finished job, if it ends in time; a new one otherwise as it stands by then."""
        seen = await unless_gone(
            request.scope, request.receive, follow.until_ended(seconds, new=new)
        )
        if seen.record is None or not (new or has_ended(seen.record)):
            return None
        return await job_answer(self._gateway, seen.record, request, seen.audio)


def _accepted(
    record: JobRecord, answer: bytes, replay: Replay | None, seconds: int | None
) -> Response:
    """202 with the job, or with that of the request which this one repeats."""
    job_id = record.id if replay is None else replay.job_id
    headers = {"Location": f"{JOBS_PATH}/{job_id}", "Retry-After": str(RETRY_AFTER_S)}
    if replay is not None:
        headers["Idempotent-Replayed"] = "true"
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds}"
    return raw_json_response(answer if replay is None else replay.answer, 202, headers)
