"""What sweeping removes and what it leaves, by counting files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jobs_support import CANCELLED, COMPLETED, LEASE_MS, NO_LIMIT, NOW_MS, TTL_S, job
from stentor.blobs import BlobStore
from stentor.jobs.record import IdempotencyKey, JobRecord
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.sweeper import BATCH, ORPHAN_GRACE_MS, Sweeper


class House:
    def __init__(self, folder: Path, store: SqliteStore) -> None:
        self.store = store
        self.audio = folder / "audio"
        self.segments = folder / "segments"
        self.now_ms = NOW_MS
        self.chores: list[int] = []
        self.sweeper = Sweeper(
            store,
            BlobStore.open(None, self.audio),
            store.segments,
            BlobStore.open(None, self.segments),
            interval_s=60,
            cache_bytes=0,
            cache_age_ms=1000,
            more=[self.chore],
            clock=lambda: self.now_ms,
        )

    async def chore(self, now_ms: int) -> None:
        self.chores.append(now_ms)

    async def submit(self, **changes: Any) -> JobRecord:
        new = job(**changes)
        await self.store.submit(new, queue_limit=NO_LIMIT)
        return new

    async def complete(self) -> JobRecord:
        new = await self.submit()
        [claimed] = await self.store.claim("w1", LEASE_MS, self.now_ms, 1)
        assert claimed.id == new.id
        write(self.audio / new.id, self.now_ms)
        await self.store.finish(new.id, claimed.attempt, COMPLETED, self.now_ms)
        return new

    def files(self, folder: Path) -> set[str]:
        return {path.name for path in folder.iterdir()}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: Path, at_ms: int) -> None:
    path.write_bytes(b"audio")
    os.utime(path, (at_ms / 1000, at_ms / 1000))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store = await SqliteStore.open(tmp_path / "jobs.db")
    yield House(tmp_path, store)
    await store.close()


async def test_an_expired_job_goes_with_its_audio_and_no_other_does(house: House) -> None:
    old = await house.complete()
    house.now_ms += TTL_S * 500
    young = await house.complete()
    live = await house.submit()
    house.now_ms += TTL_S * 500
    assert await house.sweeper.sweep() == 1
    assert house.files(house.audio) == {young.id}
    assert await house.store.known([old.id, young.id, live.id]) == {young.id, live.id}
    assert house.chores == [house.now_ms]


async def test_files_that_no_row_tells_of_are_removed_once_they_are_old(house: House) -> None:
    kept = await house.complete()
    segment, orphan = digest("kept"), digest("orphan")
    await house.store.segments.add(segment, 5, house.now_ms, private=False)
    for name in (segment, orphan):
        write(house.segments / name, house.now_ms)
    write(house.audio / job().id, house.now_ms)
    # They may have been stored by work that is about to write its row.
    assert await house.sweeper.sweep_orphans() == 0
    house.now_ms += ORPHAN_GRACE_MS + 1
    assert await house.sweeper.sweep_orphans() == 2
    assert house.files(house.audio) == {kept.id}
    assert house.files(house.segments) == {segment}


async def test_the_cache_makes_room_on_a_full_disk_but_keeps_what_a_live_job_needs(
    house: House,
) -> None:
    live = await house.submit()
    needed, *_ = keys = [digest(f"{n}") for n in range(2 * BATCH)]
    await house.store.segments.pin(live.id, [needed], house.now_ms)
    for key in keys:
        await house.store.segments.add(key, 5, house.now_ms, private=False)
        write(house.segments / key, house.now_ms)
    room = iter([True])
    sweeper = Sweeper(
        house.store,
        BlobStore.open(None, house.audio),
        house.store.segments,
        BlobStore.open(None, house.segments),
        interval_s=60,
        cache_bytes=10**9,
        cache_age_ms=1000,
        short_of_room=lambda: not next(room),
        clock=lambda: house.now_ms,
    )
    await sweeper.sweep()
    assert len(house.files(house.segments)) == 2 * BATCH
    room = iter([False, True])
    await sweeper.sweep()
    assert len(house.files(house.segments)) == BATCH
    room = iter([False] * 2)
    await sweeper.sweep()
    assert house.files(house.segments) == {needed}


async def test_what_a_crash_left_is_removed_at_the_next_start(house: House) -> None:
    write(house.segments / digest("orphan"), house.now_ms - 1)
    write(house.audio / job().id, house.now_ms - 1)
    assert await house.sweeper.sweep_orphans() == 2


async def test_what_somebody_else_keeps_in_the_same_place_stays(house: House) -> None:
    for folder in (house.audio, house.segments):
        write(folder / "thesis.pdf", house.now_ms - 1)
        write(folder / "backup", house.now_ms - 1)
    assert await house.sweeper.sweep_orphans() == 0
    assert house.files(house.audio) == house.files(house.segments) == {"thesis.pdf", "backup"}


async def test_idempotency_keys_are_forgotten_after_their_time(house: House) -> None:
    key = IdempotencyKey(key="k", fingerprint=b"f", answer=b"{}", expires_ms=NOW_MS + 1000)
    new = job()
    await house.store.submit(new, queue_limit=NO_LIMIT, idempotency=key)
    await house.sweeper.sweep()
    again = await house.store.submit(job(), queue_limit=NO_LIMIT, idempotency=key)
    assert again is not None
    house.now_ms += 1000
    await house.sweeper.sweep()
    assert await house.store.purge_keys(house.now_ms) == 0


async def test_audio_that_a_failed_job_had_stored_is_removed_once_it_is_old(house: House) -> None:
    cancelled = await house.submit()
    write(house.audio / cancelled.id, house.now_ms)
    house.now_ms += ORPHAN_GRACE_MS + 1
    assert await house.sweeper.sweep_orphans() == 0
    assert await house.store.cancel(cancelled.id, cancelled.owner, CANCELLED, house.now_ms)
    assert await house.sweeper.sweep_orphans() == 1
    assert house.files(house.audio) == set()
