"""Short audio that is kept with its job, and a job that is taken as it is stored."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobs_support import (
    CANCELLED,
    COMPLETED,
    LEASE_MS,
    NO_LIMIT,
    NOW_MS,
    TTL_S,
    claimed,
    job,
    looked_up,
    submitted,
)
from stentor.contract import Progress
from stentor.jobs.small import SmallTake
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.store import JobExists, QueueFull

AUDIO = b"the herald's voice"
TAKE = SmallTake(AUDIO + b" and a note", len(AUDIO), "ab" * 32)
EXPIRED_MS = NOW_MS + TTL_S * 1000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "stentor.db")
    yield opened
    await opened.close()


def kept(tmp_path: Path) -> int:
    """How many takes there are."""
    with sqlite3.connect(tmp_path / "stentor.db") as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM small_takes").fetchall()
    return int(count)


async def ended(store: SqliteStore, take: SmallTake = TAKE) -> str:
    await submitted(store)
    taken = await claimed(store)
    assert await store.finish(taken.id, taken.attempt, COMPLETED, NOW_MS, take=take)
    return taken.id


class TestTakes:
    async def test_the_audio_is_there_with_the_end(self, store: SqliteStore) -> None:
        job_id = await ended(store)
        assert await store.small.audio(job_id, 0, 1000) == AUDIO
        assert await store.small.audio(job_id, 4, 10) == AUDIO[4:10]
        assert await store.small.audio("another", 0, 1000) is None

    async def test_other_jobs_find_it_by_its_key(self, store: SqliteStore) -> None:
        await ended(store)
        assert TAKE.key is not None
        assert await store.segments.known([TAKE.key]) == {TAKE.key}
        assert await store.small.sealed(TAKE.key) == TAKE.sealed
        assert await store.small.sealed("cd" * 32) is None

    async def test_a_private_one_has_no_key(self, store: SqliteStore) -> None:
        job_id = await ended(store, SmallTake(TAKE.sealed, TAKE.size, None))
        assert await store.small.audio(job_id, 0, 1000) == AUDIO
        assert await store.segments.known([str(TAKE.key)]) == set()

    async def test_who_no_longer_holds_the_job_keeps_nothing(
        self, store: SqliteStore, tmp_path: Path
    ) -> None:
        await submitted(store)
        taken = await claimed(store)
        assert await store.cancel(taken.id, taken.owner, CANCELLED, NOW_MS)
        assert not await store.finish(taken.id, taken.attempt, COMPLETED, NOW_MS, take=TAKE)
        assert kept(tmp_path) == 0

    async def test_it_outlives_its_job_as_a_segment_and_its_segment_as_a_job(
        self, store: SqliteStore, tmp_path: Path
    ) -> None:
        assert TAKE.key is not None
        job_id = await ended(store)
        await store.purge([job_id])
        assert await store.small.audio(job_id, 0, 1000) is None
        assert await store.small.sealed(TAKE.key) == TAKE.sealed
        assert await store.segments.remove([TAKE.key]) == [TAKE.key]
        assert kept(tmp_path) == 0

        job_id = await ended(store)
        await store.segments.remove([TAKE.key])
        assert await store.small.audio(job_id, 0, 1000) == AUDIO
        assert await store.delete(job_id, "ann")
        assert kept(tmp_path) == 0

    async def test_the_newer_of_two_is_the_one_that_others_find(
        self, store: SqliteStore, tmp_path: Path
    ) -> None:
        assert TAKE.key is not None
        first = await ended(store)
        second = await ended(store, SmallTake(b"another voice", 13, TAKE.key))
        assert await store.small.sealed(TAKE.key) == b"another voice"
        assert await store.small.audio(first, 0, 1000) == AUDIO
        await store.purge([first, second])
        assert kept(tmp_path) == 1
        third = await ended(store)
        assert kept(tmp_path) == 1
        assert await store.small.audio(third, 0, 1000) == AUDIO

    async def test_the_last_progress_comes_with_the_end(self, store: SqliteStore) -> None:
        [new] = await submitted(store)
        taken = await claimed(store)
        progress = Progress(1, 1, 12, 1.5)
        await store.finish(taken.id, taken.attempt, COMPLETED, NOW_MS, progress=progress)
        assert (await looked_up(store, new)).progress == progress


class TestSubmittingAndClaiming:
    async def test_a_job_is_taken_as_it_is_stored(self, store: SqliteStore) -> None:
        new = job()
        [taken] = await store.submit_and_claim(
            new, queue_limit=NO_LIMIT, worker="w1", lease_ms=LEASE_MS
        )
        assert (taken.id, taken.attempt, taken.request) == (new.id, 1, new.request)
        found = await looked_up(store, new)
        assert (found.status, found.lease_owner) == ("processing", "w1")
        assert found.lease_expires_ms == new.created_ms + LEASE_MS

    async def test_whoever_waits_already_goes_first(self, store: SqliteStore) -> None:
        [waiting] = await submitted(store)
        new = job()
        [taken] = await store.submit_and_claim(
            new, queue_limit=NO_LIMIT, worker="w1", lease_ms=LEASE_MS
        )
        assert taken.id == waiting.id
        assert (await looked_up(store, new)).status == "pending"

    async def test_what_cannot_be_stored_takes_nothing(self, store: SqliteStore) -> None:
        [waiting] = await submitted(store)
        for new, error in ((job(), QueueFull), (waiting, JobExists)):
            limit = 1 if error is QueueFull else NO_LIMIT
            with pytest.raises(error):
                await store.submit_and_claim(new, queue_limit=limit, worker="w1", lease_ms=LEASE_MS)
        assert (await looked_up(store, waiting)).status == "pending"


async def test_a_worker_that_is_gone_leaves_its_jobs_and_strikes_for_the_suspects(
    store: SqliteStore,
) -> None:
    jobs = await submitted(store, 3)
    gone = await store.claim("w1", LEASE_MS, NOW_MS, 2)
    [others] = await store.claim("w2", LEASE_MS, NOW_MS, 1)
    suspects = [gone[0].id, others.id]
    assert await store.abandon("w1", suspects, error="it died") == 2
    found = [await looked_up(store, one) for one in jobs]
    assert [one.status for one in found] == ["pending", "pending", "processing"]
    assert [one.strikes for one in found] == [1, 0, 0]
    assert found[0].last_error == "it died"
