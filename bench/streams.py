"""Memory for a thousand answers that vendors take their time over."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import NamedTuple

import aiohttp
import msgspec
import psutil
import uvloop

from bench import gateway, upstream
from bench.calls import client, direct, job, submit, text
from bench.table import Row
from stentor.contract import SPEECH_PATH

STREAMS = 1000
WARM = 50
PIECES = 60
PACE_S = 1.0
# What a listener of a stream that comes once a second would call standing still.
STALL_S = 2.0
# Into the streams: every one of them has brought some audio, none has ended.
SETTLED_S = 8
DEADLINE_S = 60
CONFIG = """
[server]
drain_seconds = 0

[providers.piper]
enabled = false

[providers.quick]
type = "openai"
base_url = "{quick}"
api_key = "bench"

[providers.slow]
type = "openai"
base_url = "{slow}"
api_key = "bench"
concurrency = 10000

[jobs]
concurrency = 10000
express_concurrency = 0
"""


def run() -> list[Row]:
    """The server's memory before and during; aiohttp alone, in a process of its own, beside it."""
    trickle = {"fault_rate": 1.0, "kinds": "slow", "pieces": PIECES, "pace_seconds": PACE_S}
    with upstream.running("openai") as quick, upstream.running("openai", **trickle) as slow:
        alone = subprocess.run(
            [sys.executable, "-m", "bench.streams", quick.url, slow.url],
            capture_output=True,
            text=True,
            check=True,
        )
        base = float(alone.stdout)
        with gateway.running(CONFIG.format(quick=quick.url, slow=slow.url)) as server:
            before, during = uvloop.run(_jobs(server, slow))
        with gateway.running(CONFIG.format(quick=quick.url, slow=slow.url)) as server:
            heard = uvloop.run(_listen(server, slow))
    each = (during - before) / STREAMS
    relayed = (heard.during - heard.before) / STREAMS
    return [
        Row(
            f"memory, {STREAMS:,} slow streams into jobs, each",
            f"{each:.0f} kB ({before / 1000:.0f} MB before, {during / 1000:.0f} MB during)",
            f"aiohttp alone {base:.0f} kB",
            each / base,
            "< 150 kB",
            each < 150,
        ),
        Row(
            f"memory, {STREAMS:,} slow streams to listeners, each",
            f"{relayed:.0f} kB ({heard.before / 1000:.0f} MB before, "
            f"{heard.during / 1000:.0f} MB during)",
            f"aiohttp alone {base:.0f} kB",
            relayed / base,
            "< 150 kB",
            relayed < 150,
        ),
        Row(
            f"longest wait for more, of all {STREAMS:,} listeners",
            f"{heard.longest_s:.2f} s",
            f"the vendor's pace {PACE_S:g} s",
            heard.longest_s / PACE_S,
            f"< {STALL_S:g} s",
            heard.longest_s < STALL_S,
        ),
    ]


def _fields(provider: str) -> dict[str, str]:
    return {"model": f"{provider}/tts-1", "voice": "alloy", "response_format": "mp3"}


async def _jobs(server: gateway.Gateway, slow: upstream.LocalVendor) -> tuple[float, float]:
    """The server's memory in kB, before and during."""
    async with client(100) as session:
        # One that has worked has loaded all it needs.
        await asyncio.gather(*(job(session, server.url, **_fields("quick")) for _ in range(WARM)))
        before = _kilobytes(server.pid)
        await asyncio.gather(
            *(submit(session, server.url, **_fields("slow")) for _ in range(STREAMS))
        )
    await asyncio.to_thread(_under_way, slow)
    return before, _kilobytes(server.pid)


class Heard(NamedTuple):
    """The server's memory in kB, and the longest that a listener waited for more."""

    before: float
    during: float
    longest_s: float


async def _listen(server: gateway.Gateway, slow: upstream.LocalVendor) -> Heard:
    waits = [0.0]

    async def listen(session: aiohttp.ClientSession, provider: str) -> None:
        body = msgspec.json.encode({"input": text()} | _fields(provider))
        async with session.post(
            server.url + SPEECH_PATH, data=body, headers={"Content-Type": "application/json"}
        ) as response:
            assert response.status == 200
            last = time.monotonic()
            async for _ in response.content.iter_any():
                now = time.monotonic()
                waits.append(now - last)
                last = now

    async with client(STREAMS) as session:
        await asyncio.gather(*(listen(session, "quick") for _ in range(WARM)))
        before = _kilobytes(server.pid)
        listening = [asyncio.create_task(listen(session, "slow")) for _ in range(STREAMS)]
        await asyncio.to_thread(_under_way, slow)
        waits.clear()
        await asyncio.sleep(SETTLED_S)
        heard = Heard(before, _kilobytes(server.pid), max(waits))
        for one in listening:
            one.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    return heard


async def _alone(quick: str, slow: str) -> float:
    """What a stream takes in this process, in kB, with nothing but aiohttp."""
    async with client(STREAMS) as session:
        await asyncio.gather(*(direct(session, quick) for _ in range(WARM)))
        before = _kilobytes(None)
        calls = [asyncio.create_task(direct(session, slow)) for _ in range(STREAMS)]
        await asyncio.to_thread(_under_way, upstream.LocalVendor(slow))
        during = _kilobytes(None)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    return (during - before) / STREAMS


def _under_way(vendor: upstream.LocalVendor) -> None:
    """Returns when all streams have been coming for a while."""
    deadline = time.monotonic() + DEADLINE_S
    while vendor.stats().under_way < STREAMS:
        assert time.monotonic() < deadline, f"too slow: {vendor.stats()}"
        time.sleep(0.1)
    time.sleep(SETTLED_S)
    assert vendor.stats().under_way == STREAMS, "too slow: streams have ended meanwhile"


def _kilobytes(pid: int | None) -> float:
    return psutil.Process(pid).memory_info().rss / 1000


if __name__ == "__main__":
    gateway.allow_many_files()
    print(uvloop.run(_alone(*sys.argv[1:])))
