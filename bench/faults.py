"""Ten thousand jobs at three vendors that fail three times out of ten."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field

import aiohttp
import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench import gateway, upstream
from bench.calls import TEXT, client, job
from bench.table import Row

JOBS = 10_000
CONNECTIONS = 64
FAULT_RATE = 0.3
SEED = 20_260_101
# A key that is refused is left alone for a minute: there have to be more than are refused in one.
KEYS = 250
# In US dollars for a million characters; different, so that a mix-up shows.
PRICES = {"openai": 15.0, "elevenlabs": 50.0, "deepgram": 30.0}
MODELS = {
    "openai": "openai/tts-1",
    "elevenlabs": "elevenlabs/eleven_flash_v2_5",
    "deepgram": "deepgram/aura-2",
}
# Vendors that fail so often are not left alone for long, and what stands still is given up soon;
# what is only late, because the machine is busy, is not.
CONFIG = """
[providers.piper]
enabled = false

[jobs]
concurrency = 256
queue_limit = 100000

[routing]
breaker_failures = 20
breaker_seconds = 1

[voices.herald]
openai = "alloy"
elevenlabs = "voice0000"
deepgram = "aura-2-thalia-en"
"""
PROVIDER = """
[providers.{name}]
base_url = "{url}"
concurrency = 256
connect_timeout_seconds = 5
first_byte_timeout_seconds = 3
idle_timeout_seconds = 3
total_timeout_seconds = 20
retry_seconds = 20
prices."{model}".per_million_characters = {price}
keys = [{keys}]
"""


class Attempt(msgspec.Struct, frozen=True):
    """What is looked at in an attempt."""

    provider: str
    outcome: str
    calls: int = 1
    cost: float = 0.0
    status_code: int | None = None


class _Extra(msgspec.Struct, frozen=True):
    attempts: tuple[Attempt, ...] = ()


class _Usage(msgspec.Struct, frozen=True):
    cost: float = 0.0


class _Result(msgspec.Struct):
    audio: str = ""
    usage: _Usage = _Usage()
    extra_fields: _Extra = _Extra()


class _Words(msgspec.Struct, frozen=True):
    code: str
    message: str


class _Error(msgspec.Struct):
    status_code: int
    error: _Words
    extra_fields: _Extra = _Extra()


class Job(msgspec.Struct):
    """What is looked at in a job that has ended."""

    id: str
    status: str
    result: _Result | None = None
    error: _Error | None = None


@dataclass
class Seen:
    """What came of the jobs.

    Attributes:
        ends: how jobs ended: `completed`, or the error's code.
        outcomes: of attempts, by provider and outcome.
        cost: by the jobs, in US dollars.
        told: by their attempts.
        wrong: what must not be.
    """

    ends: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    cost: float = 0.0
    told: float = 0.0
    wrong: list[str] = field(default_factory=list)


def run() -> list[Row]:
    """Run the jobs, show how they ended, and compare what they cost with what was billed."""
    with ExitStack() as stack:
        vendors = {
            name: stack.enter_context(
                upstream.running(name, fault_rate=FAULT_RATE, seed=SEED + number)
            )
            for number, name in enumerate(MODELS)
        }
        server = stack.enter_context(gateway.running(_config(vendors)))
        seen = uvloop.run(_run(server.url))
        stats = {name: vendor.stats() for name, vendor in vendors.items()}
    _show(seen, stats)
    return _rows(seen, stats)


def _config(vendors: dict[str, upstream.LocalVendor]) -> str:
    tables = [
        PROVIDER.format(
            name=name,
            url=vendor.url,
            model=MODELS[name].partition("/")[2],
            price=PRICES[name],
            keys=", ".join(f'{{ value = "bench-{number}" }}' for number in range(KEYS)),
        )
        for name, vendor in vendors.items()
    ]
    return CONFIG + "".join(tables)


async def _run(url: str) -> Seen:
    seen = Seen()
    numbers = iter(range(JOBS))
    dice = random.Random(SEED)

    async def go_on(session: aiohttp.ClientSession) -> None:
        for _ in numbers:
            first, *others = dice.sample(list(MODELS.values()), len(MODELS))
            answer = await job(
                session, url, model=first, fallbacks=others, voice="herald", response_format="mp3"
            )
            _look(msgspec.json.decode(answer, type=Job), seen)

    async with client(CONNECTIONS) as session:
        await asyncio.gather(*(go_on(session) for _ in range(CONNECTIONS)))
    return seen


def _look(ended: Job, seen: Seen) -> None:
    if ended.status == "completed" and ended.result is not None:
        seen.ends["completed"] += 1
        seen.cost += ended.result.usage.cost
        attempts = ended.result.extra_fields.attempts
        if not ended.result.audio:
            seen.wrong.append(f"{ended.id}: completed without audio")
        if not any(one.outcome == "ok" for one in attempts):
            seen.wrong.append(f"{ended.id}: completed without an attempt that is ok")
    elif ended.status == "failed" and ended.error is not None:
        seen.ends[f"failed: {ended.error.status_code} {ended.error.error.code}"] += 1
        attempts = ended.error.extra_fields.attempts
        seen.cost += sum(one.cost for one in attempts)
        if not (ended.error.error.message and attempts):
            seen.wrong.append(f"{ended.id}: failed without a reason or an attempt")
    else:
        seen.wrong.append(f"{ended.id}: {ended.status} without a result or an error")
        return
    seen.told += sum(one.cost for one in attempts)
    for one in attempts:
        seen.outcomes[one.provider, one.outcome] += one.calls


def _show(seen: Seen, stats: dict[str, upstream.Stats]) -> None:
    console = Console(width=120)
    ends = Table("jobs that ended", "", title=f"{JOBS:,} jobs, {FAULT_RATE:.0%} faults")
    for end, count in sorted(seen.ends.items(), key=lambda item: -item[1]):
        ends.add_row(end, f"{count:,}")
    console.print(ends)
    attempts = Table("attempts by outcome", *MODELS)
    for outcome in sorted({outcome for _, outcome in seen.outcomes}):
        attempts.add_row(outcome, *(f"{seen.outcomes[name, outcome]:,}" for name in MODELS))
    console.print(attempts)
    faults = Table("faults injected", *MODELS)
    for fault in sorted(set(itertools.chain(*(one.faults for one in stats.values())))):
        faults.add_row(fault, *(f"{stats[name].faults.get(fault, 0):,}" for name in MODELS))
    console.print(faults)
    for wrong in seen.wrong[:20]:
        console.print(wrong)


def _rows(seen: Seen, stats: dict[str, upstream.Stats]) -> list[Row]:
    characters = len(TEXT.format(0))
    billed = sum(one.billed * characters * PRICES[name] / 1e6 for name, one in stats.items())
    ended = sum(seen.ends.values())
    told = sum(seen.outcomes.values())
    received = sum(one.received for one in stats.values())
    return [
        Row(
            f"jobs that ended, with {FAULT_RATE:.0%} faults",
            f"{ended:,} ({seen.ends['completed']:,} completed)",
            target=f"all {JOBS:,}, with audio or a reason",
            met=ended == JOBS and not seen.wrong,
        ),
        Row(
            "their cost",
            f"${seen.cost:.6f} (of attempts ${seen.told:.6f})",
            f"billed by vendors ${billed:.6f}",
            seen.cost / billed,
            "the same",
            max(abs(seen.cost - billed), abs(seen.told - billed)) < 1e-6,
        ),
        Row(
            "calls in their records",
            f"{told:,}",
            f"received by vendors {received:,}",
            told / received,
            "the same",
            told == received,
        ),
    ]
