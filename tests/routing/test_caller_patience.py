"""How long it is tried: retries, breakers, and queues before limits."""

from __future__ import annotations

import asyncio

import pytest

from routing.speaking import MODEL, TEXT, Scene, hurry, scene
from stentor.providers.faults import ProviderError
from stentor.routing.account import Patience
from stentor.routing.effort import RetryBudget
from upstream.faults import Fault, Faults
from upstream.values import Received

OPEN_S = 30.0
ONE_FAILURE = Patience(retries=0, breaker_failures=1, breaker_s=OPEN_S)


def always(fault: Fault) -> Faults:
    return lambda _: fault


async def opened(at: Scene) -> None:
    """Have the breaker open."""
    at.upstream.faults = ["server"]
    await at.failing()
    assert at.account.breaker(MODEL).wait_s == OPEN_S


@pytest.mark.parametrize("fault", ["server", "reset_before", "truncated", "stall_middle"])
async def test_retries_end_after_so_many(fault: Fault) -> None:
    async with scene(patience=Patience(retries=3), timeouts=hurry(fault)) as at:
        at.upstream.faults = always(fault)
        await at.failing()
        assert len(at.upstream.received) == 4
    assert len(at.clock.slept) == 3


async def test_pauses_between_retries_double_and_are_never_the_same() -> None:
    async with scene(patience=Patience(retries=5, breaker_failures=100)) as at:
        at.upstream.faults = always("server")
        await at.failing()
        first = at.clock.slept.copy()
        await at.failing()
    assert len(first) == 5
    for number, pause in enumerate(first):
        assert 0.25 * 2**number <= pause <= 0.5 * 2**number
    assert first != at.clock.slept[5:]


async def test_retries_end_when_their_time_is_up() -> None:
    async with scene(patience=Patience(retries=100, retry_s=10, breaker_failures=1000)) as at:
        at.upstream.faults = always("server")
        await at.failing()
    assert 2 < sum(at.clock.slept) <= 10


async def test_orders_of_one_request_share_its_retries() -> None:
    async with scene(patience=Patience(breaker_failures=100)) as at:
        at.upstream.faults = always("server")
        budget = RetryBudget(3, 0)
        await at.failing(budget=budget)
        assert len(at.upstream.received) == 4
        await at.failing(budget=budget)
        assert len(at.upstream.received) == 5


async def test_the_last_error_is_the_one_that_is_told() -> None:
    async with scene(patience=Patience(retries=2)) as at:
        at.upstream.faults = ["server", "reset_before", "rate_limited"]
        assert (await at.failing()).kind == "rate_limited"
    assert at.outcomes == ["server", "network", "rate_limited"]


async def test_a_place_is_free_for_others_during_a_pause() -> None:
    async with scene(concurrency=1) as at:
        at.upstream.faults = ["server"]
        pausing, goes_on = asyncio.Event(), asyncio.Event()

        async def sleep(_: float) -> None:
            pausing.set()
            await goes_on.wait()

        at.caller._sleep = sleep
        first = asyncio.create_task(at.speak())
        await asyncio.wait_for(pausing.wait(), 20)
        await at.speak()
        goes_on.set()
        await first
    assert at.outcomes == ["server", "ok", "ok"]


async def test_a_model_that_failed_too_often_is_left_alone_at_once() -> None:
    async with scene(patience=Patience(retries=9, breaker_failures=3)) as at:
        at.upstream.faults = always("server")
        assert (await at.failing()).kind == "server"
        assert len(at.upstream.received) == 3
        slept = at.clock.slept.copy()
        failure = await at.failing()
        assert failure.kind == "unavailable" and failure.retry_after_s
        assert len(at.upstream.received) == 3 and at.clock.slept == slept
    assert at.outcomes == ["server"] * 3


async def test_failures_of_several_orders_are_in_one_row_and_a_success_ends_it() -> None:
    async with scene(patience=Patience(retries=0, breaker_failures=3)) as at:
        at.upstream.faults = ["server", "server", None, "server", "server", "server"]
        kinds = [await kind(at) for _ in range(7)]
    assert kinds == ["server", "server", "ok", "server", "server", "server", "unavailable"]


async def test_refusals_are_answers_of_a_vendor_that_works() -> None:
    async with scene(patience=Patience(retries=0, breaker_failures=2)) as at:
        at.upstream.faults = ["server", "invalid", "server", "rate_limited", "server", None]
        kinds = []
        for _ in range(6):
            at.clock.now += 2  # no key rests for longer
            kinds.append(await kind(at))
    assert kinds == ["server", "invalid", "server", "rate_limited", "server", "ok"]


async def test_a_call_that_never_left_is_no_answer() -> None:
    """A script that cannot be sent tells nothing of the vendor."""
    async with scene(patience=Patience(retries=0, breaker_failures=2)) as at:
        at.upstream.faults = always("server")
        await at.failing()
        good = at.account.provider.request

        def refuse(*_: object) -> None:
            raise ProviderError("invalid", "no such thing")

        at.account.provider.request = refuse  # type: ignore[method-assign,assignment]
        await at.failing()
        at.account.provider.request = good  # type: ignore[method-assign]
        await at.failing()
        assert len(at.upstream.received) == 2
    assert at.account.breaker(MODEL).wait_s > 0


async def test_other_models_are_not_left_alone() -> None:
    async with scene(patience=ONE_FAILURE) as at:
        await opened(at)
        assert (await at.failing()).kind == "unavailable"
        await at.speak(model="tts-1-hd")


