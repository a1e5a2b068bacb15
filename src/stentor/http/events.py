"""A job as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import aclosing
from dataclasses import dataclass

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from stentor.blobs import BlobMissing
from stentor.contract import AudioDelta, JobProgress, JobRestarted
from stentor.errors import invalid
from stentor.gateway import Gateway
from stentor.http.answer import is_large
from stentor.http.follow import Follow, Piece, Position, has_ended
from stentor.http.headers import read_flag
from stentor.http.render import encode, job_view, without_audio
from stentor.http.streaming import EVENT_STREAM, Sending, growing_headers, streamed
from stentor.jobs.record import JobRecord

DELTA_BYTES = 48 * 1024
HEARTBEAT_S = 15.0
RETRY_MS = 1000

_ID = re.compile(r"([0-9]{1,9})\.([0-9]{1,18})(\.end)?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client asks of the events.

    Attributes:
        position: what it has already.
        over: whether it was told of the job's end already.
        audio: whether it wants the audio, too.
    """

    position: Position
    over: bool
    audio: bool


def read_wanted(request: Request) -> Wanted:
    """What a client asks for, by `Last-Event-ID` or `?last_event_id=`, and by `?audio=`.

    Raises:
        SpeechError: 400 when one of them is malformed.
    """
    name = "last-event-id" if "last-event-id" in request.headers else "last_event_id"
    last = request.headers.get("last-event-id", request.query_params.get("last_event_id", "0.0"))
    match = _ID.fullmatch(last)
    if match is None:
        raise invalid(
            f"{name}: expected the id of an event, such as 0.49152, got {last[:40]!r}", param=name
        )
    generation, count, end = match.groups()
    return Wanted(
        Position(int(generation), int(count)),
        over=end is not None,
        audio=read_flag(request, "audio", default=True),
    )


def events(gateway: Gateway, wanted: Wanted, job_id: str, owner: str, base: URL | str) -> ASGIApp:
    """Answer with the events of a job, until it has ended or the server ends.

    Args:
        base: what the audio's URL begins with.
    """
    if wanted.over:
        # The one status that keeps an EventSource from connecting again.
        return Response(status_code=204)

    async def make(sending: Sending) -> None:
        with Follow(gateway, job_id, owner) as follow:
            await _Events(sending, follow, wanted, base).run()

    return streamed(make)


class _Events:
    def __init__(self, sending: Sending, follow: Follow, wanted: Wanted, base: URL | str) -> None:
        self._sending = sending
        self._follow = follow
        self._audio = wanted.audio
        self._position = wanted.position
        self._base = base
        self._told: JobProgress | None = None
        self._sent_at = time.monotonic()

    async def run(self) -> None:
        await self._sending.start(growing_headers(EVENT_STREAM))
        await self._write(f"retry: {RETRY_MS}\n\n".encode())
        record = await self._until_ended()
        if record is not None and await self._rest(record):
            await self._finish(record)
        await self._sending.end()

    async def _until_ended(self) -> JobRecord | None:
        """Tell of what happens; the job once it has ended, None if that is not to be seen."""
        while (record := await self._follow.look()) is not None:
            if has_ended(record):
                return record
            await self._progress(record)
            if self._follow.closing:
                return None
            piece = await self._follow.live(self._position) if self._audio else None
            if piece is not None:
                await self._deliver(piece)
            else:
                await self._follow.changed()
                if time.monotonic() - self._sent_at >= HEARTBEAT_S:
                    await self._write(b":\n\n")
        return None

    async def _rest(self, record: JobRecord) -> bool:
        """Deliver what is left of a completed job's audio; False if it is gone."""
        if not self._audio or record.status != "completed":
            return True
        try:
            async with aclosing(self._follow.finished(record, self._position)) as pieces:
                async for piece in pieces:
                    await self._deliver(piece)
        except BlobMissing:
            return False
        return True

    async def _progress(self, record: JobRecord) -> None:
        progress = JobProgress(record.id, record.status, record.progress, record.position)
        if progress != self._told:
            self._told = progress
            await self._event("job.progress", progress)

    async def _deliver(self, piece: Piece) -> None:
        if piece.offset != self._position.bytes:
            self._position = Position(piece.generation, piece.offset)
            await self._event("job.restarted", JobRestarted(piece.generation))
        for start in range(0, len(piece.data), DELTA_BYTES):
            data = piece.data[start : start + DELTA_BYTES]
            offset = piece.offset + start
            self._position = Position(piece.generation, offset + len(data))
            await self._event("speech.audio.delta", AudioDelta(data, offset))

    async def _finish(self, record: JobRecord) -> None:
        if is_large(record):
            job = await asyncio.to_thread(job_view, record, base=self._base)
        else:
            job = job_view(record, base=self._base)
        job = without_audio(job)
        await self._event(f"job.{record.status}", job, suffix=".end")

    async def _event(self, name: str, data: object, suffix: str = "") -> None:
        at = self._position
        head = f"event: {name}\nid: {at.generation}.{at.bytes}{suffix}\ndata: "
        await self._write(head.encode() + encode(data) + b"\n\n")

    async def _write(self, data: bytes) -> None:
        await self._sending.write(data)
        self._sent_at = time.monotonic()
