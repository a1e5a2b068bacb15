"""A vendor's own bytes on their way to who waits for them, past files and threads.

What one call can answer, in the format that was asked for, needs no rendering: its bytes are looked
at once and go out as they come. Whatever turns out to need work after all is left to a rendering,
with what was heard of the vendor so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from stentor.errors import SpeechError
from stentor.providers.faults import ProviderError
from stentor.routing.attempts import AttemptLog
from stentor.routing.caller import Called, Caller, Order, Sink
from stentor.routing.effort import RetryBudget
from stentor.routing.takes import FileSink, Take
from stentor.routing.targets import RemoteTarget
from stentor.synthesis.failures import PartFailed
from stentor.synthesis.remote import RemoteVoice
from stentor.synthesis.values import Speaker, Speech
from stentor.synthesis.voices import Parts, Rules

# To plan a longer text, or one that is no plain text, takes a thread.
SMALL_TEXT_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is left to a rendering.

    Attributes:
        speech: with the targets that are still to be tried, at least one.
        take: what the first of them spoke already, if it did.
        error: why the targets before them failed, if there were any.
    """

    speech: Speech
    take: Take | None = None
    error: SpeechError | None = None


class Relayed(NamedTuple):
    """A call that was all there was to do.

    Attributes:
        voice, parts: the target's, and its only part.
        sink: has taken all of the answer.
    """

    voice: RemoteVoice
    parts: Parts
    called: Called
    sink: RelaySink


class RelaySink(Sink, Protocol):
    """A sink for a call that may be all there is to do.

    Attributes:
        file: has what must be rendered, if it must.
    """

    file: FileSink | None

    @property
    def settled(self) -> bool:
        """Whether it has taken all of the answer, and none of it must be rendered."""
        ...

    async def catch_up(self) -> None:
        """Give away the rest of what was taken, once the vendor has gone."""
        ...

    def remove(self) -> None:
        """Remove what was filed."""
        ...


class Broken(Exception):
    """The audio broke off after some of it had been passed on."""


async def relay(
    speech: Speech,
    caller: Caller,
    speaker: Speaker,
    rules: Rules,
    log: AttemptLog,
    folder: Path,
    make_sink: Callable[[Order], Awaitable[RelaySink | None]],
) -> Relayed | Remainder:
    """Have the first target that can speak all of it in one call, in the format asked for.

    Args:
        folder: for long audio that is decoded.
        make_sink: where the answer to an order goes; None if that is better rendered.

    Raises:
        SpeechError: no target could speak it, and none is left.
        Broken: it broke off after some of it had been given away.
    """
    error: SpeechError | None = None
    for number, target in enumerate(speech.targets):
        call = await _call(speech, number, speaker, rules, log, folder)
        sink = await make_sink(call.order) if call is not None else None
        if call is None or sink is None:
            return Remainder(_from(speech, number), None, error)
        try:
            called = await caller.speak(call.order, sink)
            if sink.settled:
                await sink.catch_up()
                return Relayed(call.voice, call.parts, called, sink)
        except ProviderError as failure:
            sink.remove()
            if sink.given_away:
                raise Broken from failure
            error = error or PartFailed(target, call.parts.parts[0], failure).as_error()
            continue
        except BaseException:
            sink.remove()
            raise
        assert sink.file is not None
        return Remainder(_from(speech, number), sink.file.take(called, log.entries), error)
    assert error is not None
    error.attempts = log.entries
    raise error


class _Call(NamedTuple):
    voice: RemoteVoice
    parts: Parts
    order: Order


def _from(speech: Speech, number: int) -> Speech:
    """The request without its first targets."""
    return msgspec.structs.replace(speech, targets=speech.targets[number:], skipped=())


async def _call(
    speech: Speech,
    number: int,
    speaker: Speaker,
    rules: Rules,
    log: AttemptLog,
    folder: Path,
) -> _Call | None:
    """The call whose bytes may be the answer as they are; None if there is work to do."""
    target, request = speech.targets[number], speech.request
    if not isinstance(target, RemoteTarget) or not speech.may_pass_through:
        return None
    if request.with_timestamps:
        return None
    price = target.account.price(target.model)
    if price is not None and price.per_audio_minute:
        return None  # the cost is known once the file is
    voice = RemoteVoice(
        speech,
        target,
        speaker,
        rules,
        log,
        RetryBudget(rules.retry_budget),
        last_resort=number == len(speech.targets) - 1,
        folder=folder,
    )
    reading = speech.reading
    if reading.is_plain and not speech.lexicons and len(reading.text) <= SMALL_TEXT_CHARS:
        parts = voice.divide(reading, request.voice)
    else:
        parts = await asyncio.to_thread(voice.divide, reading, request.voice)
    form = voice.passing_through(speech.response_format)
    if form is None:
        return None
    return _Call(voice, parts, voice.order(parts.parts[0], form))
