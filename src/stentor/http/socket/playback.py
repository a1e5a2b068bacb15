"""Speaking a session's sentences: the next is spoken while one is being sent, never more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import msgspec
from starlette.websockets import WebSocketDisconnect

from stentor.audio.settings import EncoderSettings
from stentor.contract import CONTENT_TYPES, Priority, ResponseFormat, SpeechResult
from stentor.engines.base import Flow
from stentor.errors import SpeechError
from stentor.gateway import Gateway
from stentor.http.checking import checked
from stentor.http.failures import as_speech_error, storage_full
from stentor.http.socket.account import Account
from stentor.http.socket.events import (
    AudioStarted,
    Event,
    Failed,
    Flushed,
    SentenceDone,
    SentenceStarted,
    Words,
)
from stentor.http.socket.sentences import Sentence
from stentor.http.speech import Hearing
from stentor.lexicon.lexicon import Lexicon
from stentor.requests import StoredRequest
from stentor.shielded import shielded
from stentor.speaking import Underway
from stentor.text.characters import has_speech
from stentor.text.segments import Pauses

if TYPE_CHECKING:
    from stentor.http.socket.sound import Sound

PATH = "/v1/audio/speech/stream"
UNDER_WAY = 2
FRAME_BYTES = 9_600
"""0.2 s; what a cancelled session has sent too much by at most."""
_SAMPLE_RATES: dict[ResponseFormat, int] = {
    "opus": 48_000,
    "aac": 44_100,
    "ulaw": 8_000,
    "alaw": 8_000,
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a session speaks.

    Attributes:
        id: the session's, of which files are named.
        request: with no text in it.
    """

    id: str
    owner: str
    priority: Priority
    request: StoredRequest
    lexicons: Sequence[Lexicon]
    pauses: Pauses
    encoder: EncoderSettings

    @property
    def response_format(self) -> ResponseFormat:
        return self.request.speech.response_format or "pcm"

    def of(self, text: str) -> StoredRequest:
        """The request for one sentence, which is spoken as PCM and encoded with the others."""
        speech = msgspec.structs.replace(self.request.speech, input=text, response_format="pcm")
        return StoredRequest(speech, self.request.extra_params)


@dataclass(frozen=True, slots=True)
class FlushMark:
    """All text before this place was to be spoken."""

    char_end: int


class EndMark:
    """Nothing follows."""


@dataclass(slots=True)
class _Begun:
    """A sentence that is being spoken.

    Attributes:
        stack: ends that.
    """

    sentence: Sentence
    stored: StoredRequest
    stack: AsyncExitStack
    underway: Underway | None = None
    error: Exception | None = None


