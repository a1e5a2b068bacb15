"""Orders to a local vendor, in a time that passes only while somebody sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from stentor.audio.form import AudioForm
from stentor.engines.base import Flow
from stentor.providers.base import Provider, Script, Settings, Turn
from stentor.providers.faults import ProviderError
from stentor.providers.openai import OpenAI
from stentor.routing.account import Account, Patience
from stentor.routing.attempts import AttemptLog
from stentor.routing.caller import Called, Caller, Order
from stentor.routing.effort import RetryBudget
from stentor.routing.keys import ProviderKey
from stentor.routing.transport import Timeouts, Transport
from stentor.secret import Secret
from upstream import openai
from upstream.faults import Fault
from upstream.server import Upstream, running
from upstream.sound import Tones
from upstream.values import Received, Vendor

MODEL = "tts-1"
TEXT = "Sing, goddess, the anger."
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY_VALUE = "value-of-key-{}-0123456789"
ENOUGH = 1000
SHORT_S = 0.2
CLIP = Tones().clip(AudioForm("wav"), TEXT)  # which the vendor then has ready, too


class Clock:
    """Seconds since some moment.

    Attributes:
        slept: how long, one after the other.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Ear:
    """A sink.

    Attributes:
        forms: of the answers that began.
        audio: of the newest of them.
        void: what was taken back.
        ended: how many answers were complete.
        given_away: whether somebody has heard what was written.
    """

    given_away = False

    def __init__(self) -> None:
        self.forms: list[AudioForm] = []
        self.audio = b""
        self.void: list[bytes] = []
        self.ended = 0
        self._wanted: asyncio.Future[None] | None = None

    async def begin(self, form: AudioForm) -> None:
        if self.forms:
            self.void.append(self.audio)
        self.audio = b""
        self.forms.append(form)

    async def write(self, data: bytes) -> None:
        assert self.forms, "nothing has begun"
        self.audio += data
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    async def end(self) -> None:
        self.ended += 1

    async def seconds(self) -> float:
        """A second for a thousand bytes."""
        return len(self.audio) / 1000

    async def something(self) -> None:
        """Wait until there is some audio."""
        if not self.audio:
            self._wanted = asyncio.get_running_loop().create_future()
            await asyncio.wait_for(self._wanted, 20)


def hurry(fault: Fault | None) -> Timeouts:
    """Short ones for vendors that stand still, and long ones for a machine that is busy."""
    match fault:
        case "stall_before":
            return Timeouts(first_byte_s=SHORT_S)
        case "stall_middle":
            return Timeouts(idle_s=SHORT_S)
    return Timeouts()


def key(label: str, weight: float = 1.0) -> ProviderKey:
    return ProviderKey(label, Secret(KEY_VALUE.format(label)), weight)


def keys(labels: str) -> list[ProviderKey]:
    """One for each letter."""
    return [key(label) for label in labels]


def script(provider: Provider, model: str = MODEL, **changes: Any) -> Script:
    fields = {
        "model": model,
        "turns": (Turn(TEXT, "alloy"),),
        "format": provider.capabilities(model).formats[0],
    }
    return Script(**(fields | changes))


class Scene:
    """A vendor, an account there, and what its calls leave behind.

    Attributes:
        hears_with: the sinks of orders.
        ear: the sink of the newest order.
        log: of all orders.
    """

    def __init__(
        self, upstream: Upstream, account: Account, transport: Transport, clock: Clock
    ) -> None:
        self.upstream = upstream
        self.account = account
        self.clock = clock
        self.caller = Caller(transport, sleep=clock.sleep, wall=lambda: NOW, clock=clock)
        self.hears_with = Ear
        self.ear = Ear()
        self.log = AttemptLog()

    async def speak(
        self,
        *,
        last_resort: bool = False,
        budget: RetryBudget | None = None,
        model: str = MODEL,
        owner: str = "ann",
        segment: int | None = None,
        **changes: Any,
    ) -> Called:
        self.ear = ear = self.hears_with()
        order = Order(
            self.account,
            script(self.account.provider, model, **changes),
            Flow(owner, "job"),
            self.log,
            budget or RetryBudget(ENOUGH, 0),
            segment,
            last_resort,
        )
        async with asyncio.timeout(60):
            return await self.caller.speak(order, ear)

    async def failing(self, **changes: Any) -> ProviderError:
        """The failure of an order, which must keep the keys to itself."""
        with pytest.raises(ProviderError) as caught:
            await self.speak(**changes)
        assert caught.value.message and "value-of-key" not in repr(caught.value)
        return caught.value

    @property
    def used(self) -> str:
        """The labels of the keys of all calls that arrived."""
        return "".join(label_of(one) for one in self.upstream.received)

    @property
    def outcomes(self) -> list[str]:
        """Of the attempts, as often as there were calls."""
        return [one.outcome for one in self.log.entries for _ in range(one.calls)]


def label_of(received: Received) -> str:
    """The label of the key of a call to OpenAI."""
    prefix, _, rest = KEY_VALUE.partition("{}")
    value = received.headers["authorization"].removeprefix(f"Bearer {prefix}")
    return value.removesuffix(rest)


def by_key(**faults: Fault) -> Any:
    """Faults of the calls with keys of these labels."""
    return lambda received: faults.get(label_of(received))


@asynccontextmanager
async def scene(
    *,
    vendor: object = openai,
    provider: type[Provider] = OpenAI,
    path: str = "",
    labels: str = "a",
    patience: Patience = Patience(),  # noqa: B008
    **options: Any,
) -> AsyncIterator[Scene]:
    """A vendor and an account there, with a key for each of the labels.

    Args:
        path: of the API at the vendor's.
        options: the account's.
    """
    clock, transport = Clock(), Transport()
    async with running(cast(Vendor, vendor), threaded=False) as upstream:
        account = Account(
            "vendor",
            provider(Settings(base_url=upstream.url + path)),
            options.pop("keys", None) or keys(labels),
            patience=patience,
            clock=clock,
            **options,
        )
        try:
            yield Scene(upstream, account, transport, clock)
        finally:
            await transport.close()
