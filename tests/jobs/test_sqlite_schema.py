"""How a SQLite store's file comes to its schema."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jobs_support import COMPLETED, LEASE_MS, NO_LIMIT, NOW_MS, job, key, place, submitted
from stentor.contract import Progress
from stentor.jobs.migrate import NewerSchema, migrate, shipped_migrations
from stentor.jobs.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


async def test_a_newer_file_is_refused_and_left_as_it_was(path: Path) -> None:
    await (await SqliteStore.open(path)).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NewerSchema, match="999"):
        await SqliteStore.open(path)
    assert path.read_bytes() == before


def test_each_migration_runs_once() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    first, second = "CREATE TABLE a (x);", "CREATE TABLE b (x);\nINSERT INTO b VALUES (1);"
    migrate(connection, [first])
    migrate(connection, [first, second])
    migrate(connection, [first, second])
    assert connection.execute("SELECT * FROM b").fetchall() == [(1,)]
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_a_migration_that_fails_changes_nothing() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, ["CREATE TABLE a (x);", "CREATE TABLE b (x);\nCREATE TABLE a (x);"])
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == []
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    connection.close()


def test_the_shipped_migrations_make_a_sound_database() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, shipped_migrations())
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    connection.close()


class TestVersion1:
    """A file that the first released version wrote, with jobs in every status."""

    REQUEST = b'{"input":"hi"}'

    @pytest.fixture
    def ids(self, path: Path) -> list[str]:
        ids = [f"0190a000-0000-7000-8000-{number:012x}" for number in range(7)]
        connection = sqlite3.connect(path, isolation_level=None)
        migrate(connection, shipped_migrations()[:1])
        for job_id, owner in zip(
            ids, ("ann", "ann", "ann", "ann", "bob", "bob", "cy"), strict=True
        ):
            connection.execute(
                "INSERT INTO submissions "
                "(id, owner, ttl_seconds, created_ms, request_id, request, queue_limit) "
                "VALUES (?, ?, 60, ?, 'req-1', ?, 99)",
                (job_id, owner, NOW_MS, self.REQUEST),
            )
        started = f"attempt = 1, started_ms = {NOW_MS}"
        held = f"{started}, lease_owner = 'w0', lease_expires_ms = {NOW_MS + LEASE_MS}"
        ended = f"{started}, completed_ms = {NOW_MS}, expires_ms = {NOW_MS + 60_000}"
        for job_id, changes in (
            (ids[0], f"status = 'completed', status_code = 200, result = '{{}}', {ended}"),
            (ids[1], f"status = 'processing', {held}"),
            (ids[4], f"status = 'failed', status_code = 502, error = '{{}}', {ended}"),
            (ids[6], f"status = 'processing', {held}"),
        ):
            changes = changes.replace("'{}'", "CAST('{}' AS BLOB)")
            connection.execute(f"UPDATE jobs SET {changes} WHERE id = ?", (job_id,))
        connection.close()
        return ids

    async def test_every_job_is_there_as_it_was(self, path: Path, ids: list[str]) -> None:
        store = await SqliteStore.open(path)
        counts = await store.counts()
        listed = {
            each.id: each
            for owner in ("ann", "bob", "cy")
            for each in await store.list_jobs(owner, NOW_MS, limit=9)
        }
        await store.close()
        assert counts == {"pending": 3, "processing": 2, "completed": 1, "failed": 1}
        assert sorted(listed) == ids
        assert [listed[job_id].status for job_id in ids] == [
            "completed",
            "processing",
            "pending",
            "pending",
            "failed",
            "pending",
            "processing",
        ]
        assert (listed[ids[0]].result, listed[ids[4]].error) == (b"{}", b"{}")
        assert listed[ids[1]].lease_owner == "w0"
        for each in listed.values():
            assert (each.priority, each.express, each.strikes) == ("normal", False, 0)
            assert (each.deadline_ms, each.webhook, each.last_error) == (None, None, None)

    async def test_the_queue_goes_on_from_where_it_was(self, path: Path, ids: list[str]) -> None:
        store = await SqliteStore.open(path)
        # Cy has nothing pending, so it must not be forgotten that there is a Cy.
        assert await store.release_all() == 2
        [new] = await submitted(store, owner="dan")
        order = [ids[1], ids[5], ids[6], new.id, ids[2], ids[3]]
        owners = {ids[5]: "bob", ids[6]: "cy", new.id: "dan"}
        for number, job_id in enumerate(order, 1):
            found = await store.get(job_id, owners.get(job_id, "ann"), NOW_MS)
            assert found is not None
            assert found.position == number
        taken = await store.claim("w1", LEASE_MS, NOW_MS, 9)
        assert [each.id for each in taken] == order
        assert [each.attempt for each in taken] == [2, 1, 2, 1, 1, 1]
        assert taken[0].request == self.REQUEST
        await store.close()

    async def test_a_running_job_can_be_renewed_and_finished(
        self, path: Path, ids: list[str]
    ) -> None:
        store = await SqliteStore.open(path)
        assert await store.renew(ids[1], 1, LEASE_MS, NOW_MS, Progress(), advanced=True)
        assert await store.finish(ids[1], 1, COMPLETED, NOW_MS)
        assert (await store.counts())["completed"] == 2
        await store.close()

    async def test_what_is_new_works_in_it(self, path: Path, ids: list[str]) -> None:
        store = await SqliteStore.open(path)
        [urgent] = await submitted(store, owner="ann", priority="high")
        assert await place(store, urgent) == 1
        mark = key()
        assert await store.submit(job(), queue_limit=NO_LIMIT, idempotency=mark) is None
        assert await store.submit(job(), queue_limit=NO_LIMIT, idempotency=mark) is not None
        assert await store.segments.pin(ids[1], ["a1"], NOW_MS) == set()
        await store.segments.add("a1", 5, NOW_MS, private=True)
        assert await store.segments.remove(["a1"]) == []
        await store.finish(ids[1], 1, COMPLETED, NOW_MS)
        assert await store.segments.remove(["a1"]) == ["a1"]
        await store.close()

    def test_its_counters_are_sound(self, path: Path, ids: list[str]) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        migrate(connection, shipped_migrations())
        queues = dict(connection.execute("SELECT owner, pending FROM queues").fetchall())
        assert queues == {"ann": 2, "bob": 1, "cy": 0}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
