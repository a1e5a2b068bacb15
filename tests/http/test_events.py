"""A job as server-sent events."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

import stentor.http.events as events_module
from scene_support import Event, Scene, SceneJob, read_events
from support import JOBS, Server, story


@asynccontextmanager
async def following(
    scene: Scene, job: SceneJob, last_id: str | None = None, query: str = ""
) -> AsyncIterator[AsyncIterator[Event]]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    path = f"{job.path}/events{query}"
    async with scene.client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        yield read_events(response.aiter_lines())


async def all_events(
    scene: Scene, job: SceneJob, last_id: str | None = None, query: str = ""
) -> list[Event]:
    async with following(scene, job, last_id, query) as events:
        return [event async for event in events]


def heard(events: list[Event]) -> bytes:
    """The audio that a client has in the end."""
    audio = b""
    for event in events:
        if event.name == "job.restarted":
            audio = b""
        if event.name == "speech.audio.delta":
            assert event.data["type"] == "speech.audio.delta"
            assert event.data["offset"] == len(audio)
            audio += event.audio
    return audio


def real_events(server: Server, path: str, last_id: str) -> Generator[Event]:
    headers = {"Last-Event-ID": last_id}
    with server.client.stream("GET", f"{path}/events", headers=headers) as response:
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            if event := Event.of(fields):
                yield event
            fields = {}


async def test_progress_audio_and_the_end_are_told_in_order(scene: Scene) -> None:
    job = await scene.job()
    async with following(scene, job) as events:
        first = await anext(events)
        assert (first.name, first.id, first.data["status"]) == (
            "job.progress",
            "0.0",
            "processing",
        )
        job.begin(b"one")
        second = await anext(events)
        assert (second.name, second.id, second.audio) == ("speech.audio.delta", "0.3", b"one")
        job.grow(b" two")
        third = await anext(events)
        assert (third.id, third.data["offset"], third.audio) == ("0.7", 3, b" two")
        await job.complete()
        [last] = [event async for event in events]
    assert (last.name, last.id) == ("job.completed", "0.7.end")
    assert last.data["id"] == job.id
    assert last.data["result"]["audio_omitted"] is True
    assert "audio" not in last.data["result"]
    assert last.data["result"]["audio_url"].endswith(f"{job.path}/audio")


async def test_a_pending_job_tells_its_place(scene: Scene) -> None:
    raw = await scene.raw(f"{await scene.submit()}/events")
    answer = await raw.until(b'"position":1')
    assert b"event: job.progress" in answer
    assert b"retry: 1000" in answer
    raw.close()


async def test_a_failure_is_told_with_its_error(scene: Scene) -> None:
    job = await scene.job()
    await job.fail()
    [last] = await all_events(scene, job)
    assert last.name == "job.failed"
    assert last.data["error"]["error"]["code"] == "broken"


async def test_a_finished_job_resumes_at_every_offset(scene: Scene) -> None:
    job = await scene.job()
    job.begin(bytes(range(100)))
    whole = await job.complete()
    for offset in range(len(whole) + 1):
        events = await all_events(scene, job, f"0.{offset}")
        rest = b"".join(event.audio for event in events[:-1])
        assert rest == whole[offset:]
        assert (events[-1].name, events[-1].id) == ("job.completed", "0.100.end")


async def test_a_running_job_resumes_at_every_offset(scene: Scene) -> None:
    job = await scene.job()
    job.begin(bytes(range(40)))
    for offset in range(40):
        async with following(scene, job, f"0.{offset}") as events:
            assert (await anext(events)).name == "job.progress"
            event = await anext(events)
            assert (event.data["offset"], event.audio) == (offset, bytes(range(offset, 40)))


async def test_an_offset_that_the_next_attempt_has_not_reached_is_waited_for(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"0123")
    async with following(scene, job, "0.6") as events:
        assert (await anext(events)).name == "job.progress"
        job.grow(b"45")
        job.grow(b"67")
        assert (await anext(events)).audio == b"67"


async def test_another_voice_begins_anew(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"first")
    async with following(scene, job) as events:
        assert (await anext(events)).name == "job.progress"
        assert (await anext(events)).audio == b"first"
        job.begin(generation=1)
        job.grow(b"second")
        restarted, delta = await anext(events), await anext(events)
        assert (restarted.name, restarted.id) == ("job.restarted", "1.0")
        assert restarted.data == {"generation": 1}
        assert (delta.id, delta.data["offset"], delta.audio) == ("1.6", 0, b"second")


@pytest.mark.parametrize("last_id", ["0.3", "2.3", "1.7"])
async def test_a_client_whose_bytes_are_not_the_finished_files_begins_anew(
    scene: Scene, last_id: str
) -> None:
    job = await scene.job()
    job.begin(b"second", generation=1)
    await job.complete()
    events = await all_events(scene, job, last_id)
    assert [event.name for event in events] == [
        "job.restarted",
        "speech.audio.delta",
        "job.completed",
    ]
    assert heard(events) == b"second"


async def test_long_audio_comes_in_pieces_of_48_kb(scene: Scene) -> None:
    job = await scene.job()
    job.begin(bytes(300_000))
    await job.complete()
    events = await all_events(scene, job)
    assert heard(events) == bytes(300_000)
    assert max(len(event.audio) for event in events[:-1]) == 48 * 1024


async def test_who_was_told_of_the_end_is_told_no_more(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"all")
    await job.complete()
    last = (await all_events(scene, job))[-1]
    response = await scene.client.get(f"{job.path}/events", headers={"Last-Event-ID": last.id})
    assert response.status_code == 204


async def test_the_last_id_may_stand_in_the_query(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"0123")
    await job.complete()
    assert (await all_events(scene, job, query="?last_event_id=0.2"))[0].audio == b"23"


async def test_the_audio_can_be_left_out(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"0123")
    async with following(scene, job, query="?audio=false") as events:
        assert (await anext(events)).name == "job.progress"
        await job.complete()
        assert [event.name async for event in events] == ["job.completed"]


async def test_a_malformed_id_is_refused(scene: Scene) -> None:
    job = await scene.job()
    for last_id in ("x", "1", "1.", ".1", "-1.0", "0.0.start", "0.1e3", "٣.٣", ""):
        response = await scene.client.get(f"{job.path}/events", params={"last_event_id": last_id})
        assert response.status_code == 400
        assert response.json()["error"]["param"] == "last_event_id"
    response = await scene.client.get(f"{job.path}/events", headers={"Last-Event-ID": "x"})
    assert response.json()["error"]["param"] == "last-event-id"
    response = await scene.client.get(f"{job.path}/events", params={"audio": "no"})
    assert response.json()["error"]["param"] == "audio"


async def test_a_silent_job_gives_signs_of_life(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "HEARTBEAT_S", 0.0)
    job = await scene.job()
    raw = await scene.raw(f"{job.path}/events")
    await raw.until(b"event: job.progress")
    scene.gateway.feed.notify(job.id)
    await raw.until(b"\r\n:\n\n\r\n")
    raw.close()


async def test_the_stream_ends_without_a_last_event_when_the_server_ends(scene: Scene) -> None:
    job = await scene.job()
    async with following(scene, job) as events:
        assert (await anext(events)).name == "job.progress"
        scene.gateway.feed.close()
        assert [event async for event in events] == []


async def test_many_followers_hear_the_same(scene: Scene) -> None:
    job = await scene.job()
    following_ = [asyncio.create_task(all_events(scene, job)) for _ in range(20)]
    await scene.until_followed(job, 20)
    job.begin(b"for ")
    job.grow(b"everyone")
    await job.complete()
    for events in await asyncio.gather(*following_):
        assert heard(events) == b"for everyone"
        assert events[-1].name == "job.completed"
    await scene.until_followed(job, 0)


def test_a_job_is_heard_in_full_across_reconnections_and_a_kill_of_the_server(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path)
    path = f"{JOBS}/{server.submit(input=story(8), response_format='opus')['id']}"
    audio, last_id, killed = b"", "0.0", False
    try:
        while not last_id.endswith(".end"):
            with closing(real_events(server, path, last_id)) as events:
                for event in events:
                    last_id = event.id
                    assert event.name != "job.restarted"
                    if event.name == "speech.audio.delta":
                        assert event.data["offset"] == len(audio)
                        audio += event.audio
                        break  # hang up after each piece
            if audio and not killed:
                killed = True
                server.stop(signal.SIGKILL)
                server = Server(tmp_path)
        assert audio == server.client.get(f"{path}/audio").content
    finally:
        server.stop(signal.SIGKILL)
