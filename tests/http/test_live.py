"""The audio of a job while it runs."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os

import pytest
from starlette.requests import Request
from starlette.types import Message

from scene_support import Scene
from stentor.http.follow import CHUNK_BYTES
from stentor.http.live import live_audio
from support import JOBS, Server, story

SAME_BYTES = ("pcm", "ulaw", "alaw", "opus", "aac")


async def test_bytes_arrive_as_they_are_made_and_add_up_to_the_finished_file(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"first")
    async with scene.client.stream("GET", f"{job.path}/audio") as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "audio/pcm"
        assert response.headers["accept-ranges"] == "none"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"first"
        job.grow(b" second")
        assert await anext(pieces) == b" second"
        job.grow(b" third")
        whole = await job.complete()
        rest = b"".join([piece async for piece in pieces])
    assert b"first second" + rest == whole
    assert (await scene.client.get(f"{job.path}/audio")).content == whole


async def test_the_answer_is_held_until_the_first_bytes_exist(scene: Scene) -> None:
    job = await scene.job()
    answer = asyncio.create_task(scene.client.get(f"{job.path}/audio"))
    await scene.until_followed(job)
    job.begin(response_format="opus")
    await asyncio.sleep(0)
    assert not answer.done()
    job.grow(b"OggS")
    await job.complete()
    response = await answer
    assert response.headers["content-type"] == "audio/ogg"
    assert response.content == b"OggS"


async def test_a_job_that_ends_before_its_first_bytes_is_answered_as_a_finished_file(
    scene: Scene,
) -> None:
    job = await scene.job()
    answer = asyncio.create_task(scene.client.get(f"{job.path}/audio"))
    await scene.until_followed(job)
    await job.complete(b"spoken by another process")
    response = await answer
    assert response.content == b"spoken by another process"
    assert response.headers["content-length"] == "25"
    assert response.headers["etag"]


async def test_a_job_that_fails_before_its_first_bytes_is_a_conflict_that_says_why(
    scene: Scene,
) -> None:
    job = await scene.job()
    answer = asyncio.create_task(scene.client.get(f"{job.path}/audio"))
    await scene.until_followed(job)
    await job.fail()
    response = await answer
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "not_completed"
    assert "the voice broke" in response.json()["error"]["message"]
    assert (await scene.client.get(f"{job.path}/audio")).json()["error"]["code"] == "not_completed"


async def test_another_voice_before_the_first_bytes_is_no_matter(scene: Scene) -> None:
    job = await scene.job()
    job.begin()
    answer = asyncio.create_task(scene.client.get(f"{job.path}/audio"))
    await scene.until_followed(job)
    job.begin(b"second voice", generation=1)
    whole = await job.complete()
    assert (await answer).content == whole == b"second voice"


async def test_another_voice_after_the_first_bytes_cuts_the_body(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"first voice")
    raw = await scene.raw(f"{job.path}/audio")
    await raw.until(b"first voice\r\n")
    job.begin(b"second voice", generation=1)
    assert await raw.rest() == b""


async def test_a_failure_after_the_first_bytes_cuts_the_body(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"half a")
    raw = await scene.raw(f"{job.path}/audio")
    await raw.until(b"half a\r\n")
    await job.fail()
    assert await raw.rest() == b""


async def test_a_complete_body_has_its_end(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"half a")
    raw = await scene.raw(f"{job.path}/audio")
    await raw.until(b"half a\r\n")
    await job.complete()
    assert await raw.until(b"0\r\n\r\n") == b"0\r\n\r\n"
    raw.close()


async def test_the_end_of_the_server_cuts_the_body(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"half a")
    raw = await scene.raw(f"{job.path}/audio")
    await raw.until(b"half a\r\n")
    scene.gateway.feed.close()
    assert await raw.rest() == b""


async def test_the_next_attempt_goes_on_where_the_bytes_of_the_last_one_ended(
    scene: Scene,
) -> None:
    job = await scene.job()
    job.begin(b"one two")
    async with scene.client.stream("GET", f"{job.path}/audio") as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"one two"
        job.stop()
        job.begin(b"one")
        job.grow(b" two three")
        assert await anext(pieces) == b" three"
        await job.complete()
        assert [piece async for piece in pieces] == []


@pytest.mark.parametrize("seen", [0, 7])
async def test_what_another_process_finished_is_fetched_from_where_the_client_is(
    scene: Scene, seen: int
) -> None:
    job = await scene.job()
    job.begin(b"one two"[:seen])
    answer = asyncio.create_task(scene.client.get(f"{job.path}/audio"))
    await scene.until_followed(job)
    await job.complete(b"one two three")
    assert (await answer).content == b"one two three"


async def test_a_header_that_is_filled_in_at_the_end_changes_no_length(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"RIFF????data", response_format="wav")
    async with scene.client.stream("GET", f"{job.path}/audio") as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"RIFF????data"
        job.overwrite(b"RIFF1234data")
        job.grow(b" and more")
        whole = await job.complete()
        rest = b"".join([piece async for piece in pieces])
    assert whole == b"RIFF1234data" + rest


async def test_a_result_that_expires_at_once_is_delivered_to_who_followed_it(scene: Scene) -> None:
    job = await scene.job({"x-bf-async-job-result-ttl": "0"})
    job.begin(b"half")
    async with scene.client.stream("GET", f"{job.path}/audio") as response:
        pieces = response.aiter_raw()
        await anext(pieces)
        job.grow(b" and half")
        await job.complete()
        assert b"".join([piece async for piece in pieces]) == b" and half"
    assert (await scene.client.get(f"{job.path}/audio")).status_code == 404


async def test_a_client_that_hangs_up_leaves_no_follower(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"some")
    for path in (f"{job.path}/audio", f"{job.path}/events"):
        raw = await scene.raw(path)
        await scene.until_followed(job, 1)
        raw.close()
        await scene.until_followed(job, 0)


async def test_no_more_is_read_than_the_client_has_taken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await scene.job()
    job.begin(bytes(10 * CHUNK_BYTES))
    reads, reads_at_write = 0, []
    pread = os.pread

    def counted(file: int, size: int, offset: int) -> bytes:
        nonlocal reads
        reads += 1
        return pread(file, size, offset)

    async def send(message: Message) -> None:
        if message.get("body"):
            reads_at_write.append(reads)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(os, "pread", counted)
    http = {"type": "http", "method": "GET", "path": "", "headers": []}
    answer = asyncio.create_task(
        live_audio(scene.gateway, Request(http), job.id, "")(http, receive, send)
    )
    await scene.until_followed(job)
    await job.complete()
    await answer
    # A read that the job's end overtakes is made again from the finished file.
    assert len(reads_at_write) == 10
    assert all(reads - n in (1, 2) for n, reads in enumerate(reads_at_write))


async def test_head_answers_with_the_headers_alone(scene: Scene) -> None:
    job = await scene.job()
    job.begin(b"some", response_format="aac")
    response = await scene.client.head(f"{job.path}/audio")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "audio/aac"
    await scene.until_followed(job, 0)


@pytest.mark.parametrize("response_format", [*SAME_BYTES, "mp3", "flac", "wav"])
def test_a_running_job_plays_before_it_is_done_and_in_full(
    server: Server, response_format: str
) -> None:
    path = f"{JOBS}/{server.submit(input=story(5), response_format=response_format)['id']}"
    with server.client.stream("GET", f"{path}/audio") as response:
        pieces = response.iter_raw()
        first = next(pieces)
        assert server.client.get(path).json()["status"] == "processing"
        live = b"".join(itertools.chain([first], pieces))
    result = server.client.get(path).json()["result"]
    assert response.headers["content-type"] == result["content_type"]
    assert len(live) == result["size_bytes"]
    finished = server.client.get(f"{path}/audio").content
    assert hashlib.sha256(finished).hexdigest() == result["sha256"]
    assert live[4096:] == finished[4096:]
    if response_format in SAME_BYTES:
        assert live == finished
