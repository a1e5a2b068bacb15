"""Deliveries in the SQLite file of the job store."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Any

import msgspec

from stentor.contract import DeliveryState
from stentor.jobs.sqlite_rows import array
from stentor.jobs.sqlite_thread import SqliteThread
from stentor.webhooks.store import DeliveryRecord, Disabled, Tried

_COLUMNS = ", ".join(DeliveryRecord.__struct_fields__)
# A result may be large, and a list has no use for it.
_LISTED = ", ".join(
    f"NULL AS {field}" if field in ("result", "error") else field
    for field in DeliveryRecord.__struct_fields__
)


class SqliteDeliveries:
    """A `DeliveryStore` beside the jobs that the calls are owed for."""

    def __init__(self, writer: SqliteThread, reader: SqliteThread) -> None:
        self._writer = writer
        self._reader = reader

    async def claim(
        self,
        webhook: str,
        lease_ms: int,
        now_ms: int,
        limit: int,
        *,
        held: Collection[str] = (),
    ) -> list[DeliveryRecord]:
        ids = array(held)
        return await self._writer.call(lambda db: _claim(db, webhook, lease_ms, now_ms, limit, ids))

    async def settle(
        self, delivery_id: str, tried: Tried, state: DeliveryState, due_ms: int
    ) -> bool:
        return await self._writer.call(lambda db: _settle(db, delivery_id, tried, state, due_ms))

    async def release_all(self) -> None:
        await self._writer.call(
            lambda db: db.execute(
                "UPDATE webhook_deliveries "
                "SET lease_expires_ms = NULL, round_start = min(attempt, round_start + 1) "
                "WHERE state = 'pending' AND lease_expires_ms IS NOT NULL"
            )
        )

    async def bring_forward(self, now_ms: int, latest_ms: int) -> None:
        await self._writer.call(
            lambda db: db.execute(
                "UPDATE webhook_deliveries SET due_ms = :now_ms "
                "WHERE state = 'pending' AND due_ms > :now_ms "
                "AND (attempt = round_start OR due_ms > :latest_ms)",
                {"now_ms": now_ms, "latest_ms": latest_ms},
            )
        )

    async def next_due(self, webhooks: Collection[str]) -> int | None:
        return await self._reader.call(lambda db: _next_due(db, webhooks))

    async def disable(self, webhook: str, now_ms: int, reason: str) -> None:
        await self._writer.call(
            lambda db: db.execute(
                "INSERT OR IGNORE INTO webhooks_disabled (webhook, at_ms, reason) VALUES (?, ?, ?)",
                (webhook, now_ms, reason),
            )
        )

    async def enable(self, webhook: str, now_ms: int) -> bool:
        return await self._writer.call(lambda db: _enable(db, webhook, now_ms))

    async def disabled(self) -> dict[str, Disabled]:
        return await self._reader.call(_disabled)

    async def list_deliveries(
        self,
        owner: str,
        *,
        limit: int,
        after: str | None = None,
        job_id: str | None = None,
        webhook: str | None = None,
        state: DeliveryState | None = None,
    ) -> list[DeliveryRecord]:
        wanted = {
            "owner": owner,
            "limit": limit,
            "after": after,
            "job_id": job_id,
            "webhook": webhook,
            "state": state,
        }
        return await self._reader.call(lambda db: _list(db, wanted))

    async def get(self, delivery_id: str, owner: str) -> tuple[DeliveryRecord, list[Tried]] | None:
        return await self._reader.call(lambda db: _get(db, delivery_id, owner))

    async def redeliver(self, delivery_id: str, owner: str, now_ms: int) -> bool:
        return await self._writer.call(lambda db: _redeliver(db, delivery_id, owner, now_ms))

    async def purge(self, ended_before_ms: int) -> int:
        return await self._writer.call(
            lambda db: (
                db.execute(
                    "DELETE FROM webhook_deliveries WHERE completed_ms < ?", (ended_before_ms,)
                ).rowcount
            )
        )


def _claim(
    db: sqlite3.Connection, webhook: str, lease_ms: int, now_ms: int, limit: int, held: str
) -> list[DeliveryRecord]:
    if webhook in _disabled(db):
        return []
    # A round may have begun anew during the attempt that was cut short, hence the minimum.
    rows = db.execute(
        f"""
        UPDATE webhook_deliveries SET
            attempt = attempt + 1, lease_expires_ms = :now_ms + :lease_ms,
            round_start = min(attempt, round_start + (lease_expires_ms IS NOT NULL))
        WHERE number IN (
            SELECT number FROM webhook_deliveries
            WHERE state = 'pending' AND webhook = :webhook AND due_ms <= :now_ms
                AND coalesce(lease_expires_ms, 0) <= :now_ms
                AND id NOT IN (SELECT value FROM json_each(:held))
            ORDER BY due_ms, number LIMIT :limit
        )
        RETURNING {_COLUMNS}
        """,
        {
            "webhook": webhook,
            "lease_ms": lease_ms,
            "now_ms": now_ms,
            "limit": limit,
            "held": held,
        },
    ).fetchall()
    return sorted((_record(row) for row in rows), key=lambda one: (one.due_ms, one.id))


def _settle(
    db: sqlite3.Connection, delivery_id: str, tried: Tried, state: DeliveryState, due_ms: int
) -> bool:
    # One that was asked for again meanwhile stays due.
    row = db.execute(
        """
        UPDATE webhook_deliveries SET
            state = CASE WHEN round_start >= :attempt THEN state ELSE :state END,
            due_ms = CASE WHEN round_start >= :attempt THEN due_ms ELSE :due_ms END,
            lease_expires_ms = NULL
        WHERE id = :id AND attempt = :attempt
        RETURNING number
        """,
        {"id": delivery_id, "attempt": tried.attempt, "state": state, "due_ms": due_ms},
    ).fetchall()
    if not row:
        return False
    values = {"number": row[0][0], **msgspec.structs.asdict(tried)}
    db.execute(
        "INSERT INTO webhook_attempts (number, attempt, at_ms, latency_ms, status_code, error) "
        "VALUES (:number, :attempt, :at_ms, :latency_ms, :status_code, :error)",
        values,
    )
    return True


def _next_due(db: sqlite3.Connection, webhooks: Collection[str]) -> int | None:
    # One look into the index for each endpoint: what is owed to one that is down may be a lot.
    rows = [
        db.execute(
            "SELECT due_ms FROM webhook_deliveries "
            "WHERE state = 'pending' AND webhook = ? AND lease_expires_ms IS NULL "
            "ORDER BY due_ms LIMIT 1",
            (webhook,),
        ).fetchone()
        for webhook in set(webhooks) - _disabled(db).keys()
    ]
    return min((int(row[0]) for row in rows if row is not None), default=None)


def _enable(db: sqlite3.Connection, webhook: str, now_ms: int) -> bool:
    if not db.execute("DELETE FROM webhooks_disabled WHERE webhook = ?", (webhook,)).rowcount:
        return False
    db.execute(
        "UPDATE webhook_deliveries SET due_ms = ?, round_start = attempt "
        "WHERE state = 'pending' AND webhook = ? AND lease_expires_ms IS NULL "
        "AND (due_ms > ? OR round_start < attempt)",
        (now_ms, webhook, now_ms),
    )
    return True


def _disabled(db: sqlite3.Connection) -> dict[str, Disabled]:
    rows = db.execute("SELECT webhook, at_ms, reason FROM webhooks_disabled")
    return {webhook: Disabled(at_ms, reason) for webhook, at_ms, reason in rows}


def _list(db: sqlite3.Connection, wanted: dict[str, Any]) -> list[DeliveryRecord]:
    conditions = ["owner = :owner"]
    if wanted["after"] is not None:
        conditions.append(
            "number < (SELECT number FROM webhook_deliveries WHERE id = :after AND owner = :owner)"
        )
    conditions += [
        f"{column} = :{column}" for column in ("job_id", "state") if wanted[column] is not None
    ]
    if wanted["webhook"] is not None:
        # The plus keeps SQLite from its index: of a state there are mostly fewer.
        conditions.append(f"{'+' if wanted['state'] else ''}webhook = :webhook")
    rows = db.execute(
        f"SELECT {_LISTED} FROM webhook_deliveries WHERE {' AND '.join(conditions)} "
        "ORDER BY number DESC LIMIT :limit",
        wanted,
    )
    return [_record(row) for row in rows]


def _get(
    db: sqlite3.Connection, delivery_id: str, owner: str
) -> tuple[DeliveryRecord, list[Tried]] | None:
    row = db.execute(
        f"SELECT {_COLUMNS}, number FROM webhook_deliveries WHERE id = ? AND owner = ?",
        (delivery_id, owner),
    ).fetchone()
    if row is None:
        return None
    log = db.execute(
        "SELECT attempt, at_ms, latency_ms, status_code, error FROM webhook_attempts "
        "WHERE number = ? ORDER BY attempt",
        (row[-1],),
    )
    fields = Tried.__struct_fields__
    return _record(row[:-1]), [Tried(**dict(zip(fields, each, strict=True))) for each in log]


def _redeliver(db: sqlite3.Connection, delivery_id: str, owner: str, now_ms: int) -> bool:
    return (
        db.execute(
            "UPDATE webhook_deliveries SET state = 'pending', due_ms = ?, round_start = attempt "
            "WHERE id = ? AND owner = ?",
            (now_ms, delivery_id, owner),
        ).rowcount
        == 1
    )


def _record(row: tuple[Any, ...]) -> DeliveryRecord:
    return DeliveryRecord(**dict(zip(DeliveryRecord.__struct_fields__, row, strict=True)))
