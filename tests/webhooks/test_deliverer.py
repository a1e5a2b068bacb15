"""From a job's end to a call that was taken, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobs_support import LEASE_MS, NO_LIMIT, NOW_MS, TTL_S, job
from stentor.blobs import BlobStore
from stentor.config import Secret, Webhook
from stentor.contract import ResultExtraFields, SpeechResult, Usage
from stentor.errors import SpeechError
from stentor.jobs.outcome import failed
from stentor.jobs.record import JobRecord, Outcome
from stentor.jobs.sqlite import SqliteStore
from stentor.webhooks.deliverer import AT_ONCE, SCHEDULE_S, Deliverer
from stentor.webhooks.endpoints import Endpoints
from stentor.webhooks.sender import Answer
from stentor.webhooks.sqlite import SqliteDeliveries
from stentor.webhooks.store import Tried
from webhooks_support import SECRET

DEADLINE_S = 20
OK = Answer(5, 204)
FAILED = failed(SpeechError(502, "engine_failed", "the engine failed"))


def completed(size_bytes: int = 5) -> Outcome:
    result = SpeechResult(
        response_format="mp3",
        content_type="audio/mpeg",
        audio_url="",
        size_bytes=size_bytes,
        sha256="00",
        duration_seconds=1.0,
        sample_rate=22050,
        usage=Usage(5, 1.0),
        extra_fields=ResultExtraFields("piper", "m", "m", 5),
    )
    return Outcome(
        status="completed", status_code=200, result=msgspec.json.encode(result), error=None
    )


class Endpoint:
    """Keeps what it is sent; answers as it is told, else that it has taken it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.answers: list[Answer] = []
        self.hanging: set[str] = set()
        self.release = asyncio.Event()

    async def send(self, webhook: Webhook, headers: dict[str, str], body: bytes) -> Answer:
        self.calls.append((webhook.url, headers["webhook-id"], msgspec.json.decode(body)))
        if webhook.url in self.hanging:
            await self.release.wait()
        return self.answers.pop(0) if self.answers else OK

    async def close(self) -> None:
        pass

    async def called(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.calls) < count:
                await asyncio.sleep(0.001)


