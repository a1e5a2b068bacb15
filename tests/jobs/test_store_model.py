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
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
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
from stentor.contract import JOB_STATUSES, PRIORITIES, JobStatus, Progress
from stentor.jobs.record import IdempotencyKey, JobRecord, Outcome
from stentor.jobs.store import KeyReused, QueueFull

T = TypeVar("T")

QUEUE_LIMIT = 10
TTL_S = 40
OWNERS = ["ann", "bob", "cy"]
SEGMENTS = ["a1", "b2", "c3", "d4"]

owners = st.sampled_from(OWNERS)
workers = st.sampled_from(["w1", "w2"])
# A worker's own attempt, or one that was overtaken.
behind = st.sampled_from([0, 0, 0, 1])
rarely = st.sampled_from([False, False, False, True])
picks = st.integers(0, 9)
kinds = st.fixed_dictionaries(
    {
        "owner": owners,
        "priority": st.sampled_from(PRIORITIES),
        "express": st.booleans(),
        "deadline_ms": st.sampled_from([None, None, NOW_MS + 20_000, NOW_MS + 60_000]),
    }
)
segment_keys = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3, unique=True)


while_jobs_run = precondition(lambda machine: machine._model.counts()["processing"] > 0)


def nobody(_: JobRecord) -> bool:
    return False


