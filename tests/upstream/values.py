"""What goes in and out of a local vendor."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from stentor.audio.form import AudioForm
from stentor.providers.faults import FaultKind


@dataclass(frozen=True)
class Received:
    """A request as it arrived. `headers` has names in lower case; `path` is as it was sent."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What is sent back.

    Attributes:
        parts: sent one by one, each flushed, in a chunked body; with a length if there is only one.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    parts: Iterable[bytes] = ()


class Sound(Protocol):
    """Real audio for answers."""

    def clip(self, form: AudioForm, text: str) -> bytes:
        """A tone about as long as the text takes to say, in this form (24 kHz unless it says)."""
        ...


class Vendor(Protocol):
    """A module `tests/upstream/<type>.py`."""

    def answer(self, received: Received, sound: Sound) -> Answer | None:
        """What the vendor answers to a good request; None: it has no such path.

        A request that lacks what the vendor requires (its key, a field) is refused as by it.
        """
        ...

    def refuse(self, kind: FaultKind, received: Received) -> Answer:
        """How the vendor says that something is wrong: its status, its headers, its words.

        `kind` is `auth`, `quota`, `rate_limited` (with `Retry-After: 1` if the vendor sends it),
        `invalid`, `not_found`, `too_long` or `server`.
        """
        ...
