"""What every job store does with idempotency keys."""

from __future__ import annotations

import asyncio

import pytest

from jobs_support import (
    CANCELLED,
    KEY_LIFE_MS,
    NO_LIMIT,
    NOW_MS,
    Store,
    finished,
    job,
    key,
    looked_up,
    submitted,
)
from stentor.jobs.record import Replay
from stentor.jobs.store import JobExists, KeyReused, QueueFull


async def test_the_first_use_of_a_key_stores_the_job(store: Store) -> None:
    new = job()
    assert await store.submit(new, queue_limit=NO_LIMIT, idempotency=key()) is None
    assert (await looked_up(store, new)).position == 1


async def test_the_same_request_again_gets_the_first_answer_and_stores_nothing(
    store: Store,
) -> None:
    first, second = job(), job()
    await store.submit(first, queue_limit=NO_LIMIT, idempotency=key(answer=b"the first"))
    answer = await store.submit(second, queue_limit=NO_LIMIT, idempotency=key(answer=b"other"))
    assert answer == Replay(first.id, b"the first")
    assert await store.known([second.id]) == set()


async def test_another_request_with_the_same_key_is_refused_and_stores_nothing(
    store: Store,
) -> None:
    first, second = job(), job()
    await store.submit(first, queue_limit=NO_LIMIT, idempotency=key())
    with pytest.raises(KeyReused):
        await store.submit(second, queue_limit=NO_LIMIT, idempotency=key(fingerprint=b"other"))
    assert await store.known([first.id, second.id]) == {first.id}
    assert await store.submit(second, queue_limit=NO_LIMIT, idempotency=key()) is not None


async def test_a_replay_needs_no_room_in_the_queue(store: Store) -> None:
    await store.submit(job(), queue_limit=1, idempotency=key())
    assert await store.submit(job(), queue_limit=1, idempotency=key()) is not None
    with pytest.raises(QueueFull):
        await store.submit(job(), queue_limit=1, idempotency=key("another"))


async def test_a_refused_job_does_not_use_up_its_key(store: Store) -> None:
    [other] = await submitted(store)
    with pytest.raises(QueueFull):
        await store.submit(job(), queue_limit=1, idempotency=key())
    with pytest.raises(JobExists):
        await store.submit(job(id=other.id), queue_limit=NO_LIMIT, idempotency=key())
    new = job()
    assert await store.submit(new, queue_limit=NO_LIMIT, idempotency=key(answer=b"now")) is None


@pytest.mark.parametrize("removed", [False, True])
async def test_a_replay_does_not_depend_on_what_became_of_the_job(
    store: Store, removed: bool
) -> None:
    first = job()
    await store.submit(first, queue_limit=NO_LIMIT, idempotency=key())
    await store.cancel(first.id, "ann", CANCELLED, NOW_MS)
    if removed:
        await store.delete(first.id, "ann")
    answer = await store.submit(job(), queue_limit=NO_LIMIT, idempotency=key())
    assert answer == Replay(first.id, key().answer)


async def test_each_owner_has_keys_of_his_own(store: Store) -> None:
    await store.submit(job(owner="ann"), queue_limit=NO_LIMIT, idempotency=key())
    other = job(owner="bob")
    assert await store.submit(other, queue_limit=NO_LIMIT, idempotency=key()) is None
    assert await store.known([other.id]) == {other.id}


async def test_a_key_may_hold_any_character_of_a_header(store: Store) -> None:
    names = ["", "a", "A", '["ann","a"]', "ü", "a b", "'"]
    for name in names:
        answer = name.encode()
        mark = key(name, answer=answer)
        assert await store.submit(job(), queue_limit=NO_LIMIT, idempotency=mark) is None
    for name in names:
        replay = await store.submit(job(), queue_limit=NO_LIMIT, idempotency=key(name))
        assert replay is not None
        assert replay.answer == name.encode()


async def test_an_expired_key_may_mean_another_request(store: Store) -> None:
    await store.submit(job(), queue_limit=NO_LIMIT, idempotency=key())
    before, after = (job(created_ms=NOW_MS + KEY_LIFE_MS + late_ms) for late_ms in (-1, 0))
    new = key(fingerprint=b"other", answer=b"new", expires_ms=NOW_MS + 2 * KEY_LIFE_MS)
    with pytest.raises(KeyReused):
        await store.submit(before, queue_limit=NO_LIMIT, idempotency=new)
    assert await store.submit(after, queue_limit=NO_LIMIT, idempotency=new) is None
    again = job(created_ms=NOW_MS + 2 * KEY_LIFE_MS - 1)
    answer = await store.submit(again, queue_limit=NO_LIMIT, idempotency=new)
    assert answer == Replay(after.id, b"new")


async def test_expired_keys_are_forgotten_and_counted(store: Store) -> None:
    for name, life_ms in (("a", 10), ("b", 20), ("c", 30)):
        mark = key(name, expires_ms=NOW_MS + life_ms)
        await store.submit(job(), queue_limit=NO_LIMIT, idempotency=mark)
    assert await store.purge_keys(NOW_MS + 9) == 0
    assert await store.purge_keys(NOW_MS + 20) == 2
    assert await store.purge_keys(NOW_MS + 20) == 0
    # A clock that was set back finds no answer, and one that was not finds the third.
    assert await store.submit(job(), queue_limit=NO_LIMIT, idempotency=key("a")) is None
    assert await store.submit(job(), queue_limit=NO_LIMIT, idempotency=key("c")) is not None


async def test_forgetting_keys_leaves_the_jobs(store: Store) -> None:
    ended = await finished(store)
    await store.submit(job(), queue_limit=NO_LIMIT, idempotency=key())
    await store.purge_keys(NOW_MS + KEY_LIFE_MS)
    assert (await store.counts())["pending"] == 1
    assert await looked_up(store, ended) == ended


async def test_of_many_that_submit_with_one_key_at_once_one_stores_a_job(store: Store) -> None:
    jobs = [job() for _ in range(50)]
    answers = await asyncio.gather(
        *(
            store.submit(each, queue_limit=NO_LIMIT, idempotency=key(answer=each.id.encode()))
            for each in jobs
        )
    )
    assert answers.count(None) == 1
    stored = jobs[answers.index(None)].id
    assert {answer for answer in answers if answer} == {Replay(stored, stored.encode())}
    assert await store.known([each.id for each in jobs]) == {stored}


async def test_submissions_of_all_kinds_at_once_do_not_disturb_each_other(store: Store) -> None:
    used, again, other, fresh, bare, late = (job() for _ in range(6))
    await store.submit(used, queue_limit=NO_LIMIT, idempotency=key())
    answers = await asyncio.gather(
        store.submit(again, queue_limit=NO_LIMIT, idempotency=key()),
        store.submit(other, queue_limit=NO_LIMIT, idempotency=key(fingerprint=b"other")),
        store.submit(bare, queue_limit=NO_LIMIT),
        store.submit(bare, queue_limit=NO_LIMIT, idempotency=key("taken id")),
        store.submit(fresh, queue_limit=NO_LIMIT, idempotency=key("fresh")),
        store.submit(late, queue_limit=3, idempotency=key("no room")),
        return_exceptions=True,
    )
    assert answers[0] == Replay(used.id, key().answer)
    assert [type(each) for each in answers[1:]] == [
        KeyReused,
        type(None),
        JobExists,
        type(None),
        QueueFull,
    ]
    everything = [each.id for each in (used, again, other, fresh, bare, late)]
    assert await store.known(everything) == {used.id, fresh.id, bare.id}
