"""What is true of the SQLite store alone: the file, its durability and its group commit."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jobs_support import CANCELLED, COMPLETED, LEASE_MS, NO_LIMIT, NOW_MS, job, key
from stentor.contract import Progress
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.store import QueueFull

WAL_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(path)
    yield opened
    await opened.close()


def wal(path: Path) -> bytes:
    return path.with_name(path.name + "-wal").read_bytes()


def commits(path: Path) -> int:
    """The commits in the log: each ends with a frame that tells the database's size.

    Source: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
    """
    log = wal(path)
    (page_bytes,) = struct.unpack_from(">I", log, 8)
    frames = range(WAL_HEADER_BYTES, len(log), FRAME_HEADER_BYTES + page_bytes)
    return sum(struct.unpack_from(">I", log, frame + 4) != (0,) for frame in frames)


async def pragma(store: SqliteStore, name: str) -> Any:
    """A setting of the connection that writes."""
    return await store.writer.call(
        lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0]
    )


async def submit_many(store: SqliteStore, count: int) -> None:
    await asyncio.gather(*(store.submit(job(), queue_limit=NO_LIMIT) for _ in range(count)))


class TestDurability:
    async def test_each_commit_is_synced_to_the_disk(self, store: SqliteStore) -> None:
        assert await pragma(store, "journal_mode") == "wal"
        assert await pragma(store, "synchronous") == 2  # FULL
        assert await pragma(store, "fullfsync") == 1
        assert await pragma(store, "foreign_keys") == 1
        assert await pragma(store, "busy_timeout") > 0

    async def test_a_submitted_job_is_in_the_log_when_submit_returns(
        self, store: SqliteStore, path: Path
    ) -> None:
        new = job()
        await store.submit(new, queue_limit=NO_LIMIT)
        assert new.id.encode() in wal(path)

    def test_a_process_killed_after_submit_leaves_its_job(self, path: Path) -> None:
        child = subprocess.Popen(
            [sys.executable, "-c", SUBMIT_AND_HANG, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        assert child.stdout is not None
        job_id = child.stdout.readline().strip()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT id, request FROM jobs JOIN job_requests USING (number)")
        assert rows.fetchall() == [(job_id, job().request)]
        connection.close()


SUBMIT_AND_HANG = """
import asyncio, sys
from pathlib import Path
from jobs_support import job
from stentor.jobs.sqlite import SqliteStore

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    new = job()
    await store.submit(new, queue_limit=1)
    print(new.id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class TestGroupCommit:
    async def test_jobs_that_arrive_together_share_a_commit(
        self, store: SqliteStore, path: Path
    ) -> None:
        before = commits(path)
        await submit_many(store, 200)
        assert 1 <= commits(path) - before <= 3
        assert (await store.counts())["pending"] == 200

    async def test_different_changes_that_arrive_together_share_a_commit(
        self, store: SqliteStore, path: Path
    ) -> None:
        await submit_many(store, 3)
        running, ending, _ = await store.claim("w1", LEASE_MS, NOW_MS, 3)
        before = commits(path)
        await asyncio.gather(
            store.submit(job(), queue_limit=NO_LIMIT),
            store.renew(running.id, 1, LEASE_MS, NOW_MS, Progress()),
            store.finish(ending.id, 1, COMPLETED, NOW_MS),
            store.release("w1"),
        )
        assert commits(path) - before == 1

    async def test_a_job_that_fails_halfway_is_undone_alone(self, store: SqliteStore) -> None:
        broken, sound = job(request="text where bytes belong"), job()
        answers = await asyncio.gather(
            *(store.submit(each, queue_limit=NO_LIMIT) for each in (broken, sound)),
            return_exceptions=True,
        )
        assert isinstance(answers[0], sqlite3.IntegrityError)
        assert answers[1] is None
        assert await store.get(broken.id, "ann", NOW_MS) is None
        assert (await store.counts())["pending"] == 1

    async def test_submissions_with_and_without_a_key_share_a_commit(
        self, store: SqliteStore, path: Path
    ) -> None:
        before = commits(path)
        await asyncio.gather(
            *(
                store.submit(
                    job(), queue_limit=NO_LIMIT, idempotency=key(str(n)) if n % 2 else None
                )
                for n in range(100)
            )
        )
        assert commits(path) - before == 1

    async def test_a_claim_that_finds_nothing_costs_no_sync(
        self, store: SqliteStore, path: Path
    ) -> None:
        before = commits(path)
        assert await store.claim("w1", LEASE_MS, NOW_MS, 1) == []
        assert commits(path) == before

    async def test_a_renewal_does_not_write_the_text_again(
        self, store: SqliteStore, path: Path
    ) -> None:
        await store.submit(job(request=b'"%s"' % (b"x" * 1_000_000)), queue_limit=NO_LIMIT)
        [taken] = await store.claim("w1", LEASE_MS, NOW_MS, 1)
        before = len(wal(path))
        await store.renew(taken.id, 1, LEASE_MS, NOW_MS, Progress(segments_done=1))
        assert len(wal(path)) - before < 50_000


class TestSharedFile:
    async def test_two_stores_of_one_file_keep_one_queue_limit(
        self, store: SqliteStore, path: Path
    ) -> None:
        other = await SqliteStore.open(path)
        answers = await asyncio.gather(
            *(each.submit(job(), queue_limit=25) for each in (store, other) * 25),
            return_exceptions=True,
        )
        await other.close()
        assert answers.count(None) == 25
        assert sum(isinstance(answer, QueueFull) for answer in answers) == 25

    async def test_two_stores_of_one_file_never_claim_the_same_job(
        self, store: SqliteStore, path: Path
    ) -> None:
        other = await SqliteStore.open(path)
        await submit_many(store, 40)
        claims = await asyncio.gather(
            *(each.claim("w", LEASE_MS, NOW_MS, 2) for each in (store, other) * 10)
        )
        await other.close()
        ids = [taken.id for claim in claims for taken in claim]
        assert len(ids) == len(set(ids)) == 40

    async def test_two_stores_of_one_file_store_one_job_for_one_key(
        self, store: SqliteStore, path: Path
    ) -> None:
        other = await SqliteStore.open(path)
        answers = await asyncio.gather(
            *(
                each.submit(job(), queue_limit=NO_LIMIT, idempotency=key())
                for each in (store, other) * 20
            )
        )
        await other.close()
        assert answers.count(None) == 1
        assert (await store.counts())["pending"] == 1


class TestFile:
    async def test_only_the_user_may_read_the_file_and_its_log(
        self, store: SqliteStore, path: Path
    ) -> None:
        await store.submit(job(), queue_limit=NO_LIMIT)
        files = list(path.parent.iterdir())
        assert len(files) == 3
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}

    async def test_a_path_may_hold_any_character(self, tmp_path: Path) -> None:
        path = tmp_path / "100% mine? #1 ü.db"
        store = await SqliteStore.open(path)
        await store.submit(job(), queue_limit=NO_LIMIT)
        await store.close()
        assert [file.name for file in tmp_path.iterdir()] == [path.name]

    async def test_closing_ends_the_threads_and_folds_the_log_into_the_file(
        self, path: Path
    ) -> None:
        store = await SqliteStore.open(path)
        assert {"store-writer", "store-reader"} <= {each.name for each in threading.enumerate()}
        await store.submit(job(), queue_limit=NO_LIMIT)
        await store.close()
        assert not {"store-writer", "store-reader"} & {each.name for each in threading.enumerate()}
        assert list(path.parent.iterdir()) == [path]

    async def test_a_removed_job_leaves_no_request_behind(
        self, store: SqliteStore, path: Path
    ) -> None:
        new = job()
        await store.submit(new, queue_limit=NO_LIMIT)
        await store.cancel(new.id, "ann", CANCELLED, NOW_MS)
        await store.delete(new.id, "ann")
        with sqlite3.connect(path) as connection:
            assert connection.execute("SELECT count(*) FROM job_requests").fetchone() == (0,)
        connection.close()
