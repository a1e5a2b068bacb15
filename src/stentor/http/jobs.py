"""`/v1/async/audio/speech`: list, poll, follow, fetch, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from stentor.contract import JOB_STATUSES, Job, JobList
from stentor.errors import SpeechError
from stentor.gateway import Gateway
from stentor.http.answer import is_large, job_answer, no_such_job, read_job_id
from stentor.http.captions import CaptionFormat, Captions
from stentor.http.events import events, read_wanted
from stentor.http.follow import Follow, has_ended
from stentor.http.headers import read_flag, read_headers, read_wait_preference, read_wait_query
from stentor.http.keys import Keys
from stentor.http.live import ended_audio, live_audio
from stentor.http.paging import read_choice, read_job_id_query, read_limit
from stentor.http.render import (
    base_url,
    job_view,
    json_response,
    without_audio,
    without_timings,
)
from stentor.http.streaming import unless_gone
from stentor.jobs.clock import now_ms
from stentor.jobs.outcome import cancelled
from stentor.jobs.record import JobRecord


class JobsApi:
    """The handlers of jobs that were accepted."""

    def __init__(self, gateway: Gateway, keys: Keys) -> None:
        self._gateway = gateway
        self._keys = keys
        self._captions = Captions(gateway)

    async def list_jobs(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        limit = read_limit(request)
        records = await self._gateway.store.list_jobs(
            owner,
            now_ms(),
            limit=limit + 1,
            after=read_job_id_query(request, "after"),
            status=read_choice(request, "status", JOB_STATUSES),
        )
        base = base_url(request)
        shown = records[:limit]
        if any(is_large(record) for record in shown):
            data = await asyncio.to_thread(_listed, shown, base)
        else:
            data = _listed(shown, base)
        return json_response(
            JobList(
                data,
                has_more=len(records) > limit,
                first_id=data[0].id if data else None,
                last_id=data[-1].id if data else None,
            )
        )

    async def poll(self, request: Request) -> Response:
        headers = read_headers(request)
        owner = self._keys.owner(headers)
        job_id = read_job_id(request)
        maximum = self._gateway.config.server.max_wait_seconds
        seconds: float | None = None
        preferred: int | None = None
        audio: bytes | None = None
        if request["query_string"]:
            seconds = read_wait_query(request, maximum=maximum)
        if seconds is None and "prefer" in headers:
            seconds = preferred = read_wait_preference(request, maximum=maximum)
        if seconds:
            with Follow(self._gateway, job_id, owner) as follow:
                record, audio = await unless_gone(
                    request.scope, request.receive, follow.until_ended(seconds)
                )
        else:
            record = await self._gateway.store.get(job_id, owner, now_ms())
        if record is None:
            raise no_such_job()
        response = await job_answer(self._gateway, record, request, audio)
        if preferred is not None:
            response.headers["Preference-Applied"] = f"wait={preferred}"
        return response

    async def audio(self, request: Request) -> ASGIApp:
        owner, record = await self._find(request)
        if has_ended(record):
            return await ended_audio(self._gateway, request, record)
        return live_audio(self._gateway, request, record.id, owner)

    async def vtt(self, request: Request) -> Response:
        return await self._caption(request, "vtt")

    async def srt(self, request: Request) -> Response:
        return await self._caption(request, "srt")

    async def events(self, request: Request) -> ASGIApp:
        owner, record = await self._find(request)
        return events(self._gateway, read_wanted(request), record.id, owner, base_url(request))

    async def delete(self, request: Request) -> Response:
        owner = self._keys.owner(read_headers(request))
        job_id = read_job_id(request)
        cancel_only = read_flag(request, "cancel_only", default=False)
        store = self._gateway.store
        ended = await store.cancel(
            job_id, owner, cancelled(self._gateway.runner.attempts(job_id)), now_ms()
        )
        if ended is not None:
            self._gateway.runner.cancel(job_id)
            return json_response(job_view(ended, base=base_url(request)))
        _, record = await self._find(request)
        if cancel_only:
            raise SpeechError(409, "already_ended", f"the job is {record.status} already")
        await self._gateway.blobs.delete([job_id])
        await store.delete(job_id, owner)
        return Response(status_code=204)

    async def _caption(self, request: Request, kind: CaptionFormat) -> Response:
        owner, record = await self._find(request)
        return await self._captions.respond(request, record, owner, kind)

    async def _find(self, request: Request) -> tuple[str, JobRecord]:
        owner = self._keys.owner(read_headers(request))
        record = await self._gateway.store.get(read_job_id(request), owner, now_ms())
        if record is None:
            raise no_such_job()
        return owner, record


def _listed(records: Sequence[JobRecord], base: str) -> list[Job]:
    """Jobs as lists have them: without their audio and timings."""
    return [without_timings(without_audio(job_view(record, base=base))) for record in records]
