"""Calls to providers: keys in turn, limits that queue, retries, and a record of all of it."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, AnyStr, Protocol

import structlog
from msgspec import Struct

from stentor.audio.form import AudioForm
from stentor.contract import Attempt
from stentor.engines.base import Flow
from stentor.providers.base import Script
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.prices import cost
from stentor.providers.wire import Alignment, Delivered, Reader
from stentor.routing.account import Account
from stentor.routing.attempts import AttemptLog
from stentor.routing.breaker import Breaker
from stentor.routing.effort import Effort, RetryBudget
from stentor.routing.keys import ProviderKey
from stentor.routing.transport import Transport
from stentor.secret import Secret

if TYPE_CHECKING:
    from tenacity import AsyncRetrying

log = structlog.get_logger(__name__)

ERROR_BYTES_READ = 64 * 1024
FORBIDDEN = 403
# What takes longer than a few hundred microseconds to decode is decoded in a thread.
THREAD_BYTES = 64 * 1024
# Anything shorter is no secret, and may be part of any word.
SHORTEST_KEY_CHARS = 8

_BROKEN: frozenset[FaultKind] = frozenset({"server", "network", "timeout", "truncated"})


class Sink(Protocol):
    """What takes the audio of calls."""

    async def begin(self, form: AudioForm) -> None:
        """An answer begins; what was written before is void."""
        ...

    async def write(self, data: bytes) -> None:
        """Take the next bytes; returns once there is room for more."""
        ...

    async def end(self) -> None:
        """The answer is complete.

        Raises:
            ProviderError: what was written is not the audio that it should be.
        """
        ...

    async def seconds(self) -> float:
        """How long what was written plays, as far as that can be told."""
        ...

    @property
    def given_away(self) -> bool:
        """Whether somebody has heard what was written: then no other call can take its place."""
        ...


class Order(Struct, frozen=True):
    """A script for a provider.

    Attributes:
        segment: which part of the text it is, from 1; None if it is all of it.
        last_resort: whether nothing else is left to try: then an outage is waited for.
        budget: of the request's retries at this target.
        log: where the attempts are told.
    """

    account: Account
    script: Script
    flow: Flow
    log: AttemptLog
    budget: RetryBudget
    segment: int | None = None
    last_resort: bool = False


class Called(Struct, frozen=True, omit_defaults=True):
    """What came of a successful call, besides the audio.

    Attributes:
        form: of the audio, as the provider says.
        characters, input_tokens, output_tokens: that the provider says it bills.
    """

    form: AudioForm
    alignment: Alignment | None = None
    characters: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    request_id: str | None = None
    warnings: tuple[str, ...] = ()


class Caller:
    """Makes the calls of all requests.

    Args:
        sleep: waits so many seconds.
        wall: the time in UTC, for signatures.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._sleep = sleep
        self._wall = wall
        self._clock = clock

    async def speak(self, order: Order, sink: Sink) -> Called:
        """Have a script spoken, calling again where that may help.

        Raises:
            ProviderError: the last one, once nothing more is tried.
        """
        effort = Effort(order.account, order.script.model, order.budget, self._clock)
        before = order.log.calls
        answered: ProviderError | None = None
        order.log.calling = f"{order.account.name}/{order.script.model}"
        try:
            try:
                return await self._call(order, sink, effort)
            except ProviderError as error:
                answered = None if error.kind == "unavailable" else error
                if not _again(error, order, sink, effort):
                    raise
            await self._sleep(effort.pause_s)
            async for attempt in self._retrying(order, sink, effort):
                with attempt:
                    try:
                        return await self._call(order, sink, effort)
                    except ProviderError as error:
                        answered = answered if error.kind == "unavailable" else error
                        raise
        except ProviderError as error:
            if error.kind == "unavailable" and answered is not None:
                # Why it is left alone says more than that it is.
                raise answered from None
            if order.log.calls == before:
                # Nobody was asked, and that is to be told, too.
                order.log.add(
                    Attempt(
                        provider=order.account.name,
                        model=order.script.model,
                        outcome=error.kind,
                        latency_ms=0,
                        error=error.message,
                        calls=0,
                    )
                )
            raise
        raise AssertionError("retrying ends with a result or an exception")

    def _retrying(self, order: Order, sink: Sink, effort: Effort) -> AsyncRetrying:
        # Loaded and made once something failed: it takes as long as the rest of a call does.
        from tenacity import AsyncRetrying, retry_if_exception

        return AsyncRetrying(
            sleep=self._sleep,
            retry=retry_if_exception(lambda error: _again(error, order, sink, effort)),
            wait=lambda _: effort.pause_s,
            reraise=True,
        )

    async def _call(self, order: Order, sink: Sink, effort: Effort) -> Called:
        account, script = order.account, order.script
        breaker = account.breaker(script.model)
        if breaker.wait_s > 0:
            # Now, not when its turn comes: there may be somebody else to ask.
            raise _left_alone(breaker)
        await account.places.enter(order.flow)
        try:
            await account.rates.wait(len(script.text))
            key = await self._key(account, effort)
            effort.key = key
            call = _Call(order, key, self._clock)
            try:
                return await self._guarded(call, breaker, sink)
            finally:
                # What is billed is told even of a call that is given up.
                if call.outcome is not None:
                    order.log.add(await call.attempt(sink))
        finally:
            account.places.leave()

    async def _key(self, account: Account, effort: Effort) -> ProviderKey:
        while (key := account.keys.choose()) is None:
            wait_s = account.keys.wait_s()
            if account.keys.refused:
                raise ProviderError("auth", "every key was refused lately", retry_after_s=wait_s)
            if wait_s > effort.rest_s:
                raise ProviderError(
                    "rate_limited", "every key has too much to do", retry_after_s=wait_s
                )
            await self._sleep(wait_s)
        return key

    async def _guarded(self, call: _Call, breaker: Breaker, sink: Sink) -> Called:
        """Make the call, and tell the breaker, the key and the record how it ended."""
        account, key = call.order.account, call.key
        if not breaker.enter():
            raise _left_alone(breaker)
        settled = False
        try:
            called = await self._send(call, sink)
            settled = True
            breaker.succeeded()
            account.keys.worked(key)
            call.end("ok")
            return called
        except ProviderError as error:
            settled = True
            if error.kind in _BROKEN:
                breaker.failed()
            elif error.kind == "malformed":
                # May be of the text's own making, and is no reason to keep others from asking.
                breaker.abandoned()
            else:
                if error.status is not None or call.billed:
                    breaker.succeeded()
                else:
                    breaker.abandoned()  # nobody was asked
                # Some vendors refuse with a 200.
                call.billed = False
            error.message = _without(key.value, error.message)
            error.args = (error.message,)
            if error.kind in ("auth", "quota"):
                account.keys.ban(key, doubtful=error.status == FORBIDDEN)
            call.end(error.kind, error)
            log.warning(
                "provider.call_failed",
                provider=account.name,
                model=call.order.script.model,
                key=key.label,
                outcome=error.kind,
                status_code=error.status,
            )
            raise
        finally:
            if not settled:
                breaker.abandoned()
                if call.billed:
                    call.end("cancelled")

    async def _send(self, call: _Call, sink: Sink) -> Called:
        account, script = call.order.account, call.order.script
        provider, own_faults = account.provider, _OwnFaults(account)
        with own_faults:
            request = provider.request(script, call.key.value, self._wall())
        async with self._transport.send(request, account.timeouts) as answering:
            head = answering.head
            if head.status >= 300:
                body = await answering.beginning(ERROR_BYTES_READ)
                with own_faults:
                    # Before the message is cut to its length, and perhaps the key with it.
                    error = provider.error(head, _without(call.key.value, body))
                raise error
            call.billed = True
            with own_faults:
                reader = provider.response(script, head)
            receiving = _Receiving(call, reader, sink, own_faults)
            async for data in answering.chunks():
                await receiving.feed(data)
        delivered = call.delivered = await receiving.finish()
        await sink.end()
        if script.timestamps and delivered.alignment is None:
            raise ProviderError("malformed", "answered without the timings that were asked for")
        return Called(
            form=receiving.form,
            alignment=delivered.alignment,
            characters=delivered.characters,
            input_tokens=delivered.input_tokens,
            output_tokens=delivered.output_tokens,
            request_id=delivered.request_id,
            warnings=delivered.warnings,
        )


