"""From a 202 to `processing`, on an idle server with its voice loaded."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from statistics import median
from urllib.parse import urlsplit

from bench.http import BODY
from bench.table import Row
from stentor.http.render import JOBS_PATH

JOBS = 60


def run() -> list[Row]:
    """Submit, then poll without rest until the job is no longer pending."""
    with tempfile.TemporaryDirectory() as data_dir:
        server = subprocess.Popen(
            [sys.executable, "-m", "stentor", "serve", "--port", "0", "--data-dir", data_dir],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        url = server.stdout.readline().split()[3]
        client = http.client.HTTPConnection(urlsplit(url).netloc)
        waits = []
        try:
            for number in range(JOBS + 5):
                job = _call(client, "POST", JOBS_PATH, BODY)
                accepted = time.perf_counter()
                while _call(client, "GET", f"{JOBS_PATH}/{job['id']}")["status"] == "pending":
                    pass
                if number >= 5:
                    waits.append(1000 * (time.perf_counter() - accepted))
                while _call(client, "GET", f"{JOBS_PATH}/{job['id']}")["status"] != "completed":
                    time.sleep(0.01)
        finally:
            server.terminate()
            server.wait()
    return [
        Row(
            "202 to processing, p50",
            f"{median(waits):.1f} ms (worst of {JOBS}: {max(waits):.1f})",
            target="<= 10 ms",
            met=median(waits) <= 10,
        )
    ]


def _call(client: http.client.HTTPConnection, method: str, path: str, body: bytes = b"") -> dict:
    client.request(method, path, body, {"Content-Type": "application/json"})
    return dict(json.load(client.getresponse()))
