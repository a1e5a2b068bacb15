"""Local vendors, each in a process of its own.

`python -m bench.upstream --vendor openai` (with `PYTHONPATH=tests`) prints its URL and answers like
the vendor, at once, from clips that it makes once for each length of text. `GET /_stats` tells what
happened so far.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import random
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import uvloop

from stentor.providers.faults import FaultKind
from upstream.faults import ALL, Fault
from upstream.server import Upstream
from upstream.server import running as serving
from upstream.values import Answer, Received, Sound, Vendor

STATS = "/_stats"


@dataclass(frozen=True, slots=True)
class Stats:
    """What a vendor has seen.

    Attributes:
        received: requests for speech.
        billed: those that were answered with 2xx, whatever became of the body.
        faults: those that something went wrong with on purpose, by what.
        under_way: answers that have begun or are awaited, and have not ended.
        abandoned: requests whose client went away before the end.
        connections: open ones.
    """

    received: int
    billed: int
    faults: dict[str, int]
    under_way: int
    abandoned: int
    connections: int


@dataclass(frozen=True, slots=True)
class LocalVendor:
    """A vendor that runs."""

    url: str

    def stats(self) -> Stats:
        with urllib.request.urlopen(self.url + STATS) as response:
            return Stats(**json.load(response))


@contextlib.contextmanager
def running(vendor: str, **options: float | str) -> Iterator[LocalVendor]:
    """Start a vendor; `options` are those of the command line."""
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.upstream", f"--vendor={vendor}", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, f"the vendor {vendor} did not start"
        yield LocalVendor(url)
    finally:
        process.terminate()
        process.wait()


@dataclass
class _Watched:
    """A vendor that counts, answers `STATS`, and is unlucky at times."""

    vendor: Vendor
    rate: float
    dice: random.Random
    kinds: tuple[Fault, ...]
    upstream: Upstream | None = None
    faults: Counter[str] = field(default_factory=Counter)

    def answer(self, received: Received, sound: Sound) -> Answer | None:
        if received.path != STATS:
            return self.vendor.answer(received, sound)
        body = json.dumps(self._stats()).encode()
        return Answer(200, {"content-type": "application/json"}, [body])

    def refuse(self, kind: FaultKind, received: Received) -> Answer:
        return self.vendor.refuse(kind, received)

    def fault(self, received: Received) -> Fault | None:
        if received.method != "POST" or self.dice.random() >= self.rate:
            return None
        fault = self.dice.choice(self.kinds)
        self.faults[fault] += 1
        return fault

    def _stats(self) -> dict[str, object]:
        upstream = self.upstream
        assert upstream is not None
        return {
            "received": upstream.requests["POST"],
            "billed": sum(
                count
                for (method, status), count in upstream.answered.items()
                if method == "POST" and status < 300
            ),
            "faults": self.faults,
            "under_way": sum(one.busy for one in upstream.connections) - 1,
            "abandoned": upstream.abandoned,
            "connections": upstream.open - 1,
        }


async def _serve(options: argparse.Namespace) -> None:
    vendor = cast(Vendor, importlib.import_module(f"upstream.{options.vendor}"))
    kinds = tuple(options.kinds.split(",")) if options.kinds else ALL
    unknown = set(kinds) - set(ALL)
    if unknown:
        raise SystemExit(f"--kinds: unknown are {', '.join(sorted(unknown))}")
    watched = _Watched(vendor, options.fault_rate, random.Random(options.seed), kinds)
    async with serving(cast(Vendor, watched), port=options.port, threaded=False) as upstream:
        watched.upstream = upstream
        upstream.keeps_requests = False
        upstream.faults = watched.fault
        upstream.pieces, upstream.pace_s = options.pieces, options.pace_seconds
        print(upstream.url, flush=True)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A local vendor")
    parser.add_argument("--vendor", required=True, help="a module of tests/upstream")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault-rate", type=float, default=0.0, help="share of requests, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="", help="faults, separated by commas; default: all")
    parser.add_argument("--pieces", type=int, default=20, help="of a slow answer")
    parser.add_argument("--pace-seconds", type=float, default=0.01, help="between two of them")
    uvloop.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
