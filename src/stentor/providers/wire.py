"""What goes to a vendor and what comes back, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from msgspec import Struct

from stentor.audio.form import AudioForm

TimingUnit = Literal["character", "word"]


class HttpCall(Struct, frozen=True):
    """A request, ready to be sent. `url` has the query, and all that needs it is escaped."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""


class Head(Struct, frozen=True):
    """The beginning of an answer. The names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]


class Timing(Struct, frozen=True, array_like=True):
    """When the characters `[start, end)` of a script's text are heard, from the audio's start."""

    start: int
    end: int
    start_ms: int
    end_ms: int


class Alignment(Struct, frozen=True):
    """When what was said; `timings` are in order and do not overlap."""

    unit: TimingUnit
    timings: tuple[Timing, ...]


class Delivered(Struct, frozen=True, omit_defaults=True):
    """What an answer held besides the audio that was handed out already.

    Attributes:
        audio: the rest of it.
        characters: that the vendor says it bills, if it says so.
        input_tokens, output_tokens: likewise.
        request_id: the vendor's, for its support.
        warnings: what a listener may miss, in sentences.
    """

    audio: bytes = b""
    alignment: Alignment | None = None
    characters: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    request_id: str | None = None
    warnings: tuple[str, ...] = ()


class Reader(Protocol):
    """Takes the body of one successful answer apart, however it is cut."""

    @property
    def form(self) -> AudioForm:
        """What the audio is; settled once some has been handed out."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the body; returns the audio in them, which may be none.

        Raises:
            ProviderError: the body tells of a failure, or is not what it should be.
        """
        ...

    def finish(self) -> Delivered:
        """The body is complete.

        Raises:
            ProviderError: it is not.
        """
        ...
