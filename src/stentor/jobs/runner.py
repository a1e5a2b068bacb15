"""Takes jobs from the store, renders them and records how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from stentor.blobs import BlobStore
from stentor.contract import (
    CONTENT_TYPES,
    Progress,
    ResultExtraFields,
    SpeechResult,
    Usage,
)
from stentor.errors import CLIENT_CLOSED_REQUEST, SpeechError
from stentor.jobs.record import JobRecord, Outcome
from stentor.jobs.store import JobStore
from stentor.requests import StoredRequest, check, ignored_params
from stentor.routing.catalogue import Catalogue
from stentor.synthesis import Rendered, Speech, Synthesizer

log = structlog.get_logger(__name__)

# How often a running job's progress reaches the store, and how soon work that another process
# left behind is noticed.
PROGRESS_INTERVAL_S = 0.5
POLL_INTERVAL_S = 1.0
LONGEST_PAUSE_S = 60.0

Clock = Callable[[], int]


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class JobRunner:
    """Runs up to `concurrency` jobs at once.

    Args:
        name: who holds the leases; unique per process and start.
        spool: folder for files being made.
        lease_ms: how long a claimed job is safe from other workers without a renewal.
        max_attempts: a job that was taken up more often than this fails.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        store: JobStore,
        blobs: BlobStore,
        synthesizer: Synthesizer,
        catalogue: Catalogue,
        *,
        name: str,
        spool: Path,
        concurrency: int,
        lease_ms: int,
        max_attempts: int,
        max_input_chars: int,
        clock: Clock = now_ms,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._synthesizer = synthesizer
        self._catalogue = catalogue
        self._name = name
        self._spool = spool
        self._concurrency = concurrency
        self._lease_ms = lease_ms
        self._max_attempts = max_attempts
        self._max_input_chars = max_input_chars
        self._clock = clock
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take jobs."""
        self._loop = asyncio.create_task(self._run(), name="job-runner")

    async def close(self) -> None:
        """Stop, and give unfinished jobs back to the queue."""
        tasks = [*self._running.values(), *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._store.release(self._name)

    def notify(self) -> None:
        """Say that a job was submitted, so that it need not wait for the next look."""
        self._wake.set()

    def cancel(self, job_id: str) -> None:
        """Stop working on a job, if it runs here. Its end must be in the store already."""
        if task := self._running.get(job_id):
            task.cancel()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            free = self._concurrency - len(self._running)
            if free > 0:
                try:
                    jobs = await self._store.claim(
                        self._name, self._lease_ms, self._clock(), limit=free
                    )
                except Exception:
                    # The store may be back at the next look; a runner that died never would.
                    log.exception("jobs.claim_failed")
                    jobs = []
                for job in jobs:
                    task = asyncio.create_task(self._work(job), name=f"job-{job.id}")
                    self._running[job.id] = task
                    task.add_done_callback(functools.partial(self._done, job.id))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL_S):
                    await self._wake.wait()

    def _done(self, job_id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(job_id) is task:
            del self._running[job_id]
        self._wake.set()

    async def _work(self, job: JobRecord) -> None:
        path = self._spool / f"{job.id}.{job.attempt}"
        logger = log.bind(job_id=job.id, attempt=job.attempt)
        renewal: asyncio.Task[None] | None = None
        try:
            progress = _Latest()
            renewal = asyncio.create_task(self._keep(job, progress, asyncio.current_task()))
            outcome = await self._outcome(job, path, progress)
            if await self._store.finish(job.id, job.attempt, outcome, self._clock()):
                logger.info("job.ended", status=outcome.status, status_code=outcome.status_code)
            elif outcome.status == "completed" and not await self._still_there(job):
                await self._blobs.delete([job.id])
        except Exception:
            # A full disk, an object store that is away: not the job's fault, so it waits its turn
            # again. Its lease is kept meanwhile.
            logger.exception("job.interrupted")
            path.unlink(missing_ok=True)
            await self._give_back(job)
        finally:
            if renewal is not None:
                renewal.cancel()
            path.unlink(missing_ok=True)

    async def _give_back(self, job: JobRecord) -> None:
        """Put the job back into the queue after a pause that grows with its attempts."""
        while True:
            await asyncio.sleep(min(2.0**job.attempt, LONGEST_PAUSE_S))
            try:
                await self._store.release_job(job.id, job.attempt)
                return
            except Exception:
                log.exception("job.not_given_back", job_id=job.id)

    async def _outcome(self, job: JobRecord, path: Path, progress: _Latest) -> Outcome:
        started = time.monotonic()
        if job.attempt > self._max_attempts:
            return failed(
                SpeechError(
                    500,
                    "too_many_attempts",
                    f"the job was interrupted {self._max_attempts} times ([jobs] max_attempts)",
                )
            )
        try:
            stored, speech = await asyncio.to_thread(self._read, job)
            rendered = await self._synthesizer.render(
                speech, path, flow=job.id, on_progress=progress.set
            )
        except SpeechError as error:
            return failed(_named(error, job))
        except OSError:
            raise
        except Exception as error:
            log.exception("job.failed", job_id=job.id)
            return failed(
                SpeechError(500, "internal_error", f"the job failed: {type(error).__name__}")
            )
        result = _result(stored, rendered, round((time.monotonic() - started) * 1000))
        await self._blobs.put(job.id, path, result.content_type)
        # The last word on progress comes with the end, whenever the last renewal was.
        await self._store.renew(job.id, job.attempt, self._lease_ms, self._clock(), progress.value)
        return Outcome(
            status="completed", status_code=200, result=msgspec.json.encode(result), error=None
        )

    def _read(self, job: JobRecord) -> tuple[StoredRequest, Speech]:
        stored = msgspec.json.decode(job.request, type=StoredRequest)
        return stored, check(stored, self._catalogue, max_input_chars=self._max_input_chars)

    async def _keep(
        self, job: JobRecord, progress: _Latest, work: asyncio.Task[None] | None
    ) -> None:
        """Renew the lease and record progress; stop the work once it is no longer ours."""
        renewed = time.monotonic()
        reported = progress.value
        while True:
            await asyncio.sleep(PROGRESS_INTERVAL_S)
            due = time.monotonic() - renewed >= self._lease_ms / 3000
            if progress.value is reported and not due:
                continue
            reported = progress.value
            renewed = time.monotonic()
            try:
                held = await self._store.renew(
                    job.id, job.attempt, self._lease_ms, self._clock(), reported
                )
            except Exception:
                # A full disk, say, may have room again before the lease runs out.
                log.exception("job.renewal_failed", job_id=job.id)
                continue
            if not held:
                if work is not None:
                    work.cancel()
                return

    async def _still_there(self, job: JobRecord) -> bool:
        """Whether a newer attempt may own the blob that this one wrote."""
        return await self._store.get(job.id, job.owner, self._clock()) is not None


def _named(error: SpeechError, job: JobRecord) -> SpeechError:
    """The error with the model that the request named, which may have been an alias."""
    error.model = msgspec.json.decode(job.request, type=StoredRequest).speech.model
    return error


class _Latest:
    """The newest progress of a job, handed from the synthesis to the renewal."""

    def __init__(self) -> None:
        self.value = Progress()

    def set(self, progress: Progress) -> None:
        self.value = progress


def failed(error: SpeechError) -> Outcome:
    """The end of a job that failed with this error."""
    return Outcome(
        status="failed",
        status_code=error.status_code,
        result=None,
        error=msgspec.json.encode(error.response()),
    )


def cancelled() -> Outcome:
    """The end of a job that its caller cancelled."""
    return failed(SpeechError(CLIENT_CLOSED_REQUEST, "cancelled", "the job was cancelled"))


def _result(stored: StoredRequest, rendered: Rendered, latency_ms: int) -> SpeechResult:
    response_format = stored.speech.response_format or "mp3"
    encoded = rendered.encoded
    ignored = ignored_params(stored)
    return SpeechResult(
        response_format=response_format,
        content_type=CONTENT_TYPES[response_format],
        audio_url="",
        size_bytes=encoded.size_bytes,
        sha256=rendered.sha256,
        duration_seconds=round(encoded.duration_seconds, 3),
        sample_rate=encoded.sample_rate,
        usage=Usage(
            input_chars=len(stored.speech.input), audio_seconds=round(encoded.duration_seconds, 3)
        ),
        warnings=list(rendered.warnings),
        extra_fields=ResultExtraFields(
            provider=rendered.target.provider,
            model_requested=stored.speech.model,
            model_used=rendered.target.id,
            latency_ms=latency_ms,
            attempts=list(rendered.attempts),
            ignored_params=ignored,
        ),
    )
