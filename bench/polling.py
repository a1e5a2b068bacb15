"""How long a poll takes while every core speaks, beside the same poll on an idle server."""

from __future__ import annotations

import http.client
import json
import time
from statistics import median, quantiles

from bench.http import BODY
from bench.latency import call, serving
from bench.table import Row
from bench.text import CHAPTER
from stentor.http.render import JOBS_PATH

POLLS = 1500


def run() -> list[Row]:
    """Poll a cancelled job, one poll after another: first nobody computes, then every core does."""
    with serving() as address:
        client = http.client.HTTPConnection(address)
        warm = _submit(client, json.loads(BODY)["input"])
        while call(client, "GET", f"{JOBS_PATH}/{warm}")["status"] != "completed":
            time.sleep(0.01)
        cancelled = _submit(client, CHAPTER)
        call(client, "DELETE", f"{JOBS_PATH}/{cancelled}")
        # An engine ends the segment that it has begun.
        time.sleep(2)
        idle = _polls(client, cancelled)
        # Different words, so that nothing is found in the cache.
        chapter = _submit(client, f"{CHAPTER} {CHAPTER}".replace("the ", "the other "))
        while call(client, "GET", f"{JOBS_PATH}/{chapter}")["progress"]["segments_done"] == 0:
            time.sleep(0.01)
        busy = _polls(client, cancelled)
        assert call(client, "GET", f"{JOBS_PATH}/{chapter}")["status"] == "processing"
    return [
        Row(
            "poll while all cores speak, p50",
            f"{median(busy):.2f} ms (p99 {quantiles(busy, n=100)[98]:.2f} ms)",
            f"idle {median(idle):.2f} ms (p99 {quantiles(idle, n=100)[98]:.2f} ms)",
            median(busy) / median(idle),
        )
    ]


def _submit(client: http.client.HTTPConnection, text: str) -> str:
    body = json.dumps(json.loads(BODY) | {"input": text}).encode()
    return str(call(client, "POST", JOBS_PATH, body)["id"])


def _polls(client: http.client.HTTPConnection, job_id: str) -> list[float]:
    times = []
    for _ in range(POLLS):
        started = time.perf_counter()
        call(client, "GET", f"{JOBS_PATH}/{job_id}")
        times.append(1000 * (time.perf_counter() - started))
    return times
