"""Delivers what is owed to the endpoints, again and again until it is taken."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from stentor.blobs import BlobStore
from stentor.config import Webhook
from stentor.contract import DeliveryState
from stentor.jobs.clock import Clock, now_ms
from stentor.retry_after import MAX_RETRY_AFTER_S
from stentor.webhooks.endpoints import Endpoints, signed_headers
from stentor.webhooks.event import body_of
from stentor.webhooks.sender import Answer
from stentor.webhooks.store import DeliveryRecord, DeliveryStore, Tried

log = structlog.get_logger(__name__)

# Between the attempts; the first is made at once. From the Standard Webhooks specification.
SCHEDULE_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
# Added to each pause, at most, as a part of it: so that what failed together does not come back
# together.
JITTER = 0.2
AT_ONCE = 8
LONGEST_PAUSE_S = 60.0
LEASE_MARGIN_S = 30
# How long the audio may take to be read: less than the margin.
READ_S = 20
# A call that is cut off at the end is made again at the next start, though it may have arrived.
CLOSE_GRACE_S = 2.0
GONE = 410


class Sends(Protocol):
    """What makes one call; `Sender` does."""

    async def send(self, webhook: Webhook, headers: dict[str, str], body: bytes) -> Answer: ...

    async def close(self) -> None: ...


class Deliverer:
    """Calls each endpoint for up to `AT_ONCE` jobs at a time, and none waits for another.

    Args:
        base_url: what the URLs in the calls begin with.
        schedule_s: pauses between the attempts, in seconds.
        grace_s: how long calls that are being made may go on after `close`.
        chance: a number from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        store: DeliveryStore,
        blobs: BlobStore,
        endpoints: Endpoints,
        sender: Sends,
        *,
        base_url: str,
        schedule_s: Sequence[float] = SCHEDULE_S,
        grace_s: float = CLOSE_GRACE_S,
        clock: Clock = now_ms,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._endpoints = endpoints
        self._sender = sender
        self._base_url = base_url
        self._schedule_s = schedule_s
        self._grace_s = grace_s
        self._clock = clock
        self._chance = chance
        self._wake = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._held: defaultdict[str, set[str]] = defaultdict(set)
        # The clock may have been set while nobody looked.
        self._seen_ms = sys.maxsize
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._loop = asyncio.create_task(self._run(), name="webhooks")

    async def close(self) -> None:
        """Stop; what is not delivered soon counts as not delivered."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._calls:
            await asyncio.wait(self._calls, timeout=self._grace_s)
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._sender.close()

    def notify(self) -> None:
        """Say that there is something new to deliver."""
        self._wake.set()

    async def _run(self) -> None:
        await self._persistently(self._store.release_all)
        while True:
            self._wake.clear()
            pause_s = LONGEST_PAUSE_S
            try:
                await self._look_at_clock()
                full = await self._begin()
                due_ms = await self._store.next_due(
                    [name for name in self._endpoints.names if name not in full]
                )
                if due_ms is not None:
                    pause_s = min(pause_s, max(0.0, (due_ms - self._clock()) / 1000))
            except Exception:
                # The store may be back at the next look.
                log.exception("webhooks.claim_failed")
                pause_s = 1.0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()

    async def _look_at_clock(self) -> None:
        now_ms = self._clock()
        if now_ms < self._seen_ms:
            longest_s = max(MAX_RETRY_AFTER_S, *self._schedule_s) * (1 + JITTER)
            await self._store.bring_forward(now_ms, now_ms + round(1000 * longest_s))
        self._seen_ms = now_ms

    async def _begin(self) -> set[str]:
        """Begin what is due; returns the endpoints that can take no more now."""
        full = set()
        for name in self._endpoints.names:
            held = self._held[name]
            free = AT_ONCE - len(held)
            if free > 0:
                lease_ms = 1000 * (self._endpoints[name].timeout_seconds + LEASE_MARGIN_S)
                now_ms = self._clock()
                for delivery in await self._store.claim(name, lease_ms, now_ms, free, held=[*held]):
                    held.add(delivery.id)
                    task = asyncio.create_task(self._deliver(delivery), name=delivery.id)
                    self._calls.add(task)
                    task.add_done_callback(self._done)
            if len(held) >= AT_ONCE:
                full.add(name)
        return full

    def _done(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._wake.set()

    async def _deliver(self, delivery: DeliveryRecord) -> None:
        webhook = self._endpoints[delivery.webhook]
        at_ms = self._clock()
        try:
            try:
                async with asyncio.timeout(READ_S):
                    body = await body_of(
                        delivery,
                        self._blobs,
                        base_url=self._base_url,
                        max_bytes=webhook.max_body_bytes,
                    )
                headers = await asyncio.to_thread(signed_headers, webhook, delivery.id, at_ms, body)
                answer = await self._sender.send(webhook, headers, body)
            except Exception as error:
                log.exception("webhook.not_sent", delivery_id=delivery.id)
                answer = Answer(0, error=f"not sent: {type(error).__name__}")
            await self._persistently(lambda: self._settle(delivery, answer, at_ms))
        finally:
            self._held[delivery.webhook].discard(delivery.id)

    async def _settle(self, delivery: DeliveryRecord, answer: Answer, at_ms: int) -> None:
        logger = log.bind(delivery_id=delivery.id, webhook=delivery.webhook)
        tried = Tried(
            attempt=delivery.attempt,
            at_ms=at_ms,
            latency_ms=answer.latency_ms,
            status_code=answer.status_code,
            error=answer.error,
        )
        if answer.error is None:
            logger.info("webhook.delivered", attempt=delivery.attempt)
            await self._store.settle(delivery.id, tried, "delivered", delivery.due_ms)
            return
        logger.warning("webhook.not_delivered", attempt=delivery.attempt, error=answer.error)
        if answer.status_code == GONE:
            # Disabled first: a crash in between must not call an endpoint that is gone.
            await self._store.disable(
                delivery.webhook, self._clock(), f"it answered with {GONE} Gone"
            )
        state, due_ms = self._next(delivery, answer)
        await self._store.settle(delivery.id, tried, state, due_ms)

    def _next(self, delivery: DeliveryRecord, answer: Answer) -> tuple[DeliveryState, int]:
        tries = delivery.attempt - delivery.round_start
        if answer.status_code == GONE:
            return "pending", self._clock()
        if tries > len(self._schedule_s):
            return "failed", delivery.due_ms
        pause_s = self._schedule_s[tries - 1] * (1 + JITTER * self._chance())
        if answer.status_code in (429, 503) and answer.retry_after_s is not None:
            pause_s = max(pause_s, answer.retry_after_s)
        return "pending", self._clock() + round(1000 * pause_s)

    async def _persistently(self, write: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do what must not be forgotten, however long the disk is full."""
        while True:
            try:
                await write()
                return
            except Exception:
                log.exception("webhooks.not_written")
                await asyncio.sleep(1.0)
