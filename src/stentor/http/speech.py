"""`POST /v1/audio/speech`: the audio is the answer, as it is made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

import msgspec
import uuid_utils
from starlette.requests import Request
from starlette.types import ASGIApp

from stentor.audio.probe import begins_as
from stentor.contract import CONTENT_TYPES, AudioDelta, AudioDone, SpeechResult
from stentor.engines.base import Flow
from stentor.errors import SpeechError
from stentor.gateway import Gateway
from stentor.http.body import read_json_body
from stentor.http.checking import SMALL_BODY_BYTES, checked, named_lexicons, refuse_if_unable
from stentor.http.events import DELTA_BYTES
from stentor.http.failures import draining
from stentor.http.follow import CHUNK_BYTES, Follow, Piece, Position
from stentor.http.headers import read_headers, read_priority, read_wants_job
from stentor.http.keys import Keys
from stentor.http.render import encode, raw_json_response
from stentor.http.streaming import EVENT_STREAM, Cut, Sending, growing_headers, streamed
from stentor.http.submit import Submission
from stentor.jobs.outcome import speech_result
from stentor.requests import StoredRequest, parse
from stentor.routing.attempts import AttemptLog
from stentor.speaking import Underway
from stentor.synthesis.relay import Broken, Remainder
from stentor.synthesis.values import Rendered, Speech

Headers = Callable[[str], Mapping[str, str]]
"""What to say, beside the audio, of the model that speaks, which is `provider/model`."""


class SpeechApi:
    """The handler of synchronous calls."""

    def __init__(self, gateway: Gateway, keys: Keys, submission: Submission) -> None:
        self._gateway = gateway
        self._keys = keys
        self._submission = submission

    async def speak(self, request: Request) -> ASGIApp:
        """200 with the audio, or what was asked for instead; 202 with a job if it became one."""
        headers = read_headers(request)
        if read_wants_job(request, headers):
            return await self._submission.submit(request)
        owner = self._keys.owner(headers)
        refuse_if_unable(self._gateway)
        server = self._gateway.config.server
        flow = Flow(owner, f"speech-{uuid_utils.uuid4().hex}", read_priority(headers))
        body = await read_json_body(request, headers, max_bytes=server.max_body_bytes)
        large = len(body) > SMALL_BODY_BYTES
        stored = await asyncio.to_thread(parse, body) if large else parse(body)
        if 0 < server.sync_max_chars < len(stored.speech.input):
            return await self._submission.submit(request, body)
        lexicons = await named_lexicons(self._gateway, stored, owner)
        arguments = self._gateway, stored, lexicons, flow.job
        speech = await asyncio.to_thread(checked, *arguments) if large else checked(*arguments)
        return answer(self._gateway, stored, speech, flow)


def answer(
    gateway: Gateway,
    stored: StoredRequest,
    speech: Speech,
    flow: Flow,
    more_headers: Headers = lambda _: {},
) -> ASGIApp:
    """Answer once there is something to hear, so that until then a failure has its own status.

    Args:
        more_headers: of an answer that is nothing but audio.
    """
    as_events = stored.speech.stream_format == "sse"
    as_json = bool(stored.speech.with_timestamps) and not as_events

    async def make(sending: Sending) -> None:
        log = AttemptLog()
        rest: Remainder | None = Remainder(speech)
        if not as_events and not as_json:
            rest = await _relay(gateway, stored, speech, flow, log, sending, more_headers)
        if rest is None:
            return
        try:
            async with gateway.speaking.speak(
                rest.speech, flow, log, rest.take, hurried=not as_json
            ) as underway:
                voice = Hearing(gateway, stored, underway)
                if as_events:
                    await _send_events(sending, voice)
                elif as_json:
                    await sending.instead(raw_json_response(await voice.whole()))
                else:
                    await _send_audio(sending, voice, more_headers)
        except SpeechError:
            if rest.error is None:
                raise
            # What the first target said is what the caller should hear.
            rest.error.attempts = log.entries
            rest.error.model = stored.speech.model
            raise rest.error from None

    return streamed(make)


async def _relay(
    gateway: Gateway,
    stored: StoredRequest,
    speech: Speech,
    flow: Flow,
    log: AttemptLog,
    sending: Sending,
    more_headers: Headers,
) -> Remainder | None:
    """Let a vendor's bytes be the answer; what is left to do if they cannot be."""

    async def write(data: bytes) -> None:
        if not sending.started:
            headers = growing_headers(CONTENT_TYPES[speech.response_format])
            assert log.calling is not None
            await sending.start({**headers, **more_headers(log.calling)})
        await sending.write(data)

    try:
        rest = await gateway.speaking.relay(speech, flow, log, write)
    except Broken:
        raise Cut from None
    except SpeechError as error:
        error.model = stored.speech.model
        raise
    if rest is None:
        await sending.end()
    return rest


