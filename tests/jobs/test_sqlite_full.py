"""What the SQLite store does when its disk is full."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs_support import (
    CANCELLED,
    COMPLETED,
    LEASE_MS,
    NO_LIMIT,
    NOW_MS,
    claimed,
    job,
    looked_up,
    submitted,
)
from stentor.contract import Progress
from stentor.jobs.record import JobRecord
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.store import StoreFull

LARGE = b'"%s"' % (b"x" * 20_000)
DISK_KB = 700
BALLAST_BYTES = 150_000


async def submitted_until_full(store: SqliteStore) -> list[JobRecord]:
    """What was accepted of jobs that came three at a time until there was no room."""
    accepted: list[JobRecord] = []
    for _ in range(100):
        jobs = [job(request=LARGE) for _ in range(3)]
        answers = await asyncio.gather(
            *(store.submit(each, queue_limit=NO_LIMIT) for each in jobs), return_exceptions=True
        )
        accepted += [each for each, answer in zip(jobs, answers, strict=True) if answer is None]
        refused = [answer for answer in answers if answer is not None]
        assert all(isinstance(answer, StoreFull) for answer in refused)
        if refused:
            return accepted
    raise AssertionError("the disk did not fill up")


async def running(store: SqliteStore) -> JobRecord:
    await submitted(store)
    return await looked_up(store, await claimed(store))


async def fill_to_the_last_byte(store: SqliteStore, disk: Path, running: JobRecord) -> None:
    with (disk / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(b"x" * 512)
    # What a refused job had written already is room for smaller changes.
    with pytest.raises(StoreFull):
        for number in range(1000):
            await store.renew(running.id, 1, LEASE_MS, NOW_MS, Progress(segments_done=number))


async def ids(store: SqliteStore) -> set[str]:
    return {each.id for each in await store.list_jobs("ann", NOW_MS, limit=1000)}


class TestLimitedFile:
    """SQLite's own limit of a file stands for the disk."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SqliteStore]:
        opened = await SqliteStore.open(tmp_path / "jobs.db")
        yield opened
        await opened.close()

    async def limit(self, store: SqliteStore, *, pages_more: int) -> None:
        def set_limit(connection: Any) -> None:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages + pages_more}")

        await store.writer.call(set_limit)

    async def test_all_that_wait_for_room_are_told_and_nothing_is_lost(
        self, store: SqliteStore
    ) -> None:
        await submitted(store)
        await self.limit(store, pages_more=0)
        answers = await asyncio.gather(
            *(store.submit(job(request=LARGE), queue_limit=NO_LIMIT) for _ in range(3)),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [StoreFull] * 3
        assert "disk is full" in str(answers[0])
        assert (await store.counts())["pending"] == 1

    async def test_it_works_again_once_there_is_room(self, store: SqliteStore) -> None:
        await self.limit(store, pages_more=50)
        accepted = await submitted_until_full(store)
        await self.limit(store, pages_more=1000)
        later = await submitted(store, request=LARGE)
        assert await ids(store) == {each.id for each in accepted + later}

    async def test_segments_are_refused_too(self, store: SqliteStore) -> None:
        await submitted(store)
        taken = await claimed(store)
        await self.limit(store, pages_more=0)
        keys = [f"{number:064x}" for number in range(500)]
        with pytest.raises(StoreFull):
            await store.segments.pin(taken.id, keys, NOW_MS)
        answers = await asyncio.gather(
            *(store.segments.add(key, 1, NOW_MS, private=False) for key in keys),
            return_exceptions=True,
        )
        assert {type(answer) for answer in answers} <= {StoreFull, type(None)}
        assert StoreFull in {type(answer) for answer in answers}
        told = {each for each, answer in zip(keys, answers, strict=True) if answer is None}
        assert await store.segments.known(keys) == told

    @pytest.mark.parametrize("name", ["SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC"])
    async def test_a_disk_that_says_so_in_other_words_is_full_too(
        self, store: SqliteStore, name: str
    ) -> None:
        def fail(_: Any) -> None:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = name
            raise error

        with pytest.raises(StoreFull):
            await store.writer.call(fail)
        await submitted(store)

    async def test_other_failures_are_not_called_a_full_disk(self, store: SqliteStore) -> None:
        def fail(connection: Any) -> None:
            connection.execute("SELECT * FROM elsewhere")

        with pytest.raises(Exception, match="no such table") as caught:
            await store.writer.call(fail)
        assert not isinstance(caught.value, StoreFull)


class TestSmallDisk:
    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Path]:
        folder = tmp_path / "disk"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(folder)]
        try:
            subprocess.run(mount, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or error
            pytest.skip(f"a small disk cannot be mounted here: {reason}")
        (folder / "ballast").write_bytes(b"x" * BALLAST_BYTES)
        yield folder
        # Lazily, so that a store that a failed test left open does not keep the mount.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

    async def test_what_was_accepted_is_kept_and_the_store_works_again_with_room(
        self, disk: Path
    ) -> None:
        store = await SqliteStore.open(disk / "jobs.db")
        taken = await running(store)
        accepted = await submitted_until_full(store)
        await fill_to_the_last_byte(store, disk, taken)
        everything = await ids(store)
        before = await looked_up(store, taken)
        for call in (
            store.cancel(taken.id, "ann", CANCELLED, NOW_MS),
            store.finish(taken.id, 1, COMPLETED, NOW_MS),
            store.claim("w2", LEASE_MS, NOW_MS, 1),
        ):
            with pytest.raises(StoreFull):
                await call
        assert await looked_up(store, taken) == before
        assert {each.id for each in accepted} < everything
        (disk / "ballast").unlink()
        assert await store.finish(taken.id, 1, COMPLETED, NOW_MS)
        later = await submitted(store, request=LARGE)
        assert await ids(store) == {*everything, later[0].id}
        await store.close()

    async def test_it_can_be_closed_and_opened_while_the_disk_is_full(self, disk: Path) -> None:
        store = await SqliteStore.open(disk / "jobs.db")
        taken = await running(store)
        await submitted_until_full(store)
        await fill_to_the_last_byte(store, disk, taken)
        everything = await ids(store)
        await store.close()
        again = await SqliteStore.open(disk / "jobs.db")
        assert await ids(again) == everything
        (disk / "ballast").unlink()
        assert len(await again.claim("w2", LEASE_MS, NOW_MS, 1000)) == len(everything) - 1
        check = await again.writer.call(
            lambda connection: connection.execute("PRAGMA integrity_check").fetchone()
        )
        assert check == ("ok",)
        await again.close()
