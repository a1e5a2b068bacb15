"""What the system needs from a database to keep jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stentor.contract import JobStatus, Progress
from stentor.jobs.record import JobRecord, Outcome


class QueueFull(Exception):
    """As many jobs as allowed are pending already."""


class JobExists(Exception):
    """A job of this id is in the store already."""


class StoreClosed(Exception):
    """The store was closed before this operation."""


class JobStore(Protocol):
    """Jobs, kept safe from crashes.

    What a method has changed is on disk when it returns. Each method is atomic. If its coroutine
    is cancelled, the change may still happen. The store reads no clock: `now_ms` is the caller's
    time, in milliseconds since the epoch.

    A job is pending, then processing, then completed or failed; `release` and `release_all` give
    a processing job back. The workers' side is fenced: `attempt` numbers a job's claims, and only
    the latest claim can renew or finish.

    Every method raises `StoreClosed` once the store is closed.
    """

    async def submit(self, job: JobRecord, *, queue_limit: int) -> None:
        """Store a new job as pending.

        Raises:
            QueueFull: `queue_limit` or more jobs are pending.
            JobExists: the id is taken.
        """
        ...

    async def get(self, job_id: str, owner: str, now_ms: int) -> JobRecord | None:
        """The job without its request, or None if it is unknown, another owner's or expired."""
        ...

    async def claim(self, worker: str, lease_ms: int, now_ms: int, limit: int) -> list[JobRecord]:
        """Take up to `limit` jobs for `lease_ms` from now, each as a new attempt.

        They are the oldest of those that are pending or whose lease has run out, oldest first. A
        worker never takes what it holds itself, even if its clock jumped past the lease.
        """
        ...

    async def release_job(self, job_id: str, attempt: int) -> bool:
        """Give back one processing job, if this attempt holds it; False if it does not."""
        ...

    async def renew(
        self, job_id: str, attempt: int, lease_ms: int, now_ms: int, progress: Progress
    ) -> bool:
        """Extend the lease to `lease_ms` from now and record progress.

        Returns False, and changes nothing, if this attempt no longer holds the job: it was
        cancelled, deleted, released or taken over. An expired lease that nobody took is renewed.
        """
        ...

    async def finish(self, job_id: str, attempt: int, outcome: Outcome, now_ms: int) -> bool:
        """End a job; it expires `ttl_seconds` from now.

        Returns False, and changes nothing, if this attempt no longer holds the job.
        """
        ...

    async def cancel(
        self, job_id: str, owner: str, outcome: Outcome, now_ms: int
    ) -> JobRecord | None:
        """End a pending or processing job from the caller's side.

        Returns the job after that, without its request; None, and nothing changes, if it is
        unknown, another owner's or ended already.
        """
        ...

    async def delete(self, job_id: str, owner: str) -> bool:
        """Remove an ended job; False if it is unknown, another owner's or has not ended."""
        ...

    async def release(self, worker: str) -> int:
        """Make all that this worker is processing pending again; returns how many."""
        ...

    async def release_all(self) -> int:
        """Make all that anyone is processing pending again; returns how many.

        For a start at which no other process can hold jobs.
        """
        ...

    async def expired(self, now_ms: int, limit: int) -> list[str]:
        """Up to `limit` ids of jobs that expired by now, those longest ago first."""
        ...

    async def purge(self, job_ids: Sequence[str]) -> None:
        """Remove those of these jobs that have ended."""
        ...

    async def counts(self) -> dict[JobStatus, int]:
        """How many jobs there are of each status, in constant time."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
        ...
