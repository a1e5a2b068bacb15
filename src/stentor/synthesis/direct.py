"""Speaking one piece of work, and keeping nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from stentor.engines.base import Flow, Spoken, Utterance
from stentor.engines.speaker import Engines
from stentor.routing.caller import Caller, Order
from stentor.routing.takes import Begun, Call, Ear, FileSink, Take, make_take


class DirectSpeaker:
    """Speaks the utterances and calls of one flow.

    Args:
        folder: of vendors' audio while it is needed; the names begin with that of the flow's job.
        ear: passes on the vendor's own bytes, where they are the result as they are.
        there: what a vendor spoke already, of the first call.
    """

    def __init__(
        self,
        engines: Engines,
        caller: Caller,
        flow: Flow,
        folder: Path,
        ear: Ear | None = None,
        there: Take | None = None,
    ) -> None:
        self._engines = engines
        self._caller = caller
        self._folder = folder
        self._ear = ear
        self._there = there
        self.flow = flow

    @property
    def size(self) -> int:
        return self._engines.size

    async def expect(self, parts: Sequence[Utterance | Call]) -> None:
        pass

    async def speak(self, utterance: Utterance) -> Spoken:
        """Speak one utterance.

        Raises:
            EngineError: it cannot be spoken.
        """
        return await self._engines.speak(utterance, self.flow)

    async def take(self, order: Order, begun: Begun | None = None) -> Take:
        """Have a vendor speak.

        Raises:
            ProviderError: it cannot.
        """
        if self._there is not None:
            there, self._there = self._there, None
            return there
        sink = FileSink(
            self._folder / f"{self.flow.job}.{uuid4().hex}",
            order.script,
            begun,
            self._ear if begun is not None else None,
        )
        try:
            return await make_take(self._caller, order, sink)
        except BaseException:
            sink.remove()
            raise

    async def release(self, take: Take) -> None:
        await asyncio.to_thread(take.path.unlink, missing_ok=True)
