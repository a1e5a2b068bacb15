"""The record of a request's attempts: complete, in order, and short enough to be read."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stentor.contract import Attempt
from stentor.routing.attempts import NAMED, AttemptLog

KINDS = ("ok", "server", "rate_limited", "auth", "cancelled")


def attempt(outcome: str = "ok", **changes: object) -> Attempt:
    fields: dict[str, object] = {
        "provider": "vendor",
        "model": "tts-1",
        "outcome": outcome,
        "latency_ms": 10,
        "key": "a",
    }
    return Attempt(**(fields | changes))  # type: ignore[arg-type]


def log_of(*attempts: Attempt) -> AttemptLog:
    log = AttemptLog()
    for one in attempts:
        log.add(one)
    return log


def test_failures_are_named_one_by_one_in_order() -> None:
    failures = [attempt("server", segment=n, error="no") for n in range(NAMED)]
    assert log_of(*failures).entries == tuple(failures)


def test_successful_calls_are_counted_together() -> None:
    [entry] = log_of(*[attempt(cost=0.25, latency_ms=n) for n in range(1000)]).entries
    assert entry == attempt(cost=250.0, latency_ms=499_500, calls=1000)


def test_what_stands_for_several_calls_counts_as_several() -> None:
    [entry] = log_of(attempt(calls=3), attempt(calls=4)).entries
    assert entry.calls == 7


@pytest.mark.parametrize("field", ["provider", "model", "key"])
def test_successes_of_another_provider_model_or_key_are_another_entry(field: str) -> None:
    entries = log_of(attempt(), attempt(**{field: "other"}), attempt()).entries
    assert [one.calls for one in entries] == [2, 1]
    assert getattr(entries[1], field) == "other"


def test_a_success_after_a_failure_is_counted_where_the_first_success_is() -> None:
    entries = log_of(attempt("server"), attempt(), attempt("timeout"), attempt()).entries
    assert [(one.outcome, one.calls) for one in entries] == [
        ("server", 1),
        ("ok", 2),
        ("timeout", 1),
    ]


def test_too_many_failures_are_counted_together_by_kind() -> None:
    named = [attempt("server", segment=n, error=f"error {n}") for n in range(NAMED)]
    more = [attempt("server", error="the newest"), attempt("auth"), attempt("auth")]
    entries = log_of(*named, *more).entries
    assert len(entries) == NAMED + 1
    assert entries[1:NAMED] == tuple(named[1:])
    assert (entries[0].calls, entries[0].error) == (2, "the newest")
    assert (entries[-1].outcome, entries[-1].calls) == ("auth", 2)


def test_the_words_of_a_failure_stay_if_the_next_has_none() -> None:
    named = [attempt("server", error="no") for _ in range(NAMED)]
    assert log_of(*named, attempt("server")).entries[0].error == "no"


def test_a_success_is_counted_even_after_too_many_failures() -> None:
    log = log_of(*[attempt("server")] * 100, attempt(), attempt())
    assert (log.entries[-1].outcome, log.entries[-1].calls) == ("ok", 2)


def test_costs_are_summed_and_unknown_is_not_zero() -> None:
    assert AttemptLog().cost is None
    assert log_of(attempt(), attempt("server")).cost is None
    assert log_of(attempt(cost=0.0)).cost == 0.0
    assert log_of(attempt(cost=0.1), attempt("server"), attempt("truncated", cost=0.2)).cost == 0.3
    [entry] = log_of(attempt(), attempt(cost=0.1), attempt()).entries
    assert entry.cost == 0.1


@given(
    st.lists(
        st.builds(
            attempt,
            st.sampled_from(KINDS),
            provider=st.sampled_from("xy"),
            latency_ms=st.integers(0, 9),
            cost=st.none() | st.integers(0, 1000).map(lambda millis: millis / 1000),
        ),
        max_size=300,
    )
)
def test_nothing_is_lost_however_many_there_are(attempts: list[Attempt]) -> None:
    log = log_of(*attempts)

    def calls(entries: tuple[Attempt, ...] | list[Attempt]) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for one in entries:
            found[one.provider, one.outcome] += one.calls
        return found

    assert calls(log.entries) == calls(attempts)
    assert sum(one.latency_ms for one in log.entries) == sum(one.latency_ms for one in attempts)
    assert len(log.entries) <= NAMED + len(KINDS) * 2
    known = [one.cost for one in attempts if one.cost is not None]
    assert (log.cost is None) == (not known)
    assert math.isclose(log.cost or 0.0, sum(known), abs_tol=1e-6)
