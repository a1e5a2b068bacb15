"""A vendor's own bytes on their way to who waits for them, past files and threads.

What one call can answer, in the format that was asked for, needs no rendering: its bytes are looked
at once and go out as they come. Whatever turns out to need work after all is left to a rendering,
with what was heard of the vendor so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from stentor.audio.form import AudioForm
from stentor.audio.probe import byte_seconds
from stentor.contract import ResponseFormat
from stentor.engines.plausible import bounds_of_text
from stentor.errors import SpeechError
from stentor.providers.base import Script
from stentor.providers.faults import IMPLAUSIBLE, ProviderError
from stentor.routing.attempts import AttemptLog
from stentor.routing.caller import Called, Caller, Order, Sink
from stentor.routing.effort import RetryBudget
from stentor.routing.takes import FileSink, Take
from stentor.routing.targets import RemoteTarget
from stentor.shielded import shielded
from stentor.synthesis.failures import PartFailed
from stentor.synthesis.remote import RemoteVoice
from stentor.synthesis.values import Speaker, Speech
from stentor.synthesis.voices import Parts, Rules

# A few frames of mp3 say what it is; more of them cost time.
LOOK_BYTES = 4096
# What does not show by then what it is, behind a picture say, is converted.
HELD_BYTES = 64 * 1024
# To plan a longer text, or one that is no plain text, takes a thread.
SMALL_TEXT_CHARS = 4096
# How long a vendor waits in all for who does not read; then the rest is kept, and it may go.
PATIENCE_S = 5.0
READ_BYTES = 128 * 1024
# Of a bit rate that varies, a beginning tells the length of the whole this well.
LEEWAY = 2.0
# Of a character, in most writings; what is outside of it is looked at more closely.
_USUAL_S = (0.03, 0.15)

_DECODED: frozenset[ResponseFormat] = frozenset({"aac", "flac"})

Write = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is left to a rendering.

    Attributes:
        speech: with the targets that are still to be tried, at least one.
        take: what the first of them spoke already, if it did.
        error: why the targets before them failed, if there were any.
    """

    speech: Speech
    take: Take | None = None
    error: SpeechError | None = None


class Relayed(NamedTuple):
    """A call that was all there was to do.

    Attributes:
        voice, parts: the target's, and its only part.
        sink: has taken all of the answer.
    """

    voice: RemoteVoice
    parts: Parts
    called: Called
    sink: RelaySink


class RelaySink(Sink, Protocol):
    """A sink for a call that may be all there is to do.

    Attributes:
        file: has what must be rendered, if it must.
    """

    file: FileSink | None

    @property
    def settled(self) -> bool:
        """Whether it has taken all of the answer, and none of it must be rendered."""
        ...

    async def catch_up(self) -> None:
        """Give away the rest of what was taken, once the vendor has gone."""
        ...

    def remove(self) -> None:
        """Remove what was filed."""
        ...


class Broken(Exception):
    """The audio broke off after some of it had been passed on."""


async def relay(
    speech: Speech,
    caller: Caller,
    speaker: Speaker,
    rules: Rules,
    log: AttemptLog,
    folder: Path,
    make_sink: Callable[[Order], Awaitable[RelaySink | None]],
) -> Relayed | Remainder:
    """Have the first target that can speak all of it in one call, in the format asked for.

    Args:
        folder: for long audio that is decoded.
        make_sink: where the answer to an order goes; None if that is better rendered.

    Raises:
        SpeechError: no target could speak it, and none is left.
        Broken: it broke off after some of it had been given away.
    """
    error: SpeechError | None = None
    for number, target in enumerate(speech.targets):
        call = await _call(speech, number, speaker, rules, log, folder)
        sink = await make_sink(call.order) if call is not None else None
        if call is None or sink is None:
            return Remainder(_from(speech, number), None, error)
        try:
            called = await caller.speak(call.order, sink)
            if sink.settled:
                await sink.catch_up()
                return Relayed(call.voice, call.parts, called, sink)
        except ProviderError as failure:
            sink.remove()
            if sink.given_away:
                raise Broken from failure
            error = error or PartFailed(target, call.parts.parts[0], failure).as_error()
            continue
        except BaseException:
            sink.remove()
            raise
        assert sink.file is not None
        return Remainder(_from(speech, number), sink.file.take(called, log.entries), error)
    assert error is not None
    error.attempts = log.entries
    raise error


class _Call(NamedTuple):
    voice: RemoteVoice
    parts: Parts
    order: Order


def _from(speech: Speech, number: int) -> Speech:
    """The request without its first targets."""
    return msgspec.structs.replace(speech, targets=speech.targets[number:], skipped=())


