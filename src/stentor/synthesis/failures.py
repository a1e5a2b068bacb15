"""How a target's failure looks to the caller."""

from __future__ import annotations

import math
from typing import Protocol

from stentor.engines.base import EngineError
from stentor.errors import SpeechError
from stentor.providers.faults import FaultKind, ProviderError
from stentor.routing.targets import Target

EXCERPT_CHARS = 60

# What a synchronous call would be answered with. The vendor's refusal of *our* key is no 401 of
# the caller's.
_STATUS: dict[FaultKind, int] = {
    "invalid": 400,
    "not_found": 400,
    "too_long": 400,
    "rate_limited": 429,
    "timeout": 504,
    "unavailable": 503,
}


class Part(Protocol):
    """A stretch of the text."""

    @property
    def index(self) -> int: ...

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def text(self) -> str: ...

    @property
    def pause_after_ms(self) -> int: ...


class PartFailed(Exception):
    """A target could not speak a part of the text."""

    def __init__(self, target: Target, part: Part, cause: EngineError | ProviderError) -> None:
        super().__init__(cause.message)
        self.target = target
        self.part = part
        self.cause = cause

    @property
    def outcome(self) -> str:
        """The failure's name."""
        return self.cause.code if isinstance(self.cause, EngineError) else self.cause.kind

    def as_error(self) -> SpeechError:
        """What the caller is told."""
        if isinstance(self.cause, EngineError):
            return self._of_engine(self.cause)
        return self._of_provider(self.cause)

    def _of_engine(self, cause: EngineError) -> SpeechError:
        target = self.target
        if cause.code == "model_not_loaded":
            return SpeechError(
                502, cause.code, cause.message, provider=target.provider, model=target.id
            )
        unspeakable = cause.code == "unspeakable"
        return SpeechError(
            400 if unspeakable else 502,
            cause.code,
            f"{self._place()} could not be spoken by {target.id}: {cause.message}",
            param="input" if unspeakable else None,
            provider=target.provider,
            model=target.id,
        )

    def _of_provider(self, cause: ProviderError) -> SpeechError:
        target = self.target
        answered = "" if cause.status is None else f" (HTTP {cause.status})"
        wait_s = cause.retry_after_s
        return SpeechError(
            _STATUS.get(cause.kind, 502),
            f"provider_{cause.kind}",
            f"{self._place()} could not be spoken by {target.id}: {cause.message}{answered}",
            provider=target.provider,
            model=target.id,
            retry_after_s=None if wait_s is None else max(1, math.ceil(wait_s)),
        )

    def _place(self) -> str:
        part = self.part
        return (
            f"segment {part.index + 1}, characters {part.start} to {part.end} of input "
            f"({part.text[:EXCERPT_CHARS]!r}),"
        )
