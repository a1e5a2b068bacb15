"""A breaker: what fails in a row is left alone for a while, then one call decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.speaking import Clock
from stentor.routing.breaker import Breaker

FAILURES = 3
OPEN_S = 30.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(FAILURES, OPEN_S, clock)


def fail(breaker: Breaker, times: int = FAILURES) -> None:
    for _ in range(times):
        assert breaker.enter()
        breaker.failed()


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    assert breaker.wait_s == 0
    fail(breaker, 1)
    assert breaker.wait_s == OPEN_S
    assert not breaker.enter()


def test_a_success_in_between_begins_the_row_anew(breaker: Breaker) -> None:
    for _ in range(5):
        fail(breaker, FAILURES - 1)
        assert breaker.enter()
        breaker.succeeded()
    fail(breaker, FAILURES - 1)
    assert breaker.enter()


def test_it_lets_nobody_through_before_its_time_is_up(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += OPEN_S - 1
    assert breaker.wait_s == 1 and not breaker.enter()
    clock.now += 1
    assert breaker.wait_s == 0 and breaker.enter()


def test_half_open_it_lets_one_call_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += OPEN_S
    assert [breaker.enter() for _ in range(4)] == [True, False, False, False]
    assert breaker.wait_s == OPEN_S


def test_the_one_calls_success_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += OPEN_S
    assert breaker.enter()
    breaker.succeeded()
    assert breaker.wait_s == 0 and all(breaker.enter() for _ in range(4))
    fail(breaker, FAILURES - 1)
    assert breaker.enter(), "old failures count"


def test_the_one_calls_failure_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    for _ in range(3):
        clock.now += OPEN_S
        fail(breaker, 1)
        assert breaker.wait_s == OPEN_S and not breaker.enter()


def test_if_the_one_call_is_given_up_the_next_one_decides(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += OPEN_S
    assert breaker.enter()
    breaker.abandoned()
    assert breaker.wait_s == 0
    assert [breaker.enter() for _ in range(2)] == [True, False]


def test_a_call_that_is_given_up_tells_nothing(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    for _ in range(10):
        assert breaker.enter()
        breaker.abandoned()
    assert breaker.enter()
    breaker.failed()
    assert not breaker.enter(), "what was given up broke the row"


@given(st.lists(st.sampled_from(["succeeded", "failed", "abandoned", "later"])))
def test_it_is_open_exactly_while_the_last_ones_failed(events: list[str]) -> None:
    """One call at a time: the row is what the newest calls that told something say."""
    clock = Clock()
    breaker = Breaker(FAILURES, OPEN_S, clock)
    row, opened = 0, -OPEN_S
    for event in events:
        if event == "later":
            clock.now += OPEN_S / 2
            continue
        closed = row < FAILURES or clock.now >= opened + OPEN_S
        assert (breaker.wait_s == 0) == closed
        assert breaker.enter() == closed
        if not closed:
            continue
        getattr(breaker, event)()
        if event != "abandoned":
            row = row + 1 if event == "failed" else 0
            opened = clock.now if event == "failed" else opened
