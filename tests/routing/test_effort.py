"""Which failures are worth another call, and when it is made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.speaking import ENOUGH, Clock, keys
from stentor.providers.faults import FaultKind, ProviderError
from stentor.providers.openai import OpenAI
from stentor.routing.account import Account, Patience
from stentor.routing.effort import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    SEGMENTS_PER_RETRY,
    Effort,
    RetryBudget,
)

PASSING: list[FaultKind] = ["server", "network", "timeout", "truncated", "malformed"]
FINAL: list[FaultKind] = ["invalid", "not_found", "too_long"]


class Trying:
    """One segment's effort, on an account with a key for each of the labels."""

    def __init__(self, labels: str = "a", budget: int = ENOUGH, **patience: Any) -> None:
        self.clock = Clock()
        self.account = Account(
            "vendor", OpenAI(), keys(labels), patience=Patience(**patience), clock=self.clock
        )
        self.effort = Effort(self.account, "tts-1", RetryBudget(budget, 0), self.clock)

    def again(
        self, kind: FaultKind, after_s: float | None = None, *, last_resort: bool = False
    ) -> bool:
        """Whether the next key's call, which fails like this, is made again."""
        self.effort.key = self.account.keys.choose()
        error = ProviderError(kind, "no", retry_after_s=after_s)
        if kind in ("auth", "quota") and self.effort.key is not None:
            self.account.keys.ban(self.effort.key)
        return self.effort.again(error, last_resort)

    def pauses(self, kind: FaultKind) -> list[float]:
        """How long it is waited before each further call, until no more is made."""
        found = []
        while self.again(kind):
            found.append(self.effort.pause_s)
            self.clock.now += self.effort.pause_s
        return found


@pytest.mark.parametrize("kind", FINAL)
def test_what_is_wrong_with_the_request_is_not_tried_again(kind: FaultKind) -> None:
    assert not Trying().again(kind, last_resort=True)


@pytest.mark.parametrize("error", [ValueError(), TimeoutError(), KeyboardInterrupt()])
def test_what_is_no_failure_of_the_provider_is_not_tried_again(error: BaseException) -> None:
    assert not Trying().effort.again(error, last_resort=True)


@pytest.mark.parametrize("kind", PASSING)
def test_what_may_pass_is_tried_again_so_often(kind: FaultKind) -> None:
    assert len(Trying(retries=3).pauses(kind)) == 3
    assert Trying(retries=0).pauses(kind) == []


def test_pauses_double_up_to_a_limit_with_jitter() -> None:
    for number, pause in enumerate(Trying(retries=12, retry_s=1e6).pauses("server")):
        longest = min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S)
        assert longest / 2 <= pause <= longest
    assert len({Trying().pauses("server")[0] for _ in range(20)}) > 10, "all come back at once"


@pytest.mark.parametrize("kind", PASSING)
def test_a_provider_that_says_when_is_not_called_before(kind: FaultKind) -> None:
    trying = Trying()
    assert trying.again(kind, 7.0) and trying.effort.pause_s == 7
    assert trying.again(kind, 0.0) and trying.effort.pause_s >= FIRST_PAUSE_S


def test_a_provider_that_asks_for_more_time_than_there_is_is_not_called_again() -> None:
    trying = Trying(retry_s=60)
    assert not trying.again("server", 61)
    trying = Trying(retry_s=60)
    assert trying.again("server", 60)


@given(st.floats(0, 300), st.integers(0, 100))
def test_retries_end_when_their_time_is_up(retry_s: float, retries: int) -> None:
    trying = Trying(retry_s=retry_s, retries=retries)
    pauses = trying.pauses("server")
    assert sum(pauses) <= retry_s
    assert len(pauses) == retries or sum(pauses) + LONGEST_PAUSE_S > retry_s


def test_time_before_the_first_failure_is_no_time_of_retries() -> None:
    """A segment may wait for its turn, or be spoken, for longer than retries may go on."""
    trying = Trying(retry_s=60)
    trying.clock.now += 1000
    assert trying.effort.rest_s == 60
    assert trying.again("server")
    trying.clock.now += 20
    assert trying.effort.rest_s == 40
    trying.clock.now += 41
    assert trying.effort.rest_s == 0
    assert not trying.again("server")


