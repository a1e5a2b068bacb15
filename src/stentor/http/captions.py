"""Captions of a finished job, made of its words when they are asked for."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stentor import __version__
from stentor.captions.cues import make_cues
from stentor.captions.reading import words_in
from stentor.captions.write import to_srt, to_vtt
from stentor.contract import ErrorResponse, InputType, Word
from stentor.errors import SpeechError, invalid
from stentor.gateway import Gateway
from stentor.http.answer import no_such_job
from stentor.http.audio import matches
from stentor.http.follow import has_ended
from stentor.http.headers import read_flag
from stentor.jobs.clock import now_ms
from stentor.jobs.record import JobRecord
from stentor.text.reading import read

CaptionFormat = Literal["vtt", "srt"]

CAPTION_TYPES: dict[CaptionFormat, str] = {
    "vtt": "text/vtt; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
}


# A book's take seconds in Python, during which the threads that serve others want their turn.
AT_ONCE = 2


class _Result(msgspec.Struct):
    """What captions need of a result. The alignments, which are far larger, are read over."""

    words: list[Word] | None = None


class _Speech(msgspec.Struct):
    input: str
    language_code: str | None = None
    input_type: InputType | None = None


class _Stored(msgspec.Struct):
    """What captions need of a stored request."""

    speech: _Speech


class Captions:
    """Makes captions, some at a time."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._room = asyncio.Semaphore(AT_ONCE)

    async def respond(
        self, request: Request, record: JobRecord, owner: str, kind: CaptionFormat
    ) -> Response:
        """Answer a GET or HEAD for the captions of a job.

        Raises:
            SpeechError: 400: SubRip with `karaoke`; 409: the job has not completed
                (`not_completed`) or its words have no timings (`no_timestamps`); 404: it went
                meanwhile.
        """
        karaoke = read_flag(request, "karaoke", default=False)
        if karaoke and kind == "srt":
            raise invalid(
                "karaoke: SubRip has no times within a caption; captions.vtt has", param="karaoke"
            )
        if record.result is None:
            raise _not_completed(record)
        # Neither result nor request of a finished job ever change; what is made of them may, with
        # another version of this program.
        etag = f'"{record.id}-{__version__}{"-karaoke" if karaoke else ""}.{kind}"'
        headers = {
            "Content-Type": CAPTION_TYPES[kind],
            "ETag": etag,
            "Cache-Control": "private",
            "Content-Disposition": f'inline; filename="{record.id}.{kind}"',
        }
        if matches(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        stored = await self._gateway.store.request(record.id, owner, now_ms())
        if stored is None:
            raise no_such_job()
        async with self._room:
            text = await asyncio.to_thread(_captions, record.result, stored, kind, karaoke)
        return Response(text.encode(), headers=headers)


def _captions(result: bytes, stored: bytes, kind: CaptionFormat, karaoke: bool) -> str:
    words = msgspec.json.decode(result, type=_Result).words
    if words is None:
        raise SpeechError(
            409,
            "no_timestamps",
            "the job's words have no timings, of which captions are made; submit the text with "
            "with_timestamps: true",
        )
    speech = msgspec.json.decode(stored, type=_Stored).speech
    reading = read(speech.input, speech.input_type or "auto")
    cues = make_cues(words_in(reading, words), reading.text, language=speech.language_code or "en")
    return to_vtt(cues, karaoke=karaoke) if kind == "vtt" else to_srt(cues)


def _not_completed(record: JobRecord) -> SpeechError:
    if not has_ended(record):
        return SpeechError(
            409,
            "not_completed",
            f"the job is {record.status}; its captions are there once it has completed",
        )
    reason = ""
    if record.error is not None:
        reason = f": {msgspec.json.decode(record.error, type=ErrorResponse).error.message}"
    return SpeechError(409, "not_completed", f"the job failed and has no captions{reason}")
