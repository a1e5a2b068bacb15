"""Takes jobs from the store, runs them and records how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable
from typing import Literal

import structlog

from stentor.contract import Attempt
from stentor.disk import DiskGuard
from stentor.errors import SpeechError
from stentor.jobs.clock import Clock, now_ms
from stentor.jobs.feed import JobFeed
from stentor.jobs.outcome import failed, overdue
from stentor.jobs.probation import Probation
from stentor.jobs.quick import Quick
from stentor.jobs.record import JobRecord, Outcome, ended_as
from stentor.jobs.store import JobStore, StoreFull
from stentor.jobs.work import Known, NoRoom, Progressing, Work
from stentor.shielded import shielded

log = structlog.get_logger(__name__)

# How often a running job's progress reaches the store, and how soon work that another process
# left behind is noticed.
PROGRESS_INTERVAL_S = 0.5
STRIKES_INTERVAL_S = 0.05
POLL_INTERVAL_S = 1.0
DEADLINE_INTERVAL_S = 0.5
LONGEST_PAUSE_S = 60.0
OVERDUE_AT_ONCE = 500


class JobRunner:
    """Runs up to `concurrency` jobs at once, and `express_concurrency` short ones besides.

    Args:
        work: what a job does.
        name: who holds the leases; unique per process and start.
        lease_ms: how long a claimed job is safe from other workers without a renewal.
        max_attempts: a job fails once so many attempts in a row have ended in a fault or a crash.
        when_full: whether a job waits or fails when the disk has no room.
        on_end: called when a job has ended, however it did.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        store: JobStore,
        work: Work,
        feed: JobFeed,
        guard: DiskGuard,
        *,
        name: str,
        concurrency: int,
        express_concurrency: int,
        lease_ms: int,
        max_attempts: int,
        when_full: Literal["wait", "fail"],
        on_end: Callable[[], None] = lambda: None,
        clock: Clock = now_ms,
    ) -> None:
        self._store = store
        self._work = work
        self._feed = feed
        self._guard = guard
        self._name = name
        self._concurrency = concurrency
        self._express_concurrency = express_concurrency
        self._lease_ms = lease_ms
        self._max_attempts = max_attempts
        self._when_full = when_full
        self._on_end = on_end
        self._clock = clock
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._progressing: dict[str, Progressing] = {}
        self._express: set[str] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._probation = Probation()
        self._draining = False
        self._reserved = 0
        self._closed = False
        # Whether a job may wait for a place that becomes free.
        self._may_wait = True

    @property
    def draining(self) -> bool:
        """Whether no more jobs are taken."""
        return self._draining

    def start(self) -> None:
        """Begin to take jobs."""
        self._loops = [
            asyncio.create_task(self._run(), name="job-runner"),
            asyncio.create_task(self._watch_deadlines(), name="job-deadlines"),
        ]

    async def drain(self, timeout_s: float) -> None:
        """Take no more jobs, and wait until those that run have ended or the time is up."""
        self._draining = True
        self._wake.set()
        end = time.monotonic() + timeout_s
        # A claim that is under way may still bring jobs.
        while (tasks := list(self._running.values())) and (rest := end - time.monotonic()) > 0:
            await asyncio.wait(tasks, timeout=rest)

    async def close(self) -> None:
        """Stop, and give unfinished jobs back to the queue."""
        self._closed = True
        await _cancel(self._loops)
        await _cancel(list(self._running.values()))
        try:
            await self._store.release(self._name)
        except Exception:
            # On a full disk, say. The next start gives them back.
            log.exception("jobs.not_given_back")

    def notify(self) -> None:
        """Say that a job was submitted, so that it need not wait for the next look."""
        self._wake.set()
        peers = self._feed.peers
        if peers is not None and len(self._running) >= self._concurrency:
            peers.submitted()

    async def submit(self, job: JobRecord, *, queue_limit: int, known: Known | None = None) -> None:
        """Store a new job and begin one, if there is a place; in one commit.

        Args:
            known: the job's request, for when it is begun at once.

        Raises:
            QueueFull, JobExists, StoreFull, StoreClosed: it was not stored.
        """
        places = self._concurrency - (len(self._running) - len(self._express)) - self._reserved
        if places <= 0 or self._closed or self._draining or self._guard.full:
            await self._store.submit(job, queue_limit=queue_limit)
            self._may_wait = True
            self.notify()
            return
        # Not to be cut off in between: what was claimed must be begun.
        await shielded(self._submit_and_begin(job, queue_limit, known))

    async def _submit_and_begin(
        self, job: JobRecord, queue_limit: int, known: Known | None
    ) -> None:
        self._reserved += 1
        try:
            claimed = await self._store.submit_and_claim(
                job, queue_limit=queue_limit, worker=self._name, lease_ms=self._lease_ms
            )
        finally:
            self._reserved -= 1
        for one in claimed:
            self._begin(one, known if one.id == job.id else None)
        if all(one.id != job.id for one in claimed):
            # Another waited before it: it waits in turn.
            self._may_wait = True
            self._wake.set()

    def wake(self) -> None:
        """Say that another process has submitted a job that it has no place for."""
        self._wake.set()

    def attempts(self, job_id: str) -> tuple[Attempt, ...]:
        """What was tried so far for a job that runs here."""
        progressing = self._progressing.get(job_id)
        return progressing.log.entries if progressing is not None else ()

    def cancel(self, job_id: str) -> None:
        """Stop working on a job, wherever it runs. Its end must be in the store already."""
        if job_id not in self._running and self._feed.peers is not None:
            self._feed.peers.cancelled(job_id)
        self.stop(job_id)
        self._ended(job_id)

    def stop(self, job_id: str) -> None:
        """Stop working on a job, if it runs here, and tell those who follow it here."""
        if task := self._running.get(job_id):
            task.cancel()
        self._feed.set_live(job_id, None)

    def _ended(self, job_id: str) -> None:
        self._feed.set_live(job_id, None)
        self._on_end()

    async def _run(self) -> None:
        while not self._draining:
            self._wake.clear()
            try:
                await self._claim()
            except Exception:
                # The store may be back at the next look; a runner that died never would.
                log.exception("jobs.claim_failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await self._wake.wait()

    async def _claim(self) -> None:
        # To end a job takes room, too; what waits is safe where it is.
        if self._guard.full:
            return
        self._may_wait = True
        free = self._concurrency - (len(self._running) - len(self._express)) - self._reserved
        if free > 0:
            jobs = await self._store.claim(self._name, self._lease_ms, self._clock(), free)
            for job in jobs:
                self._begin(job)
            if len(jobs) < free:
                self._may_wait = False
                return
        free = self._express_concurrency - len(self._express)
        if free > 0:
            for job in await self._store.claim(
                self._name, self._lease_ms, self._clock(), free, express_only=True
            ):
                self._express.add(job.id)
                self._begin(job)

    def _begin(self, job: JobRecord, known: Known | None = None) -> None:
        task = asyncio.create_task(self._attempt(job, known), name=f"job-{job.id}")
        self._running[job.id] = task
        self._feed.set_here(job.id, True)
        task.add_done_callback(functools.partial(self._done, job.id))
        self._feed.notify(job.id)

    def _done(self, job_id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(job_id) is task:
            del self._running[job_id]
            self._feed.set_here(job_id, False)
            self._express.discard(job_id)
        if self._may_wait:
            self._wake.set()

    async def _attempt(self, job: JobRecord, known: Known | None) -> None:
        logger = log.bind(job_id=job.id, attempt=job.attempt)
        progressing = self._progressing[job.id] = Progressing(job.id, self._feed)
        renewal = asyncio.create_task(self._keep(job, progressing, asyncio.current_task()))
        try:
            done = await self._outcome(job, progressing, known)
            quick = done if isinstance(done, Quick) else None
            outcome = done.outcome if isinstance(done, Quick) else done
            try:
                if await self._end(job, outcome, progressing, quick):
                    logger.info("job.ended", status=outcome.status, status_code=outcome.status_code)
                    return
            finally:
                if quick is not None:
                    quick.settled()
            if quick is None and outcome.status == "completed" and await self._is_in_vain(job):
                await self._work.discard(job)
        except (NoRoom, StoreFull) as error:
            logger.warning("job.waits_for_room")
            reason = None if self._when_full == "wait" else str(error)
            await self._give_back(job, progressing, error=reason)
        except Exception as error:
            # A store that is away, say: not the job's fault, so it waits its turn again. Its lease
            # is kept meanwhile.
            logger.exception("job.interrupted")
            await self._give_back(job, progressing, error=f"{type(error).__name__}: {error}")
        finally:
            renewal.cancel()
            self._feed.set_live(job.id, None)
            if self._progressing.get(job.id) is progressing:
                del self._progressing[job.id]

    async def _end(
        self, job: JobRecord, outcome: Outcome, progressing: Progressing, quick: Quick | None
    ) -> bool:
        """Record how a job ended; False if it is no longer ours."""
        now_ms = self._clock()
        ended = await self._store.finish(
            job.id,
            job.attempt,
            outcome,
            now_ms,
            # The last word on progress comes with the end, whenever the last renewal was.
            progress=progressing.value,
            take=quick.take if quick is not None else None,
        )
        if ended:
            audio = quick.audio if quick is not None else None
            self._feed.tell_end(
                job.id, lambda: (ended_as(job, outcome, progressing.value, now_ms), audio)
            )
            self._ended(job.id)
        return ended

    async def _give_back(
        self, job: JobRecord, progressing: Progressing, *, error: str | None
    ) -> None:
        """Put the job back into the queue after a pause that grows with its strikes."""
        self._feed.set_live(job.id, None)
        while True:
            await asyncio.sleep(min(2.0 ** (job.strikes + 1), LONGEST_PAUSE_S))
            try:
                if progressing.spoken > 0:
                    # It may have got further since the last renewal.
                    await self._renew(job, progressing, advanced=True)
                await self._store.release_job(job.id, job.attempt, error=error)
                self._may_wait = True
                return
            except Exception:
                log.exception("job.not_given_back", job_id=job.id)

    async def _outcome(
        self, job: JobRecord, progressing: Progressing, known: Known | None
    ) -> Outcome | Quick:
        if job.strikes >= self._max_attempts:
            return failed(
                SpeechError(
                    500,
                    "too_many_attempts",
                    f"the job was interrupted {job.strikes} times in a row without getting "
                    f"further ([jobs] max_attempts), the last time by: {job.last_error}",
                )
            )
        if job.strikes > 0:
            await self._probation.begin(job.id)
        try:
            return await self._work.run(job, progressing, known)
        except (NoRoom, StoreFull) as error:
            if self._when_full == "wait":
                raise
            return failed(SpeechError(503, "storage_full", str(error)))
        finally:
            self._probation.end(job.id)
            await self._work.clean(job, progressing)

    async def _renew(
        self, job: JobRecord, progressing: Progressing, *, advanced: bool = False
    ) -> bool:
        return await self._store.renew(
            job.id,
            job.attempt,
            self._lease_ms,
            self._clock(),
            progressing.value,
            advanced=advanced,
        )

    async def _keep(
        self, job: JobRecord, progressing: Progressing, work: asyncio.Task[None] | None
    ) -> None:
        """Renew the lease and record progress; stop the work once it is no longer ours."""
        renewed = time.monotonic()
        reported = progressing.value
        spoken = 0
        advanced = False
        while True:
            # Strikes are forgotten as soon as there is a reason to, lest a job that gets a little
            # further in each of many short lives is taken for one that does not.
            hurry = job.strikes > 0 and spoken == 0
            await asyncio.sleep(STRIKES_INTERVAL_S if hurry else PROGRESS_INTERVAL_S)
            since_s = time.monotonic() - renewed
            due = since_s >= self._lease_ms / 3000
            same = progressing.value is reported or since_s < 0.9 * PROGRESS_INTERVAL_S
            if same and progressing.spoken == spoken and not due:
                continue
            advanced = advanced or progressing.spoken > spoken
            reported, spoken = progressing.value, progressing.spoken
            renewed = time.monotonic()
            try:
                held = await self._renew(job, progressing, advanced=advanced)
            except Exception:
                # A full disk, say, may have room again before the lease runs out.
                log.exception("job.renewal_failed", job_id=job.id)
                continue
            if not held:
                if work is not None:
                    work.cancel()
                return
            if advanced:
                advanced = False
                self._probation.end(job.id)

    async def _watch_deadlines(self) -> None:
        while True:
            await asyncio.sleep(DEADLINE_INTERVAL_S)
            try:
                ended = await self._store.fail_overdue(overdue(), self._clock(), OVERDUE_AT_ONCE)
            except Exception:
                log.exception("jobs.deadlines_failed")
                continue
            for job_id in ended:
                log.info("job.overdue", job_id=job_id)
                self.cancel(job_id)

    async def _is_in_vain(self, job: JobRecord) -> bool:
        """Whether no newer attempt can own the audio that this one stored."""
        found = await self._store.get(job.id, job.owner, self._clock())
        return found is None or found.status == "failed"


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
