"""The voices of vendors' accounts, listed live and remembered for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from stentor.contract import Voice
from stentor.providers.base import Provider, VoicePage
from stentor.providers.faults import ProviderError
from stentor.routing.transport import Timeouts, Transport
from stentor.secret import Secret

log = structlog.get_logger(__name__)

FAILED_TTL_S = 30
MAX_PAGES = 50
MAX_VOICES = 10_000
MAX_PAGE_BYTES = 32 * 1024**2
ERROR_BYTES_READ = 64 * 1024

_Account = tuple[str, Secret | None]


@dataclass(slots=True)
class _Listed:
    """What is known of one account; `voices` is None as long as it was never listed."""

    voices: list[Voice] | None = None
    failure: ProviderError | None = None
    good_until: float = 0


class LiveVoices:
    """Asks vendors for the voices of an account.

    A list is good for a while, and a failure for `FAILED_TTL_S` seconds: then the last list that
    there was is served, however old. Who asks while an account is being listed gets that answer.

    Args:
        ttl_s: how long a list is good.
        clock: seconds that never go back.
    """

    def __init__(
        self, transport: Transport, ttl_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport = transport
        self._ttl_s = ttl_s
        self._clock = clock
        self._listed: dict[_Account, _Listed] = {}
        self._under_way: dict[_Account, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Give up the calls that are under way; who waits for one is cancelled."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def voices(
        self, provider: Provider, key: Secret | None, timeouts: Timeouts
    ) -> list[Voice]:
        """The account's voices, up to `MAX_VOICES`; none if the vendor has no list of them.

        Args:
            timeouts: of each call; `total_s` is for all pages together.

        Raises:
            ProviderError: there was no list, nor has there been one before.
        """
        account = (provider.name, key)
        listed = self._listed.setdefault(account, _Listed())
        if self._clock() >= listed.good_until:
            # Not the caller's own: who stops waiting does not take it from the others.
            task = self._under_way.get(account)
            if task is None:
                task = asyncio.create_task(self._renew(listed, provider, key, timeouts))
                self._under_way[account] = task
                task.add_done_callback(lambda done: self._done(account, done))
            await asyncio.shield(task)
        if listed.voices is not None:
            return list(listed.voices)
        assert listed.failure is not None
        raise _again(listed.failure)

    def _done(self, account: _Account, task: asyncio.Task[None]) -> None:
        del self._under_way[account]
        if not task.cancelled():
            task.exception()  # whoever waits is told; perhaps nobody does any more

    async def _renew(
        self, listed: _Listed, provider: Provider, key: Secret | None, timeouts: Timeouts
    ) -> None:
        try:
            voices = await self._in_time(provider, key, timeouts)
        except ProviderError as failure:
            log.warning(
                "provider.voices_failed",
                provider=provider.name,
                outcome=failure.kind,
                status_code=failure.status,
                error=failure.message,
            )
            listed.failure = failure
            listed.good_until = self._clock() + FAILED_TTL_S
        else:
            listed.voices = voices
            listed.failure = None
            listed.good_until = self._clock() + self._ttl_s

    async def _in_time(
        self, provider: Provider, key: Secret | None, timeouts: Timeouts
    ) -> list[Voice]:
        try:
            async with asyncio.timeout(timeouts.total_s):
                return await self._list(provider, key, timeouts)
        except TimeoutError:
            raise ProviderError(
                "timeout", f"the voices were not listed within {timeouts.total_s:g} s"
            ) from None

    async def _list(
        self, provider: Provider, key: Secret | None, timeouts: Timeouts
    ) -> list[Voice]:
        voices: list[Voice] = []
        asked: set[str | None] = set()
        page: str | None = None
        # Ends at a page without a next one, which is None, and at one that leads back.
        while page not in asked and len(asked) < MAX_PAGES and len(voices) < MAX_VOICES:
            asked.add(page)
            found = await self._page(provider, key, page, timeouts)
            voices += found.voices
            page = found.next
        return voices[:MAX_VOICES]

    async def _page(
        self, provider: Provider, key: Secret | None, page: str | None, timeouts: Timeouts
    ) -> VoicePage:
        call = provider.voices_call(key, page, datetime.now(UTC))
        if call is None:
            return VoicePage([], None)
        async with self._transport.send(call, timeouts) as answering:
            if answering.head.status >= 300:
                raise provider.error(answering.head, await answering.beginning(ERROR_BYTES_READ))
            body = bytearray()
            async for piece in answering.chunks():
                body += piece
                if len(body) > MAX_PAGE_BYTES:
                    raise ProviderError(
                        "malformed", f"the list of voices is longer than {MAX_PAGE_BYTES} bytes"
                    )
        return await asyncio.to_thread(provider.read_voices, bytes(body))


def _again(failure: ProviderError) -> ProviderError:
    """The same failure for another caller: an exception collects what it passes through."""
    return ProviderError(
        failure.kind,
        failure.message,
        status=failure.status,
        code=failure.code,
        retry_after_s=failure.retry_after_s,
    )