async def test_after_a_while_one_call_goes_through_and_decides() -> None:
    async with scene(patience=ONE_FAILURE) as at:
        await opened(at)
        at.clock.now += OPEN_S
        at.upstream.faults = ["stall_middle"]
        probe = asyncio.create_task(at.speak())
        await at.upstream.until(lambda: len(at.upstream.received) == 2)
        failures = await asyncio.gather(*(at.failing() for _ in range(3)))
        assert {one.kind for one in failures} == {"unavailable"}
        assert len(at.upstream.received) == 2
        probe.cancel()
        await asyncio.wait([probe])
        # It told nothing: the next one decides.
        await at.speak()
        await asyncio.gather(at.speak(), at.speak())


async def test_if_the_one_call_fails_the_model_is_left_alone_again() -> None:
    async with scene(patience=ONE_FAILURE) as at:
        await opened(at)
        at.clock.now += OPEN_S
        at.upstream.faults = ["server"]
        assert (await at.failing()).kind == "server"
        assert (await at.failing()).kind == "unavailable"


@pytest.mark.parametrize("fault", ["stall_before", "stall_middle"])
async def test_calls_that_are_given_up_tell_the_breaker_nothing(fault: Fault) -> None:
    async with scene(patience=Patience(retries=0, breaker_failures=2)) as at:
        at.upstream.faults = ["server", fault, "server"]
        await at.failing()
        task = asyncio.create_task(at.speak())
        await at.upstream.until(lambda: len(at.upstream.received) == 2)
        task.cancel()
        await asyncio.wait([task])
        assert at.account.breaker(MODEL).wait_s == 0, "it counts as a failure"
        await at.failing()
        assert at.account.breaker(MODEL).wait_s > 0, "it counts as a success"


async def test_a_last_resort_waits_until_the_model_may_be_called() -> None:
    async with scene(patience=ONE_FAILURE) as at:
        await opened(at)
        await at.speak(last_resort=True, budget=RetryBudget(0, 0))
    assert at.clock.slept == [OPEN_S]
    assert at.outcomes == ["server", "ok"]


async def test_a_last_resort_does_not_wait_longer_than_its_retries_may_go_on() -> None:
    patience = Patience(retries=0, retry_s=OPEN_S - 1, breaker_failures=1, breaker_s=OPEN_S)
    async with scene(patience=patience) as at:
        await opened(at)
        assert (await at.failing(last_resort=True)).kind == "unavailable"
    assert at.clock.slept == []


async def test_an_order_with_somewhere_else_to_go_does_not_queue_at_a_model_that_is_out() -> None:
    async with scene(concurrency=1, patience=ONE_FAILURE) as at:
        at.upstream.faults = ["stall_before"]
        stalled = asyncio.create_task(at.speak())
        await at.upstream.until(lambda: len(at.upstream.received) == 1)
        at.account.breaker(MODEL).failed()
        async with asyncio.timeout(5):
            assert (await at.failing()).kind == "unavailable"
        stalled.cancel()


async def test_calls_beyond_the_places_wait_and_all_are_made() -> None:
    async with scene(concurrency=2) as at:
        most = 0

        def count(received: Received) -> None:
            nonlocal most
            busy = sum(one.busy for one in at.upstream.connections)
            most = max(most, busy)

        at.upstream.faults = count
        await asyncio.gather(*(at.speak() for _ in range(10)))
        assert at.upstream.accepted == most == 2
    assert at.outcomes == ["ok"] * 10


async def test_owners_take_turns_at_the_places() -> None:
    async with scene(concurrency=1) as at:
        anns = [asyncio.create_task(at.speak(owner="ann", instructions="ann")) for _ in range(4)]
        await asyncio.sleep(0)
        bobs = [asyncio.create_task(at.speak(owner="bob", instructions="bob")) for _ in range(2)]
        await asyncio.gather(*anns, *bobs)
        order = [one.json()["instructions"] for one in at.upstream.received]
    assert order == ["ann", "ann", "bob", "ann", "bob", "ann"]


@pytest.mark.parametrize("fault", ["server", "reset_before", "truncated", "invalid", "auth"])
async def test_a_failed_call_gives_its_place_back(fault: Fault) -> None:
    async with scene(concurrency=1, labels="ab", patience=Patience(retries=1)) as at:
        at.upstream.faults = [fault, fault]
        await at.failing()
        at.upstream.faults = []
        at.clock.now += 1000
        await at.speak()


async def test_orders_that_are_given_up_anywhere_give_their_places_back() -> None:
    async with scene(concurrency=2) as at:
        at.upstream.faults = ["stall_before", "stall_middle"]
        tasks = [asyncio.create_task(at.speak()) for _ in range(6)]
        await at.upstream.until(lambda: len(at.upstream.received) == 2)
        for task in tasks[:5]:
            task.cancel()
        await tasks[5]
        await asyncio.gather(*(at.speak() for _ in range(4)))


async def test_each_call_waits_for_the_rates_with_its_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene(patience=Patience(retries=1)) as at:
        asked: list[int] = []

        async def wait(characters: int) -> None:
            assert len(at.upstream.received) == len(asked)
            asked.append(characters)

        monkeypatch.setattr(at.account.rates, "wait", wait)
        at.upstream.faults = ["server"]
        await at.speak()
    assert asked == [len(TEXT)] * 2


async def kind(at: Scene) -> str:
    """What becomes of an order."""
    try:
        await at.speak()
    except ProviderError as error:
        return error.kind
    return "ok"
