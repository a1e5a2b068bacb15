"""What a job store and its index of segments do, in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace

from stentor.contract import JOB_STATUSES, PRIORITIES, JobStatus, Progress
from stentor.jobs.record import IdempotencyKey, JobRecord, Outcome, Replay
from stentor.jobs.store import KeyReused, QueueFull


class Model:
    """Answers each call of `JobStore` as a store must."""

    def __init__(self) -> None:
        self.jobs: dict[str, JobRecord] = {}  # in the order of arrival
        self.last_turn: dict[str, int] = {}
        self.keys: dict[tuple[str, str], tuple[IdempotencyKey, str]] = {}
        self.segments = Segments(self)

    def turns(self, *, express_only: bool = False) -> list[str]:
        """The ids of the pending jobs in the order in which claims would take them."""
        queues: dict[str, list[JobRecord]] = {}
        for job in self.jobs.values():
            if job.status == "pending" and (job.express or not express_only):
                queues.setdefault(job.owner, []).append(job)
        for queue in queues.values():
            queue.sort(key=lambda job: -PRIORITIES.index(job.priority))
        last_turn, order = dict(self.last_turn), []
        while queues:
            owner = min(queues, key=lambda owner: (last_turn.get(owner, 0), owner))
            order.append(queues[owner].pop(0).id)
            last_turn[owner] = max(last_turn.values(), default=0) + 1
            if not queues[owner]:
                del queues[owner]
        return order

    def submit(
        self, job: JobRecord, *, queue_limit: int, idempotency: IdempotencyKey | None = None
    ) -> Replay | None:
        if idempotency is not None:
            used, job_id = self.keys.get((job.owner, idempotency.key), (None, ""))
            if used is not None and used.expires_ms > job.created_ms:
                if used.fingerprint != idempotency.fingerprint:
                    raise KeyReused
                return Replay(job_id, used.answer)
        if self.counts()["pending"] >= queue_limit:
            raise QueueFull
        self.jobs[job.id] = job
        if idempotency is not None:
            self.keys[job.owner, idempotency.key] = idempotency, job.id
        return None

    def get(self, job_id: str, owner: str, now_ms: int) -> JobRecord | None:
        job = self.jobs.get(job_id)
        if job is None or job.owner != owner or _expired(job, now_ms):
            return None
        position = self.turns().index(job_id) + 1 if job.status == "pending" else None
        return replace(job, request=b"", position=position)

    def list_jobs(
        self,
        owner: str,
        now_ms: int,
        *,
        limit: int,
        after: str | None = None,
        status: JobStatus | None = None,
    ) -> list[JobRecord]:
        found = [
            replace(job, request=b"")
            for job in self.jobs.values()
            if job.owner == owner
            and not _expired(job, now_ms)
            and (after is None or job.id < after)
            and status in (None, job.status)
        ]
        return sorted(found, key=lambda job: job.id, reverse=True)[:limit]

    def claim(
        self, worker: str, lease_ms: int, now_ms: int, limit: int, *, express_only: bool = False
    ) -> list[JobRecord]:
        left = [
            job
            for job in self._held()
            if (job.lease_expires_ms or 0) <= now_ms
            and job.lease_owner != worker
            and (job.express or not express_only)
        ]
        left = sorted(left, key=lambda job: job.lease_expires_ms or 0)[:limit]
        for job in left:
            error = f"the worker {job.lease_owner} stopped answering while it ran the job"
            self._change(job.id, strikes=job.strikes + 1, last_error=error)
        waiting = self.turns(express_only=express_only)[: limit - len(left)]
        for job_id in waiting:
            owner = self.jobs[job_id].owner
            self.last_turn[owner] = max(self.last_turn.values(), default=0) + 1
        taken = [*(job.id for job in left), *waiting]
        for job_id in taken:
            job = self.jobs[job_id]
            self._change(
                job_id,
                status="processing",
                attempt=job.attempt + 1,
                lease_owner=worker,
                lease_expires_ms=now_ms + lease_ms,
                started_ms=now_ms if job.started_ms is None else job.started_ms,
                progress=Progress(),
            )
        return [self.jobs[job_id] for job_id in taken]

    def renew(
        self,
        job_id: str,
        attempt: int,
        lease_ms: int,
        now_ms: int,
        progress: Progress,
        *,
        advanced: bool = False,
    ) -> bool:
        if not self._holds(job_id, attempt):
            return False
        self._change(job_id, lease_expires_ms=now_ms + lease_ms, progress=progress)
        if advanced:
            self._change(job_id, strikes=0, last_error=None)
        return True

    def release_job(self, job_id: str, attempt: int, *, error: str | None = None) -> bool:
        if not self._holds(job_id, attempt):
            return False
        if error is not None:
            self._change(job_id, strikes=self.jobs[job_id].strikes + 1, last_error=error)
        self._release([self.jobs[job_id]])
        return True

    def release(self, worker: str) -> int:
        return self._release([job for job in self._held() if job.lease_owner == worker])

    def release_all(self, suspects: Collection[str] = (), *, error: str = "") -> int:
        for job in self._held():
            if job.id in suspects:
                self._change(job.id, strikes=job.strikes + 1, last_error=error)
        return self._release(self._held())

    def finish(self, job_id: str, attempt: int, outcome: Outcome, now_ms: int) -> bool:
        if not self._holds(job_id, attempt):
            return False
        self._end(job_id, outcome, now_ms)
        return True

    def cancel(self, job_id: str, owner: str, outcome: Outcome, now_ms: int) -> JobRecord | None:
        job = self.jobs.get(job_id)
        if job is None or job.owner != owner or job.expires_ms is not None:
            return None
        self._end(job_id, outcome, now_ms)
        return replace(self.jobs[job_id], request=b"")

    def fail_overdue(self, outcome: Outcome, now_ms: int, limit: int) -> list[str]:
        due = [
            (job.deadline_ms, number, job.id)
            for number, job in enumerate(self.jobs.values())
            if job.expires_ms is None and job.deadline_ms is not None and job.deadline_ms <= now_ms
        ]
        ended = [job_id for *_, job_id in sorted(due)[:limit]]
        for job_id in ended:
            self._end(job_id, outcome, now_ms)
        return ended

    def delete(self, job_id: str, owner: str) -> bool:
        job = self.jobs.get(job_id)
        if job is None or job.owner != owner or job.expires_ms is None:
            return False
        del self.jobs[job_id]
        return True

    def expired(self, now_ms: int, limit: int) -> list[str]:
        due = [job for job in self.jobs.values() if _expired(job, now_ms)]
        return [job.id for job in sorted(due, key=lambda job: job.expires_ms or 0)][:limit]

    def purge(self, job_ids: Sequence[str]) -> None:
        for job_id in job_ids:
            if job_id in self.jobs and self.jobs[job_id].expires_ms is not None:
                del self.jobs[job_id]

    def purge_keys(self, now_ms: int) -> int:
        old = [name for name, (key, _) in self.keys.items() if key.expires_ms <= now_ms]
        for name in old:
            del self.keys[name]
        return len(old)

    def known(self, job_ids: Collection[str]) -> set[str]:
        return {
            job_id
            for job_id in job_ids
            if job_id in self.jobs and self.jobs[job_id].status != "failed"
        }

    def counts(self) -> dict[JobStatus, int]:
        tally = Counter(job.status for job in self.jobs.values())
        return {status: tally[status] for status in JOB_STATUSES}

    def _held(self) -> list[JobRecord]:
        return [job for job in self.jobs.values() if job.status == "processing"]

    def _holds(self, job_id: str, attempt: int) -> bool:
        job = self.jobs.get(job_id)
        return job is not None and job.status == "processing" and job.attempt == attempt

    def _change(self, job_id: str, **changes: object) -> None:
        self.jobs[job_id] = replace(self.jobs[job_id], **changes)

    def _release(self, jobs: Iterable[JobRecord]) -> int:
        ids = [job.id for job in jobs]
        for job_id in ids:
            self._change(
                job_id,
                status="pending",
                lease_owner=None,
                lease_expires_ms=None,
                progress=Progress(),
            )
        return len(ids)

    def _end(self, job_id: str, outcome: Outcome, now_ms: int) -> None:
        self._change(
            job_id,
            status=outcome.status,
            status_code=outcome.status_code,
            result=outcome.result,
            error=outcome.error,
            completed_ms=now_ms,
            expires_ms=now_ms + self.jobs[job_id].ttl_seconds * 1000,
            lease_owner=None,
            lease_expires_ms=None,
        )
        self.segments.pins = {pin for pin in self.segments.pins if pin[0] != job_id}


class Segments:
    """Answers each call of `SegmentIndex` as an index must."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.pins: set[tuple[str, str]] = set()
        self.size_bytes: dict[str, int] = {}
        self.used_ms: dict[str, int] = {}
        self.private: set[str] = set()

    @property
    def pinned(self) -> set[str]:
        return {key for _, key in self.pins}

    def pin(self, job_id: str, keys: Sequence[str], now_ms: int) -> set[str]:
        job = self._model.jobs.get(job_id)
        if job is None or job.expires_ms is not None:
            return set()
        self.pins |= {(job_id, key) for key in keys}
        found = self.known(keys)
        self.used_ms |= dict.fromkeys(found, now_ms)
        return found

    def add(self, key: str, size_bytes: int, now_ms: int, *, private: bool) -> None:
        if private and key not in self.size_bytes:
            self.private.add(key)
        self.size_bytes[key] = size_bytes
        self.used_ms[key] = now_ms

    def removable(self, keep_bytes: int, used_before_ms: int, limit: int) -> list[str]:
        unpinned = self.size_bytes.keys() - self.pinned
        kept_bytes = sum(self.size_bytes[key] for key in unpinned - self.private)
        found = []
        for key in sorted(unpinned, key=lambda key: (self.used_ms[key], key)):
            old = self.used_ms[key] < used_before_ms
            if key in self.private or old or kept_bytes > keep_bytes:
                found.append(key)
                kept_bytes -= 0 if key in self.private else self.size_bytes[key]
        return found[:limit]

    def remove(self, keys: Collection[str]) -> list[str]:
        removed = (set(keys) & self.size_bytes.keys()) - self.pinned
        for key in removed:
            del self.size_bytes[key], self.used_ms[key]
        self.private -= removed
        return sorted(removed)

    def known(self, keys: Collection[str]) -> set[str]:
        return set(keys) & self.size_bytes.keys()


def _expired(job: JobRecord, now_ms: int) -> bool:
    return job.expires_ms is not None and job.expires_ms <= now_ms
