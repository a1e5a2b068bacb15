"""The caller's jobs, page by page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scene_support import Scene, open_scene
from support import JOBS


async def page(scene: Scene, **query: Any) -> dict[str, Any]:
    response = await scene.client.get(JOBS, params=query)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_every_job_is_on_one_page_newest_first(scene: Scene) -> None:
    submitted = [(await scene.submit()).rpartition("/")[2] for _ in range(45)]
    seen: list[str] = []
    query: dict[str, Any] = {}
    while True:
        body = await page(scene, limit=10, **query)
        seen += [job["id"] for job in body["data"]]
        assert body["object"] == "list"
        assert (body["first_id"], body["last_id"]) == (seen[-len(body["data"])], seen[-1])
        if not body["has_more"]:
            break
        query = {"after": body["last_id"]}
        await scene.submit()  # a new job moves no page
    assert seen == submitted[::-1]


async def test_the_last_page_says_so(scene: Scene) -> None:
    for _ in range(3):
        await scene.submit()
    assert (await page(scene, limit=3))["has_more"] is False
    assert (await page(scene, limit=2))["has_more"] is True
    empty = await page(scene, after="00000000-0000-7000-8000-000000000000")
    assert empty == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
        "object": "list",
    }


async def test_jobs_are_listed_as_they_stand_and_without_their_audio(scene: Scene) -> None:
    done, broken = await scene.job(), await scene.job()
    await done.complete(b"audio")
    await broken.fail()
    running = await scene.job()
    await scene.submit()
    jobs = (await page(scene))["data"]
    assert [job["status"] for job in jobs] == ["pending", "processing", "failed", "completed"]
    assert jobs[1]["id"] == running.id
    assert jobs[2]["error"]["error"]["code"] == "broken"
    assert jobs[3]["result"]["audio_omitted"] is True
    assert "audio" not in jobs[3]["result"]
    assert jobs[3]["result"]["audio_url"].startswith("http://127.0.0.1")
    assert [job["id"] for job in (await page(scene, status="processing"))["data"]] == [running.id]


async def test_callers_see_their_own_jobs_alone(tmp_path: Path) -> None:
    keys = {name: {"value": f"a-long-enough-key-of-{name}"} for name in ("ann", "bob")}
    async with open_scene(tmp_path, keys=keys) as scene:
        ann, bob = ({"x-api-key": one["value"]} for one in keys.values())
        path = await scene.submit(ann)
        mine = await scene.client.get(JOBS, headers=ann)
        assert [job["id"] for job in mine.json()["data"]] == [path.rpartition("/")[2]]
        assert (await scene.client.get(JOBS, headers=bob)).json()["data"] == []
        assert (await scene.client.get(JOBS)).status_code == 401
        for suffix in ("?wait=60", "/audio", "/events"):
            response = await scene.client.get(path + suffix, headers=bob)
            assert response.json()["error"]["code"] == "job_not_found"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "ten"),
        ("limit", ""),
        ("after", "x"),
        ("after", ""),
        ("status", "done"),
        ("status", ""),
    ],
)
async def test_a_query_that_is_not_understood_is_named(scene: Scene, name: str, value: str) -> None:
    response = await scene.client.get(JOBS, params={name: value})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == name
