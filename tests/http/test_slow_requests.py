"""Requests that take their time to arrive."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scene_support import Scene, open_scene
from support import JOBS, request

BODY = json.dumps(request()).encode()
HEAD = (
    f"POST {JOBS} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n"
).encode()


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path, request_timeout_s=0.2) as running:
        yield running


@pytest.mark.parametrize("arrived", [b"POST", HEAD[:40], HEAD, HEAD + BODY[:10]])
async def test_a_request_that_does_not_arrive_in_time_is_refused(
    impatient: Scene, arrived: bytes
) -> None:
    raw = await impatient.connect()
    raw.writer.write(arrived)
    head, _, body = (await raw.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in head
    assert json.loads(body)["error"]["code"] == "request_timeout"
    assert (await impatient.gateway.store.counts())["pending"] == 0


async def test_a_request_in_pieces_that_arrives_in_time_is_accepted(impatient: Scene) -> None:
    raw = await impatient.connect()
    for piece in (HEAD[:20], HEAD[20:], BODY[:10], BODY[10:]):
        raw.writer.write(piece)
        await raw.writer.drain()
    assert b" 202 " in await raw.until(b"\r\n\r\n")
    raw.close()


async def test_the_time_between_requests_does_not_count(impatient: Scene) -> None:
    raw = await impatient.connect()
    raw.writer.write(HEAD + BODY)
    assert b" 202 " in await raw.until(b"}}")
    # A slow answer is the server's business: it outlasts the limit on requests.
    job = await impatient.claim()
    raw.writer.write(f"GET {job.path}?wait=0.4 HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    assert b" 202 " in await raw.until(b'"progress"')
    raw.close()


async def test_what_is_refused_at_once_is_not_refused_twice(impatient: Scene) -> None:
    raw = await impatient.connect()
    raw.writer.write(HEAD.replace(b"application/json", b"text/plain") + BODY[:10])
    answer = await raw.rest()
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert answer.count(b"HTTP/1.1") == 1