async def _call(
    speech: Speech,
    number: int,
    speaker: Speaker,
    rules: Rules,
    log: AttemptLog,
    folder: Path,
) -> _Call | None:
    """The call whose bytes may be the answer as they are; None if there is work to do."""
    target, request = speech.targets[number], speech.request
    if not isinstance(target, RemoteTarget) or not speech.may_pass_through:
        return None
    if request.with_timestamps:
        return None
    price = target.account.price(target.model)
    if price is not None and price.per_audio_minute:
        return None  # the cost is known once the file is
    voice = RemoteVoice(
        speech,
        target,
        speaker,
        rules,
        log,
        RetryBudget(rules.retry_budget),
        last_resort=number == len(speech.targets) - 1,
        folder=folder,
    )
    reading = speech.reading
    if reading.is_plain and not speech.lexicons and len(reading.text) <= SMALL_TEXT_CHARS:
        parts = voice.divide(reading, request.voice)
    else:
        parts = await asyncio.to_thread(voice.divide, reading, request.voice)
    form = voice.passing_through(speech.response_format)
    if form is None:
        return None
    return _Call(voice, parts, voice.order(parts.parts[0], form))


class Passing:
    """A sink whose bytes go on as soon as they show that they may.

    Args:
        write: passes on the next bytes; from the first call on there is no way back. It waits for
            the reader before it takes them: cancelled, it has taken none.
        make_file: takes those that may not go on.

    Attributes:
        given_away: whether some have gone on.
        file: has those that may not, if there are any, or cannot yet.
    """

    def __init__(
        self,
        response_format: ResponseFormat,
        script: Script,
        write: Write,
        make_file: Callable[[], FileSink],
    ) -> None:
        self._format = response_format
        self._script = script
        self._pass_on = write
        self._make_file = make_file
        self._held = bytearray()
        self._form: AudioForm | None = None
        self._size = 0
        self._byte_seconds = 0.0
        self._patience_s = PATIENCE_S
        self.file: FileSink | None = None
        self.given_away = False

    @property
    def settled(self) -> bool:
        return self.given_away

    async def begin(self, form: AudioForm) -> None:
        """Forget what was held."""
        self._form = form
        self._held.clear()
        self.remove()

    async def write(self, data: bytes) -> None:
        """Pass the bytes on, hold them, or file them."""
        if self.given_away:
            self._size += len(data)
            if self.file is not None or not await self._taken(data):
                await self._to_file(data)
        elif self.file is not None:
            await self.file.write(data)
        elif self._held:
            self._held += data
            await self._look(bytes(self._held))
        else:
            await self._look(data)

    async def _taken(self, data: bytes) -> bool:
        """Pass on the bytes; False if that takes too long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._patience_s) as limit:
                await self._pass_on(data)
        except TimeoutError:
            if not limit.expired():
                raise
            return False
        self._patience_s -= loop.time() - began
        return True

    async def catch_up(self) -> None:
        """Pass on what was kept, once the vendor has gone."""
        if self.file is None:
            return
        try:
            self.file.close()
            with self.file.path.open("rb", buffering=0) as kept:
                while data := await shielded(asyncio.to_thread(kept.read, READ_BYTES)):
                    await self._pass_on(data)
        finally:
            self.remove()

    async def _look(self, data: bytes) -> None:
        if await self._fits(data):
            self._held.clear()
            self.given_away = True
            self._size = len(data)
            await self._pass_on(data)
        elif len(data) > HELD_BYTES:
            await self._to_file(data)
        elif not self._held:
            self._held += data

    async def _fits(self, data: bytes) -> bool:
        look = data[:LOOK_BYTES]
        if self._format in _DECODED:
            seconds = await asyncio.to_thread(byte_seconds, look, self._format)
        else:
            seconds = byte_seconds(look, self._format)
        if seconds is None and len(data) > LOOK_BYTES:
            seconds = await asyncio.to_thread(byte_seconds, data, self._format)
        if seconds is None:
            return False
        self._byte_seconds = seconds
        return True

    async def _to_file(self, data: bytes) -> None:
        if self.file is None:
            assert self._form is not None
            self._held.clear()
            self.file = self._make_file()
            await self.file.begin(self._form)
        await self.file.write(data)

    async def end(self) -> None:
        """The answer is complete.

        Raises:
            ProviderError: it is not the audio that it should be.
        """
        if not self.given_away:
            if self.file is None:
                await self._to_file(bytes(self._held))
            assert self.file is not None
            await self.file.end()
            return
        seconds = self._size * self._byte_seconds
        usual = len(self._script.text) / self._script.speed
        if seconds == 0.0 or _USUAL_S[0] * usual <= seconds <= _USUAL_S[1] * usual:
            return
        shortest, longest = bounds_of_text(self._script.text, speed=self._script.speed)
        if not shortest / LEEWAY <= seconds <= longest * LEEWAY:
            raise ProviderError(
                "malformed",
                f"answered with about {seconds:.1f} s of audio for {len(self._script.text)} "
                "characters",
                code=IMPLAUSIBLE,
            )

    async def seconds(self) -> float:
        """How long what was written plays, as far as that can be told."""
        if self.given_away or self.file is None:
            return self._size * self._byte_seconds
        return await self.file.seconds()

    def remove(self) -> None:
        """Remove what was filed."""
        if self.file is not None:
            self.file.remove()
            self.file = None