class Playback:
    """One go at speaking, from the start or from where a cancelled one was left.

    Args:
        tell: sends an event.
        send: sends audio; returns when the client has taken what came before it, but for a
            buffer of the server's.
        spool: folder for the file that is encoded into.
    """

    def __init__(
        self,
        gateway: Gateway,
        manner: Manner,
        account: Account,
        *,
        number: int,
        tell: Callable[[Event], Awaitable[None]],
        send: Callable[[bytes], Awaitable[None]],
        spool: Path,
    ) -> None:
        self._gateway = gateway
        self._manner = manner
        self._account = account
        self._number = number
        self._tell = tell
        self._send = send
        self._path = spool / f"{manner.id}.{number}"
        self._inbox: asyncio.Queue[Sentence | FlushMark | EndMark] = asyncio.Queue()
        self._outbox: asyncio.Queue[_Begun | FlushMark | EndMark] = asyncio.Queue()
        self._places = asyncio.Semaphore(UNDER_WAY)
        self._left = 0
        self._sound: Sound | None = None
        self._pause_ms = 0
        self.waiting_chars = 0
        self.waiting_flushes = 0

    def put(self, item: Sentence | FlushMark | EndMark) -> None:
        """Say what comes next."""
        if isinstance(item, Sentence):
            self.waiting_chars += len(item.text)
        elif isinstance(item, FlushMark):
            self.waiting_flushes += 1
        self._left += 1
        self._inbox.put_nowait(item)

    async def run(self) -> None:
        """Speak until the end mark. When cancelled, it has stopped and left nothing.

        Raises:
            WebSocketDisconnect: nobody is there any more.
        """
        beginning = asyncio.create_task(self._begin_all())
        try:
            while not isinstance(item := await self._outbox.get(), EndMark):
                if isinstance(item, FlushMark):
                    await self._settle()
                    await self._tell(Flushed(item.char_end, self._account.sent_ms))
                    self.waiting_flushes -= 1
                else:
                    await self._speak(item)
                    self.waiting_chars -= len(item.sentence.text)
                    self._places.release()
                self._left -= 1
                if not self._left:
                    await self._settle()
            if self._sound is not None:
                await self._send_all(await self._in_thread(self._sound.close))
        finally:
            beginning.cancel()
            await shielded(self._tidy_up(beginning))

    async def _tidy_up(self, beginning: asyncio.Task[None]) -> None:
        await asyncio.gather(beginning, return_exceptions=True)
        while not self._outbox.empty():
            item = self._outbox.get_nowait()
            if isinstance(item, _Begun):
                await self._leave(item)
        if self._sound is not None:
            await asyncio.to_thread(self._sound.abort)

    async def _begin_all(self) -> None:
        while True:
            item = await self._inbox.get()
            if not isinstance(item, Sentence):
                self._outbox.put_nowait(item)
                continue
            await self._places.acquire()
            begun = _Begun(item, self._manner.of(item.text), AsyncExitStack())
            if has_speech(item.text):
                await self._begin(begun)
            self._outbox.put_nowait(begun)

    async def _begin(self, begun: _Begun) -> None:
        manner, gateway = self._manner, self._gateway
        try:
            if gateway.guard.full:
                raise storage_full()
            speech = checked(gateway, begun.stored, manner.lexicons, manner.id)
            flow = Flow(manner.owner, f"speech-{uuid4().hex}", manner.priority)
            speaking = gateway.speaking.speak(speech, flow)
            begun.underway = await begun.stack.enter_async_context(speaking)
        except Exception as error:
            begun.error = error

    async def _leave(self, begun: _Begun) -> None:
        if begun.underway is not None:
            self._account.spend(begun.underway.log.cost)
        await begun.stack.aclose()

    async def _speak(self, begun: _Begun) -> None:
        sentence = begun.sentence
        try:
            if begun.error is not None:
                raise begun.error
            if begun.underway is not None:
                await self._play(begun, begun.underway)
        except WebSocketDisconnect:
            raise
        except Exception as error:
            self._account.break_off()
            if not isinstance(error, SpeechError) and self._sound is not None:
                # Whatever the encoder has written since, it is not sound any more.
                broken, self._sound = self._sound, None
                await self._in_thread(broken.abort)
            if not (self._gateway.feed.closing or _has_nothing_to_speak(error)):
                shown = as_speech_error(error, PATH)
                await self._tell(Failed.of(shown, (sentence.start, sentence.end)))
        except BaseException:
            self._account.break_off(_length_ms(begun.underway))
            raise
        finally:
            await self._leave(begun)
        self._pause_ms = self._manner.pauses.after(sentence.break_after)

    async def _play(self, begun: _Begun, underway: Underway) -> None:
        account, sentence = self._account, begun.sentence
        index = account.index
        voice = Hearing(self._gateway, begun.stored, underway)
        result: SpeechResult | None = None
        sound: Sound | None = None
        origin_ms = 0
        odd = b""

        async def write(data: bytes) -> None:
            nonlocal sound, origin_ms, result
            first = sound is None
            if sound is None:
                sound = await self._opened()
                sound.begin(self._pause_ms)
            out = await self._in_thread(sound.write, data)
            if first:
                origin_ms = account.ms(sound.origin)
                account.begin(sentence, origin_ms)
                await self._tell(
                    SentenceStarted(index, sentence.text, sentence.start, sentence.end, origin_ms)
                )
            if result is None and begun.stored.speech.with_timestamps and underway.task.done():
                result = await self._told(begun, voice, index, origin_ms)
            await self._send_all(out)

        async with aclosing(voice.audio()) as pieces:
            async for piece in pieces:
                piece = odd + piece
                whole = len(piece) & ~1
                odd = piece[whole:]
                for at in range(0, whole, FRAME_BYTES):
                    await write(piece[at : min(at + FRAME_BYTES, whole)])
        if sound is None:
            await write(b"")
        if result is None:
            result = await self._told(begun, voice, index, origin_ms)
        account.count(result.usage)
        account.finish()
        await self._tell(
            SentenceDone(
                index,
                origin_ms,
                account.sent_ms,
                result.extra_fields.model_used,
                result.warnings,
            )
        )

    async def _told(
        self, begun: _Begun, voice: Hearing, index: int, origin_ms: int
    ) -> SpeechResult:
        """What there is to tell of a finished sentence; its words are told the client at once."""
        result = await asyncio.to_thread(voice.result)
        if result.words is not None:
            words = [
                msgspec.structs.replace(
                    word,
                    start_ms=word.start_ms + origin_ms,
                    end_ms=word.end_ms + origin_ms,
                    char_start=word.char_start + begun.sentence.start,
                    char_end=word.char_end + begun.sentence.start,
                )
                for word in result.words
            ]
            self._account.tell(words)
            await self._tell(Words(index, words, result.alignment_source))
        return result

    async def _opened(self) -> Sound:
        if self._sound is None:
            await self._in_thread(self._open)
            response_format = self._manner.response_format
            await self._tell(
                AudioStarted(
                    self._number,
                    response_format,
                    CONTENT_TYPES[response_format],
                    _SAMPLE_RATES.get(response_format, 24_000),
                    self._account.sent_ms,
                )
            )
        assert self._sound is not None
        return self._sound

    def _open(self) -> None:
        # NumPy and FFmpeg are loaded by who needs them. Handed over by side effect: the caller may
        # have been cancelled, and must close it.
        from stentor.http.socket.sound import Sound

        manner = self._manner
        self._sound = Sound(self._path, manner.response_format, manner.encoder, self._account.sent)

    async def _settle(self) -> None:
        if self._sound is not None:
            await self._send_all(await self._in_thread(self._sound.settle))

    async def _send_all(self, data: bytes) -> None:
        """Send audio, and then count all that went in as sent."""
        if data:
            await self._send(data)
        assert self._sound is not None
        self._account.sent = self._sound.samples

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        return await shielded(asyncio.to_thread(function, *args))


def _has_nothing_to_speak(error: Exception) -> bool:
    """Whether all of a sentence was markup, say, which is no fault of anybody's."""
    return isinstance(error, SpeechError) and error.code == "nothing_to_speak"


def _length_ms(underway: Underway | None) -> float | None:
    """How long a sentence is, if it is spoken already."""
    if underway is None or not underway.task.done() or underway.task.cancelled():
        return None
    if underway.task.exception() is not None:
        return None
    return 1000 * underway.task.result().encoded.duration_seconds
