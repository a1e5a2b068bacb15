"""Audio as ElevenLabs' clients read it: bytes, one document, or a document a line."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import TypeVar
from urllib.parse import quote

from starlette.types import ASGIApp

from stentor.contract import Alignment, SpeechResult
from stentor.engines.base import Flow
from stentor.errors import SpeechError
from stentor.gateway import Gateway
from stentor.http.elevenlabs.wire import ElevenLabsAlignment, ElevenLabsTimedAudio
from stentor.http.events import DELTA_BYTES
from stentor.http.render import encode, json_response
from stentor.http.speech import Hearing, answer
from stentor.http.streaming import Cut, Sending, growing_headers, streamed
from stentor.requests import StoredRequest
from stentor.synthesis.timeline import GrowingTimeline
from stentor.synthesis.values import Speech

MODEL_HEADER = "x-stentor-model"
SAMPLE_BYTES = 2

T = TypeVar("T")
_New = tuple[Alignment | None, Alignment | None]
_NO_HEADER = re.compile(r"[^!-~]")


def audio(gateway: Gateway, stored: StoredRequest, speech: Speech, flow: Flow) -> ASGIApp:
    """The bytes, as they are made."""
    return answer(gateway, stored, speech, flow, _told)


def timed(gateway: Gateway, stored: StoredRequest, speech: Speech, flow: Flow) -> ASGIApp:
    """One document, once all is spoken."""

    async def make(sending: Sending) -> None:
        async with gateway.speaking.speak(speech, flow, hurried=False) as underway:
            hearing = Hearing(gateway, stored, underway)
            result = await hearing.complete()
            document = await asyncio.to_thread(_timings, result, result.audio or b"")
            headers = _told(hearing.model)
            await sending.instead(json_response(document, headers=headers))

    return streamed(make)


def timed_stream(gateway: Gateway, stored: StoredRequest, speech: Speech, flow: Flow) -> ASGIApp:
    """A document a line: the audio as it is made, with what is known by then of its timings."""

    async def make(sending: Sending) -> None:
        async with gateway.speaking.speak(speech, flow) as underway:
            hearing = Hearing(gateway, stored, underway)
            timeline = GrowingTimeline(stored.speech.input)
            try:
                async for data in _whole_samples(hearing):
                    if not sending.started:
                        headers = growing_headers("application/x-ndjson")
                        await sending.start(headers | _told(hearing.model))
                    await _line(sending, data, timeline.take, underway.told)
                timings = underway.task.result().timings
                if timings is not None:
                    await _line(sending, b"", timeline.rest, timings)
            except SpeechError:
                if sending.started:
                    raise Cut from None
                raise
            await sending.end()

    return streamed(make)


async def _whole_samples(hearing: Hearing) -> AsyncIterator[bytes]:
    """The audio in pieces that can each be played: clients decode them one by one."""
    rest = b""
    async with aclosing(hearing.audio()) as pieces:
        async for piece in pieces:
            data = rest + piece
            size = len(data) - len(data) % SAMPLE_BYTES
            data, rest = data[:size], data[size:]
            for start in range(0, size, DELTA_BYTES):
                yield data[start : start + DELTA_BYTES]
    if rest:
        yield rest


async def _line(sending: Sending, data: bytes, new: Callable[[T], _New], of: T) -> None:
    """Send a document, unless there is nothing to tell."""

    def document() -> bytes:
        alignment, normalized = map(_in_seconds, new(of))
        if not data and alignment is None and normalized is None:
            return b""
        return encode(ElevenLabsTimedAudio(data, alignment, normalized)) + b"\n"

    # All of a long text's characters may be new at once.
    if line := await asyncio.to_thread(document):
        await sending.write(line)


def _told(model: str) -> dict[str, str]:
    """The header with the model, whose name may be the caller's own where any is passed on."""
    return {MODEL_HEADER: _NO_HEADER.sub(lambda match: quote(match[0]), model)}


def _timings(result: SpeechResult, data: bytes) -> ElevenLabsTimedAudio:
    return ElevenLabsTimedAudio(
        data, _in_seconds(result.alignment), _in_seconds(result.normalized_alignment)
    )


def _in_seconds(alignment: Alignment | None) -> ElevenLabsAlignment | None:
    if alignment is None:
        return None
    return ElevenLabsAlignment(
        alignment.characters,
        [ms / 1000 for ms in alignment.char_start_times_ms],
        [ms / 1000 for ms in alignment.char_end_times_ms],
    )
