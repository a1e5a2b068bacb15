"""Any sequence of calls leaves a store in the state that its model predicts."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
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
from msgspec.structs import replace

from jobs_model import Model
from jobs_support import (
    CANCELLED,
    COMPLETED,
    FAILED,
    KEY_LIFE_MS,
    LEASE_MS,
    NOW_MS,
    OVERDUE,
    STORES,
    OpenStore,
    Store,
    job,
    key,
)
from stentor.contract import JOB_STATUSES, PRIORITIES, Priority, Progress
from stentor.jobs.record import JobRecord, Outcome, Replay
from stentor.jobs.store import KeyReused, QueueFull

T = TypeVar("T")

QUEUE_LIMIT = 8
TTL_S = 40
OWNERS = ["ann", "bob", "cy"]
SEGMENTS = ["a1", "b2", "c3", "d4"]

owners = st.sampled_from(OWNERS)
workers = st.sampled_from(["w1", "w2"])
outcomes = st.sampled_from([COMPLETED, FAILED])
# A worker's own attempt, or one that was overtaken.
behind = st.sampled_from([0, 0, 0, 1])
segment_keys = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3, unique=True)


def nobody(_: JobRecord) -> bool:
    return False


class StoreMachine(RuleBasedStateMachine):
    """Three owners and two workers use a store while time goes by and processes crash."""

    jobs: Bundle[JobRecord] = Bundle("jobs")

    def __init__(self, open_store: OpenStore) -> None:
        super().__init__()
        self._open_store = open_store
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._model = Model()
        self._now = NOW_MS
        # Whom the latest rule may have changed, told from the job as it was before.
        self._may_change: Callable[[JobRecord], bool] = nobody
        self._before: dict[str, JobRecord] = {}
        self._ends: Counter[str] = Counter()
        self._removed: set[str] = set()

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def same(self, method: str, *args: Any, segments: bool = False, **options: Any) -> Any:
        """What the store answers, which is what the model answers."""

        async def answer() -> Any:
            store: Any = self._store.segments if segments else self._store
            return await getattr(store, method)(*args, **options)

        model: Any = self._model.segments if segments else self._model
        try:
            expected = getattr(model, method)(*args, **options)
        except (QueueFull, KeyReused) as error:
            with pytest.raises(type(error)):
                self.wait(answer())
            return None
        found = self.wait(answer())
        assert (sorted(found) if method == "remove" else found) == expected
        return found

    @initialize()
    def start(self) -> None:
        self._store: Store = self.wait(self._opened())

    async def _opened(self) -> Store:
        return await self._open_store(Path(self._folder.name))

    def teardown(self) -> None:
        if hasattr(self, "_store"):
            self.wait(self._store.close())
        self._runner.close()
        self._folder.cleanup()

    def _new(self, owner: str, priority: Priority, express: bool, patience_s: int | None) -> Any:
        return job(
            owner=owner,
            ttl_seconds=TTL_S,
            created_ms=self._now,
            priority=priority,
            express=express,
            deadline_ms=None if patience_s is None else self._now + patience_s * 1000,
        )

    @rule(
        target=jobs,
        owner=owners,
        priority=st.sampled_from(PRIORITIES),
        express=st.booleans(),
        patience_s=st.sampled_from([None, 0, 20]),
    )
    def submit(self, **kind: Any) -> JobRecord:
        new: JobRecord = self._new(**kind)
        self.same("submit", new, queue_limit=QUEUE_LIMIT)
        return new

    @rule(
        target=jobs,
        owner=owners,
        name=st.sampled_from(["k1", "k2"]),
        fingerprint=st.sampled_from([b"f1", b"f1", b"f2"]),
    )
    def submit_with_a_key(self, owner: str, name: str, fingerprint: bytes) -> JobRecord:
        new = self._new(owner, "normal", False, None)
        mark = key(
            name,
            fingerprint=fingerprint,
            answer=new.id.encode(),
            expires_ms=self._now + KEY_LIFE_MS,
        )
        answer = self.same("submit", new, queue_limit=QUEUE_LIMIT, idempotency=mark)
        if isinstance(answer, Replay):
            assert answer.answer == answer.job_id.encode()
        return new

    @rule(worker=workers, limit=st.integers(0, 3), express_only=st.booleans())
    def claim(self, worker: str, limit: int, express_only: bool) -> None:
        self.same("claim", worker, LEASE_MS, self._now, limit, express_only=express_only)
        self._may_change = lambda job: (
            job.status == "pending"
            or (job.lease_owner not in (None, worker) and (job.lease_expires_ms or 0) <= self._now)
        )

    def _attempt(self, target: JobRecord, behind: int) -> int:
        now = self._model.jobs.get(target.id)
        attempt = (now.attempt if now else 1) - behind
        self._may_change = lambda job: (
            (job.id, job.status, job.attempt) == (target.id, "processing", attempt)
        )
        return attempt

    @rule(target_job=jobs, behind=behind, advanced=st.booleans())
    def renew(self, target_job: JobRecord, behind: int, advanced: bool) -> None:
        attempt = self._attempt(target_job, behind)
        progress = Progress(segments_done=attempt)
        self.same("renew", target_job.id, attempt, LEASE_MS, self._now, progress, advanced=advanced)

    @rule(target_job=jobs, behind=behind, outcome=outcomes)
    def finish(self, target_job: JobRecord, behind: int, outcome: Outcome) -> None:
        attempt = self._attempt(target_job, behind)
        self._ends[target_job.id] += self.same("finish", target_job.id, attempt, outcome, self._now)

    @rule(target_job=jobs, behind=behind, error=st.sampled_from([None, "no voice"]))
    def give_back(self, target_job: JobRecord, behind: int, error: str | None) -> None:
        attempt = self._attempt(target_job, behind)
        self.same("release_job", target_job.id, attempt, error=error)

    @rule(target_job=jobs, owner=owners)
    def cancel(self, target_job: JobRecord, owner: str) -> None:
        after = self.same("cancel", target_job.id, owner, CANCELLED, self._now)
        self._ends[target_job.id] += after is not None
        self._may_change = lambda job: (job.id, job.owner) == (target_job.id, owner)

    @rule(target_job=jobs, owner=owners)
    def delete(self, target_job: JobRecord, owner: str) -> None:
        if self.same("delete", target_job.id, owner):
            self._removed.add(target_job.id)
        self._may_change = lambda job: (job.id, job.owner) == (target_job.id, owner)

    @rule(worker=workers)
    def release(self, worker: str) -> None:
        self.same("release", worker)
        self._may_change = lambda job: job.lease_owner == worker

    @rule(suspects=st.lists(jobs, max_size=2))
    def crash(self, suspects: list[JobRecord]) -> None:
        """Nobody releases anything; the next process finds what there is."""
        self.wait(self._store.close())
        self._store = self.wait(self._opened())
        self.same("release_all", [each.id for each in suspects], error="the server crashed")
        self._may_change = lambda job: job.status == "processing"

    @rule(seconds=st.sampled_from([1, 15, 30, 60, -20]))
    def time_goes_by(self, seconds: int) -> None:
        self._now += seconds * 1000

    @rule(limit=st.integers(1, 3))
    def fail_overdue(self, limit: int) -> None:
        for job_id in self.same("fail_overdue", OVERDUE, self._now, limit):
            self._ends[job_id] += 1
        self._may_change = lambda job: (
            job.expires_ms is None and job.deadline_ms is not None and job.deadline_ms <= self._now
        )

    @rule()
    def sweep(self) -> None:
        ids = self.same("expired", self._now, 100)
        self.same("purge", [*ids, *list(self._model.jobs)[:1]])
        self._removed |= self._before.keys() - self._model.jobs.keys()
        self.same("purge_keys", self._now)
        self._may_change = lambda job: job.expires_ms is not None

    @rule(target_job=jobs, keys=segment_keys)
    def pin(self, target_job: JobRecord, keys: list[str]) -> None:
        self.same("pin", target_job.id, keys, self._now, segments=True)

    @rule(name=st.sampled_from(SEGMENTS), size_bytes=st.integers(0, 9), private=st.booleans())
    def add_segment(self, name: str, size_bytes: int, private: bool) -> None:
        self.same("add", name, size_bytes, self._now, private=private, segments=True)

    @rule(
        keep_bytes=st.integers(0, 30),
        unused_s=st.integers(0, 60),
        limit=st.integers(0, 4),
        others=segment_keys,
    )
    def remove_segments(
        self, keep_bytes: int, unused_s: int, limit: int, others: list[str]
    ) -> None:
        before_ms = self._now - unused_s * 1000
        found = self.same("removable", keep_bytes, before_ms, limit, segments=True)
        assert not self._model.segments.pinned.intersection(found)
        self.same("remove", found, segments=True)
        if limit == 0:
            self.same("remove", others, segments=True)

    def _look(self, now_ms: int = 0) -> list[JobRecord]:
        """The jobs as their owners see them; at the beginning of time none has expired."""

        async def look() -> list[JobRecord | None]:
            jobs = self._model.jobs.values()
            return await asyncio.gather(*(self._store.get(j.id, j.owner, now_ms) for j in jobs))

        return [each for each in self.wait(look()) if each is not None]

    @invariant()
    def no_job_is_lost_and_every_one_is_shown_as_it_stands(self) -> None:
        assert [each.id for each in self._look()] == list(self._model.jobs)
        expected = (self._model.get(j.id, j.owner, self._now) for j in self._model.jobs.values())
        assert self._look(self._now) == [each for each in expected if each is not None]
        everyone = {*self._model.jobs, *self._removed}
        assert self.wait(self._store.known(everyone)) == self._model.jobs.keys()

    @invariant()
    def nothing_but_an_owners_calls_and_the_holder_of_the_lease_changes_a_job(self) -> None:
        now = {each.id: replace(each, position=None) for each in self._look()}
        for job_id, before in self._before.items():
            after = now.get(job_id)
            assert after == before or self._may_change(before)
            if after is not None:
                assert after.attempt - before.attempt in (0, 1)
                assert before.completed_ms is None or after == before, "an end is final"
        self._before, self._may_change = now, nobody

    @invariant()
    def a_job_ends_exactly_once(self) -> None:
        assert all(ends <= 1 for ends in self._ends.values())
        for each in self._look():
            assert self._ends[each.id] == (each.status in ("completed", "failed"))

    @invariant()
    def a_place_in_the_queue_is_the_place_in_the_order_of_claims(self) -> None:
        places = {each.id: each.position for each in self._look() if each.status == "pending"}
        assert places == {job_id: place for place, job_id in enumerate(self._model.turns(), 1)}

    @invariant()
    def counts_are_exact(self) -> None:
        tally = Counter(each.status for each in self._look())
        assert self.wait(self._store.counts()) == {s: tally[s] for s in JOB_STATUSES}

    @invariant()
    def lists_show_every_job_once_to_its_owner_alone(self) -> None:
        for owner in OWNERS:
            pages: list[JobRecord] = []
            while page := self.same(
                "list_jobs", owner, self._now, limit=3, after=pages[-1].id if pages else None
            ):
                pages += page
            assert {each.owner for each in pages} <= {owner}
            for status in JOB_STATUSES:
                chosen = self.same("list_jobs", owner, self._now, limit=99, status=status)
                assert chosen == [each for each in pages if each.status == status]

    @invariant()
    def a_pinned_segment_is_never_removed_and_an_ended_job_pins_nothing(self) -> None:
        segments = self._model.segments
        assert self.wait(self._store.segments.known(SEGMENTS)) == segments.size_bytes.keys()
        live = {each.id for each in self._look() if each.completed_ms is None}
        assert {job_id for job_id, _ in segments.pins} <= live
        # With room for nothing, all may go that are not pinned.
        free = self.wait(self._store.segments.removable(-1, 0, 99))
        assert set(free) == segments.size_bytes.keys() - segments.pinned


@pytest.mark.parametrize("open_store", STORES.values(), ids=STORES)
def test_a_store_behaves_like_its_model(open_store: OpenStore) -> None:
    run_state_machine_as_test(
        lambda: StoreMachine(open_store),
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
