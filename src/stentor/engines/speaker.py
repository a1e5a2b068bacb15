"""The engines as one piece of work sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stentor.engines.base import Flow, Spoken, Utterance


class Engines(Protocol):
    """What speaks for everyone; the engine pool is one."""

    @property
    def size(self) -> int:
        """How many utterances are spoken at once."""
        ...

    async def speak(self, utterance: Utterance, flow: Flow) -> Spoken:
        """Speak one utterance in the flow's turn.

        Raises:
            EngineError: it cannot.
        """
        ...


class DirectSpeaker:
    """Speaks the utterances of one flow and keeps nothing."""

    def __init__(self, engines: Engines, flow: Flow) -> None:
        self._engines = engines
        self._flow = flow

    @property
    def size(self) -> int:
        return self._engines.size

    async def expect(self, utterances: Sequence[Utterance]) -> None:
        pass

    async def speak(self, utterance: Utterance) -> Spoken:
        """Speak one utterance.

        Raises:
            EngineError: it cannot be spoken.
        """
        return await self._engines.speak(utterance, self._flow)
