"""The audio of a job that runs, as it is made."""

from __future__ import annotations

from contextlib import aclosing

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from stentor.blobs import BlobMissing
from stentor.contract import CONTENT_TYPES, ErrorResponse, SpeechResult
from stentor.errors import SpeechError
from stentor.gateway import Gateway
from stentor.http.answer import no_such_job
from stentor.http.audio import audio_response
from stentor.http.failures import draining
from stentor.http.follow import Follow, Piece, Position, has_ended
from stentor.http.streaming import Cut, Sending, growing_headers, streamed
from stentor.jobs.record import JobRecord


def live_audio(gateway: Gateway, request: Request, job_id: str, owner: str) -> ASGIApp:
    """Answer for the audio of a job: once its first bytes exist, with all of them as they come.

    What cannot be completed in one voice is cut. A job that ends before its first bytes were
    seen is answered for as one that had ended before.
    """

    async def make(sending: Sending) -> None:
        position = Position()
        with Follow(gateway, job_id, owner) as follow:
            while True:
                record = await follow.look()
                if record is None:
                    raise Cut if sending.started else no_such_job()
                if has_ended(record):
                    break
                if follow.closing:
                    raise Cut if sending.started else draining()
                piece = await follow.live(position)
                if piece is not None:
                    position = await _deliver(sending, piece, position)
                else:
                    await follow.changed()
            if not sending.started:
                await sending.instead(await ended_audio(gateway, request, record))
                return
            if record.status == "failed":
                raise Cut
            await _deliver_rest(sending, follow, record, position)

    return streamed(make)


async def ended_audio(gateway: Gateway, request: Request, record: JobRecord) -> ASGIApp:
    """Answer for the audio of a job that has ended.

    Raises:
        SpeechError: 409 when it failed, 404 when its audio is gone.
    """
    if record.result is not None:
        result = msgspec.json.decode(record.result, type=SpeechResult)
        return await audio_response(request, gateway.blobs, record.id, result)
    reason = ""
    if record.error is not None:
        reason = f": {msgspec.json.decode(record.error, type=ErrorResponse).error.message}"
    raise SpeechError(409, "not_completed", f"the job failed and has no audio{reason}")


async def _deliver(sending: Sending, piece: Piece, position: Position) -> Position:
    if piece.offset != position.bytes:
        raise Cut
    if not sending.started:
        await sending.start(growing_headers(CONTENT_TYPES[piece.response_format]))
    await sending.write(piece.data)
    return piece.end


async def _deliver_rest(
    sending: Sending, follow: Follow, record: JobRecord, position: Position
) -> None:
    try:
        async with aclosing(follow.finished(record, position)) as pieces:
            async for piece in pieces:
                position = await _deliver(sending, piece, position)
    except BlobMissing:
        raise Cut from None
    await sending.end()
