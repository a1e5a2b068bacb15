"""What the store keeps of a job."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, structs

from stentor.contract import JobStatus, Priority, Progress

POSITIONS_COUNTED = 1000
"""Counting places takes time in proportion, at every poll; further back a place says little."""


class JobRecord(Struct, frozen=True, kw_only=True):
    """A job as it stands. All times are milliseconds since the epoch.

    Attributes:
        id: UUIDv7 in its canonical, lower-case form.
        owner: who may see the job; empty where callers need no key.
        request: JSON, opaque to the store. Empty in all answers but those of `claim`: a poll
            has no use for a text that may be millions of characters long. `JobStore.request` has
            it.
        ttl_seconds: how long the job is kept after its end.
        request_id: the caller's own name for the call.
        priority: orders an owner's jobs among themselves.
        express: whether it is short enough for the places that are kept for short jobs.
        deadline_ms: when to give up on the job; None for never.
        webhook: name of the configured endpoint to call when the job has ended.
        attempt: how many times the job was claimed; 0 before the first claim.
        strikes: how many attempts in a row ended by a fault or a crash without having got further.
        last_error: what ended the latest of those attempts; None if there are none.
        lease_owner, lease_expires_ms: which worker holds the job, and until when; set only
            while `status` is "processing".
        started_ms: the first claim.
        completed_ms, expires_ms, status_code: set once the job has ended.
        result, error: JSON; one of them is set once the job has ended.
        position: place among the pending jobs in the order in which `claim` takes them, from 1.
            Only in the answer of `get`, only for a pending job; not told where more than
            `POSITIONS_COUNTED` are ahead and counting them would take long.
    """

    id: str
    owner: str
    status: JobStatus
    request: bytes
    ttl_seconds: int
    created_ms: int
    request_id: str | None = None
    priority: Priority = "normal"
    express: bool = False
    deadline_ms: int | None = None
    webhook: str | None = None
    attempt: int = 0
    strikes: int = 0
    last_error: str | None = None
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


class IdempotencyKey(Struct, frozen=True, kw_only=True):
    """What makes a second submission of the same request harmless.

    Attributes:
        key: the caller's, unique among those of the job's owner.
        fingerprint: of the request; the same key with another fingerprint is a mistake.
        answer: the body of the 202, to be repeated to the letter.
        expires_ms: from when on the key may mean another request.
    """

    key: str
    fingerprint: bytes
    answer: bytes
    expires_ms: int


class Replay(Struct, frozen=True):
    """What was answered when an idempotency key was first used."""

    job_id: str
    answer: bytes


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


def ended_as(job: JobRecord, outcome: Outcome, progress: Progress, now_ms: int) -> JobRecord:
    """A job that was claimed and has ended, as `JobStore.get` answers for it."""
    return structs.replace(
        job,
        request=b"",
        status=outcome.status,
        status_code=outcome.status_code,
        result=outcome.result,
        error=outcome.error,
        progress=progress,
        completed_ms=now_ms,
        expires_ms=now_ms + 1000 * job.ttl_seconds,
        lease_owner=None,
        lease_expires_ms=None,
        position=None,
    )
