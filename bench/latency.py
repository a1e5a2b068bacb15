"""From a 202 to `processing`, on an idle server with its voice loaded."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from bench.http import BODY
from bench.table import Row
from stentor.http.render import JOBS_PATH

JOBS = 60


def run() -> list[Row]:
    """Submit, then poll without rest until the job is no longer pending."""
    waits = []
    with serving() as address:
        client = http.client.HTTPConnection(address)
        for number in range(JOBS + 5):
            job = call(client, "POST", JOBS_PATH, BODY)
            accepted = time.perf_counter()
            while call(client, "GET", f"{JOBS_PATH}/{job['id']}")["status"] == "pending":
                pass
            if number >= 5:
                waits.append(1000 * (time.perf_counter() - accepted))
            while call(client, "GET", f"{JOBS_PATH}/{job['id']}")["status"] != "completed":
                time.sleep(0.01)
    return [
        Row(
            "202 to processing, p50",
            f"{median(waits):.1f} ms (worst of {JOBS}: {max(waits):.1f})",
            target="<= 10 ms",
            met=median(waits) <= 10,
        )
    ]


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """`stentor serve` with an empty store; yields its host and port."""
    with tempfile.TemporaryDirectory() as data_dir:
        server = subprocess.Popen(
            [sys.executable, "-m", "stentor", "serve", "--port", "0", "--data-dir", data_dir],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"STENTOR_LOGGING_LEVEL": "warning"},
        )
        assert server.stdout is not None
        try:
            yield urlsplit(server.stdout.readline().split()[3]).netloc
        finally:
            server.terminate()
            server.wait()


def call(
    client: http.client.HTTPConnection, method: str, path: str, body: bytes = b""
) -> dict[str, Any]:
    """One request and its JSON answer."""
    client.request(method, path, body, {"Content-Type": "application/json"})
    return dict(json.load(client.getresponse()))
