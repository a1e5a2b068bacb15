"""Any sequence of calls leaves a store in the state that a few lines of Python predict."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from jobs_support import CANCELLED, COMPLETED, FAILED, LEASE_MS, NOW_MS, STORES, OpenStore, job
from stentor.contract import JOB_STATUSES, JobStatus, Progress
from stentor.jobs.record import JobRecord, Outcome
from stentor.jobs.store import QueueFull

T = TypeVar("T")

QUEUE_LIMIT = 4
TTL_S = 40

owners = st.sampled_from(["ann", "bob"])
workers = st.sampled_from(["w1", "w2"])


@dataclass
class Expected:
    """What should be true of a job."""

    id: str
    owner: str
    status: JobStatus = "pending"
    attempt: int = 0
    holder: str | None = None
    lease_expires_ms: int = 0
    outcome: Outcome | None = None
    expires_ms: int | None = None
    removed: bool = False

    @property
    def live(self) -> bool:
        return self.outcome is None

    def held_by(self, attempt: int) -> bool:
        return self.status == "processing" and self.attempt == attempt

    def claimable(self, now_ms: int) -> bool:
        return self.status == "pending" or (
            self.status == "processing" and self.lease_expires_ms <= now_ms
        )

    def release(self) -> None:
        self.status, self.holder = "pending", None

    def end(self, outcome: Outcome, now_ms: int) -> None:
        self.status, self.outcome, self.holder = outcome.status, outcome, None
        self.expires_ms = now_ms + TTL_S * 1000


class StoreMachine(RuleBasedStateMachine):
    """Two owners and two workers use a store while time goes by."""

    jobs: Bundle[Expected] = Bundle("jobs")

    def __init__(self, open_store: OpenStore) -> None:
        super().__init__()
        self._open_store = open_store
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._now = NOW_MS
        self._all: list[Expected] = []

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    @property
    def present(self) -> list[Expected]:
        return [each for each in self._all if not each.removed]

    @initialize()
    def open(self) -> None:
        async def opened() -> Any:
            return await self._open_store(Path(self._folder.name))

        self._store = self.wait(opened())

    def teardown(self) -> None:
        if hasattr(self, "_store"):
            self.wait(self._store.close())
        self._runner.close()
        self._folder.cleanup()

    @rule(target=jobs, owner=owners)
    def submit(self, owner: str) -> Expected:
        new = job(owner=owner, ttl_seconds=TTL_S, created_ms=self._now)
        expected = Expected(new.id, owner)
        full = sum(each.status == "pending" for each in self.present) >= QUEUE_LIMIT
        try:
            self.wait(self._store.submit(new, queue_limit=QUEUE_LIMIT))
        except QueueFull:
            assert full
            expected.removed = True
        else:
            assert not full
            self._all.append(expected)
        return expected

    @rule(worker=workers, limit=st.integers(0, 3))
    def claim(self, worker: str, limit: int) -> None:
        due = [
            each for each in self.present if each.claimable(self._now) and each.holder != worker
        ][:limit]
        records = self.wait(self._store.claim(worker, LEASE_MS, self._now, limit))
        assert [record.id for record in records] == [each.id for each in due]
        for each, record in zip(due, records, strict=True):
            each.status, each.holder = "processing", worker
            each.attempt += 1
            each.lease_expires_ms = self._now + LEASE_MS
            assert record.attempt == each.attempt

    @rule(target_job=jobs, behind=st.integers(0, 1))
    def renew(self, target_job: Expected, behind: int) -> None:
        attempt = target_job.attempt - behind
        holds = target_job.held_by(attempt) and not target_job.removed
        progress = Progress(segments_done=attempt)
        call = self._store.renew(target_job.id, attempt, LEASE_MS, self._now, progress)
        assert self.wait(call) == holds
        if holds:
            target_job.lease_expires_ms = self._now + LEASE_MS

    @rule(target_job=jobs, behind=st.integers(0, 1), outcome=st.sampled_from([COMPLETED, FAILED]))
    def finish(self, target_job: Expected, behind: int, outcome: Outcome) -> None:
        attempt = target_job.attempt - behind
        holds = target_job.held_by(attempt) and not target_job.removed
        assert self.wait(self._store.finish(target_job.id, attempt, outcome, self._now)) == holds
        if holds:
            target_job.end(outcome, self._now)

    @rule(target_job=jobs, owner=owners)
    def cancel(self, target_job: Expected, owner: str) -> None:
        allowed = target_job.live and not target_job.removed and target_job.owner == owner
        after = self.wait(self._store.cancel(target_job.id, owner, CANCELLED, self._now))
        assert (after is not None) == allowed
        if allowed:
            target_job.end(CANCELLED, self._now)

    @rule(target_job=jobs, owner=owners)
    def delete(self, target_job: Expected, owner: str) -> None:
        allowed = not target_job.live and not target_job.removed and target_job.owner == owner
        assert self.wait(self._store.delete(target_job.id, owner)) == allowed
        target_job.removed |= allowed

    @rule(worker=workers)
    def release(self, worker: str) -> None:
        held = [each for each in self.present if each.holder == worker]
        assert self.wait(self._store.release(worker)) == len(held)
        for each in held:
            each.release()

    @rule(seconds=st.sampled_from([1, 15, 30, 60]))
    def time_goes_by(self, seconds: int) -> None:
        self._now += seconds * 1000

    @rule()
    def sweep(self) -> None:
        due = [each for each in self.present if (each.expires_ms or self._now + 1) <= self._now]
        ids = self.wait(self._store.expired(self._now, 100))
        assert sorted(ids) == sorted(each.id for each in due)
        self.wait(self._store.purge(ids))
        for each in due:
            each.removed = True

    async def _look(self, jobs: list[Any]) -> list[JobRecord | None]:
        return await asyncio.gather(
            *(self._store.get(each.id, each.owner, self._now) for each in jobs)
        )

    @invariant()
    def no_job_is_lost_or_changed_by_anything_but_the_rules(self) -> None:
        records = self.wait(self._look(self._all))
        for each, record in zip(self._all, records, strict=True):
            if each.removed or (each.expires_ms is not None and each.expires_ms <= self._now):
                assert record is None
                continue
            assert record is not None
            assert (record.status, record.attempt, record.lease_owner, record.expires_ms) == (
                each.status,
                each.attempt,
                each.holder,
                each.expires_ms,
            )
            if each.outcome is not None:
                assert (record.status_code, record.result, record.error) == (
                    each.outcome.status_code,
                    each.outcome.result,
                    each.outcome.error,
                )

    @invariant()
    def the_queue_is_in_the_order_of_arrival(self) -> None:
        waiting = [each for each in self._all if each.status == "pending"]
        for place, record in enumerate(self.wait(self._look(waiting)), 1):
            assert record is not None
            assert record.position == place

    @invariant()
    def counts_are_exact(self) -> None:
        tally = Counter(each.status for each in self.present)
        assert self.wait(self._store.counts()) == {s: tally[s] for s in JOB_STATUSES}


@pytest.mark.parametrize("open_store", STORES.values(), ids=STORES)
def test_a_store_behaves_like_its_model(open_store: OpenStore) -> None:
    run_state_machine_as_test(
        lambda: StoreMachine(open_store),
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