class Hearing:
    """What a rendering gives, as it comes."""

    def __init__(self, gateway: Gateway, stored: StoredRequest, underway: Underway) -> None:
        self._gateway = gateway
        self._stored = stored
        self._underway = underway
        self._began = time.monotonic()

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self._stored.speech.response_format or "mp3"]

    @property
    def model(self) -> str:
        """Who speaks, as `provider/model`."""
        return self._underway.target.id

    @property
    def size_bytes(self) -> int | None:
        """Of the whole audio, if it is finished."""
        task = self._underway.task
        if not task.done() or task.cancelled() or task.exception() is not None:
            return None
        return task.result().encoded.size_bytes

    async def audio(self) -> AsyncGenerator[bytes]:
        """All bytes; once the first were given, the rest is of the same audio or an error.

        Raises:
            SpeechError: there is no more to come.
        """
        underway, position = self._underway, Position()
        with self._follow() as follow:
            while not underway.task.done():
                _unless_closing(follow)
                piece = await follow.live(position)
                if piece is None or not (position.bytes or await self._fits(piece)):
                    await follow.changed()
                    continue
                if piece.offset != position.bytes:
                    raise self._broken_off()
                underway.heard = True
                position = piece.end
                yield piece.data
        rendered = self._rendered()
        if position.bytes and position.generation != rendered.generation:
            raise self._broken_off()
        file = await asyncio.to_thread(_opened, rendered.path, position.bytes)
        with file:
            while data := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield data

    async def whole(self) -> bytes:
        """The result with its audio, as JSON.

        Raises:
            SpeechError: it failed.
        """
        return await asyncio.to_thread(encode, await self.complete())

    async def complete(self) -> SpeechResult:
        """The result with its audio.

        Raises:
            SpeechError: it failed.
        """
        with self._follow() as follow:
            while not self._underway.task.done():
                _unless_closing(follow)
                await follow.changed()
        return await asyncio.to_thread(self._with_audio, self._rendered())

    async def _fits(self, first: Piece) -> bool:
        """Whether the audio that begins so needs no more work.

        What a vendor made may be something else than it was asked for; then it is converted, once
        it is all there.
        """
        feed, id_ = self._gateway.feed, self._underway.id
        live = feed.live(id_)
        if live is None:
            return False
        size = len(first.data)
        try:
            fits = await asyncio.to_thread(begins_as, live.path, live.response_format, size)
        except FileNotFoundError:
            return False
        # Meanwhile it may have been given up.
        return fits and feed.live(id_) == live and live.generation == first.generation

    def result(self) -> SpeechResult:
        """What there is to tell of the finished audio."""
        milliseconds = round((time.monotonic() - self._began) * 1000)
        return speech_result(self._stored, self._rendered(), milliseconds)

    def _with_audio(self, rendered: Rendered) -> SpeechResult:
        return msgspec.structs.replace(self.result(), audio=rendered.path.read_bytes())

    def _follow(self) -> Follow:
        return Follow(self._gateway, self._underway.id, "")

    def _rendered(self) -> Rendered:
        underway = self._underway
        if underway.task.cancelled():
            raise self._broken_off() if underway.broken else draining()
        try:
            return underway.task.result()
        except SpeechError as error:
            error.model = self._stored.speech.model
            raise

    def _broken_off(self) -> SpeechError:
        attempts = self._underway.log.entries
        failed = [one for one in attempts if one.error is not None and one.outcome != "skipped"]
        reason = f": {failed[-1].error}" if failed else ""
        return SpeechError(
            502,
            "broken_off",
            f"the audio broke off, and what was heard of it has no continuation{reason}",
            provider=failed[-1].provider if failed else None,
            model=self._stored.speech.model,
            attempts=attempts,
        )


async def _send_audio(sending: Sending, voice: Hearing, more_headers: Headers) -> None:
    try:
        async with aclosing(voice.audio()) as pieces:
            async for piece in pieces:
                if not sending.started:
                    await sending.start({**_headers(voice), **more_headers(voice.model)})
                await sending.write(piece)
    except SpeechError:
        if sending.started:
            raise Cut from None
        raise
    await sending.end()


def _headers(voice: Hearing) -> dict[str, str]:
    headers = growing_headers(voice.content_type)
    if voice.size_bytes is not None:
        headers["Content-Length"] = str(voice.size_bytes)
    return headers


async def _send_events(sending: Sending, voice: Hearing) -> None:
    at = 0
    try:
        async with aclosing(voice.audio()) as pieces:
            async for piece in pieces:
                if not sending.started:
                    await sending.start(growing_headers(EVENT_STREAM))
                for start in range(0, len(piece), DELTA_BYTES):
                    data = piece[start : start + DELTA_BYTES]
                    await _event(sending, "speech.audio.delta", AudioDelta(data, at))
                    at += len(data)
        result = await asyncio.to_thread(voice.result)
        await _event(sending, "speech.audio.done", AudioDone(result.usage, result))
    except SpeechError as error:
        if not sending.started:
            raise
        await _event(sending, "error", error.response())
    await sending.end()


async def _event(sending: Sending, name: str, data: object) -> None:
    await sending.write(b"event: %b\ndata: %b\n\n" % (name.encode(), encode(data)))


def _unless_closing(follow: Follow) -> None:
    if follow.closing:
        raise draining()


def _opened(path: Path, offset: int) -> BinaryIO:
    file = path.open("rb")
    file.seek(offset)
    return file
