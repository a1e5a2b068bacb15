"""The queue of the SQLite store: how jobs stand in it and how they leave it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from stentor.jobs.record import POSITIONS_COUNTED, JobRecord
from stentor.jobs.sqlite_rows import COLUMNS, array, record
from stentor.jobs.sqlite_thread import Bulk

# The place of a pending job. `claim` goes round among the owners, so before an owner's k-th job it
# takes k jobs of each whose turn comes earlier and k - 1 of each other, if they have as many.
#
# A queue without gaps, as most are, need not be counted. Priority and number are put together, so
# that another priority is a gap, too.
_POSITION = f"""
    WITH queue AS MATERIALIZED (
        SELECT
            turn, pending,
            (
                SELECT (priority << 48) + number FROM jobs AS each
                WHERE each.status = 'pending' AND each.owner = queues.owner
                ORDER BY priority DESC, number LIMIT 1
            ) AS first,
            (
                SELECT (priority << 48) + number FROM jobs AS each
                WHERE each.status = 'pending' AND each.owner = queues.owner
                ORDER BY priority, number DESC LIMIT 1
            ) AS last
        FROM queues WHERE owner = jobs.owner
    ),
    place AS MATERIALIZED (
        SELECT turn, 1 + CASE
            WHEN last - first + 1 = pending THEN (jobs.priority << 48) + jobs.number - first
            ELSE (
                SELECT nullif(count(*), {POSITIONS_COUNTED + 1}) FROM (
                    SELECT 1 FROM jobs AS ahead
                    WHERE ahead.status = 'pending' AND ahead.owner = jobs.owner
                        AND ahead.priority > jobs.priority
                    UNION ALL
                    SELECT 1 FROM jobs AS ahead
                    WHERE ahead.status = 'pending' AND ahead.owner = jobs.owner
                        AND ahead.priority = jobs.priority AND ahead.number < jobs.number
                    LIMIT {POSITIONS_COUNTED + 1}
                )
            )
        END AS k
        FROM queue
    )
    SELECT k + (
        SELECT coalesce(sum(min(pending, k - ((turn, owner) > (place.turn, jobs.owner)))), 0)
        FROM queues WHERE pending > 0 AND owner <> jobs.owner
    )
    FROM place
"""

# Whose turn it is, and the jobs that each has to offer.
_SERVING = "SELECT owner, turn FROM queues WHERE pending > 0 ORDER BY turn, owner LIMIT :limit"
_OFFERED = """
    SELECT number FROM jobs AS own WHERE own.status = 'pending' AND own.owner = serving.owner
    ORDER BY priority DESC, number LIMIT :limit
"""
_SERVING_EXPRESS = """
    WITH RECURSIVE expressing(owner) AS (
        SELECT min(owner) FROM jobs WHERE status = 'pending' AND express = 1
        UNION ALL
        SELECT (
            SELECT min(owner) FROM jobs
            WHERE status = 'pending' AND express = 1 AND owner > expressing.owner
        )
        FROM expressing WHERE owner IS NOT NULL
    )
    SELECT owner, turn FROM expressing JOIN queues USING (owner) ORDER BY turn, owner LIMIT :limit
"""
_OFFERED_EXPRESS = """
    SELECT number FROM jobs AS own
    WHERE own.status = 'pending' AND own.express = 1 AND own.owner = serving.owner
    ORDER BY priority DESC, number LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Get(Bulk[JobRecord | None]):
    """`JobStore.get`."""

    job_id: str
    owner: str
    now_ms: int

    @classmethod
    def together(
        cls, connection: sqlite3.Connection, operations: Sequence[Self]
    ) -> list[JobRecord | Exception | None]:
        rows = connection.execute(
            f"""
            SELECT {COLUMNS}, CASE status WHEN 'pending' THEN ({_POSITION}) END
            FROM jobs WHERE id IN (SELECT value FROM json_each(?))
            """,
            (array({operation.job_id for operation in operations}),),
        )
        found = {row[0]: record(row, position=row[-1]) for row in rows}
        return [operation._visible(found.get(operation.job_id)) for operation in operations]

    @classmethod
    def is_one_statement(cls, count: int) -> bool:
        return True

    def _visible(self, job: JobRecord | None) -> JobRecord | None:
        if job is None or job.owner != self.owner:
            return None
        if job.expires_ms is not None and job.expires_ms <= self.now_ms:
            return None
        return job


def claim(
    connection: sqlite3.Connection,
    worker: str,
    lease_ms: int,
    now_ms: int,
    limit: int,
    express_only: bool,
) -> list[JobRecord]:
    times = {"worker": worker, "lease_ms": lease_ms, "now_ms": now_ms, "limit": limit}
    chosen = connection.execute(
        f"""
        WITH serving AS MATERIALIZED ({_SERVING_EXPRESS if express_only else _SERVING})
        SELECT number, owner FROM (
            SELECT number, NULL AS owner, 0 AS round, lease_expires_ms AS turn FROM (
                SELECT number, lease_expires_ms FROM jobs
                WHERE status = 'processing' AND lease_expires_ms <= :now_ms
                    AND lease_owner <> :worker {"AND express = 1" if express_only else ""}
                ORDER BY lease_expires_ms, number LIMIT :limit
            )
            UNION ALL
            SELECT
                jobs.number, serving.owner,
                row_number() OVER (
                    PARTITION BY serving.owner ORDER BY priority DESC, jobs.number
                ),
                turn
            FROM serving JOIN jobs
            ON jobs.number IN ({_OFFERED_EXPRESS if express_only else _OFFERED})
        )
        ORDER BY round, turn, owner, number LIMIT :limit
        """,
        times,
    ).fetchall()
    if not chosen:
        return []
    rows = connection.execute(
        f"""
        UPDATE jobs SET
            status = 'processing', attempt = attempt + 1, progress = NULL,
            strikes = strikes + (status = 'processing'),
            last_error = CASE status WHEN 'processing'
                THEN 'the worker ' || lease_owner || ' stopped answering while it ran the job'
                ELSE last_error
            END,
            lease_owner = :worker, lease_expires_ms = :now_ms + :lease_ms,
            started_ms = coalesce(started_ms, :now_ms)
        WHERE number IN (SELECT value FROM json_each(:numbers))
        RETURNING {COLUMNS}, number,
            (SELECT request FROM job_requests WHERE job_requests.number = jobs.number)
        """,
        times | {"numbers": array([number for number, _ in chosen])},
    ).fetchall()
    # Who is served twice is served last the second time.
    served = [owner for _, owner in chosen if owner is not None]
    if served:
        connection.execute(
            """
            UPDATE queues SET turn = latest FROM (
                SELECT value AS served, (SELECT max(turn) FROM queues) + 1 + max(key) AS latest
                FROM json_each(?) GROUP BY value
            )
            WHERE owner = served
            """,
            (array(served),),
        )
    jobs = {row[-2]: record(row, request=row[-1]) for row in rows}
    return [jobs[number] for number, _ in chosen]
