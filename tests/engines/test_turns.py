"""Turns: nothing is lost, nobody starves, and what is given up costs nothing."""

from __future__ import annotations

import time
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stentor.contract import PRIORITIES
from stentor.engines.base import Flow
from stentor.engines.turns import Turns

Item = tuple[Flow, int]

flows = st.builds(
    Flow, st.sampled_from(["ann", "bob", "cy"]), st.sampled_from("abc"), st.sampled_from(PRIORITIES)
)


def turns_of(*items: Item) -> Turns[Item]:
    turns: Turns[Item] = Turns()
    for item in items:
        turns.push(item[0], item)
    return turns


def drained(turns: Turns[Item]) -> list[Item]:
    return [turns.pop() for _ in range(len(turns))]


class Machine(RuleBasedStateMachine):
    """Any sequence of calls, beside plain lists of what waits."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: Turns[Item] = Turns()
        self.waiting: dict[Flow, list[Item]] = defaultdict(list)
        self.served: list[Item] = []
        self.number = 0
        # By who waits, how often each other one was served meanwhile.
        self.owners_since: dict[str, Counter[str]] = defaultdict(Counter)
        self.flows_since: dict[Flow, Counter[Flow]] = defaultdict(Counter)

    @rule(flow=flows)
    def push(self, flow: Flow) -> None:
        self.number += 1
        item = (flow, self.number)
        self.turns.push(flow, item)
        self.waiting[flow].append(item)

    @precondition(lambda self: self.served)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        item = self.served.pop(data.draw(st.integers(0, len(self.served) - 1)))
        flow = item[0]
        self.turns.put_back(flow, item)
        self.waiting[flow].insert(0, item)
        # The flow is owed the turn that came to nothing; the owner is not.
        for since in self.flows_since.values():
            since[flow] -= 1

    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        items = [item for items in self.waiting.values() for item in items] + self.served
        if items:
            item = data.draw(st.sampled_from(items))
            self.turns.discard(item[0], item)
            if item in self.waiting[item[0]]:
                self.waiting[item[0]].remove(item)
                self.forget_the_idle()

    @precondition(lambda self: self.turns)
    @rule()
    def pop(self) -> None:
        item = self.turns.pop()
        flow = item[0]
        rivals = [one for one, items in self.waiting.items() if items and one.owner == flow.owner]
        rank = PRIORITIES.index
        assert rank(flow.priority) == max(rank(one.priority) for one in rivals)
        assert self.waiting[flow].pop(0) == item, "not the first of its flow"
        self.served.append(item)
        self.owners_since.pop(flow.owner, None)
        self.flows_since.pop(flow, None)
        self.forget_the_idle()
        for owner in {one.owner for one, items in self.waiting.items() if items} - {flow.owner}:
            self.owners_since[owner][flow.owner] += 1
        for one in rivals:
            if one != flow and one.priority == flow.priority:
                self.flows_since[one][flow] += 1

    def forget_the_idle(self) -> None:
        self.waiting = defaultdict(list, {f: items for f, items in self.waiting.items() if items})
        busy = {flow.owner for flow in self.waiting}
        for owner in self.owners_since.keys() - busy:
            del self.owners_since[owner]
        for flow in self.flows_since.keys() - self.waiting.keys():
            del self.flows_since[flow]

    @invariant()
    def nothing_is_lost_or_invented(self) -> None:
        assert len(self.turns) == sum(map(len, self.waiting.values()))

    @invariant()
    def nobody_is_served_twice_while_another_waits(self) -> None:
        assert all(count <= 1 for since in self.owners_since.values() for count in since.values())
        assert all(count <= 1 for since in self.flows_since.values() for count in since.values())

    def teardown(self) -> None:
        assert sorted(drained(self.turns), key=lambda item: item[1]) == sorted(
            (item for items in self.waiting.values() for item in items), key=lambda item: item[1]
        )


def test_any_sequence_of_calls_serves_everybody_in_turn() -> None:
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )


@given(st.lists(flows, max_size=60))
def test_an_owner_that_waits_is_served_within_as_many_turns_as_there_are_owners(
    pushed: list[Flow],
) -> None:
    order = [flow.owner for flow, _ in drained(turns_of(*((f, n) for n, f in enumerate(pushed))))]
    for owner, count in Counter(order).items():
        places = [place for place, one in enumerate(order) if one == owner]
        assert len(places) == count
        for before, after in zip([-1, *places], places, strict=False):
            assert after - before <= len(set(order[before + 1 :]))


def test_a_caller_with_thirty_books_takes_every_second_turn_from_another() -> None:
    books = [(Flow("ann", f"book {n % 30}"), n) for n in range(300)]
    sentences = [(Flow("bob", "letter"), n) for n in range(5)]
    order = [flow.owner for flow, _ in drained(turns_of(*books, *sentences))]
    assert order[:10] == ["ann", "bob"] * 5


def test_a_higher_priority_goes_first_among_an_owners_and_not_before_another_owner() -> None:
    low, high, other = Flow("ann", "l", "low"), Flow("ann", "h", "high"), Flow("bob", "o", "low")
    turns = turns_of((low, 1), (low, 2), (high, 3), (high, 4), (other, 5), (other, 6))
    assert [number for _, number in drained(turns)] == [3, 5, 4, 6, 1, 2]


def test_an_owners_flows_of_one_priority_alternate() -> None:
    one, two = Flow("ann", "one"), Flow("ann", "two")
    turns = turns_of((one, 1), (one, 2), (one, 3), (two, 4), (two, 5))
    assert [number for _, number in drained(turns)] == [1, 4, 2, 5, 3]


def test_what_is_put_back_is_its_owners_next_but_not_the_next_of_all() -> None:
    one, two, other = Flow("ann", "one"), Flow("ann", "two"), Flow("bob", "other")
    turns = turns_of((one, 1), (one, 2), (two, 3), (other, 4))
    turns.put_back(one, turns.pop())
    assert [number for _, number in drained(turns)] == [4, 1, 3, 2]


def test_an_item_cannot_wait_twice() -> None:
    item = (Flow("ann", "one"), 1)
    turns = turns_of(item)
    with pytest.raises(ValueError, match="waits already"):
        turns.push(item[0], item)
    assert drained(turns) == [item]


def test_nothing_can_be_taken_where_nothing_waits() -> None:
    with pytest.raises(IndexError, match="nothing waits"):
        turns_of().pop()


@pytest.mark.parametrize("backwards", [False, True])
def test_giving_up_a_hundred_thousand_items_takes_no_time_and_leaves_nothing(
    backwards: bool,
) -> None:
    # Quadratic, this would take minutes.
    items = [(Flow(f"owner {n % 7}", f"job {n % 900}"), n) for n in range(100_000)]
    turns = turns_of(*items)
    started = time.perf_counter()
    for item in reversed(items) if backwards else items:
        turns.discard(item[0], item)
    assert time.perf_counter() - started < 5
    assert len(turns) == 0
    assert not turns._owners


def test_serving_one_flow_of_a_hundred_thousand_items_takes_no_time() -> None:
    turns = turns_of(*((Flow("ann", "book"), n) for n in range(100_000)))
    started = time.perf_counter()
    assert [number for _, number in drained(turns)] == list(range(100_000))
    assert time.perf_counter() - started < 5
