"""From the command to the first answer, and what the idle server weighs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.request
from statistics import median

import psutil

from bench.table import Row

ROUNDS = 5


def run() -> list[Row]:
    """Start without loading a voice; then Python alone, as the baseline."""
    starts, sizes, bare = [], [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        bare.append(time.perf_counter() - started)
        with tempfile.TemporaryDirectory() as data_dir:
            started = time.perf_counter()
            server = subprocess.Popen(
                [sys.executable, "-m", "stentor", "serve", "--port", "0", "--data-dir", data_dir],
                stdout=subprocess.PIPE,
                text=True,
                env={"STENTOR_ENGINES_PRELOAD": "false", "PATH": "/usr/bin:/bin"},
            )
            assert server.stdout is not None
            url = server.stdout.readline().split()[3]
            with urllib.request.urlopen(f"{url}/ready") as response:
                response.read()
            starts.append(time.perf_counter() - started)
            sizes.append(psutil.Process(server.pid).memory_info().rss / 1e6)
            server.terminate()
            server.wait()
    return [
        Row(
            "start to ready, no voice loaded",
            f"{median(starts):.2f} s",
            f"bare interpreter {median(bare):.3f} s",
            median(starts) / median(bare),
            "<= 0.6 s",
            median(starts) <= 0.6,
        ),
        Row(
            "idle server, resident",
            f"{median(sizes):.0f} MB",
            target="<= 90 MB",
            met=median(sizes) <= 90,
        ),
    ]
