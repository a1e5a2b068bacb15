"""The engines as one piece of work sees them."""

from __future__ import annotations

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
