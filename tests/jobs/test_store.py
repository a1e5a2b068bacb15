"""What every job store does, whatever database is behind it."""

from __future__ import annotations

import asyncio
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
    OVERDUE,
    STORES,
    TTL_S,
    OpenStore,
    claimed,
    finished,
    job,
    looked_up,
    place,
    submitted,
)
from stentor.contract import Progress
from stentor.jobs.record import Outcome
from stentor.jobs.store import JobExists, JobStore, QueueFull, StoreClosed

EXPIRY_MS = NOW_MS + TTL_S * 1000


class TestSubmitting:
    async def test_a_submitted_job_is_found_as_it_was_but_without_its_request(
        self, store: JobStore
    ) -> None:
        new = job(
            priority="high", express=True, deadline_ms=NOW_MS + 9, webhook="hook", request_id=None
        )
        await store.submit(new, queue_limit=NO_LIMIT)
        assert await store.get(new.id, "ann", NOW_MS) == replace(new, request=b"", position=1)

    async def test_its_request_is_there_as_long_as_the_job_is(self, store: JobStore) -> None:
        new = await finished(store)
        request = job().request
        assert await store.request(new.id, "ann", EXPIRY_MS - 1) == request
        assert await store.request(new.id, "ann", EXPIRY_MS) is None
        assert await store.request(new.id, "bob", NOW_MS) is None
        [pending] = await submitted(store)
        assert await store.request(pending.id, "ann", NOW_MS) == request

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

    async def test_expired_leases_are_taken_longest_ago_first_and_before_the_pending(
        self, store: JobStore
    ) -> None:
        jobs = await submitted(store, 3)
        waiting, _ = await submitted(store, 2, priority="high", owner="zed")
        await store.claim("w1", LEASE_MS, NOW_MS, 5)
        await store.release_job(waiting.id, 1)
        for each, lease_ms in zip(jobs, (30, 10, 20), strict=True):
            await store.renew(each.id, 1, lease_ms, NOW_MS, Progress())
        taken = await store.claim("w2", LEASE_MS, NOW_MS + 25, 3)
        assert [each.id for each in taken] == [jobs[1].id, jobs[2].id, waiting.id]

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


class TestStrikes:
    async def test_taking_over_an_expired_lease_is_a_strike_that_names_who_fell_silent(
        self, store: JobStore
    ) -> None:
        await submitted(store)
        await claimed(store, "w1")
        again = await claimed(store, "w2", NOW_MS + LEASE_MS)
        assert again.strikes == 1
        assert "w1" in (again.last_error or "")

    async def test_an_attempt_given_back_with_an_error_is_a_strike(self, store: JobStore) -> None:
        await submitted(store)
        for strikes, error in enumerate(("no voice", "no disk"), 1):
            taken = await claimed(store)
            assert await store.release_job(taken.id, taken.attempt, error=error)
            found = await looked_up(store, taken)
            assert (found.status, found.strikes, found.last_error) == ("pending", strikes, error)

    async def test_an_attempt_given_back_without_an_error_is_none(self, store: JobStore) -> None:
        await submitted(store)
        taken = await claimed(store)
        await store.release_job(taken.id, 1, error="no voice")
        await claimed(store)
        await store.release_job(taken.id, 2)
        await claimed(store)
        await store.release("w1")
        await claimed(store)
        await store.release_all()
        found = await looked_up(store, taken)
        assert (found.strikes, found.last_error) == (1, "no voice")

    async def test_only_the_holding_attempt_can_strike(self, store: JobStore) -> None:
        await submitted(store)
        stale = await claimed(store)
        fresh = await claimed(store, "w2", NOW_MS + LEASE_MS)
        assert not await store.release_job(stale.id, stale.attempt, error="no voice")
        assert await looked_up(store, fresh) == replace(fresh, request=b"")

    async def test_after_a_crash_only_the_suspects_that_were_running_are_struck(
        self, store: JobStore
    ) -> None:
        guilty, innocent, waiting, ended = await submitted(store, 4)
        await store.claim("w1", LEASE_MS, NOW_MS, 2)
        await store.cancel(ended.id, "ann", CANCELLED, NOW_MS)
        suspects = [guilty.id, waiting.id, ended.id, job().id]
        assert await store.release_all(suspects, error="the engine died") == 2
        found = [await looked_up(store, each) for each in (guilty, innocent, waiting, ended)]
        assert [each.strikes for each in found] == [1, 0, 0, 0]
        assert [each.last_error for each in found] == ["the engine died", None, None, None]
        assert [each.status for each in found] == ["pending", "pending", "pending", "failed"]

    async def test_a_job_that_gets_further_loses_its_strikes(self, store: JobStore) -> None:
        await submitted(store)
        taken = await claimed(store)
        await store.release_job(taken.id, 1, error="no voice")
        again = await claimed(store)
        await store.renew(taken.id, 2, LEASE_MS, NOW_MS, Progress(segments_done=1))
        assert (await looked_up(store, again)).strikes == 1
        assert not await store.renew(
            taken.id, 1, LEASE_MS, NOW_MS, Progress(segments_done=2), advanced=True
        )
        assert (await looked_up(store, again)).strikes == 1
        await store.renew(taken.id, 2, LEASE_MS, NOW_MS, Progress(segments_done=2), advanced=True)
        found = await looked_up(store, again)
        assert (found.strikes, found.last_error) == (0, None)


