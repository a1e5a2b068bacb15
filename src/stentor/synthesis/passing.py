"""A vendor's bytes on their way to who waits for them, as soon as they show that they may go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stentor.audio.form import AudioForm
from stentor.audio.probe import byte_seconds
from stentor.contract import ResponseFormat
from stentor.engines.plausible import bounds_of_text
from stentor.providers.base import Script
from stentor.providers.faults import IMPLAUSIBLE, ProviderError
from stentor.routing.takes import FileSink
from stentor.shielded import shielded

# A few frames of mp3 say what it is; more of them cost time.
LOOK_BYTES = 4096
# What does not show by then what it is, behind a picture say, is converted.
HELD_BYTES = 64 * 1024
# How long a vendor waits in all for who does not read; then the rest is kept, and it may go.
PATIENCE_S = 5.0
READ_BYTES = 128 * 1024
# Of a bit rate that varies, a beginning tells the length of the whole this well.
LEEWAY = 2.0
# Of a character, in most writings; what is outside of it is looked at more closely.
_USUAL_S = (0.03, 0.15)

_DECODED: frozenset[ResponseFormat] = frozenset({"aac", "flac"})

Write = Callable[[bytes], Awaitable[None]]


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
