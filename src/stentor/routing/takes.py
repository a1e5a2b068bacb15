"""What a vendor spoke, as a file."""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from stentor.audio.form import AudioForm, DecodeError
from stentor.audio.probe import AudioFacts, probe
from stentor.contract import Attempt
from stentor.engines.plausible import bounds_of_text
from stentor.providers.base import Script
from stentor.providers.faults import IMPLAUSIBLE, ProviderError
from stentor.routing.account import Account
from stentor.routing.caller import Called, Caller, Order
from stentor.routing.generations import new_generation
from stentor.shielded import shielded

# Of a character: within it, no writing's bounds are broken, and they need not be looked up.
_USUAL_S = (0.03, 0.09)

Begun = Callable[[Path, int], None]
"""Hears that a file begins to grow, and the generation of its audio."""


class Ear(Protocol):
    """Who passes a file on while it grows."""

    @property
    def heard(self) -> bool:
        """Whether bytes of it have been passed on, which nothing can take back."""
        ...

    def on_growth(self) -> None:
        """The file is longer than it was."""
        ...


class Call(msgspec.Struct, frozen=True):
    """A script and who is to speak it: all that shapes the audio."""

    provider: str
    type: str
    base_url: str
    script: Script

    @classmethod
    def of(cls, account: Account, script: Script) -> Call:
        provider = account.provider
        return cls(account.name, provider.type, provider.base_url, script)


class Take(msgspec.Struct, frozen=True):
    """A call's audio, whole.

    Attributes:
        path: the file; its first `size` bytes are the audio.
        facts: what it is.
        crc32: of the audio.
        generation: tells the audio from that of any other call.
        attempts: the calls that were made for it.
    """

    path: Path
    size: int
    facts: AudioFacts
    called: Called
    crc32: int
    generation: int
    attempts: tuple[Attempt, ...] = ()

    @property
    def form(self) -> AudioForm:
        """What the vendor says that the audio is."""
        return self.called.form


class FileSink:
    """Writes the audio of one script's calls, each into a file of its own.

    Args:
        path: of the files: a dot and a number are appended.
        script: what is spoken.
        begun: called on the event loop at each beginning.
        ear: passes the file on, whose beginning `begun` was told.
    """

    def __init__(
        self, path: Path, script: Script, begun: Begun | None = None, ear: Ear | None = None
    ) -> None:
        self._base = path
        self._script = script
        self._begun = begun
        self._ear = ear
        self._file: BinaryIO | None = None
        self._number = 0
        self._facts: AudioFacts | None = None
        self._form: AudioForm | None = None
        self.path = path
        self.size = 0
        self.crc32 = 0
        self.generation = 0

    async def begin(self, form: AudioForm) -> None:
        """Start a new file; what was written before is void."""
        self.remove()
        self._number += 1
        self._form = form
        self._facts = None
        self.path = self._base.with_name(f"{self._base.name}.{self._number}")
        self.size = self.crc32 = 0
        self.generation = new_generation()

    async def write(self, data: bytes) -> None:
        """Append bytes."""
        first = self._file is None
        await shielded(asyncio.to_thread(self._write, data))
        if first and self._begun is not None:
            self._begun(self.path, self.generation)
        if self._ear is not None:
            self._ear.on_growth()

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self.path.open("wb", buffering=0)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file.fileno(), rest) :]
        self.crc32 = zlib.crc32(data, self.crc32)
        self.size += len(data)

    async def end(self) -> None:
        """The answer is complete.

        Raises:
            ProviderError: it is not the audio that it should be.
        """
        assert self._form is not None
        try:
            self._facts = await asyncio.to_thread(probe, self.path, self._form)
        except DecodeError as error:
            raise ProviderError("malformed", f"answered with what is no audio: {error}") from error
        check_length(self._facts.duration_seconds, self._script)

    async def seconds(self) -> float:
        """How long what was written plays, as far as that can be told."""
        if self._facts is not None:
            return self._facts.duration_seconds
        if self._form is None or self.size == 0:
            return 0.0
        try:
            return (await asyncio.to_thread(probe, self.path, self._form)).duration_seconds
        except (DecodeError, ValueError, OSError):
            return 0.0

    @property
    def given_away(self) -> bool:
        """Whether somebody has heard what was written."""
        return self._ear is not None and self._ear.heard

    def take(self, called: Called, attempts: tuple[Attempt, ...]) -> Take:
        """What was written, after `end`."""
        assert self._facts is not None
        self.close()
        return Take(
            self.path, self.size, self._facts, called, self.crc32, self.generation, attempts
        )

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Remove the file; whoever listens to it has it open."""
        self.close()
        if self._number:
            self.path.unlink(missing_ok=True)


def check_length(seconds: float, script: Script) -> None:
    """Make sure that audio is about as long as its text takes to say.

    Raises:
        ProviderError: it is not.
    """
    if seconds == 0:
        raise ProviderError("malformed", "answered with audio that has no length")
    usual = len(script.text) / script.speed
    if _USUAL_S[0] * usual <= seconds <= _USUAL_S[1] * usual:
        return
    shortest, longest = bounds_of_text(script.text, speed=script.speed)
    if not shortest <= seconds <= longest:
        raise ProviderError(
            "malformed",
            f"answered with {seconds:.1f} s of audio for {len(script.text)} characters",
            code=IMPLAUSIBLE,
        )


async def make_take(caller: Caller, order: Order, sink: FileSink) -> Take:
    """Have a script spoken into a file.

    Raises:
        ProviderError: nobody could speak it; the order's log has every attempt.
    """
    called = await caller.speak(order, sink)
    return sink.take(called, order.log.entries)
