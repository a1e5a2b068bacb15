"""Stores and job records for tests of the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uuid_utils

from stentor.jobs.record import JobRecord, Outcome
from stentor.jobs.sqlite import SqliteStore
from stentor.jobs.store import JobStore

OpenStore = Callable[[Path], Awaitable[JobStore]]

# Each opens a store in an empty folder.
STORES: dict[str, OpenStore] = {"sqlite": lambda folder: SqliteStore.open(folder / "jobs.db")}

NOW_MS = 1_800_000_000_000
TTL_S = 60
LEASE_MS = 30_000
NO_LIMIT = 1_000_000

COMPLETED = Outcome(status="completed", status_code=200, result=b'{"audio_url":""}', error=None)
FAILED = Outcome(status="failed", status_code=502, result=None, error=b'{"type":"provider_error"}')
CANCELLED = Outcome(status="failed", status_code=499, result=None, error=b'{"type":"cancelled"}')


def job(**changes: Any) -> JobRecord:
    """A new job, ready to be submitted."""
    fields: dict[str, Any] = {
        "id": str(uuid_utils.uuid7()),
        "owner": "ann",
        "status": "pending",
        "request": '{"input":"Grüße \\u0000"}'.encode(),
        "ttl_seconds": TTL_S,
        "created_ms": NOW_MS,
        "request_id": "req-1",
    }
    return JobRecord(**fields | changes)