class TestDeadlines:
    async def test_live_jobs_whose_deadline_has_come_end_earliest_first(
        self, store: JobStore
    ) -> None:
        running, _ = await submitted(store, 2, deadline_ms=NOW_MS + 20)
        [first] = await submitted(store, deadline_ms=NOW_MS + 10)
        [patient] = await submitted(store)
        await claimed(store)
        assert await store.fail_overdue(OVERDUE, NOW_MS + 9, 10) == []
        assert await store.fail_overdue(OVERDUE, NOW_MS + 20, 2) == [first.id, running.id]
        ended = await looked_up(store, running)
        assert (ended.status, ended.status_code, ended.error) == ("failed", 504, OVERDUE.error)
        assert (ended.completed_ms, ended.expires_ms) == (NOW_MS + 20, EXPIRY_MS + 20)
        assert ended.lease_owner is None
        assert len(await store.fail_overdue(OVERDUE, NOW_MS + 20, 2)) == 1
        assert await store.fail_overdue(OVERDUE, NOW_MS + 10**9, 2) == []
        assert (await looked_up(store, patient)).status == "pending"

    async def test_an_ended_job_has_no_deadline_any_more(self, store: JobStore) -> None:
        ended = await finished(store, deadline_ms=NOW_MS + 10)
        assert await store.fail_overdue(OVERDUE, NOW_MS + 10, 10) == []
        assert await looked_up(store, ended) == ended

    async def test_a_worker_cannot_renew_or_finish_an_overdue_job(self, store: JobStore) -> None:
        await submitted(store, deadline_ms=NOW_MS)
        taken = await claimed(store)
        await store.fail_overdue(OVERDUE, NOW_MS, 10)
        assert not await store.renew(taken.id, 1, LEASE_MS, NOW_MS, Progress())
        assert not await store.finish(taken.id, 1, COMPLETED, NOW_MS)


class TestListing:
    async def test_the_owners_jobs_are_listed_newest_first_without_their_requests(
        self, store: JobStore
    ) -> None:
        ended = await finished(store, owner="bob")
        jobs = await submitted(store, 3)
        assert await store.list_jobs("ann", NOW_MS, limit=10) == [
            replace(each, request=b"") for each in reversed(jobs)
        ]
        assert await store.list_jobs("bob", NOW_MS, limit=10) == [ended]
        assert await store.list_jobs("", NOW_MS, limit=10) == []

    async def test_newest_is_by_id_not_by_arrival(self, store: JobStore) -> None:
        jobs = [job() for _ in range(6)]
        for each in jobs[::2] + jobs[1::2]:
            await store.submit(each, queue_limit=NO_LIMIT)
        await store.claim("w1", LEASE_MS, NOW_MS, 3)
        listed = await store.list_jobs("ann", NOW_MS, limit=10)
        assert [each.id for each in listed] == [each.id for each in reversed(jobs)]

    async def test_a_page_begins_after_any_id_even_one_that_is_gone(self, store: JobStore) -> None:
        jobs = await submitted(store, 5)
        await store.cancel(jobs[2].id, "ann", CANCELLED, NOW_MS)
        await store.delete(jobs[2].id, "ann")
        first = await store.list_jobs("ann", NOW_MS, limit=2)
        assert [each.id for each in first] == [jobs[4].id, jobs[3].id]
        rest = await store.list_jobs("ann", NOW_MS, limit=9, after=jobs[2].id)
        assert [each.id for each in rest] == [jobs[1].id, jobs[0].id]
        assert await store.list_jobs("ann", NOW_MS, limit=9, after=jobs[0].id) == []

    async def test_jobs_of_one_status_can_be_listed(self, store: JobStore) -> None:
        running, ended, _, waiting = await submitted(store, 4)
        await store.claim("w1", LEASE_MS, NOW_MS, 3)
        await store.finish(ended.id, 1, COMPLETED, NOW_MS)
        for status, expected in (
            ("completed", [ended.id]),
            ("pending", [waiting.id]),
            ("failed", []),
        ):
            listed = await store.list_jobs("ann", NOW_MS, limit=9, status=status)
            assert [each.id for each in listed] == expected
        [first] = await store.list_jobs("ann", NOW_MS, limit=9, status="processing", after=ended.id)
        assert (first.id, first.lease_owner) == (running.id, "w1")

    async def test_expired_jobs_are_not_listed(self, store: JobStore) -> None:
        ended = await finished(store)
        assert await store.list_jobs("ann", EXPIRY_MS - 1, limit=9) == [ended]
        assert await store.list_jobs("ann", EXPIRY_MS, limit=9) == []
        assert await store.list_jobs("ann", EXPIRY_MS, limit=9, status="completed") == []

    async def test_a_job_is_known_whoever_owns_it_unless_it_has_failed(
        self, store: JobStore
    ) -> None:
        ended = await finished(store)
        [waiting] = await submitted(store, owner="bob")
        unknown = job()
        [failed] = await submitted(store, owner="cid")
        await store.cancel(failed.id, "cid", CANCELLED, NOW_MS)
        ids = {ended.id, waiting.id}
        assert await store.known([*ids, failed.id, unknown.id]) == ids
        assert await store.known([]) == set()
        await store.purge([ended.id])
        assert await store.known(ids) == {waiting.id}


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
