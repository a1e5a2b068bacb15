"""Polls that are held until the job has ended."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from scene_support import Scene, open_scene
from support import JOBS, request


async def test_a_poll_is_held_until_the_job_has_ended(scene: Scene) -> None:
    job = await scene.job()
    poll = asyncio.create_task(scene.client.get(f"{job.path}?wait=60"))
    await scene.until_followed(job)
    assert not poll.done()
    await job.complete(b"audio")
    response = await poll
    assert (response.status_code, response.json()["status"]) == (200, "completed")
    assert "preference-applied" not in response.headers


async def test_a_poll_is_answered_when_its_time_is_up(scene: Scene) -> None:
    job = await scene.job()
    started = time.monotonic()
    response = await scene.client.get(f"{job.path}?wait=0.2")
    assert response.status_code == 202
    assert response.headers["retry-after"]
    assert time.monotonic() - started >= 0.2


async def test_a_poll_of_an_ended_job_is_not_held(scene: Scene) -> None:
    job = await scene.job()
    await job.fail()
    response = await scene.client.get(f"{job.path}?wait=60")
    assert (response.status_code, response.json()["status"]) == (200, "failed")


async def test_a_poll_can_prefer_to_wait(scene: Scene) -> None:
    job = await scene.job()
    poll = asyncio.create_task(scene.client.get(job.path, headers={"Prefer": 'wait="60"'}))
    await scene.until_followed(job)
    await job.complete(b"audio")
    response = await poll
    assert (response.status_code, response.headers["preference-applied"]) == (200, "wait=60")


async def test_the_end_in_another_process_is_noticed(scene: Scene) -> None:
    job = await scene.job()
    poll = asyncio.create_task(scene.client.get(f"{job.path}?wait=60"))
    await scene.until_followed(job)
    await job.fail(silently=True)
    assert (await poll).json()["status"] == "failed"


async def test_held_polls_are_let_go_when_the_server_ends(scene: Scene) -> None:
    job = await scene.job()
    polls = [asyncio.create_task(scene.client.get(f"{job.path}?wait=60")) for _ in range(5)]
    await scene.until_followed(job, 5)
    scene.gateway.feed.close()
    assert [response.status_code for response in await asyncio.gather(*polls)] == [202] * 5
    assert (await scene.client.get(f"{job.path}?wait=60")).status_code == 202


async def test_longer_than_allowed_is_as_long_as_allowed(tmp_path: Path) -> None:
    async with open_scene(tmp_path, server__max_wait_seconds=0) as scene:
        job = await scene.job()
        assert (await scene.client.get(f"{job.path}?wait=999999999")).status_code == 202
        response = await scene.client.get(job.path, headers={"Prefer": "wait=999999999"})
        assert response.headers["preference-applied"] == "wait=0"


async def test_a_malformed_time_is_refused(scene: Scene) -> None:
    job = await scene.job()
    for wait in ("", "soon", "-1", "1e3", "1.", ".5", "nan", "٣", "1" * 19):
        response = await scene.client.get(job.path, params={"wait": wait})
        assert response.status_code == 400, wait
        assert response.json()["error"]["param"] == "wait"


async def test_an_unknown_job_is_not_waited_for(scene: Scene) -> None:
    response = await scene.client.get(f"{JOBS}/0192f0c1-2345-7abc-8def-0123456789ab?wait=60")
    assert response.status_code == 404


async def test_a_job_that_is_cancelled_ends_the_wait(scene: Scene) -> None:
    job = await scene.job()
    poll = asyncio.create_task(scene.client.get(f"{job.path}?wait=60"))
    await scene.until_followed(job)
    await scene.client.delete(job.path)
    assert (await poll).json()["error"]["error"]["code"] == "cancelled"


async def test_a_submit_whose_time_is_up_shows_the_job_as_it_stands(scene: Scene) -> None:
    submitting = asyncio.create_task(
        scene.client.post(JOBS, json=request(), headers={"Prefer": "wait=1"})
    )
    job = await scene.claimed()
    response = await submitting
    assert response.status_code == 202
    assert response.json()["status"] == "processing"
    assert response.headers["location"] == job.path
    assert response.headers["preference-applied"] == "wait=1"
    assert "retry-after" in response.headers
