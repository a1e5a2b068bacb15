"""Durable submits and polls per second, beside an endpoint that does nothing."""

from __future__ import annotations

import json
import tempfile
import urllib.request

from bench.load import measure
from bench.servers import running
from bench.table import Row
from stentor.http.render import JOBS_PATH

BODY = json.dumps(
    {"model": "piper/en_US-joe-medium", "voice": "joe", "input": "The herald had a great voice."}
).encode()
SECONDS = 2
CONNECTIONS = (1, 32, 256)
POLLED = 1000


def run() -> list[Row]:
    """Submits and polls at each number of connections."""
    rows = []
    with (
        tempfile.TemporaryDirectory() as data_dir,
        running("noop") as noop,
        running("paused", data_dir) as port,
    ):
        for connections in CONNECTIONS:
            target = 0.6 if connections == 32 else None
            rows.append(_compare("durable submits/s", noop, port, "POST", connections, target))
        paths = [f"{JOBS_PATH}/{_submit(port)}" for _ in range(POLLED)]
        for connections in CONNECTIONS:
            target = 0.6 if connections == 32 else None
            rows.append(_compare("polls/s", noop, port, "GET", connections, target, paths=paths))
    return rows


def _compare(
    what: str,
    noop: int,
    port: int,
    method: str,
    connections: int,
    target: float | None,
    paths: list[str] | None = None,
) -> Row:
    body = BODY if method == "POST" else b""
    asked = paths or [JOBS_PATH if method == "POST" else f"{JOBS_PATH}/x"]
    # Alternated, so that a slow spell of the machine meets both.
    pairs = [
        [
            measure(at, method, asked, body, connections=connections, seconds=SECONDS)
            for at in (noop, port)
        ]
        for _ in range(3)
    ]
    assert not any(one.wrong for pair in pairs for one in pair)
    base, ours = sorted(pairs, key=lambda pair: pair[1].rate / pair[0].rate)[1]
    return Row(
        f"{what}, {connections} connections",
        f"{ours.rate:,.0f}/s (p50 {ours.p50_ms:.2f} ms, p99 {ours.p99_ms:.2f} ms)",
        f"no-op endpoint {base.rate:,.0f}/s (p50 {base.p50_ms:.2f} ms)",
        ours.rate / base.rate,
        f">= {target}" if target else "",
        target is None or ours.rate / base.rate >= target,
    )


def _submit(port: int) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{JOBS_PATH}",
        data=BODY,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        return str(json.load(response)["id"])
