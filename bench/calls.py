"""Calls of a client that does one after the other on each of its connections."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median, quantiles

import aiohttp
import msgspec

from stentor.contract import JOBS_PATH

WAIT_S = 60
# As long as a sentence of a book, and no two of them alike: none is found in the cache.
TEXT = "Sentence number {:08d} tells of the herald, whose voice was great."


class Ended(msgspec.Struct):
    """What is looked at in a job."""

    id: str
    status: str


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: calls per second, and how long one took."""

    rate: float
    p50_ms: float
    p99_ms: float


@asynccontextmanager
async def client(connections: int) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that keeps its connections."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        yield session


async def load(call: Callable[[], Awaitable[None]], connections: int, seconds: float) -> Load:
    """Call until the time is up, on so many connections."""
    took: list[float] = []
    started = time.perf_counter()

    async def go_on() -> None:
        while (began := time.perf_counter()) < started + seconds:
            await call()
            took.append(1000 * (time.perf_counter() - began))

    await asyncio.gather(*(go_on() for _ in range(connections)))
    elapsed = time.perf_counter() - started
    worst = quantiles(took, n=100)[98] if len(took) > 1 else took[0]
    return Load(len(took) / elapsed, median(took), worst)


_numbers = itertools.count(1)


def text() -> str:
    """A text that was never spoken before, always of the same length."""
    return TEXT.format(next(_numbers))


async def submit(
    session: aiohttp.ClientSession, url: str, wait_s: int = 0, **fields: object
) -> bytes:
    """Submit a job; returns the answer's body.

    Args:
        wait_s: how long the answer may wait for the job's end.

    Raises:
        AssertionError: it was not taken.
    """
    body = msgspec.json.encode({"input": text()} | fields)
    headers = {"Content-Type": "application/json"}
    if wait_s:
        headers["Prefer"] = f"wait={wait_s}"
    async with session.post(url + JOBS_PATH, data=body, headers=headers) as response:
        answer = await response.read()
        assert response.status in (200, 202), answer[:500]
        return answer


async def job(session: aiohttp.ClientSession, url: str, **fields: object) -> bytes:
    """Submit a job and wait for its end; returns the last answer's body.

    Raises:
        AssertionError: it was not taken.
    """
    answer = await submit(session, url, WAIT_S, **fields)
    while (ended := msgspec.json.decode(answer, type=Ended)).status not in ("completed", "failed"):
        async with session.get(f"{url}{JOBS_PATH}/{ended.id}?wait={WAIT_S}") as response:
            answer = await response.read()
            assert response.status in (200, 202), answer[:500]
    return answer


async def direct(session: aiohttp.ClientSession, url: str) -> None:
    """Have the same kind of text spoken by an OpenAI, without a gateway."""
    body = {"model": "tts-1", "input": text(), "voice": "alloy", "response_format": "mp3"}
    headers = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
    async with session.post(
        f"{url}/audio/speech", data=msgspec.json.encode(body), headers=headers
    ) as response:
        assert response.status == 200 and await response.read()
