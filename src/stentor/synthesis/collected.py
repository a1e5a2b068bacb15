"""A vendor's short answer, held in memory: what is spoken in a moment needs no file."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

from stentor.audio.form import AudioForm, DecodeError, Encoding
from stentor.audio.probe import AudioFacts, probe_bytes
from stentor.contract import ResponseFormat
from stentor.providers.base import Script
from stentor.providers.faults import ProviderError
from stentor.routing.generations import new_generation
from stentor.routing.takes import FileSink, check_length
from stentor.shielded import shielded

HELD_BYTES = 128 * 1024
# Whoever listens meanwhile would wait for the end; so what takes longer goes into a file.
HELD_S = 0.1

_DECODED: frozenset[Encoding] = frozenset({"aac", "flac"})


class Collected:
    """Holds the audio of one script's calls, and files what is long, slow or must be converted.

    Args:
        make_file: takes what is not held.

    Attributes:
        given_away: never: another call can take the place of one that failed.
        facts: what the held audio is, after `end`; None of what is in the file.
    """

    given_away = False

    def __init__(
        self,
        response_format: ResponseFormat,
        script: Script,
        make_file: Callable[[], FileSink],
    ) -> None:
        self._format = response_format
        self._script = script
        self._make_file = make_file
        self._held = bytearray()
        self._form: AudioForm | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._filing: asyncio.Task[None] | None = None
        self.file: FileSink | None = None
        self.facts: AudioFacts | None = None
        self.generation = 0

    @property
    def settled(self) -> bool:
        return self.facts is not None

    @property
    def data(self) -> bytes:
        """The held audio."""
        return bytes(self._held)

    @property
    def crc32(self) -> int:
        """Of the held audio."""
        return zlib.crc32(self._held)

    async def begin(self, form: AudioForm) -> None:
        """Forget what was there."""
        await self._filed()
        self.remove()
        self._form = form
        self._held.clear()
        self._timer = asyncio.get_running_loop().call_later(HELD_S, self._file_late)
        self.facts = None
        self.generation = new_generation()

    async def write(self, data: bytes) -> None:
        """Hold the bytes, or file them."""
        await self._filed()
        if self.file is not None:
            await self.file.write(data)
            return
        self._held += data
        if len(self._held) > HELD_BYTES:
            await self._to_file()

    async def end(self) -> None:
        """The answer is complete.

        Raises:
            ProviderError: it is not the audio that it should be.
        """
        await self._filed()
        self._stop_timer()
        if self.file is None:
            facts = await self._looked_at()
            check_length(facts.duration_seconds, self._script)
            if not facts.misfits(self._format):
                self.facts = facts
                return
            await self._to_file()
        assert self.file is not None
        await self.file.end()

    async def _looked_at(self) -> AudioFacts:
        assert self._form is not None
        try:
            if self._form.encoding in _DECODED:
                return await asyncio.to_thread(probe_bytes, self.data, self._form)
            return probe_bytes(self.data, self._form)
        except DecodeError as error:
            raise ProviderError("malformed", f"answered with what is no audio: {error}") from error

    def _file_late(self) -> None:
        self._timer = None
        if self.file is None and self._held:
            self._filing = asyncio.create_task(self._to_file())
        elif self.file is None:
            self._timer = asyncio.get_running_loop().call_later(HELD_S, self._file_late)

    async def _filed(self) -> None:
        """Wait until what took too long is in the file, if that has begun."""
        if self._filing is not None:
            await shielded(self._filing)
            self._filing = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _to_file(self) -> None:
        assert self._form is not None
        self._stop_timer()
        self.file = self._make_file()
        await self.file.begin(self._form)
        await self.file.write(self.data)
        self._held.clear()

    async def catch_up(self) -> None:
        """Nothing was given away."""

    async def seconds(self) -> float:
        """How long what was written plays, as far as that can be told."""
        if self.file is not None:
            return await self.file.seconds()
        return self.facts.duration_seconds if self.facts is not None else 0.0

    def remove(self) -> None:
        """Remove what was filed."""
        self._stop_timer()
        file, self.file = self.file, None
        if self._filing is not None and not self._filing.done():
            # It cannot be interrupted; whoever removes may not wait.
            self._filing.add_done_callback(lambda _: file.remove() if file is not None else None)
        elif file is not None:
            file.remove()