class StoreMachine(RuleBasedStateMachine):
    """Three owners and two workers use a store while time goes by and processes crash."""

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
        self._listed = 0
        self._seen: dict[int, list[JobRecord]] = {}

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def same(self, method: str, *args: Any, segments: bool = False, **options: Any) -> Any:
        """What the store answers, which is what the model answers."""
        self._seen.clear()

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

    async def _opened(self) -> Store:
        return await self._open_store(Path(self._folder.name))

    def teardown(self) -> None:
        if hasattr(self, "_store"):
            self.wait(self._store.close())
        self._runner.close()
        self._folder.cleanup()

    def _chosen(self, pick: int, *statuses: JobStatus) -> JobRecord:
        """One of the jobs of these statuses if there are any; otherwise of all, or an unknown."""
        jobs = list(self._model.jobs.values())
        likely = [each for each in jobs if each.status in statuses] or jobs or [job()]
        return likely[pick % len(likely)]

    def _submit(self, mark: IdempotencyKey | None = None, **kind: Any) -> Any:
        new = job(ttl_seconds=TTL_S, created_ms=self._now, **kind)
        if mark is not None:
            mark = replace(mark, answer=new.id.encode(), expires_ms=self._now + KEY_LIFE_MS)
        return self.same("submit", new, queue_limit=QUEUE_LIMIT, idempotency=mark)

    @initialize(kinds=st.lists(kinds, min_size=3, max_size=8))
    def start(self, kinds: list[dict[str, Any]]) -> None:
        self._store: Store = self.wait(self._opened())
        for kind in kinds:
            self._submit(**kind)
        for name in SEGMENTS[:2]:
            self.same("add", name, 5, self._now, private=False, segments=True)

    @rule(kinds=st.lists(kinds, min_size=1, max_size=3))
    def submit(self, kinds: list[dict[str, Any]]) -> None:
        for kind in kinds:
            self._submit(**kind)

    @rule(
        owner=st.sampled_from(OWNERS[:2]),
        name=st.sampled_from(["k1", "k1", "k1", "k2"]),
        fingerprint=st.sampled_from([b"f1", b"f1", b"f2"]),
        later_ms=st.sampled_from([0, 0, KEY_LIFE_MS - 1, KEY_LIFE_MS]),
    )
    def submit_with_a_key(self, owner: str, name: str, fingerprint: bytes, later_ms: int) -> None:
        self._now += later_ms
        answer = self._submit(key(name, fingerprint=fingerprint), owner=owner)
        if answer is not None:
            assert answer.answer == answer.job_id.encode()

    @rule(
        worker=workers,
        limit=st.integers(0, 6),
        express_only=st.sampled_from([False, False, True]),
        later_ms=st.sampled_from([0, 0, LEASE_MS - 1, LEASE_MS]),
    )
    def claim(self, worker: str, limit: int, express_only: bool, later_ms: int) -> None:
        self._now += later_ms
        self.same("claim", worker, LEASE_MS, self._now, limit, express_only=express_only)
        self._may_change = lambda job: (
            job.status == "pending"
            or (job.lease_owner not in (None, worker) and (job.lease_expires_ms or 0) <= self._now)
        )

    def _attempt(self, pick: int, behind: int) -> tuple[str, int]:
        target = self._chosen(pick, "processing")
        attempt = target.attempt - behind
        self._may_change = lambda job: (
            (job.id, job.status, job.attempt) == (target.id, "processing", attempt)
        )
        return target.id, attempt

    @while_jobs_run
    @rule(pick=picks, behind=behind, advanced=st.booleans())
    def renew(self, pick: int, behind: int, advanced: bool) -> None:
        job_id, attempt = self._attempt(pick, behind)
        progress = Progress(segments_done=attempt)
        self.same("renew", job_id, attempt, LEASE_MS, self._now, progress, advanced=advanced)

    @while_jobs_run
    @rule(pick=picks, behind=behind, outcome=st.sampled_from([COMPLETED, FAILED]))
    def finish(self, pick: int, behind: int, outcome: Outcome) -> None:
        job_id, attempt = self._attempt(pick, behind)
        self._ends[job_id] += self.same("finish", job_id, attempt, outcome, self._now)

    @while_jobs_run
    @rule(pick=picks, behind=behind, error=st.sampled_from([None, "no voice"]))
    def give_back(self, pick: int, behind: int, error: str | None) -> None:
        job_id, attempt = self._attempt(pick, behind)
        self.same("release_job", job_id, attempt, error=error)

    def _owned(self, pick: int, stranger: bool, *statuses: JobStatus) -> tuple[str, str]:
        target = self._chosen(pick, *statuses)
        owner = "a stranger" if stranger else target.owner
        self._may_change = lambda job: (job.id, job.owner) == (target.id, owner)
        return target.id, owner

    @rule(pick=picks, stranger=rarely)
    def cancel(self, pick: int, stranger: bool) -> None:
        job_id, owner = self._owned(pick, stranger)
        after = self.same("cancel", job_id, owner, CANCELLED, self._now)
        self._ends[job_id] += after is not None

    @rule(pick=picks, stranger=rarely)
    def delete(self, pick: int, stranger: bool) -> None:
        job_id, owner = self._owned(pick, stranger, "completed", "failed")
        if self.same("delete", job_id, owner):
            self._removed.add(job_id)

    @while_jobs_run
    @rule(worker=workers)
    def release(self, worker: str) -> None:
        self.same("release", worker)
        self._may_change = lambda job: job.lease_owner == worker

    @while_jobs_run
    @rule(suspects=st.lists(picks, max_size=2))
    def crash(self, suspects: list[int]) -> None:
        """Nobody releases anything; the next process finds what there is."""
        self.wait(self._store.close())
        self._store = self.wait(self._opened())
        # The second may be a job that nobody was running.
        ids = [self._chosen(suspects[0], "processing").id] if suspects else []
        ids += [self._chosen(pick).id for pick in suspects[1:]]
        self.same("release_all", ids, error="the server crashed")
        self._may_change = lambda job: job.status == "processing"

    @rule(seconds=st.sampled_from([1, 15, -20]))
    def the_clock_jumps(self, seconds: int) -> None:
        self._now += seconds * 1000

    @rule(limit=st.integers(1, 3))
    def fail_overdue(self, limit: int) -> None:
        for job_id in self.same("fail_overdue", OVERDUE, self._now, limit):
            self._ends[job_id] += 1
        self._may_change = lambda job: (
            job.expires_ms is None and job.deadline_ms is not None and job.deadline_ms <= self._now
        )

    @rule(later_ms=st.sampled_from([0, TTL_S * 1000]), limit=st.integers(1, 3))
    def sweep(self, later_ms: int, limit: int) -> None:
        self._now += later_ms
        ids = self.same("expired", self._now, limit)
        # A live job among them stays.
        self.same("purge", [*ids, self._chosen(0, "pending", "processing").id])
        self._removed |= self._before.keys() - self._model.jobs.keys()
        self.same("purge_keys", self._now)
        self._may_change = lambda job: job.completed_ms is not None

    @rule(pick=picks, keys=segment_keys)
    def pin(self, pick: int, keys: list[str]) -> None:
        job_id = self._chosen(pick, "processing").id
        self.same("pin", job_id, keys, self._now, segments=True)

    @rule(
        name=st.sampled_from(SEGMENTS),
        size_bytes=st.integers(0, 9),
        private=rarely,
        later_ms=st.sampled_from([0, 1]),
    )
    def add_segment(self, name: str, size_bytes: int, private: bool, later_ms: int) -> None:
        self._now += later_ms
        self.same("add", name, size_bytes, self._now, private=private, segments=True)

    @rule(keep_bytes=st.integers(0, 20), unused_ms=st.integers(0, 3), limit=st.integers(0, 4))
    def remove_segments(self, keep_bytes: int, unused_ms: int, limit: int) -> None:
        before_ms = self._now - unused_ms
        found = self.same("removable", keep_bytes, before_ms, limit, segments=True)
        assert not self._model.segments.pinned.intersection(found)
        self.same("remove", found or SEGMENTS[:limit], segments=True)

    def _look(self, now_ms: int = 0) -> list[JobRecord]:
        """The jobs as their owners see them; at the beginning of time none has expired."""

        async def look() -> list[JobRecord | None]:
            jobs = self._model.jobs.values()
            return await asyncio.gather(*(self._store.get(j.id, j.owner, now_ms) for j in jobs))

        if now_ms not in self._seen:
            self._seen[now_ms] = [each for each in self.wait(look()) if each is not None]
        return self._seen[now_ms]

    @invariant()
    def no_job_is_lost_and_every_one_is_shown_as_it_stands(self) -> None:
        assert [each.id for each in self._look()] == list(self._model.jobs)
        expected = (self._model.get(j.id, j.owner, self._now) for j in self._model.jobs.values())
        assert self._look(self._now) == [each for each in expected if each is not None]
        everyone = {*self._model.jobs, *self._removed}
        assert self.wait(self._store.known(everyone)) == self._model.known(everyone)

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
        # Each time another owner, or it would take most of the time.
        self._listed += 1
        owner = OWNERS[self._listed % len(OWNERS)]

        async def pages() -> list[JobRecord]:
            found: list[JobRecord] = []
            while page := await self._store.list_jobs(
                owner, self._now, limit=4, after=found[-1].id if found else None
            ):
                found += page
            return found

        async def chosen() -> list[list[JobRecord]]:
            options = [{"limit": 99, "status": status} for status in JOB_STATUSES]
            calls = (self._store.list_jobs(owner, self._now, **each) for each in options)
            return await asyncio.gather(*calls)

        shown = [replace(each, position=None) for each in self._look(self._now)]
        shown = sorted((j for j in shown if j.owner == owner), key=lambda j: j.id, reverse=True)
        assert self.wait(pages()) == shown
        assert self.wait(chosen()) == [[j for j in shown if j.status == s] for s in JOB_STATUSES]

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