def test_a_refused_key_is_followed_by_the_next_at_once_which_is_no_retry() -> None:
    trying = Trying("abcdef", budget=0, retries=0)
    for _ in "abcde":
        assert trying.again("auth") and trying.effort.pause_s == 0
    assert not trying.again("auth"), "all were refused"


def test_an_empty_account_is_like_a_refused_key() -> None:
    trying = Trying("ab", budget=0, retries=0)
    assert trying.again("quota") and trying.effort.pause_s == 0
    assert not trying.again("quota")


def test_if_the_other_key_rests_it_is_waited_for_and_not_longer_than_there_is_time() -> None:
    trying = Trying("ab", retry_s=60, budget=1)
    assert trying.again("rate_limited", 20)
    assert trying.again("auth") and trying.effort.pause_s == 20
    trying = Trying("ab", retry_s=60, budget=1)
    assert trying.again("rate_limited", 50)
    trying.clock.now += 30
    trying.account.keys.rest(next(iter(keys_of(trying))), 40)
    assert not trying.again("auth")


def keys_of(trying: Trying) -> list[Any]:
    return [state.key for state in trying.account.keys._states]


def test_too_much_at_once_lets_the_key_rest_and_another_go_on() -> None:
    trying = Trying("ab")
    assert trying.again("rate_limited", 30)
    assert trying.effort.key is not None and trying.effort.key.label == "a"
    assert trying.effort.pause_s == 0
    assert [trying.account.keys.choose().label for _ in range(2)] == ["b", "b"]  # type: ignore[union-attr]
    trying.clock.now += 30
    assert {trying.account.keys.choose().label for _ in range(2)} == {"a", "b"}  # type: ignore[union-attr]


def test_too_much_at_once_with_one_key_waits_as_long_as_the_provider_asks() -> None:
    trying = Trying()
    assert trying.again("rate_limited", 30) and trying.effort.pause_s == 30
    trying.clock.now += 30
    assert trying.again("rate_limited") and trying.effort.pause_s >= FIRST_PAUSE_S


def test_a_key_rests_even_if_this_segment_is_not_tried_again() -> None:
    trying = Trying(retries=0)
    assert not trying.again("rate_limited", 30)
    assert trying.account.keys.wait_s() == 30


def test_too_much_at_once_is_a_retry() -> None:
    assert len(Trying("a", retries=3).pauses("rate_limited")) == 3
    assert len(Trying("a", budget=2).pauses("rate_limited")) == 2


def test_an_outage_is_waited_for_only_if_nothing_else_is_left() -> None:
    assert not Trying(retry_s=60).again("unavailable", 30)
    trying = Trying(retry_s=60, retries=0, budget=0)
    assert trying.again("unavailable", 30, last_resort=True)
    assert trying.effort.pause_s == 30
    assert trying.again("unavailable", last_resort=True)
    assert trying.effort.pause_s == FIRST_PAUSE_S
    assert not trying.again("unavailable", 61, last_resort=True)


def test_a_requests_segments_share_its_retries() -> None:
    trying = Trying(budget=3)
    other = Trying()
    other.effort = Effort(other.account, "tts-1", trying.effort._budget, other.clock)
    assert len(trying.pauses("server")) == 3
    assert other.pauses("server") == []


@pytest.mark.parametrize(
    ("retries", "segments", "expected"),
    [(0, 1, 0), (4, 1, 4), (4, SEGMENTS_PER_RETRY, 5), (4, 1000, 4 + 1000 // SEGMENTS_PER_RETRY)],
)
def test_a_long_text_has_more_retries(retries: int, segments: int, expected: int) -> None:
    budget = RetryBudget(retries, segments)
    assert [budget.spend() for _ in range(expected + 3)] == [True] * expected + [False] * 3


def test_what_is_not_tried_again_costs_no_retry() -> None:
    trying = Trying(budget=1)
    assert not trying.again("invalid")
    assert not trying.again("server", 1000)
    assert trying.again("server")
