"""One session: messages in, and what they lead to."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from stentor.contract import CONTENT_TYPES
from stentor.errors import SpeechError, invalid
from stentor.gateway import Gateway
from stentor.http.failures import as_speech_error, draining
from stentor.http.socket.account import Account
from stentor.http.socket.events import (
    Audio,
    Cancelled,
    Done,
    Event,
    Failed,
    SessionStarted,
)
from stentor.http.socket.messages import (
    Cancel,
    Flush,
    Message,
    Text,
    Transport,
    read_message,
)
from stentor.http.socket.playback import PATH, EndMark, FlushMark, Manner, Playback
from stentor.http.socket.sentences import Sentence, SentenceBuffer

RATE = 24_000
LARGE_PIECE_CHARS = 2000
CLOSE_TIMEOUT_S = 5
MAX_WAITING_FLUSHES = 1000

NORMAL, POLICY, FAILED, RESTARTING, TRY_LATER = 1000, 1008, 1011, 1012, 1013


class Session:
    """What is between `session.start` and the end of the connection.

    Args:
        language: ISO 639-1 code, by which sentences are told.
        model: that speaks, as long as it does not fail.
    """

    def __init__(
        self,
        gateway: Gateway,
        websocket: WebSocket,
        manner: Manner,
        transport: Transport,
        *,
        language: str,
        model: str,
    ) -> None:
        self._gateway = gateway
        self._websocket = websocket
        self._manner = manner
        self._transport = transport
        self._model = model
        self._limits = gateway.config.socket
        self._buffer = SentenceBuffer(language)
        self._account = Account(RATE)
        self._streams = 0
        self._ending = False
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alive_at = asyncio.get_running_loop().time()
        self._playback, self._playing = self._play()

    async def run(self) -> None:
        """Serve until all is spoken, the client leaves or the server ends; leave nothing.

        Raises:
            SpeechError: why the connection must be closed.
            WebSocketDisconnect: the client has left.
        """
        response_format = self._manner.response_format
        waiting = [
            asyncio.ensure_future(self._ended),
            asyncio.create_task(self._read()),
            asyncio.create_task(self._until_closing()),
            asyncio.create_task(self._until_idle()),
        ]
        try:
            await self._tell(
                SessionStarted(
                    self._manner.id,
                    self._model,
                    response_format,
                    CONTENT_TYPES[response_format],
                )
            )
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                if task.done():
                    task.result()
            await self._tell(Done(self._account.usage(), self._account.sent_ms))
        finally:
            for task in (*waiting, self._playing):
                task.cancel()
            await asyncio.gather(*waiting, self._playing, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1006))
            self._touch()
            try:
                await self._obey(read_message(message.get("text") or message.get("bytes") or b""))
            except SpeechError as error:
                await self._tell(Failed.of(error))

    async def _obey(self, message: Message) -> None:
        if isinstance(message, Cancel):
            await self._cancel(message)
        elif self._ending:
            raise invalid(
                'type: after "end" there is nothing to send but "cancel"',
                param="type",
                code="session_ending",
            )
        elif isinstance(message, Text):
            await self._take(message.text)
        else:
            if isinstance(message, Flush):
                self._refuse_if_many_wait()
            self._put(self._buffer.flush())
            if isinstance(message, Flush):
                self._playback.put(FlushMark(self._buffer.end))
            else:
                self._ending = True
                self._playback.put(EndMark())

    async def _take(self, piece: str) -> None:
        limits, buffer = self._limits, self._buffer
        if buffer.end + len(piece) > limits.max_session_chars:
            raise SpeechError(
                413,
                "session_too_long",
                f"text: a session takes at most {limits.max_session_chars} characters ([socket] "
                "max_session_chars); this piece was not taken; go on in another session",
                param="text",
            )
        waiting = self._playback.waiting_chars + buffer.waiting_chars
        if waiting + len(piece) > limits.max_waiting_chars:
            raise SpeechError(
                429,
                "too_much_waiting",
                f"text: {waiting} characters wait to be spoken, of at most "
                f"{limits.max_waiting_chars} ([socket] max_waiting_chars); this piece was not "
                "taken; send it again when more has been spoken",
                param="text",
            )
        if len(piece) > LARGE_PIECE_CHARS:
            found = await asyncio.to_thread(buffer.add, piece)
        else:
            found = buffer.add(piece)
        for sentence in found:
            self._put(sentence)

    def _refuse_if_many_wait(self) -> None:
        if self._playback.waiting_flushes >= MAX_WAITING_FLUSHES:
            raise SpeechError(
                429,
                "too_much_waiting",
                f"flush: {MAX_WAITING_FLUSHES} of them wait for what is to be spoken before them; "
                "this one was not taken",
                param="type",
            )

    def _put(self, sentence: Sentence | None) -> None:
        if sentence is not None:
            self._playback.put(sentence)

    async def _cancel(self, message: Cancel) -> None:
        self._playing.cancel()
        await asyncio.gather(self._playing, return_exceptions=True)
        if self._ended.done():
            return
        self._buffer.drop()
        sent_ms = self._account.sent_ms
        heard_ms = sent_ms if message.played_ms is None else min(sent_ms, round(message.played_ms))
        char_end, estimated = self._account.heard(heard_ms)
        self._playback, self._playing = self._play()
        dropped = self._buffer.end - char_end
        await self._tell(Cancelled(sent_ms, heard_ms, char_end, estimated, dropped))
        if self._ending:
            self._playback.put(EndMark())

    def _play(self) -> tuple[Playback, asyncio.Task[None]]:
        playback = Playback(
            self._gateway,
            self._manner,
            self._account,
            number=self._streams,
            tell=self._tell,
            send=self._send,
            spool=self._gateway.speaking.spool,
        )
        self._streams += 1
        return playback, asyncio.create_task(self._until_spoken(playback), name=self._manner.id)

    async def _until_spoken(self, playback: Playback) -> None:
        try:
            await playback.run()
        except Exception as error:
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _until_closing(self) -> None:
        feed = self._gateway.feed
        with feed.follow(self._manner.id) as following:
            while not feed.closing:
                await following.changed(self._limits.idle_timeout_seconds)
        raise draining()

    async def _until_idle(self) -> None:
        loop = asyncio.get_running_loop()
        seconds = self._limits.idle_timeout_seconds
        while (left := self._alive_at + seconds - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
        raise SpeechError(
            408,
            "idle_timeout",
            f"nothing was sent or taken for {seconds} seconds ([socket] idle_timeout_seconds); an "
            "empty text is a sign of life",
        )

    def _touch(self) -> None:
        self._alive_at = asyncio.get_running_loop().time()

    async def _tell(self, event: Event) -> None:
        await tell(self._websocket, event)
        self._touch()

    async def _send(self, audio: bytes) -> None:
        if self._transport == "json":
            await self._tell(Audio(audio))
            return
        await self._websocket.send({"type": "websocket.send", "bytes": audio})
        self._touch()


async def tell(websocket: WebSocket, event: Event) -> None:
    """Send an event.

    Raises:
        WebSocketDisconnect: nobody is there any more.
    """
    data = msgspec.json.encode(event).decode()
    await websocket.send({"type": "websocket.send", "text": data})


async def close(websocket: WebSocket, error: Exception | None = None) -> None:
    """Say goodbye, and why, to whoever still listens."""
    code, reason = NORMAL, ""
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            if error is not None:
                shown = as_speech_error(error, PATH)
                code, reason = _close_code(shown), shown.code
                await tell(websocket, Failed.of(shown))
            await websocket.close(code, reason)


def _close_code(error: SpeechError) -> int:
    if error.code == "draining":
        return RESTARTING
    if error.status_code == 503:
        return TRY_LATER
    return FAILED if error.status_code >= 500 else POLICY
