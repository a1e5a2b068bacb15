"""A provider's keys: turns by weight, and rests for those that were refused or are tired."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.speaking import Clock, key, keys
from stentor.routing.keys import FIRST_BAN_S, LONGEST_BAN_S, KeyRing, ProviderKey


def labels(ring: KeyRing, count: int) -> str:
    return "".join(chosen.label or "?" for _ in range(count) if (chosen := ring.choose()))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_keys_of_one_weight_alternate(clock: Clock) -> None:
    assert labels(KeyRing(keys("abc"), clock), 7) == "abcabca"


def test_a_heavy_key_is_used_more_often_but_not_all_at_once(clock: Clock) -> None:
    ring = KeyRing([key("a", 5), key("b", 1), key("c", 1)], clock)
    assert labels(ring, 14) == "aabacaa" * 2


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 4))
def test_turns_follow_the_weights_exactly_and_evenly(weights: list[int], rounds: int) -> None:
    ring = KeyRing([key(str(n), weight) for n, weight in enumerate(weights)], Clock())
    total = sum(weights)
    used: Counter[str | None] = Counter()
    for turn in range(1, rounds * total + 1):
        chosen = ring.choose()
        assert chosen is not None
        used[chosen.label] += 1
        for number, weight in enumerate(weights):
            assert abs(used[str(number)] - turn * weight / total) < len(weights)
    assert used == {str(number): rounds * weight for number, weight in enumerate(weights)}


def test_a_key_that_was_refused_is_left_alone_for_a_minute(clock: Clock) -> None:
    a, b = keys("ab")
    ring = KeyRing([a, b], clock)
    ring.ban(a)
    assert labels(ring, 3) == "bbb"
    clock.now += FIRST_BAN_S - 0.001
    assert labels(ring, 2) == "bb"
    clock.now += 0.001
    assert set(labels(ring, 2)) == {"a", "b"}


def test_each_ban_is_twice_as_long_as_the_one_before_up_to_an_hour(clock: Clock) -> None:
    [a] = keys("a")
    ring = KeyRing([a], clock)
    bans = []
    for _ in range(1100):  # as long as a server may run whose key nobody takes out
        ring.ban(a)
        bans.append(ring.wait_s())
        clock.now += bans[-1]
        assert ring.choose() is a
    assert bans[:8] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert set(bans[8:]) == {LONGEST_BAN_S}


def test_after_a_success_bans_are_short_again(clock: Clock) -> None:
    [a] = keys("a")
    ring = KeyRing([a], clock)
    for _ in range(4):
        ring.ban(a)
        clock.now += ring.wait_s()
    ring.worked(a)
    ring.ban(a)
    assert ring.wait_s() == FIRST_BAN_S


def test_calls_that_are_refused_together_are_one_ban(clock: Clock) -> None:
    [a] = keys("a")
    ring = KeyRing([a], clock)
    for _ in range(16):
        ring.ban(a)
        clock.now += 1
    assert ring.wait_s() == FIRST_BAN_S - 16
    clock.now += ring.wait_s()
    ring.ban(a)
    assert ring.wait_s() == 2 * FIRST_BAN_S


def test_a_tired_key_rests_as_long_as_the_longest_that_was_asked_for(clock: Clock) -> None:
    a, b = keys("ab")
    ring = KeyRing([a, b], clock)
    ring.rest(a, 10)
    ring.rest(a, 3)
    assert labels(ring, 2) == "bb"
    clock.now += 9
    assert labels(ring, 2) == "bb"
    clock.now += 1
    assert set(labels(ring, 2)) == {"a", "b"}


def test_how_long_to_wait_is_until_the_first_key_is_free(clock: Clock) -> None:
    a, b = keys("ab")
    ring = KeyRing([a, b], clock)
    assert ring.wait_s() == 0
    ring.rest(a, 10)
    assert ring.wait_s() == 0
    ring.ban(b)
    assert ring.wait_s() == 10 and ring.choose() is None
    clock.now += 10
    assert ring.wait_s() == 0 and ring.choose() is a


def test_all_are_refused_only_once_every_single_one_was(clock: Clock) -> None:
    a, b = keys("ab")
    ring = KeyRing([a, b], clock)
    ring.ban(a)
    assert not ring.refused
    ring.ban(b)
    assert ring.refused
    clock.now += FIRST_BAN_S
    assert not ring.refused


def test_a_tired_key_is_not_refused_even_if_it_once_was(clock: Clock) -> None:
    a, b = keys("ab")
    ring = KeyRing([a, b], clock)
    ring.ban(a)
    clock.now += FIRST_BAN_S
    ring.ban(b)
    ring.rest(a, 10)
    assert not ring.refused
    assert ring.wait_s() == 10


@pytest.mark.parametrize("late", ["rest", "worked"])
def test_what_a_call_from_before_a_ban_tells_does_not_end_it(clock: Clock, late: str) -> None:
    [a] = keys("a")
    ring = KeyRing([a], clock)
    ring.ban(a)
    if late == "rest":
        ring.rest(a, 1)
    else:
        ring.worked(a)
    assert ring.refused and ring.wait_s() == FIRST_BAN_S


def test_a_server_of_ones_own_needs_no_key(clock: Clock) -> None:
    none = ProviderKey(None, None)
    assert KeyRing([none], clock).choose() is none


def test_a_key_does_not_show_its_value() -> None:
    [a] = keys("a")
    assert "0123456789" not in repr(a) + str(a)
