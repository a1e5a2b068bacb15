"""What the system needs from a database to keep jobs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from stentor.contract import JobStatus, Progress
from stentor.jobs.record import IdempotencyKey, JobRecord, Outcome, Replay
from stentor.jobs.small import SmallTake


class QueueFull(Exception):
    """As many jobs as allowed are pending already."""


class JobExists(Exception):
    """A job of this id is in the store already."""


class KeyReused(Exception):
    """The idempotency key was used before, for another request."""


class StoreFull(Exception):
    """The store has no room on its disk for this operation, and has changed nothing."""


class StoreClosed(Exception):
    """The store was closed before this operation."""


class JobStore(Protocol):
    """Jobs, kept safe from crashes.

    What a method has changed is on disk when it returns. Each method is atomic. If its coroutine
    is cancelled, the change may still happen. The store reads no clock: `now_ms` is the caller's
    time, in milliseconds since the epoch.

    A job is pending, then processing, then completed or failed; the `release` methods give a
    processing job back. The workers' side is fenced: `attempt` numbers a job's claims, and only
    the latest claim can renew or finish.

    A *strike* is an attempt that ended by a fault or a crash. A job that gets further loses its
    strikes, so that only one that always stops at the same place collects them.

    Every method raises `StoreClosed` once the store is closed, and every one that writes raises
    `StoreFull` when the disk has no room.
    """

    async def submit(
        self, job: JobRecord, *, queue_limit: int, idempotency: IdempotencyKey | None = None
    ) -> Replay | None:
        """Store a new job as pending.

        With an idempotency key that its owner used before, and that has not expired at the job's
        `created_ms`, nothing is stored and the earlier answer is returned, even if the queue is
        full and whatever became of that job.

        Raises:
            QueueFull: `queue_limit` or more jobs are pending.
            JobExists: the id is taken.
            KeyReused: the owner used the key before with another fingerprint.
        """
        ...

    async def submit_and_claim(
        self, job: JobRecord, *, queue_limit: int, worker: str, lease_ms: int
    ) -> list[JobRecord]:
        """Store a new job as pending and take the job that is next, at the new one's `created_ms`.

        That is the new one if no other waits. In one step, as it takes the time of one.

        Returns:
            What `claim` returns for a limit of one.

        Raises:
            QueueFull, JobExists: as `submit` does.
        """
        ...

    async def get(self, job_id: str, owner: str, now_ms: int) -> JobRecord | None:
        """The job without its request, or None if it is unknown, another owner's or expired."""
        ...

    async def request(self, job_id: str, owner: str, now_ms: int) -> bytes | None:
        """The job's request as it was submitted; None where `get` finds no job."""
        ...

    async def list_jobs(
        self,
        owner: str,
        now_ms: int,
        *,
        limit: int,
        after: str | None = None,
        status: JobStatus | None = None,
    ) -> list[JobRecord]:
        """Up to `limit` of the owner's jobs, newest first (by id), without their requests.

        `position` is not told. Expired jobs are left out.

        Args:
            after: only jobs older than this id, which need not exist any more.
            status: only jobs of this status.
        """
        ...

    async def claim(
        self,
        worker: str,
        lease_ms: int,
        now_ms: int,
        limit: int,
        *,
        express_only: bool = False,
    ) -> list[JobRecord]:
        """Take up to `limit` jobs for `lease_ms` from now, each as a new attempt.

        First those whose lease has run out, longest ago first, with a strike for each; then the
        pending ones. Owners take turns, one job each, the one served longest ago first; among an
        owner's jobs the higher priority goes first, then the older. Taking over an expired lease
        is no turn. A worker never takes what it holds itself, even if its clock jumped past the
        lease.

        Args:
            express_only: take only jobs that are `express`.

        Returns:
            The jobs with their requests, in that order.
        """
        ...

    async def release_job(self, job_id: str, attempt: int, *, error: str | None = None) -> bool:
        """Give back one processing job, if this attempt holds it; False if it does not.

        With an `error`, the attempt counts as a strike and the error is kept as the last one.
        """
        ...

    async def renew(
        self,
        job_id: str,
        attempt: int,
        lease_ms: int,
        now_ms: int,
        progress: Progress,
        *,
        advanced: bool = False,
    ) -> bool:
        """Extend the lease to `lease_ms` from now and record progress.

        Returns False, and changes nothing, if this attempt no longer holds the job: it was
        cancelled, deleted, released or taken over. An expired lease that nobody took is renewed.

        Args:
            advanced: the job got further than any attempt before: its strikes are forgotten.
        """
        ...

    async def finish(
        self,
        job_id: str,
        attempt: int,
        outcome: Outcome,
        now_ms: int,
        *,
        progress: Progress | None = None,
        take: SmallTake | None = None,
    ) -> bool:
        """End a job; it expires `ttl_seconds` from now.

        Returns False, and changes nothing, if this attempt no longer holds the job.

        Args:
            progress: the last of it; None leaves what was reported before.
            take: the job's audio, kept with it for as long as it is.
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

    async def fail_overdue(self, outcome: Outcome, now_ms: int, limit: int) -> list[str]:
        """End up to `limit` pending or processing jobs whose deadline has come, earliest first.

        Returns their ids.
        """
        ...

    async def delete(self, job_id: str, owner: str) -> bool:
        """Remove an ended job; False if it is unknown, another owner's or has not ended."""
        ...

    async def release(self, worker: str) -> int:
        """Make all that this worker is processing pending again; returns how many. No strikes."""
        ...

    async def abandon(self, worker: str, suspects: Collection[str] = (), *, error: str = "") -> int:
        """Make all that a worker was processing pending again, which is gone; returns how many.

        Args:
            suspects: ids of jobs that may have been its end: a strike for each of them that it
                was processing.
            error: kept as the suspects' last error.
        """
        ...

    async def release_all(self, suspects: Collection[str] = (), *, error: str = "") -> int:
        """Make all that anyone is processing pending again; returns how many.

        For a start at which no other process can hold jobs.

        Args:
            suspects: ids of jobs that may have caused the crash: a strike for each.
            error: kept as the suspects' last error.
        """
        ...

    async def expired(self, now_ms: int, limit: int) -> list[str]:
        """Up to `limit` ids of jobs that expired by now, those longest ago first."""
        ...

    async def purge(self, job_ids: Sequence[str]) -> None:
        """Remove those of these jobs that have ended."""
        ...

    async def purge_keys(self, now_ms: int) -> int:
        """Forget the idempotency keys that expired by now; returns how many."""
        ...

    async def known(self, job_ids: Collection[str]) -> set[str]:
        """Those of these ids that are jobs, whoever's, which have audio or may get some.

        A failed job is not among them: an attempt that a crash or a cancellation ended may have
        stored audio, which nobody can ask for.
        """
        ...

    async def counts(self) -> dict[JobStatus, int]:
        """How many jobs there are of each status, in constant time."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of the database."""
        ...
