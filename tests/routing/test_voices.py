"""The voices of an account: pages, how long they are remembered, and what a failure leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from types import SimpleNamespace
from typing import cast

import pytest

from stentor.contract import Voice
from stentor.providers.base import Provider, Settings, VoicePage
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.openai import OpenAI
from stentor.providers.wire import HttpCall
from stentor.routing import voices as routing_voices
from stentor.routing.transport import Timeouts, Transport
from stentor.routing.voices import FAILED_TTL_S, MAX_PAGES, MAX_VOICES, LiveVoices
from stentor.secret import Secret
from upstream.server import Upstream, running
from upstream.values import Answer, Received, Sound, Vendor

KEY = Secret("key-of-a-test-0123456789")
TIMEOUTS = Timeouts()
TTL_S = 600


class Listing(Provider):
    """A vendor that lists voices in pages that have numbers."""

    type = "listing"
    title = "Listing"
    reference = ""
    base_url = ""

    def voices_call(self, key: Secret | None, page: str | None, now: datetime) -> HttpCall | None:
        headers = {"Authorization": key.reveal()} if key else {}
        return HttpCall("GET", f"{self.base_url}/voices?page={page or 0}", headers)

    def read_voices(self, body: bytes) -> VoicePage:
        try:
            names, following = json.loads(body)
        except ValueError as error:
            raise ProviderError("malformed", "no list") from error
        voices = [
            Voice(id=name, name=name, provider=self.name, model="m", sample_rate=24_000)
            for name in names
        ]
        return VoicePage(voices, following)


class Account:
    """What the vendor has.

    Attributes:
        pages: the names of the voices on each page and the page that follows.
        now: seconds on the clock.
    """

    def __init__(self, upstream: Upstream, transport: Transport) -> None:
        self.pages: list[tuple[list[str], str | None]] = [(["ann", "bob"], None)]
        self.now = 0.0
        self.upstream = upstream
        self.provider = Listing(Settings(base_url=upstream.url))
        self.live = LiveVoices(transport, TTL_S, lambda: self.now)

    def answer(self, received: Received, sound: Sound) -> Answer:
        names, following = self.pages[int(dict(received.query)["page"])]
        return Answer(200, {}, [json.dumps([names, following]).encode()])

    def refuse(self, kind: FaultKind, received: Received) -> Answer:
        status = {"auth": 401, "server": 500}[kind]
        return Answer(status, {}, [b'{"message": "We are sorry.", "code": "sorry"}'])

    async def names(self, key: Secret | None = KEY, timeouts: Timeouts = TIMEOUTS) -> list[str]:
        return [voice.id for voice in await self.live.voices(self.provider, key, timeouts)]

    @property
    def calls(self) -> int:
        return len(self.upstream.received)


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    shell = SimpleNamespace()
    transport = Transport()
    async with running(cast(Vendor, shell)) as upstream:
        made = Account(upstream, transport)
        shell.answer, shell.refuse = made.answer, made.refuse
        yield made
        await made.live.close()
        await transport.close()


async def test_all_pages_are_read(account: Account) -> None:
    account.pages = [(["ann"], "1"), (["bob", "cid"], "2"), ([], None)]
    assert await account.names() == ["ann", "bob", "cid"]
    assert account.upstream.received[0].headers["authorization"] == KEY.reveal()


async def test_a_vendor_without_a_list_is_not_asked(account: Account) -> None:
    assert await account.live.voices(OpenAI(), KEY, TIMEOUTS) == []


@pytest.mark.parametrize("leads_to", ["0", "1"])
async def test_a_page_that_leads_back_is_the_last(account: Account, leads_to: str) -> None:
    account.pages = [(["ann"], "1"), (["bob"], leads_to)]
    assert (await account.names())[:2] == ["ann", "bob"]
    assert account.calls <= 3


async def test_no_more_pages_than_the_limit_are_read(account: Account) -> None:
    account.pages = [([f"v{n}"], str(n + 1)) for n in range(MAX_PAGES + 5)]
    assert len(await account.names()) == MAX_PAGES == account.calls


async def test_no_more_voices_than_the_limit_are_kept(account: Account) -> None:
    account.pages = [([f"v{n}" for n in range(MAX_VOICES - 1)], "1"), (["x", "y"], "0")]
    assert len(await account.names()) == MAX_VOICES
    assert account.calls == 2


async def test_a_page_without_end_is_malformed(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing_voices, "MAX_PAGE_BYTES", 1000)
    account.pages = [(["a" * 1000], None)]
    with pytest.raises(ProviderError, match="longer than 1000 bytes"):
        await account.names()


async def test_a_list_is_asked_for_again_when_its_time_is_over(account: Account) -> None:
    await account.names()
    account.pages = [(["new"], None)]
    account.now = TTL_S - 1
    assert await account.names() == ["ann", "bob"]
    account.now = TTL_S
    assert await account.names() == ["new"]
    assert account.calls == 2


async def test_each_key_has_voices_of_its_own(account: Account) -> None:
    await account.names()
    account.pages = [(["other"], None)]
    assert await account.names(Secret("another")) == ["other"]
    assert await account.names() == ["ann", "bob"]


async def test_who_changes_the_list_changes_a_copy(account: Account) -> None:
    (await account.live.voices(account.provider, KEY, TIMEOUTS)).clear()
    assert await account.names() == ["ann", "bob"]


async def test_all_who_ask_at_once_share_one_call(account: Account) -> None:
    found = await asyncio.gather(*(account.names() for _ in range(20)))
    assert found == [["ann", "bob"]] * 20
    assert account.calls == 1


async def test_who_stops_waiting_does_not_take_the_answer_from_the_others(
    account: Account,
) -> None:
    first = asyncio.create_task(account.names())
    second = asyncio.create_task(account.names())
    await account.upstream.until(lambda: account.calls == 1)
    first.cancel()
    assert await second == ["ann", "bob"]
    assert first.cancelled() and account.calls == 1


@pytest.mark.parametrize("fault", ["auth", "server", "reset", "truncated", "html_ok"])
async def test_a_failure_is_told_to_all_and_kept_for_a_moment(
    account: Account, fault: FaultKind
) -> None:
    account.upstream.faults = [fault]
    failures = await asyncio.gather(*(account.names() for _ in range(3)), return_exceptions=True)
    failures += await asyncio.gather(account.names(), return_exceptions=True)
    kinds = {failure.kind for failure in failures if isinstance(failure, ProviderError)}
    assert len(kinds) == 1 and len({id(failure) for failure in failures}) == 4
    assert account.calls == 1
    account.now = FAILED_TTL_S
    assert await account.names() == ["ann", "bob"]


async def test_a_refusal_is_in_the_vendors_words(account: Account) -> None:
    account.upstream.faults = ["auth"]
    for _ in range(2):
        with pytest.raises(ProviderError) as caught:
            await account.names()
        failure = caught.value
        assert (failure.kind, failure.status, failure.code) == ("auth", 401, "sorry")
        assert failure.message == "We are sorry."


async def test_the_last_list_serves_while_the_vendor_fails(account: Account) -> None:
    await account.names()
    account.pages = [(["new"], None)]
    account.now = TTL_S
    account.upstream.faults = ["server"]
    assert await account.names() == ["ann", "bob"]
    account.now += FAILED_TTL_S - 1
    assert await account.names() == ["ann", "bob"]
    assert account.calls == 2
    account.now += 1
    assert await account.names() == ["new"]


async def test_a_failure_on_a_later_page_leaves_no_half_list(account: Account) -> None:
    account.pages = [(["ann"], "1"), (["bob"], None)]
    account.upstream.faults = [None, "server"]
    with pytest.raises(ProviderError):
        await account.names()


async def test_all_pages_together_have_the_total_time(account: Account) -> None:
    account.upstream.faults = ["stall_middle"]
    with pytest.raises(ProviderError) as caught:
        await account.names(timeouts=Timeouts(total_s=0.1))
    assert caught.value.kind == "timeout" and "0.1 s" in caught.value.message


async def test_closing_gives_up_what_is_under_way(account: Account) -> None:
    account.upstream.faults = ["stall_before"]
    asking = asyncio.create_task(account.names())
    await account.upstream.until(lambda: account.calls == 1)
    await account.live.close()
    await account.upstream.until(lambda: account.upstream.abandoned == 1)
    assert asking.done()