class _Receiving:
    """The body of one answer on its way into the sink."""

    def __init__(self, call: _Call, reader: Reader, sink: Sink, own_faults: _OwnFaults) -> None:
        self._call = call
        self._own_faults = own_faults
        self._reader = reader
        self._sink = sink
        self._held = 0
        self.form = reader.form

    async def feed(self, data: bytes) -> None:
        with self._own_faults:
            audio = self._reader.feed(data)
        if audio:
            await self._write(audio)
        else:
            self._held += len(data)

    async def finish(self) -> Delivered:
        with self._own_faults:
            if self._held > THREAD_BYTES:
                delivered = await asyncio.to_thread(self._reader.finish)
            else:
                delivered = self._reader.finish()
        if delivered.audio:
            await self._write(delivered.audio)
        return delivered

    async def _write(self, audio: bytes) -> None:
        if not self._call.heard:
            self._call.heard = True
            self.form = self._reader.form
            await self._sink.begin(self.form)
        await self._sink.write(audio)


class _Call:
    """One call, for the record.

    Attributes:
        billed: whether the provider began to answer with success: from then on, it bills.
        heard: whether what the sink has is of this call.
        outcome: None until it is known, and for a call that was never made.
    """

    def __init__(self, order: Order, key: ProviderKey, clock: Callable[[], float]) -> None:
        self.order = order
        self.key = key
        self.billed = False
        self.heard = False
        self.outcome: str | None = None
        self.delivered = Delivered()
        self._error: ProviderError | None = None
        self._clock = clock
        self._started = clock()
        self._latency_ms = 0

    def end(self, outcome: str, error: ProviderError | None = None) -> None:
        self.outcome = outcome
        self._error = error
        self._latency_ms = round((self._clock() - self._started) * 1000)

    async def attempt(self, sink: Sink) -> Attempt:
        """The record of the call, once it has ended."""
        assert self.outcome is not None
        account, script, error = self.order.account, self.order.script, self._error
        price = account.price(script.model) if self.billed else None
        billed = None
        if price is not None:
            seconds = await sink.seconds() if price.per_audio_minute and self.heard else 0.0
            billed = cost(
                price,
                characters=self.delivered.characters or len(script.text),
                utf8_bytes=len(script.text.encode()),
                input_tokens=self.delivered.input_tokens,
                # What broke off tells no count: then the cost is at least that of the text.
                output_tokens=0 if error is not None else self.delivered.output_tokens,
                audio_seconds=seconds,
            )
        return Attempt(
            provider=account.name,
            model=script.model,
            outcome=self.outcome,
            latency_ms=self._latency_ms,
            key=self.key.label,
            status_code=error.status if error else None,
            error=error.message if error else None,
            segment=self.order.segment if error else None,
            cost=billed,
        )


def _again(error: BaseException, order: Order, sink: Sink, effort: Effort) -> bool:
    return not sink.given_away and effort.again(error, order.last_resort)


def _left_alone(breaker: Breaker) -> ProviderError:
    return ProviderError(
        "unavailable",
        "it failed too often lately and is left alone for a while",
        retry_after_s=breaker.wait_s,
    )


def _without(key: Secret | None, words: AnyStr) -> AnyStr:
    """A provider's words, in which it may have quoted the key that it was sent."""
    value = key.reveal() if key is not None else ""
    if len(value) < SHORTEST_KEY_CHARS:
        return words
    if isinstance(words, str):
        return words.replace(value, "***")
    return words.replace(value.encode(), b"***")


class _OwnFaults:
    """Turns what the provider's own code raises unforeseen into a failure of the provider."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if error is None or not isinstance(error, Exception) or isinstance(error, ProviderError):
            return
        # Its text may quote the caller's, or the key, and what caused an error is logged with it.
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        where = f"{Path(frame.f_code.co_filename).name}:{line}"
        log.error(
            "provider.bug", provider=self._account.name, error=type(error).__name__, where=where
        )
        raise ProviderError(
            "malformed", f"the provider's code could not handle it: {type(error).__name__}"
        ) from None
