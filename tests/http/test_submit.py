"""What a caller can say with a submission, and what it is answered with."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scene_support import Scene, open_scene
from stentor.jobs.store import StoreClosed, StoreFull
from support import JOBS, Server, request, story

KEY = "Idempotency-Key"


def new_key() -> dict[str, str]:
    return {KEY: str(uuid.uuid4())}


def test_duplicates_at_the_same_time_are_one_job(server: Server) -> None:
    key, body = new_key(), request(input=story(1))
    with ThreadPoolExecutor(20) as threads:
        answers = list(
            threads.map(lambda _: server.client.post(JOBS, json=body, headers=key), range(20))
        )
    assert [answer.status_code for answer in answers] == [202] * 20
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 19
    assert server.finish(answers[0].json()["id"])["status"] == "completed"


def test_a_replay_repeats_the_first_answer_whatever_became_of_the_job(server: Server) -> None:
    key, body = new_key(), request()
    first = server.client.post(JOBS, json=body, headers=key)
    path = first.headers["location"]
    server.finish(first.json()["id"])
    assert server.client.delete(path).status_code == 204
    again = server.client.post(JOBS, json=body, headers=key)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == path
    assert again.headers["retry-after"] == first.headers["retry-after"]
    assert "idempotent-replayed" not in first.headers
    assert server.client.get(path).status_code == 404


def test_the_same_key_with_another_body_is_refused(server: Server) -> None:
    key = new_key()
    server.submit(headers=key)
    response = server.client.post(JOBS, json=request(input="Another."), headers=key)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "idempotency_key_reused"


def test_a_body_that_means_the_same_is_the_same(server: Server) -> None:
    key = new_key()
    first = server.submit(headers=key, speed=1, a={"x": 1, "y": 2}, b=[1])
    again = server.submit(headers=key, b=[1], a={"y": 2, "x": 1}, speed=1.0)
    assert first == again


def test_a_key_is_the_same_with_quotes_and_without(server: Server) -> None:
    key = str(uuid.uuid4())
    first = server.submit(headers={KEY: f'"{key}"'})
    assert server.submit(headers={KEY: key}) == first


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (KEY, ""),
        (KEY, '""'),
        (KEY, '"half'),
        (KEY, '"a"; b'),
        (KEY, "two words"),
        (KEY, "é"),
        (KEY, "x" * 256),
        ("x-stentor-priority", "urgent"),
        ("x-stentor-priority", ""),
        ("Cancel-After", "0"),
        ("Cancel-After", "-1"),
        ("Cancel-After", "1.5"),
        ("Cancel-After", "soon"),
        ("Cancel-After", "315360001"),
        ("x-bf-async-webhook", "nobody"),
    ],
)
def test_a_header_that_is_not_understood_is_named(server: Server, header: str, value: str) -> None:
    headers = {header: value.encode("latin-1")}
    response = server.client.post(JOBS, json=request(), headers=headers)  # type: ignore[arg-type]
    assert response.status_code == 400
    assert response.json()["error"]["param"] == header.lower()


async def test_what_the_headers_say_is_kept_with_the_job(scene: Scene) -> None:
    for priority in ("low", "high", "normal"):
        await scene.submit({"x-stentor-priority": priority, "Cancel-After": "60"}, input=story(200))
    await scene.submit(input="Short.")
    claimed = await scene.gateway.store.claim("test", 1000, 0, 10)
    assert [job.priority for job in claimed] == ["high", "normal", "normal", "low"]
    assert [job.express for job in claimed] == [False, False, True, False]
    limits = [job.deadline_ms and job.deadline_ms - job.created_ms for job in claimed]
    assert limits == [60_000, 60_000, None, 60_000]


def test_a_job_that_has_not_ended_by_its_deadline_fails(server: Server) -> None:
    job = server.finish(server.submit(headers={"Cancel-After": "1"}, input=story(1000))["id"])
    assert (job["status"], job["status_code"]) == ("failed", 504)
    assert job["error"]["error"]["code"] == "deadline_exceeded"


def test_who_prefers_to_wait_gets_the_finished_job(server: Server) -> None:
    headers = {"Prefer": "respond-async, Wait=30"}
    response = server.client.post(JOBS, json=request(input=story(1)), headers=headers)
    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=30"
    job = response.json()
    assert job["status"] == "completed"
    assert job["result"]["audio"]
    assert server.client.get(job["result"]["audio_url"]).status_code == 200


def test_who_cannot_wait_long_enough_gets_the_accepted_job(server: Server) -> None:
    headers = {"Prefer": "wait=0"}
    response = server.client.post(JOBS, json=request(input=story(20)), headers=headers)
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=0"
    assert response.json()["status"] == "pending"
    server.client.delete(response.headers["location"])


@pytest.mark.parametrize("prefer", ["wait=soon", "wait", "wait=-1", "handling=strict"])
def test_a_preference_that_is_not_understood_is_ignored(server: Server, prefer: str) -> None:
    response = server.client.post(JOBS, json=request(), headers={"Prefer": prefer})
    assert response.status_code == 202
    assert "preference-applied" not in response.headers


async def test_a_duplicate_that_prefers_to_wait_waits_for_the_first_job(scene: Scene) -> None:
    key = new_key()
    job = await scene.job(key)
    waiting = asyncio.create_task(
        scene.client.post(JOBS, json=request(), headers=key | {"Prefer": "wait=60"})
    )
    await scene.until_followed(job)
    await job.complete(b"audio")
    response = await waiting
    assert response.status_code == 200
    assert response.json()["id"] == job.id
    assert response.headers["idempotent-replayed"] == "true"
    assert response.headers["preference-applied"] == "wait=60"


async def test_a_result_that_expires_at_once_reaches_who_waited_for_it(scene: Scene) -> None:
    headers = {"x-bf-async-job-result-ttl": "0", "Prefer": "wait=60"}
    waiting = asyncio.create_task(scene.client.post(JOBS, json=request(), headers=headers))
    job = await scene.claimed()
    await job.complete(b"audio")
    response = await waiting
    assert (response.status_code, response.json()["status"]) == (200, "completed")
    assert (await scene.client.get(job.path)).status_code == 404


async def test_a_full_queue_refuses_with_a_time_to_come_back(tmp_path: Path) -> None:
    async with open_scene(tmp_path, jobs__queue_limit=1) as scene:
        await scene.submit()
        response = await scene.client.post(JOBS, json=request())
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "queue_full"
        assert response.headers["retry-after"] == "30"


async def test_a_full_disk_refuses_before_anything_is_accepted(tmp_path: Path) -> None:
    async with open_scene(tmp_path, storage__min_free_bytes=1024**4) as scene:
        response = await scene.client.post(JOBS, json=request())
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "storage_full"
        assert response.headers["retry-after"] == "30"
        assert (await scene.gateway.store.counts())["pending"] == 0


@pytest.mark.parametrize(
    ("fault", "code"), [(StoreFull(), "storage_full"), (StoreClosed(), "draining")]
)
async def test_a_store_that_cannot_take_the_job_is_unavailable(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str
) -> None:
    async def submit(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(type(scene.gateway.store), "submit", submit)
    response = await scene.client.post(JOBS, json=request())
    assert response.status_code == 503
    assert response.json()["error"]["code"] == code


async def test_a_server_that_stops_refuses_and_says_so(scene: Scene) -> None:
    assert (await scene.client.get("/ready")).status_code == 200
    await scene.gateway.drain()
    response = await scene.client.post(JOBS, json=request())
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "draining"
    assert response.headers["retry-after"] == "5"
    assert response.headers["connection"] == "close"
    ready = await scene.client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "draining")
    assert (await scene.client.get("/health")).status_code == 200


async def test_a_client_that_hangs_up_while_it_waits_leaves_no_follower(scene: Scene) -> None:
    job = await scene.job()
    raw = await scene.raw(f"{job.path}?wait=60")
    await scene.until_followed(job, 1)
    raw.close()
    await scene.until_followed(job, 0)
