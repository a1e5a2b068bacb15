"""Short audio that is kept with its job rather than in a file."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class SmallTake(Struct, frozen=True):
    """What a vendor spoke, which is a job's whole audio.

    Attributes:
        sealed: the audio, and what is known of it, as `stentor.jobs.kept` writes it.
        size: of the audio, in bytes.
        key: of the segment, for other jobs; None where no other may have it.
    """

    sealed: bytes
    size: int
    key: str | None


class SmallTakes(Protocol):
    """The takes that were stored with their jobs' ends (`JobStore.finish`)."""

    async def audio(self, key: str, start: int, end: int) -> bytes | None:
        """The bytes `[start, end)` of the audio of the job `key`; None if it is not here."""
        ...

    async def sealed(self, key: str) -> bytes | None:
        """A take by its segment's key; None if it is not here."""
        ...
