"""What every job store does, whatever database is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from jobs_support import (
    CANCELLED,
    COMPLETED,
    FAILED,
    LEASE_MS,
    NO_LIMIT,
    NOW_MS,
    STORES,
    TTL_S,
    OpenStore,
    job,
)
from stentor.contract import Progress
from stentor.jobs.record import POSITIONS_COUNTED, JobRecord, Outcome
from stentor.jobs.store import JobExists, JobStore, QueueFull, StoreClosed

EXPIRY_MS = NOW_MS + TTL_S * 1000


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JobStore]:
    opened = await STORES[request.param](tmp_path)
    yield opened
    await opened.close()


async def submitted(store: JobStore, count: int = 1) -> list[JobRecord]:
    jobs = [job() for _ in range(count)]
    for each in jobs:
        await store.submit(each, queue_limit=NO_LIMIT)
    return jobs


async def place(store: JobStore, job: JobRecord) -> int | None:
    found = await store.get(job.id, job.owner, NOW_MS)
    assert found is not None
    return found.position


async def claimed(store: JobStore, worker: str = "w1", now_ms: int = NOW_MS) -> JobRecord:
    [taken] = await store.claim(worker, LEASE_MS, now_ms, 1)
    return taken


async def finished(store: JobStore) -> JobRecord:
    await submitted(store)
    taken = await claimed(store)
    assert await store.finish(taken.id, taken.attempt, COMPLETED, NOW_MS)
    ended = await store.get(taken.id, "ann", NOW_MS)
    assert ended is not None
    return ended


class TestSubmitting:
    async def test_a_submitted_job_is_found_as_it_was_but_without_its_request(
        self, store: JobStore
    ) -> None:
        [new] = await submitted(store)
        assert await store.get(new.id, "ann", NOW_MS) == replace(new, request=b"", position=1)

    async def test_a_full_queue_takes_no_more_and_keeps_what_it_has(self, store: JobStore) -> None:
        first, second, third = job(), job(), job()
        await store.submit(first, queue_limit=2)
        await store.submit(second, queue_limit=2)
        with pytest.raises(QueueFull):
            await store.submit(third, queue_limit=2)
        assert await store.get(third.id, "ann", NOW_MS) is None
        assert (await store.counts())["pending"] == 2

    async def test_only_pending_jobs_fill_the_queue(self, store: JobStore) -> None:
        await store.submit(job(), queue_limit=1)
        await claimed(store)
        await store.submit(job(), queue_limit=1)

    async def test_of_many_submitted_at_once_just_as_many_as_fit_are_taken(
        self, store: JobStore
    ) -> None:
        answers = await asyncio.gather(
            *(store.submit(job(), queue_limit=70) for _ in range(100)), return_exceptions=True
        )
        assert answers.count(None) == 70
        assert sum(isinstance(answer, QueueFull) for answer in answers) == 30
        assert (await store.counts())["pending"] == 70

    async def test_an_id_can_be_submitted_once(self, store: JobStore) -> None:
        [new] = await submitted(store)
        with pytest.raises(JobExists):
            await store.submit(replace(new, owner="bob"), queue_limit=NO_LIMIT)
        assert await store.get(new.id, "ann", NOW_MS) == replace(new, request=b"", position=1)

    async def test_a_failing_submission_leaves_those_beside_it_alone(self, store: JobStore) -> None:
        jobs = [job() for _ in range(20)]
        jobs[7] = jobs[3]
        jobs[11] = job(request_id="\ud800 cannot be stored")
        answers = await asyncio.gather(
            *(store.submit(each, queue_limit=NO_LIMIT) for each in jobs), return_exceptions=True
        )
        assert isinstance(answers[7], JobExists)
        assert isinstance(answers[11], UnicodeEncodeError)
        assert answers.count(None) == 18
        assert [(await store.claim("w1", LEASE_MS, NOW_MS, 1))[0].id for _ in range(18)] == [
            each.id for index, each in enumerate(jobs) if index not in (7, 11)
        ]

    async def test_a_caller_that_stops_waiting_does_not_disturb_the_others(
        self, store: JobStore
    ) -> None:
        impatient = asyncio.create_task(store.submit(job(), queue_limit=NO_LIMIT))
        patient = asyncio.create_task(store.submit(job(), queue_limit=NO_LIMIT))
        await asyncio.sleep(0)
        impatient.cancel()
        async with asyncio.timeout(10):
            await patient
        assert impatient.cancelled()


class TestLooking:
    async def test_a_job_is_hidden_from_others(self, store: JobStore) -> None:
        [new] = await submitted(store)
        assert await store.get(new.id, "bob", NOW_MS) is None
        assert await store.get(new.id, "", NOW_MS) is None

    async def test_many_who_look_at_once_each_get_their_own_answer(self, store: JobStore) -> None:
        jobs = await submitted(store, 50)
        answers = await asyncio.gather(
            *(store.get(each.id, "ann", NOW_MS) for each in jobs),
            *(store.get(each.id, "bob", NOW_MS) for each in jobs),
            store.get(job().id, "ann", NOW_MS),
        )
        assert [answer and answer.id for answer in answers] == [
            *(each.id for each in jobs),
            *[None] * 51,
        ]

    async def test_an_expired_job_is_hidden_before_it_is_swept(self, store: JobStore) -> None:
        ended = await finished(store)
        assert ended.expires_ms == EXPIRY_MS
        assert await store.get(ended.id, "ann", EXPIRY_MS - 1) == ended
        assert await store.get(ended.id, "ann", EXPIRY_MS) is None
        assert (await store.counts())["completed"] == 1

    async def test_places_in_the_queue_are_in_the_order_of_arrival(self, store: JobStore) -> None:
        jobs = await submitted(store, 6)
        await claimed(store)
        await store.cancel(jobs[3].id, "ann", CANCELLED, NOW_MS)
        places = await asyncio.gather(*(place(store, each) for each in jobs))
        assert places == [None, 1, 2, None, 3, 4]

    async def test_a_place_far_back_in_a_queue_with_gaps_is_not_told(self, store: JobStore) -> None:
        jobs = await submitted(store, POSITIONS_COUNTED + 4)
        assert await place(store, jobs[-1]) == POSITIONS_COUNTED + 4
        await store.cancel(jobs[1].id, "ann", CANCELLED, NOW_MS)
        assert await place(store, jobs[-3]) == POSITIONS_COUNTED + 1
        assert await place(store, jobs[-2]) is None

    async def test_counts_follow_every_change(self, store: JobStore) -> None:
        async def counts() -> list[int]:
            by_status = await store.counts()
            return [by_status[s] for s in ("pending", "processing", "completed", "failed")]

        assert await counts() == [0, 0, 0, 0]
        jobs = await submitted(store, 4)
        assert await counts() == [4, 0, 0, 0]
        for taken in await store.claim("w1", LEASE_MS, NOW_MS, 3):
            if taken.id != jobs[2].id:
                outcome = COMPLETED if taken.id == jobs[0].id else FAILED
                await store.finish(taken.id, taken.attempt, outcome, NOW_MS)
        assert await counts() == [1, 1, 1, 1]
        await store.release("w1")
        assert await counts() == [2, 0, 1, 1]
        await store.delete(jobs[0].id, "ann")
        await store.purge([jobs[1].id])
        assert await counts() == [2, 0, 0, 0]


class TestClaiming:
    async def test_a_claimed_job_carries_its_request_and_a_lease(self, store: JobStore) -> None:
        [new] = await submitted(store)
        assert await claimed(store) == replace(
            new,
            status="processing",
            attempt=1,
            lease_owner="w1",
            lease_expires_ms=NOW_MS + LEASE_MS,
            started_ms=NOW_MS,
        )

    async def test_the_oldest_are_claimed_first_and_no_more_than_asked(
        self, store: JobStore
    ) -> None:
        jobs = await submitted(store, 5)
        first = await store.claim("w1", LEASE_MS, NOW_MS, 3)
        rest = await store.claim("w2", LEASE_MS, NOW_MS, 3)
        assert [each.id for each in first + rest] == [each.id for each in jobs]
        assert [len(first), len(rest)] == [3, 2]

    async def test_no_two_workers_get_the_same_job(self, store: JobStore) -> None:
        jobs = await submitted(store, 40)
        claims = await asyncio.gather(
            *(store.claim(f"w{n}", LEASE_MS, NOW_MS, 3) for n in range(20))
        )
        ids = [each.id for claim in claims for each in claim]
        assert sorted(ids) == sorted(each.id for each in jobs)

    async def test_a_job_is_safe_until_its_lease_runs_out(self, store: JobStore) -> None:
        await submitted(store)
        await claimed(store)
        assert await store.claim("w2", LEASE_MS, NOW_MS + LEASE_MS - 1, 1) == []

    async def test_a_worker_does_not_take_what_it_holds_even_past_the_lease(
        self, store: JobStore
    ) -> None:
        await submitted(store)
        await claimed(store, "w1")
        assert await store.claim("w1", LEASE_MS, NOW_MS + 2 * LEASE_MS, 1) == []

    async def test_a_job_whose_lease_ran_out_is_taken_up_again_before_younger_ones(
        self, store: JobStore
    ) -> None:
        old, _ = await submitted(store, 2)
        await claimed(store)
        later = NOW_MS + LEASE_MS
        again = await claimed(store, "w2", later)
        assert (again.id, again.attempt, again.lease_owner) == (old.id, 2, "w2")
        assert again.started_ms == NOW_MS
        assert again.lease_expires_ms == later + LEASE_MS

    async def test_a_new_attempt_starts_without_the_progress_of_the_last(
        self, store: JobStore
    ) -> None:
        await submitted(store)
        taken = await claimed(store)
        await store.renew(taken.id, 1, LEASE_MS, NOW_MS, Progress(segments_done=3))
        assert (await claimed(store, "w2", NOW_MS + LEASE_MS)).progress == Progress()


class TestRenewing:
    async def test_a_renewal_extends_the_lease_and_shows_progress(self, store: JobStore) -> None:
        await submitted(store)
        taken = await claimed(store)
        progress = Progress(
            segments_total=5, segments_done=2, characters_done=80, audio_seconds=4.5
        )
        assert await store.renew(taken.id, 1, LEASE_MS, NOW_MS + 1000, progress)
        now = await store.get(taken.id, "ann", NOW_MS)
        assert now is not None
        assert now.progress == progress
        assert now.lease_expires_ms == NOW_MS + 1000 + LEASE_MS

    async def test_an_expired_lease_that_nobody_took_is_renewed(self, store: JobStore) -> None:
        await submitted(store)
        taken = await claimed(store)
        late = NOW_MS + 2 * LEASE_MS
        assert await store.renew(taken.id, 1, LEASE_MS, late, Progress())
        assert await store.claim("w2", LEASE_MS, late, 1) == []

    async def test_a_worker_that_was_overtaken_cannot_renew(self, store: JobStore) -> None:
        await submitted(store)
        stale = await claimed(store)
        fresh = await claimed(store, "w2", NOW_MS + LEASE_MS)
        assert not await store.renew(
            stale.id, stale.attempt, LEASE_MS, NOW_MS + LEASE_MS, Progress(segments_done=9)
        )
        assert await store.get(fresh.id, "ann", NOW_MS) == replace(fresh, request=b"")

    async def test_a_cancelled_released_or_removed_job_cannot_be_renewed(
        self, store: JobStore
    ) -> None:
        cancelled, removed, released = await submitted(store, 3)
        await store.claim("w1", LEASE_MS, NOW_MS, 3)
        await store.cancel(cancelled.id, "ann", CANCELLED, NOW_MS)
        await store.cancel(removed.id, "ann", CANCELLED, NOW_MS)
        await store.delete(removed.id, "ann")
        await store.release("w1")
        for each in (cancelled, removed, released):
            assert not await store.renew(each.id, 1, LEASE_MS, NOW_MS, Progress())


class TestFinishing:
    @pytest.mark.parametrize("outcome", [COMPLETED, FAILED])
    async def test_a_finished_job_keeps_its_outcome_and_progress_and_has_no_lease(
        self, store: JobStore, outcome: Outcome
    ) -> None:
        await submitted(store)
        taken = await claimed(store)
        progress = Progress(segments_total=1, segments_done=1)
        await store.renew(taken.id, 1, LEASE_MS, NOW_MS, progress)
        assert await store.finish(taken.id, 1, outcome, NOW_MS + 5)
        assert await store.get(taken.id, "ann", NOW_MS) == replace(
            taken,
            request=b"",
            status=outcome.status,
            status_code=outcome.status_code,
            result=outcome.result,
            error=outcome.error,
            progress=progress,
            lease_owner=None,
            lease_expires_ms=None,
            completed_ms=NOW_MS + 5,
            expires_ms=EXPIRY_MS + 5,
        )

    async def test_a_job_is_finished_once(self, store: JobStore) -> None:
        ended = await finished(store)
        assert not await store.finish(ended.id, ended.attempt, FAILED, NOW_MS + 1)
        assert await store.get(ended.id, "ann", NOW_MS) == ended

    async def test_of_many_that_finish_one_attempt_at_once_one_succeeds(
        self, store: JobStore
    ) -> None:
        await submitted(store)
        taken = await claimed(store)
        answers = await asyncio.gather(
            *(store.finish(taken.id, 1, COMPLETED, NOW_MS) for _ in range(10))
        )
        assert sum(answers) == 1

    async def test_a_worker_that_was_overtaken_cannot_finish(self, store: JobStore) -> None:
        await submitted(store)
        stale = await claimed(store)
        fresh = await claimed(store, "w2", NOW_MS + LEASE_MS)
        assert not await store.finish(stale.id, stale.attempt, FAILED, NOW_MS + LEASE_MS)
        assert await store.get(fresh.id, "ann", NOW_MS) == replace(fresh, request=b"")
        assert await store.finish(fresh.id, fresh.attempt, COMPLETED, NOW_MS + LEASE_MS)

    async def test_a_pending_or_unknown_job_cannot_be_finished(self, store: JobStore) -> None:
        [new] = await submitted(store)
        assert not await store.finish(new.id, 0, COMPLETED, NOW_MS)
        assert not await store.finish(job().id, 1, COMPLETED, NOW_MS)


class TestCancelling:
    @pytest.mark.parametrize("running", [False, True])
    async def test_a_live_job_ends_as_failed(self, store: JobStore, running: bool) -> None:
        [new] = await submitted(store)
        if running:
            await claimed(store)
        after = await store.cancel(new.id, "ann", CANCELLED, NOW_MS + 1)
        assert after is not None
        assert (after.status, after.status_code, after.error) == ("failed", 499, CANCELLED.error)
        assert (after.completed_ms, after.expires_ms) == (NOW_MS + 1, EXPIRY_MS + 1)
        assert after.lease_owner is None
        assert await store.get(new.id, "ann", NOW_MS) == after
        assert await store.claim("w2", LEASE_MS, NOW_MS + 10 * LEASE_MS, 1) == []

    async def test_a_worker_cannot_finish_a_cancelled_job(self, store: JobStore) -> None:
        await submitted(store)
        taken = await claimed(store)
        after = await store.cancel(taken.id, "ann", CANCELLED, NOW_MS)
        assert not await store.finish(taken.id, taken.attempt, COMPLETED, NOW_MS)
        assert await store.get(taken.id, "ann", NOW_MS) == after

    async def test_a_finished_job_is_not_cancelled(self, store: JobStore) -> None:
        ended = await finished(store)
        assert await store.cancel(ended.id, "ann", CANCELLED, NOW_MS) is None
        assert await store.get(ended.id, "ann", NOW_MS) == ended

    async def test_another_owners_or_an_unknown_job_is_not_cancelled(self, store: JobStore) -> None:
        [new] = await submitted(store)
        assert await store.cancel(new.id, "bob", CANCELLED, NOW_MS) is None
        assert await store.cancel(job().id, "ann", CANCELLED, NOW_MS) is None
        assert await store.get(new.id, "ann", NOW_MS) == replace(new, request=b"", position=1)


class TestRemoving:
    async def test_a_finished_job_can_be_deleted_once(self, store: JobStore) -> None:
        ended = await finished(store)
        assert await store.delete(ended.id, "ann")
        assert await store.get(ended.id, "ann", NOW_MS) is None
        assert not await store.delete(ended.id, "ann")

    async def test_a_live_job_cannot_be_deleted(self, store: JobStore) -> None:
        running, waiting = await submitted(store, 2)
        await claimed(store)
        assert not await store.delete(running.id, "ann")
        assert not await store.delete(waiting.id, "ann")

    async def test_another_owners_job_cannot_be_deleted(self, store: JobStore) -> None:
        ended = await finished(store)
        assert not await store.delete(ended.id, "bob")
        assert await store.get(ended.id, "ann", NOW_MS) == ended

    async def test_only_jobs_past_their_time_are_expired_longest_ago_first(
        self, store: JobStore
    ) -> None:
        jobs = await submitted(store, 4)
        for taken, end_ms in zip(
            await store.claim("w1", LEASE_MS, NOW_MS, 3),
            (NOW_MS + 2, NOW_MS + 1, NOW_MS + 3),
            strict=True,
        ):
            await store.finish(taken.id, 1, COMPLETED, end_ms)
        assert await store.expired(EXPIRY_MS, 10) == []
        assert await store.expired(EXPIRY_MS + 2, 10) == [jobs[1].id, jobs[0].id]
        assert await store.expired(EXPIRY_MS + 3, 1) == [jobs[1].id]

    async def test_a_purge_removes_the_ended_and_keeps_the_live(self, store: JobStore) -> None:
        ended = await finished(store)
        [live] = await submitted(store)
        await store.purge([ended.id, live.id, job().id])
        assert await store.get(ended.id, "ann", NOW_MS) is None
        assert await store.get(live.id, "ann", NOW_MS) is not None
        assert await store.expired(EXPIRY_MS, 10) == []


class TestReleasing:
    async def test_a_worker_gives_back_what_it_holds_and_nothing_else(
        self, store: JobStore
    ) -> None:
        mine, theirs, waiting = await submitted(store, 3)
        await claimed(store, "w1")
        await claimed(store, "w2")
        assert await store.release("w1") == 1
        assert await store.get(mine.id, "ann", NOW_MS) == replace(
            mine, request=b"", attempt=1, started_ms=NOW_MS, position=1
        )
        assert await place(store, theirs) is None
        assert await place(store, waiting) == 2

    async def test_one_job_is_given_back_by_the_attempt_that_holds_it(
        self, store: JobStore
    ) -> None:
        mine, other = await submitted(store, 2)
        await claimed(store)
        assert not await store.release_job(mine.id, 2)
        assert not await store.release_job(other.id, 0)
        assert await store.release_job(mine.id, 1)
        assert await place(store, mine) == 1

    async def test_a_released_job_is_claimed_as_a_new_attempt(self, store: JobStore) -> None:
        await submitted(store)
        before = await claimed(store)
        await store.release("w1")
        after = await claimed(store)
        assert (after.id, after.attempt) == (before.id, 2)
        assert not await store.finish(before.id, before.attempt, COMPLETED, NOW_MS)

    async def test_all_that_anyone_holds_can_be_released(self, store: JobStore) -> None:
        await submitted(store, 3)
        await claimed(store, "w1")
        await claimed(store, "w2")
        assert await store.release_all() == 2
        assert await store.release_all() == 0
        assert (await store.counts())["pending"] == 3


class TestClosing:
    async def test_what_was_asked_before_is_still_done(self, store: JobStore) -> None:
        new = job()
        submission = asyncio.create_task(store.submit(new, queue_limit=NO_LIMIT))
        await asyncio.sleep(0)
        await store.close()
        await submission

    async def test_a_closed_store_says_so(self, store: JobStore) -> None:
        await store.close()
        with pytest.raises(StoreClosed):
            await store.submit(job(), queue_limit=NO_LIMIT)
        with pytest.raises(StoreClosed):
            await store.get(job().id, "ann", NOW_MS)

    @pytest.mark.parametrize("open_store", STORES.values(), ids=STORES)
    async def test_jobs_outlive_the_store(self, open_store: OpenStore, tmp_path: Path) -> None:
        first = await open_store(tmp_path)
        new = job()
        await first.submit(new, queue_limit=NO_LIMIT)
        await first.close()
        second = await open_store(tmp_path)
        taken = await claimed(second)
        await second.close()
        assert (taken.id, taken.request) == (new.id, new.request)
