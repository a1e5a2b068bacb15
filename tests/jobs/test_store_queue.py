"""In which order every job store lets jobs run, and what it says of their places."""

from __future__ import annotations

import asyncio

from jobs_support import (
    CANCELLED,
    LEASE_MS,
    NO_LIMIT,
    NOW_MS,
    Store,
    claimed,
    job,
    place,
    submitted,
)
from stentor.jobs.record import POSITIONS_COUNTED, JobRecord


async def queued(store: Store, *owners: str) -> list[JobRecord]:
    """One new job of each of these owners, in this order."""
    return [(await submitted(store, owner=owner))[0] for owner in owners]


async def taken(store: Store, count: int, *, express_only: bool = False) -> list[str]:
    jobs = await store.claim("w1", LEASE_MS, NOW_MS, count, express_only=express_only)
    return [each.id for each in jobs]


async def taken_one_by_one(store: Store) -> list[str]:
    ids = []
    while one := await taken(store, 1):
        ids += one
    return ids


async def in_order_of_place(store: Store, jobs: list[JobRecord]) -> list[str]:
    places = {each.id: await place(store, each) for each in jobs}
    assert sorted(places.values(), key=str) == sorted(range(1, len(jobs) + 1), key=str)
    return sorted(places, key=lambda job_id: places[job_id] or 0)


class TestPriorities:
    async def test_an_owners_urgent_jobs_go_first_and_among_equals_the_older(
        self, store: Store
    ) -> None:
        low, normal, high, normal_2, high_2 = [
            (await submitted(store, priority=priority))[0]
            for priority in ("low", "normal", "high", "normal", "high")
        ]
        expected = [each.id for each in (high, high_2, normal, normal_2, low)]
        assert await in_order_of_place(store, [low, normal, high, normal_2, high_2]) == expected
        assert await taken_one_by_one(store) == expected

    async def test_priority_gives_no_precedence_over_other_owners(self, store: Store) -> None:
        [low] = await submitted(store, owner="ann", priority="low")
        high, high_2 = await submitted(store, 2, owner="bob", priority="high")
        assert await taken(store, 3) == [low.id, high.id, high_2.id]

    async def test_a_job_given_back_keeps_its_place_among_its_owners(self, store: Store) -> None:
        first, second = await submitted(store, 2)
        await claimed(store)
        await store.release_job(first.id, 1, error="no voice")
        assert await place(store, first) == 1
        assert await place(store, second) == 2


class TestTurns:
    async def test_owners_take_turns_however_many_jobs_each_has(self, store: Store) -> None:
        a1, a2, a3, b1, c1, b2 = await queued(store, "ann", "ann", "ann", "bob", "cy", "bob")
        expected = [each.id for each in (a1, b1, c1, a2, b2, a3)]
        assert await in_order_of_place(store, [a1, a2, a3, b1, c1, b2]) == expected
        assert await taken(store, 6) == expected

    async def test_a_turn_taken_in_one_claim_counts_in_the_next(self, store: Store) -> None:
        a1, a2, b1, b2 = await queued(store, "ann", "ann", "bob", "bob")
        assert await taken_one_by_one(store) == [a1.id, b1.id, a2.id, b2.id]

    async def test_who_was_served_last_in_a_claim_of_many_is_last_in_the_next(
        self, store: Store
    ) -> None:
        a1, b1, a2 = await queued(store, "ann", "bob", "ann")
        assert await taken(store, 3) == [a1.id, b1.id, a2.id]
        a3, b2 = await queued(store, "ann", "bob")
        assert await in_order_of_place(store, [a3, b2]) == [b2.id, a3.id]
        assert await taken(store, 2) == [b2.id, a3.id]

    async def test_who_was_away_comes_before_those_served_since(self, store: Store) -> None:
        await queued(store, "ann", "bob")
        await taken(store, 2)
        b2, a2, z1 = await queued(store, "bob", "ann", "zed")
        # Zed was never served, Ann before Bob.
        expected = [z1.id, a2.id, b2.id]
        assert await in_order_of_place(store, [b2, a2, z1]) == expected
        assert await taken(store, 3) == expected

    async def test_an_owner_whose_job_was_cancelled_has_not_had_a_turn(self, store: Store) -> None:
        a1, a2, b1 = await queued(store, "ann", "ann", "bob")
        await store.cancel(a1.id, "ann", CANCELLED, NOW_MS)
        assert await taken(store, 2) == [a2.id, b1.id]

    async def test_taking_over_an_expired_lease_is_no_turn_of_its_owner(self, store: Store) -> None:
        await queued(store, "ann")
        await taken(store, 1)
        a2, b1 = await queued(store, "ann", "bob")
        [over, first] = await store.claim("w2", LEASE_MS, NOW_MS + LEASE_MS, 2)
        assert (over.owner, first.id) == ("ann", b1.id)
        assert await place(store, a2) == 1


