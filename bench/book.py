"""A whole book as one job, on a real server: `python -m bench.book TEXT [OUT.mp3]`.

Reports the wall time, the real-time factor, the peak resident memory of each process and how
busy the cores were; and, of 200 small jobs submitted while the book is being spoken, how long
the submits took and when the jobs were done.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import psutil

from bench.http import BODY
from bench.table import Row, show
from stentor.http.render import JOBS_PATH

SMALL_JOBS = 200
SMALL_AFTER_S = 60


def main() -> None:
    text = Path(sys.argv[1]).read_text()
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory() as data_dir:
        server = subprocess.Popen(
            [sys.executable, "-m", "stentor", "serve", "--port", "0", "--data-dir", data_dir],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        url = server.stdout.readline().split()[3]
        try:
            show(_measure(httpx.Client(base_url=url, timeout=60), server.pid, text, out))
        finally:
            server.terminate()
            server.wait()


def _measure(client: httpx.Client, pid: int, text: str, out: Path | None) -> list[Row]:
    watch = _Watch(pid)
    started = time.perf_counter()
    book = _submit(client, {"model": "piper/en_US-joe-medium", "voice": "joe", "input": text})
    busy_from = _cpu_seconds()
    time.sleep(SMALL_AFTER_S)
    submits, small = [], []
    for _ in range(SMALL_JOBS):
        before = time.perf_counter()
        small.append(_submit(client, BODY))
        submits.append(1000 * (time.perf_counter() - before))
    last_submit = time.perf_counter()
    for job in small:
        assert _finish(client, job)["status"] == "completed"
    small_done = time.perf_counter() - last_submit
    still = client.get(f"{JOBS_PATH}/{book}").json()
    done = _finish(client, book)
    wall = time.perf_counter() - started
    assert done["status"] == "completed", done
    busy = (_cpu_seconds() - busy_from) / (wall * psutil.cpu_count())
    result = done["result"]
    if out is not None:
        out.write_bytes(client.get(f"{JOBS_PATH}/{book}/audio").content)
    seconds = result["duration_seconds"]
    submits.sort()
    rows = [
        Row("audio", f"{seconds / 3600:.2f} h, {result['size_bytes'] / 1e6:.1f} MB"),
        Row("wall time, small jobs included", f"{wall:.0f} s"),
        Row("real-time factor, small jobs included", f"{wall / seconds:.4f}"),
        Row("cores busy", f"{busy:.1%}", target="> 90%", met=busy > 0.9),
        Row(
            "submit while the book is spoken, p99",
            f"{submits[len(submits) * 99 // 100]:.1f} ms (p50 {submits[len(submits) // 2]:.1f})",
            target="< 50 ms",
            met=submits[len(submits) * 99 // 100] < 50,
        ),
        Row(
            f"{SMALL_JOBS} small jobs done, after the last submit",
            f"{small_done:.1f} s; book then {still['status']}, "
            f"{still['progress']['segments_done']}/{still['progress']['segments_total']} segments",
            target="before the book",
            met=still["status"] == "processing",
        ),
    ]
    for name, peak in watch.stop().items():
        server = name == "server"
        rows.append(
            Row(
                f"peak resident, {name}",
                f"{peak:.0f} MB",
                target="< 600 MB" if server else "",
                met=peak < 600,
            )
        )
    return rows


class _Watch:
    """Peak resident memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._peaks: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        self._over.set()
        self._thread.join()
        return self._peaks

    def _run(self) -> None:
        while not self._over.wait(0.5):
            for process in [self._root, *self._root.children()]:
                name = "server" if process == self._root else f"engine {process.pid}"
                resident = process.memory_info().rss / 1e6
                self._peaks[name] = max(self._peaks.get(name, 0.0), resident)


def _submit(client: httpx.Client, body: dict | bytes) -> str:
    if isinstance(body, dict):
        response = client.post(JOBS_PATH, json=body)
    else:
        response = client.post(
            JOBS_PATH, content=body, headers={"Content-Type": "application/json"}
        )
    response.raise_for_status()
    return str(response.json()["id"])


def _finish(client: httpx.Client, job: str) -> dict:
    while (response := client.get(f"{JOBS_PATH}/{job}")).status_code == 202:
        time.sleep(0.5)
    return dict(response.json())


def _cpu_seconds() -> float:
    times = psutil.cpu_times()
    return times.user + times.nice + times.system


if __name__ == "__main__":
    main()
