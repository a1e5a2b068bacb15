"""Jobs that one short call answers: spoken into memory, and ended together with their audio."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from stentor.contract import Progress
from stentor.jobs.checkpoints import Checkpoints, KeptSpeaker
from stentor.jobs.kept import KeptTake, seal
from stentor.jobs.outcome import completed
from stentor.jobs.record import Outcome
from stentor.jobs.small import SmallTake
from stentor.requests import StoredRequest
from stentor.routing.attempts import AttemptLog
from stentor.routing.caller import Caller, Order
from stentor.routing.takes import Begun, Ear, FileSink, Take
from stentor.routing.targets import RemoteTarget
from stentor.synthesis.collected import Collected
from stentor.synthesis.relay import Relayed, Remainder, relay
from stentor.synthesis.values import Rendered, Speech
from stentor.synthesis.voices import Rules

NOWHERE = Path()


@dataclass(frozen=True, slots=True)
class Quick:
    """How a job ended at once.

    Attributes:
        audio: all of it.
        settled: to be called once the end is in the store, or will not be.
    """

    outcome: Outcome
    take: SmallTake
    progress: Progress
    audio: bytes
    settled: Callable[[], None]


class QuickWork:
    """Has vendors speak into memory.

    Args:
        spool: folder for what turns out to be long.
    """

    def __init__(self, caller: Caller, checkpoints: Checkpoints, rules: Rules, spool: Path) -> None:
        self._caller = caller
        self._checkpoints = checkpoints
        self._rules = rules
        self._spool = spool

    @staticmethod
    def may_do(speech: Speech) -> bool:
        """Whether it is worth a try."""
        return isinstance(speech.targets[0], RemoteTarget) and speech.may_pass_through

    async def run(
        self,
        stored: StoredRequest,
        speech: Speech,
        speaker: KeptSpeaker,
        log: AttemptLog,
        *,
        room: Callable[[], Awaitable[None]],
        begun: Begun,
        ear: Ear,
    ) -> Quick | Remainder:
        """Speak all of it in one call, or tell what is left to do.

        Args:
            room: awaited before a call.
            begun, ear: hear of audio that goes into a file.

        Raises:
            SpeechError: no target could speak it, and none is left.
        """
        started = time.monotonic()
        private = speech.request.enable_logging is False
        with ExitStack() as stack:
            own = AttemptLog(log)
            key = ""

            async def make_sink(order: Order) -> Collected | None:
                nonlocal key
                key = speaker.key(order)
                end = self._checkpoints.begin_call(key)
                if end is None:
                    return None  # Somebody has it spoken: it will be found.
                stack.callback(end)
                if await self._checkpoints.known(key):
                    return None
                await room()

                def make_file() -> FileSink:
                    path = self._spool / f"take-{uuid4().hex}"
                    return FileSink(path, order.script, begun, ear)

                return Collected(speech.response_format, order.script, make_file)

            for attempt in speech.skipped:
                own.add(attempt)
            done = await relay(
                speech, self._caller, speaker, self._rules, own, self._spool, make_sink
            )
            if isinstance(done, Remainder):
                return done
            take, audio = _taken(done, own)
            rendered = _rendered(speech, done, take, audio, own)
            latency_ms = round((time.monotonic() - started) * 1000)
            sealed = audio + seal(KeptTake(take, speaker.flow.job))
            return Quick(
                completed(stored, rendered, latency_ms),
                SmallTake(sealed, len(audio), None if private else key),
                Progress(1, 1, done.parts.parts[0].end, round(take.facts.duration_seconds, 3)),
                audio,
                stack.pop_all().close,
            )


def _taken(done: Relayed, log: AttemptLog) -> tuple[Take, bytes]:
    sink = done.sink
    assert isinstance(sink, Collected) and sink.facts is not None
    audio = sink.data
    take = Take(
        NOWHERE, len(audio), sink.facts, done.called, sink.crc32, sink.generation, log.entries
    )
    return take, audio


def _rendered(speech: Speech, done: Relayed, take: Take, audio: bytes, log: AttemptLog) -> Rendered:
    from stentor.audio.encode import Encoded

    facts, called = take.facts, take.called
    return Rendered(
        path=NOWHERE,
        encoded=Encoded(
            samples_in=round(facts.duration_seconds * facts.sample_rate),
            duration_seconds=facts.duration_seconds,
            sample_rate=facts.sample_rate,
            size_bytes=take.size,
        ),
        sha256=hashlib.sha256(audio).hexdigest(),
        target=done.voice.target,
        generation=take.generation,
        attempts=log.entries,
        cost=log.cost,
        input_tokens=called.input_tokens,
        output_tokens=called.output_tokens,
        request_ids=(called.request_id,) if called.request_id is not None else (),
        warnings=tuple(dict.fromkeys([*done.parts.warnings, *called.warnings])),
        ignored_params=tuple(done.voice.ignored),
    )