class TestExpress:
    async def test_only_express_jobs_are_taken_if_asked_in_the_same_order_of_turns(
        self, store: Store
    ) -> None:
        books = await submitted(store, 3, owner="ann")
        a1, a2 = await submitted(store, 2, owner="ann", express=True)
        [b1] = await submitted(store, owner="bob", express=True)
        [b0] = await submitted(store, owner="bob", express=True, priority="high")
        expected = [each.id for each in (a1, b0, a2, b1)]
        assert await taken(store, 9, express_only=True) == expected
        assert await taken(store, 9, express_only=True) == []
        assert await taken(store, 9) == [each.id for each in books]

    async def test_express_jobs_have_no_precedence_in_a_claim_of_all(self, store: Store) -> None:
        [book] = await submitted(store)
        [short] = await submitted(store, express=True)
        assert await taken(store, 2) == [book.id, short.id]

    async def test_an_expired_lease_of_a_long_job_is_left_alone_if_only_express_is_asked(
        self, store: Store
    ) -> None:
        [book] = await submitted(store)
        [short] = await submitted(store, express=True)
        await taken(store, 2)
        late_ms = NOW_MS + LEASE_MS
        found = await store.claim("w2", LEASE_MS, late_ms, 9, express_only=True)
        assert [each.id for each in found] == [short.id]
        found = await store.claim("w2", LEASE_MS, late_ms, 9)
        assert [each.id for each in found] == [book.id]

    async def test_an_express_claim_is_a_turn_of_its_owner(self, store: Store) -> None:
        await submitted(store, owner="ann", express=True)
        await taken(store, 1, express_only=True)
        a1, b1 = await queued(store, "ann", "bob")
        assert await taken(store, 2) == [b1.id, a1.id]


class TestPlaces:
    async def test_places_follow_what_leaves_the_queue(self, store: Store) -> None:
        jobs = await submitted(store, 6)
        await claimed(store)
        await store.cancel(jobs[3].id, "ann", CANCELLED, NOW_MS)
        places = await asyncio.gather(*(place(store, each) for each in jobs))
        assert places == [None, 1, 2, None, 3, 4]

    async def test_a_place_far_back_in_a_queue_with_gaps_is_not_told(self, store: Store) -> None:
        jobs = [job() for _ in range(POSITIONS_COUNTED + 4)]
        await asyncio.gather(*(store.submit(each, queue_limit=NO_LIMIT) for each in jobs))
        assert await place(store, jobs[-1]) == POSITIONS_COUNTED + 4
        await store.cancel(jobs[1].id, "ann", CANCELLED, NOW_MS)
        assert await place(store, jobs[-3]) == POSITIONS_COUNTED + 1
        assert await place(store, jobs[-2]) is None

    async def test_a_short_queue_has_its_place_beside_a_long_one(self, store: Store) -> None:
        many = [job() for _ in range(3 * POSITIONS_COUNTED)]
        await asyncio.gather(*(store.submit(each, queue_limit=NO_LIMIT) for each in many))
        first, second = await submitted(store, 2, owner="zed")
        # Ann's turn comes first.
        assert await place(store, first) == 2
        assert await place(store, second) == 4
        assert await place(store, many[0]) == 1
        assert await place(store, many[2]) == 5
        assert await place(store, many[-1]) == 3 * POSITIONS_COUNTED + 2

    async def test_many_who_ask_at_once_are_told_one_order(self, store: Store) -> None:
        owners = ["ann", "bob", "ann", "cy", "ann", "bob"] * 4
        jobs = await queued(store, *owners)
        await submitted(store, owner="bob", priority="high")
        found = await asyncio.gather(*(place(store, each) for each in jobs))
        order = await taken_one_by_one(store)
        assert found == [order.index(each.id) + 1 for each in jobs]
