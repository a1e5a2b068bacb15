"""Which key a call goes out with."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from routing.speaking import TEXT, by_key, hurry, key, scene
from stentor.routing.account import Patience
from stentor.routing.effort import RetryBudget
from stentor.routing.keys import FIRST_BAN_S
from upstream.faults import Fault
from upstream.values import Answer

NO_RETRIES = Patience(retries=0)
NONE_LEFT = RetryBudget(0, 0)


async def test_calls_take_keys_in_turn_by_weight() -> None:
    async with scene(keys=[key("a", 2), key("b", 1)]) as at:
        for _ in range(6):
            await at.speak()
        assert at.used == "abaaba"


@pytest.mark.parametrize("fault", ["auth", "quota"])
async def test_a_refused_key_is_followed_by_the_next_at_once_and_without_a_retry(
    fault: Fault,
) -> None:
    async with scene(labels="abc", patience=NO_RETRIES) as at:
        at.upstream.faults = by_key(a=fault, b=fault)
        await at.speak(budget=NONE_LEFT)
        assert at.used == "abc"
    assert sum(at.clock.slept) == 0
    assert at.outcomes == [fault, fault, "ok"]


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_each_status_of_a_refused_key_takes_it_out(status: int) -> None:
    vendor = SimpleNamespace(answer=lambda *_: Answer(status, {}, [b"no"]))
    async with scene(vendor=vendor, labels="ab", patience=NO_RETRIES) as at:
        assert (await at.failing()).status == status
        assert at.used == "ab"
    assert at.account.keys.refused


async def test_a_refused_key_is_not_used_by_later_orders_until_its_ban_ends() -> None:
    async with scene(labels="ab") as at:
        at.upstream.faults = by_key(a="auth")
        for _ in range(3):
            await at.speak()
        assert at.used == "abbb"
        at.clock.now += FIRST_BAN_S
        for _ in range(3):
            await at.speak()
        assert at.used[4:].count("a") == 1, "its turn comes once"
        at.clock.now += FIRST_BAN_S
        for _ in range(3):
            await at.speak()
        assert at.used[4:].count("a") == 1, "the second ban is twice as long"
        at.clock.now += FIRST_BAN_S
        at.upstream.faults = []
        for _ in range(3):
            await at.speak()
        assert at.used[-3:].count("a") >= 1


async def test_a_key_that_works_again_is_trusted_again() -> None:
    async with scene() as at:
        for _ in range(3):
            at.upstream.faults = ["auth", "auth"]
            await at.failing()
            at.clock.now += FIRST_BAN_S
            await at.failing()
            at.clock.now += 2 * FIRST_BAN_S
            await at.speak()


async def test_if_every_key_is_refused_the_order_fails_at_once() -> None:
    async with scene(labels="abc") as at:
        at.upstream.faults = lambda _: "auth"
        failure = await at.failing(last_resort=True)
        assert (failure.kind, failure.status) == ("auth", 401)
        assert at.used == "abc"
    assert sum(at.clock.slept) == 0


async def test_while_every_key_is_refused_no_call_is_made_and_nothing_told() -> None:
    async with scene(labels="ab") as at:
        at.upstream.faults = lambda _: "auth"
        await at.failing()
        at.clock.now += 10
        failure = await at.failing(last_resort=True)
        assert failure.kind == "auth" and failure.retry_after_s == FIRST_BAN_S - 10
        assert at.used == "ab" and at.clock.now == 1010
        assert at.outcomes == ["auth", "auth"]
        at.clock.now += FIRST_BAN_S
        at.upstream.faults = []
        await at.speak()


async def test_orders_that_are_refused_together_ban_the_key_once() -> None:
    async with scene(concurrency=16) as at:
        at.upstream.faults = lambda _: "auth"
        failures = await asyncio.gather(*(at.failing() for _ in range(16)))
        assert {one.kind for one in failures} == {"auth"}
        assert at.account.keys.wait_s() == FIRST_BAN_S


async def test_a_key_in_too_much_of_a_hurry_rests_as_long_as_asked_and_another_goes_on() -> None:
    async with scene(labels="ab") as at:
        at.upstream.faults = ["retry_after"]
        for _ in range(3):
            await at.speak()
        assert at.used == "abbb"
        assert sum(at.clock.slept) == 0
        at.clock.now += 1
        for _ in range(2):
            await at.speak()
        assert sorted(at.used[-2:]) == ["a", "b"]


async def test_a_single_key_in_too_much_of_a_hurry_waits_as_long_as_asked() -> None:
    async with scene() as at:
        at.upstream.faults = ["retry_after", "rate_limited"]
        await at.speak()
        assert at.used == "aaa"
    assert at.clock.slept == [1, 1]


async def test_too_much_at_once_with_every_key_ends_when_the_retries_do() -> None:
    async with scene(labels="ab", patience=Patience(retries=3)) as at:
        at.upstream.faults = lambda _: "retry_after"
        assert (await at.failing()).kind == "rate_limited"
        # A retry is a round of all keys.
        assert at.used.startswith(("ab", "ba")) and 6 <= len(at.used) <= 8
    pauses = [pause for pause in at.clock.slept if pause]
    assert len(pauses) == 3 and all(1 <= pause < 3 for pause in pauses)


async def test_every_key_is_tried_before_too_much_at_once_is_a_retry() -> None:
    async with scene(labels="abcdefg", patience=Patience(retries=0)) as at:
        at.upstream.faults = ["retry_after"] * 6
        await at.speak()
        assert sorted(at.used) == list("abcdefg")
    assert not any(at.clock.slept)


async def test_an_order_waits_for_a_key_that_rests() -> None:
    async with scene() as at:
        at.account.keys.rest(at.account.keys.in_turn[0], 5)
        await at.speak()
        assert at.used == "a"
    assert at.clock.slept == [5]


async def test_an_order_does_not_wait_longer_for_a_key_than_its_retries_may_go_on() -> None:
    async with scene(patience=Patience(retry_s=60)) as at:
        at.account.keys.rest(at.account.keys.in_turn[0], 61)
        failure = await at.failing(last_resort=True)
        assert (failure.kind, failure.retry_after_s) == ("rate_limited", 61)
        assert at.used == ""
    assert at.clock.slept == [] and at.outcomes == []


async def test_a_key_that_once_was_refused_and_now_is_tired_is_waited_for() -> None:
    async with scene() as at:
        at.upstream.faults = ["auth", "retry_after"]
        await at.failing()
        at.clock.now += FIRST_BAN_S
        await at.speak()
    assert at.outcomes == ["auth", "rate_limited", "ok"]


@pytest.mark.parametrize("fault", ["invalid", "server", "stall_before", "truncated"])
async def test_other_failures_do_not_take_a_key_out(fault: Fault) -> None:
    async with scene(patience=NO_RETRIES, timeouts=hurry(fault)) as at:
        at.upstream.faults = [fault]
        await at.failing()
        assert at.account.keys.wait_s() == 0


async def test_the_text_is_the_same_whichever_key_speaks_it() -> None:
    async with scene(labels="abc") as at:
        at.upstream.faults = by_key(a="auth", b="quota")
        await at.speak()
        assert [one.json()["input"] for one in at.upstream.received] == [TEXT] * 3
