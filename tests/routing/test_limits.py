"""Limits: what is too much waits its turn, whoever gives up leaves its place to others."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.virtual_time import now, run, settle
from stentor.engines.base import Flow
from stentor.routing.limits import BURSTS_A_MINUTE, MINUTE_S, Places, Rates

OWNERS = ("ann", "bob", "cy")
# How exactly moments are told: an event loop ticks on.
ABOUT_S = 0.01


class Work:
    """Tasks that each hold a place until they are let go.

    Attributes:
        holding: numbers of those that have a place.
        order: numbers in the order in which they got one.
    """

    def __init__(self, size: int) -> None:
        self.places = Places(size)
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.holding: set[int] = set()
        self.order: list[int] = []
        self._done: dict[int, asyncio.Event] = {}
        self._numbers = itertools.count()

    def begin(self, owner: str) -> int:
        number = next(self._numbers)
        self._done[number] = asyncio.Event()
        self.tasks[number] = asyncio.create_task(self._run(number, Flow(owner, "job")))
        return number

    async def _run(self, number: int, flow: Flow) -> None:
        await self.places.enter(flow)
        try:
            self.holding.add(number)
            self.order.append(number)
            assert len(self.holding) <= self.places.size
            await self._done[number].wait()
        finally:
            self.holding.discard(number)
            self.places.leave()

    def end(self, number: int) -> None:
        self._done[number].set()

    @property
    def waiting(self) -> int:
        return sum(not task.done() for task in self.tasks.values()) - len(self.holding)

    async def finish(self) -> None:
        """End all, and see that every place is there again."""
        while any(not task.done() for task in self.tasks.values()):
            for number in list(self.holding):
                self.end(number)
            await settle()
        again = [self.begin("last") for _ in range(self.places.size + 1)]
        await settle()
        assert self.holding == set(again[:-1]), "a place was lost or invented"
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def test_those_who_are_too_many_wait_and_none_of_them_fails() -> None:
    async def work() -> None:
        work = Work(2)
        one, two, three, four = (work.begin("ann") for _ in range(4))
        await settle()
        assert work.holding == {one, two}
        work.end(two)
        await settle()
        assert work.holding == {one, three}
        work.end(one)
        work.end(three)
        await settle()
        assert work.holding == {four}
        await work.finish()

    run(work())


def test_an_owner_with_many_calls_does_not_keep_others_waiting() -> None:
    async def work() -> None:
        work = Work(1)
        first = work.begin("ann")
        await settle()
        anns = [work.begin("ann") for _ in range(5)]
        bobs = [work.begin("bob") for _ in range(2)]
        await settle()
        for _ in range(8):
            work.end(next(iter(work.holding)))
            await settle()
        expected = [first, anns[0], bobs[0], anns[1], bobs[1], anns[2], anns[3], anns[4]]
        assert work.order == expected
        await work.finish()

    run(work())


def test_who_gives_up_while_waiting_is_passed_over() -> None:
    async def work() -> None:
        work = Work(1)
        first, second, third = (work.begin("ann") for _ in range(3))
        await settle()
        work.tasks[second].cancel()
        await settle()
        work.end(first)
        await settle()
        assert work.holding == {third}
        await work.finish()

    run(work())


def test_who_gives_up_in_the_moment_of_getting_a_place_hands_it_on() -> None:
    async def work() -> None:
        work = Work(1)
        first, second, third = (work.begin("ann") for _ in range(3))
        await settle()
        async with asyncio.timeout(1):
            work.end(first)
            while not work.tasks[first].done():  # then the place is the second's, who sleeps yet
                await asyncio.sleep(0)
            work.tasks[second].cancel()
        await settle()
        assert work.order == [first, third]
        await work.finish()

    run(work())


steps = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from(OWNERS)),
    st.tuples(st.sampled_from(["end", "cancel"]), st.integers(0, 30)),
    st.tuples(st.just("turn"), st.integers(0, 3)),
)


@settings(deadline=None, max_examples=300)
@given(st.integers(1, 3), st.lists(steps, max_size=60))
def test_whatever_ends_or_is_given_up_whenever_no_place_is_lost_or_idle(
    size: int, todo: list[tuple[str, int | str]]
) -> None:
    async def work() -> None:
        work = Work(size)
        for step, what in todo:
            if step == "begin":
                work.begin(str(what))
            elif step == "turn":
                for _ in range(int(what)):
                    await asyncio.sleep(0)
            elif work.tasks:
                number = int(what) % len(work.tasks)
                if step == "end":
                    work.end(number)
                else:
                    work.tasks[number].cancel()
        await settle()
        assert len(work.holding) == min(size, len(work.holding) + work.waiting)
        await work.finish()

    run(work())


async def moments(rates: Rates, *sizes: int) -> list[float]:
    """When calls of so many characters, all made at once, are let through, in their order."""
    began = now()
    found: list[tuple[int, float]] = []

    async def one(number: int, size: int) -> None:
        await rates.wait(size)
        found.append((number, now() - began))

    await asyncio.gather(*(one(number, size) for number, size in enumerate(sizes)))
    assert [number for number, _ in found] == list(range(len(sizes))), "not first come first served"
    return [moment for _, moment in found]


def test_without_limits_nobody_waits() -> None:
    assert run(moments(Rates(0, 0), *[10_000] * 50)) == pytest.approx([0] * 50, abs=ABOUT_S)


def test_requests_beyond_the_limit_wait_rather_than_fail() -> None:
    """60 a minute: six at once, then one a second."""
    found = run(moments(Rates(60, 0), *[1] * 10))
    assert found == pytest.approx([0] * 6 + [1, 2, 3, 4], abs=ABOUT_S)


def test_characters_beyond_the_limit_wait_rather_than_fail() -> None:
    """600 a minute: sixty at once, then ten a second."""
    found = run(moments(Rates(0, 600), 50, 20, 30))
    assert found == pytest.approx([0, 1, 4], abs=ABOUT_S)


def test_both_limits_hold_at_once() -> None:
    found = run(moments(Rates(60, 600), 60, 50, 0, 0, 0, 0, 0))
    assert found == pytest.approx([0, 5, 5, 5, 5, 5, 5], abs=ABOUT_S)
    found = run(moments(Rates(10, 600), 1, 1, 1))
    assert found == pytest.approx([0, 6, 12], abs=ABOUT_S)


def test_a_text_longer_than_what_goes_at_once_is_let_through_in_time() -> None:
    assert run(moments(Rates(0, 600), 660)) == pytest.approx([60], abs=ABOUT_S)


def test_a_long_text_is_not_overtaken_by_short_ones() -> None:
    """`moments` checks the order."""
    run(moments(Rates(0, 600), 60, 500, 1, 1, 60, 1))


def test_a_limit_below_one_burst_still_lets_calls_through() -> None:
    found = run(moments(Rates(2, 0), 1, 1, 1))
    assert found == pytest.approx([0, 30, 60], abs=ABOUT_S)


def test_after_a_rest_there_is_a_burst_again_and_no_larger_one() -> None:
    async def work() -> list[float]:
        rates = Rates(60, 0)
        await moments(rates, *[1] * 6)
        await asyncio.sleep(3600)
        return await moments(rates, *[1] * 7)

    assert run(work()) == pytest.approx([0] * 6 + [1], abs=ABOUT_S)


def test_who_gives_up_waiting_does_not_hold_up_the_others() -> None:
    async def work() -> None:
        rates = Rates(10, 0)
        tasks = [asyncio.create_task(rates.wait(1)) for _ in range(4)]
        await settle()
        tasks[1].cancel()  # waits for the limit
        tasks[2].cancel()  # waits for its turn
        await asyncio.wait_for(tasks[3], 13)

    run(work())


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 100),
    st.integers(1, 2000),
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 400)), max_size=40),
)
def test_no_minute_has_more_than_the_limit_and_a_burst(
    requests: int, characters: int, calls: list[tuple[float, int]]
) -> None:
    async def work() -> list[tuple[float, int]]:
        rates, passed = Rates(requests, characters), []

        async def one(size: int) -> None:
            await rates.wait(size)
            passed.append((now(), size))

        tasks = []
        for pause_s, size in calls:
            await asyncio.sleep(pause_s)
            tasks.append(asyncio.create_task(one(size)))
        await asyncio.gather(*tasks)
        return passed

    passed = run(work())
    assert len(passed) == len(calls)
    for begin, _ in passed:
        minute = [size for moment, size in passed if begin <= moment < begin + MINUTE_S - ABOUT_S]
        assert len(minute) <= requests + max(1.0, requests / BURSTS_A_MINUTE)
        # The first of them may have waited for its characters in the minute before.
        assert sum(minute[1:]) <= characters + max(1.0, characters / BURSTS_A_MINUTE) + len(minute)


def test_owners_are_all_served() -> None:
    async def work() -> None:
        work = Work(2)
        numbers = {work.begin(owner): owner for owner in OWNERS * 4}
        while len(work.order) < len(numbers):
            await settle()
            for number in list(work.holding):
                work.end(number)
        assert Counter(numbers.values()) == dict.fromkeys(OWNERS, 4)
        # In any stretch of the queue, everybody who waits has had as much as anybody else.
        queue = [numbers[number] for number in work.order[2:]]
        assert Counter(queue[:6]) == dict.fromkeys(OWNERS, 2)
        await work.finish()

    run(work())
