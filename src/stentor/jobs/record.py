"""What the store keeps of a job."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from stentor.contract import JobStatus, Progress

POSITIONS_COUNTED = 1000
"""Counting places takes time in proportion, at every poll; further back a place says little."""


class JobRecord(Struct, frozen=True, kw_only=True):
    """A job as it stands. All times are milliseconds since the epoch.

    Attributes:
        id: UUIDv7 in its canonical, lower-case form.
        owner: who may see the job; empty where callers need no key.
        request: JSON, opaque to the store. Empty in the answers of `get` and `cancel`: a poll
            has no use for a text that may be millions of characters long.
        ttl_seconds: how long the job is kept after its end.
        request_id: the caller's own name for the call.
        attempt: how many times the job was claimed; 0 before the first claim.
        lease_owner, lease_expires_ms: which worker holds the job, and until when; set only
            while `status` is "processing".
        started_ms: the first claim.
        completed_ms, expires_ms, status_code: set once the job has ended.
        result, error: JSON; one of them is set once the job has ended.
        position: place among the pending jobs, oldest first, from 1. Only in the answer of `get`,
            only for a pending job; not told where jobs have left the middle of the queue and more
            than `POSITIONS_COUNTED` are ahead.
    """

    id: str
    owner: str
    status: JobStatus
    request: bytes
    ttl_seconds: int
    created_ms: int
    request_id: str | None = None
    attempt: int = 0
    lease_owner: str | None = None
    lease_expires_ms: int | None = None
    started_ms: int | None = None
    completed_ms: int | None = None
    expires_ms: int | None = None
    status_code: int | None = None
    result: bytes | None = None
    error: bytes | None = None
    progress: Progress = Progress()
    position: int | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """How a job ended.

    Attributes:
        status_code: the HTTP status that a synchronous call would have answered with.
        result: JSON; None for a failed job.
        error: JSON; None for a completed job.
    """

    status: Literal["completed", "failed"]
    status_code: int
    result: bytes | None
    error: bytes | None
