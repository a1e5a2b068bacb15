"""What every index of spoken segments does, whatever database is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from jobs_support import (
    CANCELLED,
    COMPLETED,
    FAILED,
    LEASE_MS,
    NOW_MS,
    OVERDUE,
    TTL_S,
    Store,
    claimed,
    finished,
    job,
    submitted,
)
from stentor.jobs.record import JobRecord
from stentor.jobs.segments import SegmentIndex
from stentor.jobs.store import StoreClosed

PLENTY = 10**9
NEVER = 0


@pytest.fixture
def index(store: Store) -> SegmentIndex:
    return store.segments


async def add(index: SegmentIndex, *keys: str, size_bytes: int = 10, **options: Any) -> None:
    """Segments, each used a millisecond after the one before."""
    for late_ms, key in enumerate(keys):
        await index.add(key, size_bytes, NOW_MS + late_ms, **{"private": False} | options)


async def running(store: Store) -> JobRecord:
    await submitted(store)
    return await claimed(store)


async def free(index: SegmentIndex) -> list[str]:
    """All that may go if nothing is to be kept."""
    return await index.removable(0, PLENTY * PLENTY, 1000)


class TestAdding:
    async def test_an_added_segment_is_known(self, index: SegmentIndex) -> None:
        await add(index, "a1", "b2")
        assert await index.known(["a1", "b2", "c3"]) == {"a1", "b2"}
        assert await index.known([]) == set()

    async def test_adding_again_counts_as_use_and_takes_no_room_twice(
        self, index: SegmentIndex
    ) -> None:
        await add(index, "a1", "b2")
        await index.add("a1", 10, NOW_MS + 5, private=False)
        assert await free(index) == ["b2", "a1"]
        assert await index.removable(20, NEVER, 9) == []

    async def test_many_at_once_are_all_added(self, index: SegmentIndex) -> None:
        keys = [f"{number:04x}" for number in range(300)]
        await asyncio.gather(*(index.add(key, 1, NOW_MS, private=False) for key in keys))
        assert await index.known(keys) == set(keys)


class TestPinning:
    async def test_a_pin_tells_which_segments_are_there(
        self, store: Store, index: SegmentIndex
    ) -> None:
        await add(index, "a1", "b2")
        taken = await running(store)
        assert await index.pin(taken.id, ["a1", "c3"], NOW_MS) == {"a1"}
        assert await index.pin(taken.id, [], NOW_MS) == set()

    async def test_pinning_counts_as_use(self, store: Store, index: SegmentIndex) -> None:
        await add(index, "a1", "b2")
        taken = await running(store)
        await index.pin(taken.id, ["a1"], NOW_MS + 5)
        await store.cancel(taken.id, "ann", CANCELLED, NOW_MS)
        assert await free(index) == ["b2", "a1"]

    async def test_a_pinned_segment_cannot_be_removed(
        self, store: Store, index: SegmentIndex
    ) -> None:
        await add(index, "a1", "b2")
        taken = await running(store)
        await index.pin(taken.id, ["a1"], NOW_MS)
        assert await free(index) == ["b2"]
        assert await index.remove(["a1", "b2", "c3"]) == ["b2"]
        assert await index.known(["a1", "b2"]) == {"a1"}

    async def test_a_segment_may_be_pinned_before_it_is_there(
        self, store: Store, index: SegmentIndex
    ) -> None:
        taken = await running(store)
        await index.pin(taken.id, ["a1"], NOW_MS)
        await add(index, "a1", private=True)
        assert await free(index) == []
        assert await index.remove(["a1"]) == []

    async def test_a_segment_is_pinned_until_the_last_of_its_jobs_has_ended(
        self, store: Store, index: SegmentIndex
    ) -> None:
        await add(index, "a1")
        jobs = [await running(store) for _ in range(2)]
        for each in jobs:
            await index.pin(each.id, ["a1"], NOW_MS)
            await index.pin(each.id, ["a1"], NOW_MS)
        await store.finish(jobs[0].id, 1, COMPLETED, NOW_MS)
        assert await free(index) == []
        await store.finish(jobs[1].id, 1, FAILED, NOW_MS)
        assert await free(index) == ["a1"]

    @pytest.mark.parametrize("end", ["finish", "cancel", "fail_overdue"])
    async def test_any_end_of_the_job_unpins(
        self, store: Store, index: SegmentIndex, end: str
    ) -> None:
        await add(index, "a1")
        await submitted(store, deadline_ms=NOW_MS)
        taken = await claimed(store)
        await index.pin(taken.id, ["a1"], NOW_MS)
        if end == "finish":
            await store.finish(taken.id, 1, COMPLETED, NOW_MS)
        elif end == "cancel":
            await store.cancel(taken.id, "ann", CANCELLED, NOW_MS)
        else:
            await store.fail_overdue(OVERDUE, NOW_MS, 1)
        assert await index.remove(["a1"]) == ["a1"]

    async def test_a_job_that_goes_back_to_the_queue_keeps_its_pins(
        self, store: Store, index: SegmentIndex
    ) -> None:
        await add(index, "a1", "b2", "c3")
        jobs = [await running(store) for _ in range(3)]
        for each, key in zip(jobs, ("a1", "b2", "c3"), strict=True):
            await index.pin(each.id, [key], NOW_MS)
        await store.release_job(jobs[0].id, 1, error="no voice")
        await store.claim("w2", LEASE_MS, NOW_MS + LEASE_MS, 1)
        await store.release_all()
        assert await free(index) == []

    async def test_an_ended_removed_or_unknown_job_pins_nothing(
        self, store: Store, index: SegmentIndex
    ) -> None:
        await add(index, "a1", "b2")
        ended, removed = await finished(store), await finished(store)
        await store.delete(removed.id, "ann")
        for each in (ended, removed, job()):
            assert await index.pin(each.id, ["a1"], NOW_MS + 5) == set()
        assert await free(index) == ["a1", "b2"]

    async def test_what_a_removed_job_pinned_is_not_pinned_by_the_next_one(
        self, store: Store, index: SegmentIndex
    ) -> None:
        await add(index, "a1")
        first = await running(store)
        await index.pin(first.id, ["a1"], NOW_MS)
        await store.cancel(first.id, "ann", CANCELLED, NOW_MS)
        await store.purge([first.id])
        await running(store)
        assert await free(index) == ["a1"]

    async def test_a_thousand_keys_can_be_pinned_at_once(
        self, store: Store, index: SegmentIndex
    ) -> None:
        keys = [f"{number:064x}" for number in range(1000)]
        await asyncio.gather(*(index.add(key, 1, NOW_MS, private=False) for key in keys[::2]))
        taken = await running(store)
        assert await index.pin(taken.id, keys, NOW_MS) == set(keys[::2])
        assert await free(index) == []


class TestRemoving:
    @pytest.fixture(autouse=True)
    async def segments(self, index: SegmentIndex) -> Sequence[str]:
        keys = ["d4", "c3", "b2", "a1"]
        await add(index, *keys)
        return keys

    async def test_nothing_goes_while_all_is_recent_and_fits(self, index: SegmentIndex) -> None:
        assert await index.removable(40, NOW_MS, 9) == []

    async def test_what_was_not_used_for_long_goes(self, index: SegmentIndex) -> None:
        assert await index.removable(PLENTY, NOW_MS + 2, 9) == ["d4", "c3"]

    async def test_the_least_recently_used_go_until_the_rest_fits(
        self, index: SegmentIndex
    ) -> None:
        assert await index.removable(39, NEVER, 9) == ["d4"]
        assert await index.removable(30, NEVER, 9) == ["d4"]
        assert await index.removable(29, NEVER, 9) == ["d4", "c3"]
        assert await index.removable(0, NEVER, 9) == ["d4", "c3", "b2", "a1"]

    async def test_no_more_are_told_than_asked(self, index: SegmentIndex) -> None:
        assert await index.removable(0, NEVER, 3) == ["d4", "c3", "b2"]

    async def test_a_private_segment_goes_as_soon_as_no_live_job_needs_it(
        self, store: Store, index: SegmentIndex
    ) -> None:
        taken = await running(store)
        await index.pin(taken.id, ["e5"], NOW_MS)
        await add(index, "e5", private=True)
        assert await index.removable(PLENTY, NEVER, 9) == []
        await store.finish(taken.id, 1, COMPLETED, NOW_MS)
        assert await index.removable(PLENTY, NEVER, 9) == ["e5"]

    async def test_private_segments_drive_out_no_others(self, index: SegmentIndex) -> None:
        await index.add("e5", PLENTY, NOW_MS + 9, private=True)
        assert await index.removable(40, NEVER, 9) == ["e5"]
        await index.remove(["e5"])
        assert await index.removable(39, NEVER, 9) == ["d4"]

    async def test_pinned_segments_drive_out_no_others_until_they_are_unpinned(
        self, store: Store, index: SegmentIndex
    ) -> None:
        taken = await running(store)
        await index.pin(taken.id, ["d4", "e5"], NOW_MS + 9)
        await add(index, "e5", size_bytes=1000)
        assert await index.removable(30, NEVER, 9) == []
        assert await index.removable(29, NEVER, 9) == ["c3"]
        await store.finish(taken.id, 1, COMPLETED, NOW_MS)
        assert await index.removable(1039, NEVER, 9) == ["e5"]
        assert await index.removable(40, NEVER, 9) == ["e5"]
        assert await index.removable(20, NEVER, 9) == ["e5", "c3", "b2"]

    async def test_a_segment_that_was_replaced_takes_the_room_of_the_new_one(
        self, index: SegmentIndex
    ) -> None:
        await index.add("a1", 100, NOW_MS + 9, private=False)
        assert await index.removable(130, NEVER, 9) == []
        assert await index.removable(129, NEVER, 9) == ["d4"]

    async def test_removed_segments_are_forgotten_and_take_no_room(
        self, index: SegmentIndex
    ) -> None:
        assert sorted(await index.remove(["a1", "d4", "e5"])) == ["a1", "d4"]
        assert await index.remove(["a1"]) == []
        assert await index.known(["a1", "b2", "c3", "d4"]) == {"b2", "c3"}
        assert await index.removable(20, NEVER, 9) == []

    async def test_a_pin_and_a_removal_at_once_leave_no_pinned_segment_out(
        self, store: Store, index: SegmentIndex
    ) -> None:
        taken = await running(store)
        pin, remove = index.pin(taken.id, ["a1"], NOW_MS), index.remove(["a1"])
        _, _, found, removed = await asyncio.gather(
            index.remove(["b2"]), index.pin(taken.id, ["b2"], NOW_MS), pin, remove
        )
        assert (found, removed) == ({"a1"}, [])
        assert await index.known(["a1", "b2"]) == {"a1"}


async def test_segments_outlive_the_end_of_their_jobs(store: Store, index: SegmentIndex) -> None:
    taken = await running(store)
    await index.pin(taken.id, ["a1"], NOW_MS)
    await add(index, "a1")
    await store.finish(taken.id, 1, COMPLETED, NOW_MS)
    await store.purge(await store.expired(NOW_MS + TTL_S * 1000, 9))
    assert await index.known(["a1"]) == {"a1"}


async def test_a_closed_store_says_so(store: Store, index: SegmentIndex) -> None:
    await store.close()
    with pytest.raises(StoreClosed):
        await index.add("a1", 10, NOW_MS, private=False)
    with pytest.raises(StoreClosed):
        await index.known(["a1"])