class House:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ms = NOW_MS
        self.grace_s = 0.0
        self.endpoint = Endpoint()
        self.blobs = BlobStore.open(None, folder / "audio")
        self.endpoints = Endpoints(
            {
                name: Webhook(f"https://{name}.example/", Secret(SECRET), max_body_bytes=limit)
                for name, limit in (("hook", 100_000), ("other", 100_000), ("small", 4096))
            }
        )

    async def open(self) -> None:
        self.store = await SqliteStore.open(self.folder / "jobs.db")
        self.deliveries = SqliteDeliveries(self.store.writer, self.store.reader)
        self.deliverer = Deliverer(
            self.deliveries,
            self.blobs,
            self.endpoints,
            self.endpoint,
            base_url="https://speech.example/",
            clock=lambda: self.now_ms,
            chance=lambda: 0.5,
            grace_s=self.grace_s,
        )

    async def close(self) -> None:
        await self.deliverer.close()
        await self.store.close()

    async def end(
        self, outcome: Outcome | None = None, *, webhook: str | None = "hook"
    ) -> JobRecord:
        new = job(webhook=webhook)
        await self.store.submit(new, queue_limit=NO_LIMIT)
        [claimed] = await self.store.claim("w1", LEASE_MS, self.now_ms, 1)
        assert await self.store.finish(new.id, claimed.attempt, outcome or completed(), self.now_ms)
        self.deliverer.notify()
        return new

    async def state(self, one: JobRecord, state: str, attempts: int) -> list[Any]:
        """Wait until the job's delivery stands like this; returns its log."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                [found] = await self.deliveries.list_deliveries(one.owner, limit=9, job_id=one.id)
                shown = await self.deliveries.get(found.id, one.owner)
                assert shown is not None
                if (found.state, len(shown[1])) == (state, attempts):
                    return shown[1]
                await asyncio.sleep(0.001)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    await made.open()
    made.deliverer.start()
    yield made
    await made.close()


async def test_the_end_of_a_job_is_told_with_its_result_and_audio(house: House) -> None:
    new = job(webhook="hook")
    await house.store.submit(new, queue_limit=NO_LIMIT)
    (house.folder / "audio" / new.id).write_bytes(b"audio")
    [claimed] = await house.store.claim("w1", LEASE_MS, house.now_ms, 1)
    await house.store.finish(new.id, claimed.attempt, completed(), house.now_ms)
    house.deliverer.notify()
    await house.state(new, "delivered", 1)
    [(url, delivery_id, event)] = house.endpoint.calls
    assert url == "https://hook.example/"
    assert delivery_id == f"msg_{new.id.replace('-', '')}"
    assert event["type"] == "async_job.completed"
    data = event["data"]
    assert (data["id"], data["status"], data["status_code"]) == (new.id, "completed", 200)
    assert data["urls"] == {
        "job": f"https://speech.example/v1/async/audio/speech/{new.id}",
        "audio": f"https://speech.example/v1/async/audio/speech/{new.id}/audio",
    }
    assert data["result"]["audio"] == "YXVkaW8="
    assert data["result"]["audio_url"] == data["urls"]["audio"]


async def test_a_failed_job_is_told_with_its_error(house: House) -> None:
    new = await house.end(FAILED)
    await house.state(new, "delivered", 1)
    [(_, _, event)] = house.endpoint.calls
    assert event["type"] == "async_job.failed"
    assert event["data"]["error"]["error"]["code"] == "engine_failed"
    assert "audio" not in event["data"]["urls"]


async def test_a_cancelled_job_is_told_too(house: House) -> None:
    new = job(webhook="hook")
    await house.store.submit(new, queue_limit=NO_LIMIT)
    await house.store.cancel(new.id, new.owner, failed(SpeechError(499, "c", "m")), house.now_ms)
    house.deliverer.notify()
    await house.state(new, "delivered", 1)


async def test_a_job_without_a_webhook_calls_nobody(house: House) -> None:
    await house.end(webhook=None)
    await house.state(await house.end(), "delivered", 1)
    assert len(house.endpoint.calls) == 1


async def test_audio_and_result_are_left_out_where_they_are_too_large(house: House) -> None:
    large = await house.end(completed(90_000))
    await house.state(large, "delivered", 1)
    assert house.endpoint.calls[0][2]["data"]["result"]["audio_omitted"] is True
    wordy = completed()
    result = msgspec.json.decode(wordy.result or b"", type=SpeechResult)
    result = msgspec.structs.replace(result, warnings=["a warning"] * 1000)
    wordy = msgspec.structs.replace(wordy, result=msgspec.json.encode(result))
    await house.state(await house.end(wordy, webhook="small"), "delivered", 1)
    data = house.endpoint.calls[1][2]["data"]
    assert data["result_omitted"] is True
    assert "result" not in data


async def test_a_crash_between_the_end_of_a_job_and_the_call_loses_nothing(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    await house.open()
    new = await house.end()  # nobody delivers yet
    await house.store.close()
    await house.open()
    house.deliverer.start()
    await house.state(new, "delivered", 1)
    await house.close()


async def test_a_crash_during_the_call_makes_another(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.endpoint.hanging.add("https://hook.example/")
    await house.open()
    house.deliverer.start()
    new = await house.end()
    await house.endpoint.called(1)
    await house.close()
    house.endpoint.hanging.clear()
    await house.open()
    house.deliverer.start()
    await house.state(new, "delivered", 1)
    assert len(house.endpoint.calls) == 2
    assert len({delivery_id for _, delivery_id, _ in house.endpoint.calls}) == 1
    await house.close()


async def test_a_call_that_is_being_made_at_the_end_may_still_be_answered(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.grace_s = 10.0
    house.endpoint.hanging.add("https://hook.example/")
    await house.open()
    house.deliverer.start()
    new = await house.end()
    await house.endpoint.called(1)
    closing = asyncio.create_task(house.deliverer.close())
    house.endpoint.release.set()
    await closing
    await house.state(new, "delivered", 1)
    await house.store.close()


async def test_attempts_that_crashes_cut_short_take_no_place_in_the_schedule(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    house.endpoint.hanging.add("https://hook.example/")
    await house.open()
    house.deliverer.start()
    new = await house.end()
    crashes = len(SCHEDULE_S) + 2
    for number in range(1, crashes + 1):
        await house.endpoint.called(number)
        await house.close()
        await house.open()
        if number == crashes:
            house.endpoint.hanging.clear()
            house.endpoint.answers = [Answer(5, 500, "answered with 500")]
        house.deliverer.start()
    [tried] = await house.state(new, "pending", 1)
    assert tried.attempt == crashes + 1
    [found] = await house.deliveries.list_deliveries(new.owner, limit=1)
    assert found.due_ms == house.now_ms + 1000 * SCHEDULE_S[0] * 1.1
    await house.close()


async def test_however_a_job_ends_it_is_told_once(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    late = job(webhook="hook", deadline_ms=NOW_MS + 1)
    raced = job(webhook="hook")
    for new in (late, raced):
        await house.store.submit(new, queue_limit=NO_LIMIT)
    await house.store.claim("w1", LEASE_MS, NOW_MS, 2)
    assert await house.store.fail_overdue(FAILED, NOW_MS + 2, 9) == [late.id]
    after_lease = NOW_MS + LEASE_MS + 1
    [taken] = await house.store.claim("w2", LEASE_MS, after_lease, 2)
    ends = [
        await house.store.finish(raced.id, taken.attempt, completed(), after_lease),
        await house.store.finish(raced.id, taken.attempt - 1, FAILED, after_lease),
        await house.store.finish(late.id, 1, completed(), after_lease),
    ]
    assert ends == [True, False, False]
    assert await house.store.cancel(raced.id, raced.owner, FAILED, after_lease) is None
    await house.store.delete(raced.id, raced.owner)
    found = await house.deliveries.list_deliveries("ann", limit=9)
    assert [(each.job_id, each.status) for each in found] == [
        (raced.id, "completed"),
        (late.id, "failed"),
    ]
    await house.close()


async def test_what_one_process_delivers_another_leaves_alone_until_the_lease_has_run_out(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    await house.open()
    await house.end()
    [mine] = await house.deliveries.claim("hook", LEASE_MS, NOW_MS, 9)
    assert await house.deliveries.claim("hook", LEASE_MS, NOW_MS + LEASE_MS - 1, 9) == []
    [theirs] = await house.deliveries.claim("hook", LEASE_MS, NOW_MS + LEASE_MS, 9)
    assert (theirs.id, theirs.attempt) == (mine.id, mine.attempt + 1)
    mine_tried = Tried(attempt=mine.attempt, at_ms=NOW_MS, latency_ms=1, status_code=204)
    assert not await house.deliveries.settle(mine.id, mine_tried, "delivered", NOW_MS)
    shown = await house.deliveries.get(mine.id, mine.owner)
    assert shown is not None
    assert (shown[0].state, shown[1]) == ("pending", [])
    await house.close()


async def test_no_statement_looks_at_every_delivery(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    await house.end()
    store, statements = house.deliveries, list[str]()
    for thread in (house.store.writer, house.store.reader):
        await thread.call(lambda connection: connection.set_trace_callback(statements.append))
    [owed] = await store.claim("hook", LEASE_MS, NOW_MS, 1)
    await store.next_due(["hook", "other"])
    for wanted in ({}, {"webhook": "hook"}, {"state": "failed"}, {"job_id": owed.job_id}):
        await store.list_deliveries("ann", limit=2, **wanted)  # type: ignore[arg-type]
    await store.list_deliveries("ann", limit=2, after=owed.id, webhook="hook", state="pending")
    await store.get(owed.id, "ann")
    await store.disable("hook", NOW_MS, "gone")
    await store.enable("hook", NOW_MS)
    await store.redeliver(owed.id, "ann", NOW_MS)
    await store.purge(NOW_MS)
    planned = [each for each in statements if "webhook_deliveries" in each and "--" not in each]
    assert len(planned) >= 12
    for statement in planned:
        plan = await house.store.reader.call(
            lambda connection, statement=statement: connection.execute(  # type: ignore[misc]
                f"EXPLAIN QUERY PLAN {statement}"
            ).fetchall()
        )
        for *_, step in plan:
            assert not step.startswith("SCAN webhook_deliveries"), step
            assert "TEMP B-TREE" not in step, (step, statement)
    await house.close()


async def test_the_job_may_be_gone_before_its_call_succeeds(house: House) -> None:
    house.endpoint.answers = [Answer(5, 500, "answered with 500")]
    new = await house.end()
    await house.state(new, "pending", 1)
    house.now_ms += TTL_S * 1000 + 10_000
    await house.store.purge([new.id])
    house.deliverer.notify()
    await house.state(new, "delivered", 2)
    assert house.endpoint.calls[1][2]["data"]["id"] == new.id


async def test_a_call_that_fails_is_repeated_by_the_schedule_and_then_given_up(
    house: House,
) -> None:
    house.endpoint.answers = [Answer(5, 500, "answered with 500")] * 20
    new = await house.end()
    for number, pause_s in enumerate(SCHEDULE_S, 1):
        await house.state(new, "pending", number)
        [found] = await house.deliveries.list_deliveries(new.owner, limit=1)
        assert found.due_ms == house.now_ms + 1000 * pause_s * 1.1
        house.now_ms = found.due_ms - 1
        house.deliverer.notify()
        for _ in range(5):
            await asyncio.sleep(0.001)
        assert len(house.endpoint.calls) == number
        house.now_ms = found.due_ms
        house.deliverer.notify()
    log = await house.state(new, "failed", len(SCHEDULE_S) + 1)
    assert {tried.error for tried in log} == {"answered with 500"}


async def test_an_endpoint_is_left_alone_as_long_as_it_asks(house: House) -> None:
    house.endpoint.answers = [Answer(5, 429, "answered with 429", retry_after_s=1000)]
    new = await house.end()
    await house.state(new, "pending", 1)
    [found] = await house.deliveries.list_deliveries(new.owner, limit=1)
    assert found.due_ms == house.now_ms + 1_000_000


async def test_an_endpoint_that_is_gone_is_called_no_more_until_it_is_enabled(
    house: House,
) -> None:
    house.endpoint.answers = [Answer(5, 410, "answered with 410")]
    first = await house.end()
    await house.state(first, "pending", 1)
    second = await house.end()
    elsewhere = await house.end(webhook="other")
    await house.state(elsewhere, "delivered", 1)
    assert list(await house.deliveries.disabled()) == ["hook"]
    assert [url for url, _, _ in house.endpoint.calls] == [
        "https://hook.example/",
        "https://other.example/",
    ]
    assert await house.deliveries.enable("hook", house.now_ms)
    house.deliverer.notify()
    await house.state(first, "delivered", 2)
    await house.state(second, "delivered", 1)


async def test_a_hanging_endpoint_does_not_hold_up_another(house: House) -> None:
    house.endpoint.hanging.add("https://hook.example/")
    for _ in range(AT_ONCE + 3):
        await house.end()
    await house.endpoint.called(AT_ONCE)
    await house.state(await house.end(webhook="other"), "delivered", 1)
    assert len(house.endpoint.calls) == AT_ONCE + 1


async def test_a_delivery_can_be_repeated_by_hand_under_its_id(house: House) -> None:
    new = await house.end()
    await house.state(new, "delivered", 1)
    [found] = await house.deliveries.list_deliveries(new.owner, limit=1)
    assert not await house.deliveries.redeliver(found.id, "somebody else", house.now_ms)
    assert await house.deliveries.redeliver(found.id, new.owner, house.now_ms)
    house.deliverer.notify()
    await house.state(new, "delivered", 2)
    assert house.endpoint.calls[0][1] == house.endpoint.calls[1][1]


async def test_deliveries_are_seen_by_their_owner_alone_newest_first(house: House) -> None:
    jobs = [await house.end() for _ in range(3)]
    found = await house.deliveries.list_deliveries("ann", limit=2)
    assert [each.job_id for each in found] == [jobs[2].id, jobs[1].id]
    older = await house.deliveries.list_deliveries("ann", limit=2, after=found[-1].id)
    assert [each.job_id for each in older] == [jobs[0].id]
    assert await house.deliveries.list_deliveries("bob", limit=2) == []
    assert await house.deliveries.get(found[0].id, "bob") is None


async def test_an_endpoint_that_left_the_configuration_is_owed_its_calls(house: House) -> None:
    new = await house.end(webhook="unknown")
    await house.state(await house.end(), "delivered", 1)
    await house.state(new, "pending", 0)


async def test_what_is_being_delivered_is_not_delivered_twice_whatever_the_clock_does(
    house: House,
) -> None:
    house.endpoint.hanging.add("https://hook.example/")
    new = await house.end()
    await house.endpoint.called(1)
    house.now_ms += 86_400_000  # far beyond the lease
    await house.state(await house.end(webhook="other"), "delivered", 1)
    house.endpoint.release.set()
    await house.state(new, "delivered", 1)
    assert [url for url, _, _ in house.endpoint.calls].count("https://hook.example/") == 1


async def test_a_clock_that_is_set_back_puts_off_no_call(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    first = await house.end()
    house.now_ms -= 3_600_000
    house.deliverer.start()
    await house.state(first, "delivered", 1)
    house.now_ms += 3_600_000
    house.endpoint.answers = [Answer(5, 500, "answered with 500")]
    retried = await house.end()
    await house.state(retried, "pending", 1)
    new = job(webhook="hook")
    await house.store.submit(new, queue_limit=NO_LIMIT)
    [claimed] = await house.store.claim("w1", LEASE_MS, house.now_ms, 1)
    assert await house.store.finish(new.id, claimed.attempt, completed(), house.now_ms)
    house.now_ms -= 30 * 86_400_000
    house.deliverer.notify()
    await house.state(new, "delivered", 1)
    await house.state(retried, "delivered", 2)
    await house.close()


async def test_a_pause_that_a_right_clock_could_have_set_is_kept(house: House) -> None:
    house.endpoint.answers = [Answer(5, 503, "answered with 503", retry_after_s=86_400)]
    new = await house.end()
    await house.state(new, "pending", 1)
    house.now_ms -= 1000
    await house.state(await house.end(), "delivered", 1)
    [found] = await house.deliveries.list_deliveries(new.owner, limit=1, job_id=new.id)
    assert found.due_ms == NOW_MS + 86_400_000


async def test_a_crash_after_a_delivery_was_asked_for_again_does_not_put_it_off(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    await house.open()
    new = await house.end()
    [claimed] = await house.deliveries.claim("hook", LEASE_MS, NOW_MS, 1)
    assert await house.deliveries.redeliver(claimed.id, new.owner, NOW_MS)
    house.endpoint.answers = [Answer(5, 500, "answered with 500")]
    house.deliverer.start()  # which ends the lease, as after a crash
    await house.state(new, "pending", 1)
    [found] = await house.deliveries.list_deliveries(new.owner, limit=1)
    assert found.due_ms == house.now_ms + 1000 * SCHEDULE_S[0] * 1.1
    await house.close()


async def test_enabling_does_not_repeat_a_call_that_is_being_made(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.open()
    new = await house.end()
    [claimed] = await house.deliveries.claim("hook", LEASE_MS, NOW_MS, 1)
    await house.deliveries.disable("hook", NOW_MS, "gone")
    assert await house.deliveries.enable("hook", NOW_MS + 1)
    tried = Tried(attempt=claimed.attempt, at_ms=NOW_MS, latency_ms=1, status_code=204)
    assert await house.deliveries.settle(claimed.id, tried, "delivered", NOW_MS)
    await house.state(new, "delivered", 1)
    await house.close()


async def test_audio_that_cannot_be_read_is_a_failed_attempt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: str) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(house.blobs, "read_all", hang)
    monkeypatch.setattr("stentor.webhooks.deliverer.READ_S", 0.01)
    new = await house.end()
    [tried] = await house.state(new, "pending", 1)
    assert tried.error == "not sent: TimeoutError"
    assert house.endpoint.calls == []


async def test_of_a_job_that_is_gone_no_result_is_kept_that_nobody_is_owed(house: House) -> None:
    async def kept() -> list[tuple[str, bool]]:
        return await house.store.reader.call(
            lambda connection: connection.execute(
                "SELECT job_id, result IS NOT NULL FROM webhook_deliveries ORDER BY number"
            ).fetchall()
        )

    told = await house.end()
    await house.state(told, "delivered", 1)
    assert await kept() == [(told.id, True)]
    assert await house.store.delete(told.id, told.owner)
    assert await kept() == [(told.id, False)]
    house.endpoint.answers = [Answer(5, 500, "answered with 500")]
    owed = await house.end()
    await house.state(owed, "pending", 1)
    assert await house.store.delete(owed.id, owed.owner)
    assert await kept() == [(told.id, False), (owed.id, True)]
    house.now_ms += 10_000
    house.deliverer.notify()
    await house.state(owed, "delivered", 2)
    assert await kept() == [(told.id, False), (owed.id, False)]
    assert house.endpoint.calls[-1][2]["data"]["result"]["sha256"] == "00"
    [found] = await house.deliveries.list_deliveries(told.owner, limit=1, job_id=told.id)
    assert await house.deliveries.redeliver(found.id, told.owner, house.now_ms)
    house.deliverer.notify()
    await house.state(told, "delivered", 2)
    data = house.endpoint.calls[-1][2]["data"]
    assert data["result_omitted"] is True
    assert "result" not in data


async def test_old_deliveries_are_forgotten_with_their_log(house: House) -> None:
    new = await house.end()
    await house.state(new, "delivered", 1)
    assert await house.deliveries.purge(NOW_MS) == 0
    assert await house.deliveries.purge(NOW_MS + 1) == 1
    assert await house.deliveries.list_deliveries(new.owner, limit=9) == []


def test_a_caller_may_name_only_what_is_configured_for_it() -> None:
    endpoints = Endpoints(
        {
            "all": Webhook("https://a.example/", Secret(SECRET)),
            "hers": Webhook("https://b.example/", Secret(SECRET), key="ann"),
        }
    )
    endpoints.check("hers", "ann")
    endpoints.check("all", "bob")
    with pytest.raises(SpeechError) as refused:
        endpoints.check("hers", "bob")
    assert refused.value.param == "x-bf-async-webhook"
    assert "expected one of: all" in refused.value.message
