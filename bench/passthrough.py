"""A sentence that a vendor speaks, as a job, beside calling the vendor without a gateway."""

from __future__ import annotations

import time
from statistics import median

import aiohttp
import msgspec
import uvloop

from bench import gateway, upstream
from bench.calls import Ended, Load, client, direct, job, load, text
from bench.table import Row
from stentor.providers.wire import HttpCall
from stentor.routing.transport import Timeouts, Transport

SECONDS = 3
CONNECTIONS = (1, 32)
ROUNDS = 3
CALLS = 300
CONFIG = """
[providers.piper]
enabled = false

[providers.openai]
base_url = "{url}"
api_key = "bench"
concurrency = 1000
"""


def run() -> list[Row]:
    """Jobs at each number of connections, and what the transport adds to a call."""
    with (
        upstream.running("openai") as vendor,
        gateway.running(CONFIG.format(url=vendor.url)) as server,
    ):
        return uvloop.run(_run(vendor.url, server.url))


async def _run(vendor: str, server: str) -> list[Row]:
    rows: list[Row] = []
    for connections in CONNECTIONS:
        async with client(connections) as session:
            rows += await _compare(session, vendor, server, connections)
    return [*rows, await _transport(vendor)]


async def _compare(
    session: aiohttp.ClientSession, vendor: str, server: str, connections: int
) -> list[Row]:
    async def straight() -> None:
        await direct(session, vendor)

    async def through() -> None:
        answer = await job(
            session, server, model="openai/tts-1", voice="alloy", response_format="mp3"
        )
        assert msgspec.json.decode(answer, type=Ended).status == "completed", answer[:500]

    await straight()
    await through()
    pairs: list[tuple[Load, Load]] = []
    for _ in range(ROUNDS):  # alternated, so that a slow spell of the machine meets both
        base = await load(straight, connections, SECONDS)
        pairs.append((base, await load(through, connections, SECONDS)))
    base, ours = sorted(pairs, key=lambda pair: pair[1].rate / pair[0].rate)[len(pairs) // 2]
    at = f"{connections} connection{'s' if connections > 1 else ''}"
    return [
        Row(
            f"passthrough jobs/s, mp3, {at}",
            f"{ours.rate:,.0f}/s (p50 {ours.p50_ms:.2f} ms, p99 {ours.p99_ms:.2f} ms)",
            f"vendor called directly {base.rate:,.0f}/s (p50 {base.p50_ms:.2f} ms)",
            ours.rate / base.rate,
        ),
        Row(
            f"passthrough, added latency p50, {at}",
            f"{ours.p50_ms - base.p50_ms:.2f} ms",
            f"vendor called directly {base.p50_ms:.2f} ms",
        ),
    ]


async def _transport(vendor: str) -> Row:
    """What `Transport` takes of this process's CPU for a call, beside aiohttp alone."""
    transport, timeouts = Transport(), Timeouts()

    async def ours() -> None:
        body = {"model": "tts-1", "input": text(), "voice": "alloy", "response_format": "mp3"}
        headers = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
        call = HttpCall("POST", f"{vendor}/audio/speech", headers, msgspec.json.encode(body))
        async with transport.send(call, timeouts) as answering:
            async for _ in answering.chunks():
                pass

    async with client(1) as session:
        took: list[list[float]] = [[], []]
        for number in range(2 * ROUNDS + 1):
            for times, call in zip(took, (lambda: direct(session, vendor), ours), strict=True):
                began = time.process_time()
                for _ in range(CALLS):
                    await call()
                if number:  # the first makes connections
                    times.append(1e6 * (time.process_time() - began) / CALLS)
    await transport.close()
    base, mine = map(median, took)
    return Row(
        "transport, CPU per call", f"{mine:.0f} us", f"aiohttp alone {base:.0f} us", mine / base
    )
