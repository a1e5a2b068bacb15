"""What a client is told. All times are in ms since the session's first sample of audio.

Places in the text are in characters of all the text that the client has sent.
"""

from __future__ import annotations

from msgspec import Struct

from stentor.contract import (
    AlignmentSource,
    ErrorExtraFields,
    ErrorField,
    ResponseFormat,
    Usage,
    Word,
)
from stentor.errors import SpeechError


class Event(Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """Anything but audio."""


class SessionStarted(Event, frozen=True, tag="session.started"):
    """Text may come."""

    id: str
    model: str
    response_format: ResponseFormat
    content_type: str


class AudioStarted(Event, frozen=True, tag="audio.started"):
    """The bytes that follow begin a stream of their own, which begins at `start_ms`."""

    stream: int
    response_format: ResponseFormat
    content_type: str
    sample_rate: int
    start_ms: int


class SentenceStarted(Event, frozen=True, tag="sentence.started"):
    """The audio that follows is this sentence's."""

    index: int
    text: str
    char_start: int
    char_end: int
    start_ms: int


class Audio(Event, frozen=True, tag="audio"):
    """Audio, where it was asked for as JSON. It is base64 on the wire."""

    audio: bytes


class Words(Event, frozen=True, tag="words"):
    """When a sentence's words are heard."""

    index: int
    words: list[Word]
    alignment_source: AlignmentSource | None


class SentenceDone(Event, frozen=True, tag="sentence.done"):
    """All of a sentence's audio was sent, but for what an encoder may hold back."""

    index: int
    start_ms: int
    end_ms: int
    model: str
    warnings: list[str] = []


class Flushed(Event, frozen=True, tag="flushed"):
    """All that was there when the client flushed is spoken."""

    char_end: int
    audio_ms: int


class Cancelled(Event, frozen=True, tag="cancelled"):
    """No audio follows of what was sent before.

    Attributes:
        audio_ms: how much audio was sent, in all.
        heard_ms: what the client said that it had played, or all that was sent.
        char_end: how far the text was spoken by then.
        estimated: whether that was told from the audio's length, not from word timings.
        dropped_chars: how many characters will not be spoken.
    """

    audio_ms: int
    heard_ms: int
    char_end: int
    estimated: bool
    dropped_chars: int


class Done(Event, frozen=True, tag="done"):
    """All is spoken."""

    usage: Usage
    audio_ms: int


class Failed(Event, frozen=True, tag="error"):
    """The one error shape; its `type` is in `error`."""

    event_id: str
    is_bifrost_error: bool
    status_code: int
    error: ErrorField
    extra_fields: ErrorExtraFields = ErrorExtraFields()
    char_start: int | None = None
    char_end: int | None = None

    @classmethod
    def of(cls, error: SpeechError, span: tuple[int, int] | None = None) -> Failed:
        """The event for an error.

        Args:
            span: the characters that were not spoken for it.
        """
        shape = error.response()
        start, end = span or (None, None)
        return cls(
            shape.event_id,
            shape.is_bifrost_error,
            shape.status_code,
            shape.error,
            shape.extra_fields,
            start,
            end,
        )
