"""Several server processes over one store and one set of engines."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from support import DEADLINE_S, JOBS, Server, request, story

PROCESSES = 3


class Cluster:
    """A server of several processes, with a connection to each.

    Attributes:
        clients: by the process's id, that of the first process first.
    """

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.server = Server(data_dir, "--processes", str(PROCESSES), *options)
        self.data_dir = data_dir
        self.clients: dict[int, httpx.Client] = {}
        self.connect()

    @property
    def first(self) -> int:
        return self.server.process.pid

    @property
    def members(self) -> list[int]:
        children = psutil.Process(self.first).children()
        return [one.pid for one in children if "stentor.cli.member" in one.cmdline()]

    def connect(self) -> None:
        """Have a connection to each process: whichever is free takes the next one."""
        deadline = time.monotonic() + DEADLINE_S
        for client in self.clients.values():
            client.close()
        self.clients.clear()
        while len(self.clients) < PROCESSES:
            assert time.monotonic() < deadline, "not every process takes connections"
            with ThreadPoolExecutor(4 * PROCESSES) as pool:
                for pid, client in pool.map(lambda _: self._connection(), range(4 * PROCESSES)):
                    if pid is None or pid in self.clients:
                        client.close()
                    else:
                        self.clients[pid] = client

    def _connection(self) -> tuple[int | None, httpx.Client]:
        client = httpx.Client(base_url=self.server.url, timeout=DEADLINE_S)
        with client.stream("GET", "/health") as response:
            stream = response.extensions["network_stream"]
            port = stream.get_extra_info("client_addr")[1]
            response.read()
        for pid in [self.first, *self.members]:
            remote = [one.raddr for one in psutil.Process(pid).net_connections("tcp") if one.raddr]
            if any(address.port == port for address in remote):
                return pid, client
        return None, client

    def runs(self, job_id: str) -> int | None:
        """The process that a job runs in."""
        with sqlite3.connect(f"file:{self.data_dir / 'stentor.db'}?mode=ro", uri=True) as store:
            [(holder,)] = store.execute(
                "SELECT lease_owner FROM jobs WHERE id = ?", (job_id,)
            ).fetchall()
        number = 0 if holder is None else int(holder.rsplit("-", 2)[1])
        if number == 0:
            return None if holder is None else self.first
        return next(pid for pid in self.members if self._number(pid) == number)

    @staticmethod
    def _number(pid: int) -> int:
        return int(psutil.Process(pid).cmdline()[-1])

    def begin(self, pid: int, sentences: int = 15) -> str:
        """A job that runs in a process."""
        while True:
            body = request(input=story(sentences))
            job_id: str = self.clients[pid].post(JOBS, json=body).json()["id"]
            while self._status(pid, job_id) == "pending":
                pass
            if self.runs(job_id) == pid:
                return job_id
            self.clients[pid].delete(f"{JOBS}/{job_id}")

    def _status(self, pid: int, job_id: str) -> str:
        status: str = self.clients[pid].get(f"{JOBS}/{job_id}").json()["status"]
        return status

    def others(self, pid: int) -> list[httpx.Client]:
        return [client for one, client in self.clients.items() if one != pid]

    def stop(self) -> int:
        for client in self.clients.values():
            client.close()
        return self.server.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    running = Cluster(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


def test_every_process_takes_jobs_and_knows_those_of_the_others(cluster: Cluster) -> None:
    for pid, client in cluster.clients.items():
        job = client.post(JOBS, json=request(input=story(1)), headers={"Prefer": "wait=60"}).json()
        assert job["status"] == "completed", (pid, job)
        for other in cluster.others(pid):
            assert other.get(f"{JOBS}/{job['id']}").json()["status"] == "completed"
            assert other.get(f"{JOBS}/{job['id']}/audio").content


def test_only_the_first_process_has_engines(cluster: Cluster) -> None:
    for client in cluster.clients.values():
        client.post("/v1/audio/speech", json=request(input=story(1))).raise_for_status()
    for pid in cluster.members:
        assert psutil.Process(pid).children(recursive=True) == []


def test_a_job_is_heard_live_through_any_process_and_the_bytes_are_the_same(
    cluster: Cluster,
) -> None:
    [pid, *_] = cluster.members
    job_id = cluster.begin(pid, sentences=20)

    def listen(client: httpx.Client) -> tuple[bytes, bool]:
        with client.stream("GET", f"{JOBS}/{job_id}/audio") as response:
            pieces = response.iter_bytes()
            first = next(pieces)
            live = cluster.runs(job_id) is not None
            return first + b"".join(pieces), live

    with ThreadPoolExecutor(PROCESSES) as pool:
        heard = list(pool.map(listen, cluster.clients.values()))
    assert len({audio for audio, _ in heard}) == 1
    assert all(live for _, live in heard)
    assert cluster.server.finish(job_id)["result"]["size_bytes"] == len(heard[0][0])


def test_who_waits_in_another_process_hears_of_the_end_at_once(cluster: Cluster) -> None:
    [pid, *_] = cluster.members
    job_id = cluster.begin(pid, sentences=8)
    ended: dict[int, float] = {}

    def wait(one: int, client: httpx.Client) -> None:
        assert client.get(f"{JOBS}/{job_id}?wait=60").json()["status"] == "completed"
        ended[one] = time.monotonic()

    threads = [threading.Thread(target=wait, args=pair) for pair in cluster.clients.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whoever does not hear of it looks once a second.
    assert max(ended.values()) - min(ended.values()) < 0.9


def test_a_job_is_cancelled_through_any_process(cluster: Cluster) -> None:
    [pid, *_] = cluster.members
    job_id = cluster.begin(pid, sentences=120)
    [other, *_] = cluster.others(pid)
    assert other.delete(f"{JOBS}/{job_id}").json()["status_code"] == 499
    spool = [one for one in cluster.data_dir.iterdir() if one.name.startswith("spool")]
    deadline = time.monotonic() + DEADLINE_S
    while any(file.name.startswith(job_id) for folder in spool for file in folder.iterdir()):
        assert time.monotonic() < deadline, "the job still runs"


def test_speech_is_streamed_by_any_process(cluster: Cluster) -> None:
    for client in cluster.clients.values():
        with client.stream("POST", "/v1/audio/speech", json=request(input=story(3))) as response:
            assert response.status_code == 200
            assert len(b"".join(response.iter_bytes())) > 1000


def test_a_job_outlives_the_process_that_runs_it(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        [pid, *_] = cluster.members
        job_id = cluster.begin(pid)
        while cluster.clients[pid].get(f"{JOBS}/{job_id}").json()["progress"]["segments_done"] < 2:
            pass
        psutil.Process(pid).kill()
        [other, *_] = cluster.others(pid)
        job: dict[str, Any] = {"status": ""}
        while job["status"] not in ("completed", "failed"):
            job = other.get(f"{JOBS}/{job_id}?wait=60").json()
        assert job["status"] == "completed"
        # Another one has taken the place of the killed one.
        deadline = time.monotonic() + DEADLINE_S
        while len(cluster.members) < PROCESSES - 1:
            assert time.monotonic() < deadline
        cluster.connect()
        assert pid not in cluster.clients
        assert cluster.stop() == 0
        assert all(
            list(one.iterdir()) == [] for one in tmp_path.iterdir() if one.name.startswith("spool")
        )
    finally:
        cluster.server.process.kill()


def test_no_process_outlives_the_first(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    members = [psutil.Process(pid) for pid in cluster.members]
    [pid, *_] = cluster.members
    job_id = cluster.begin(pid)
    cluster.server.stop(signal.SIGKILL)
    _, alive = psutil.wait_procs(members, DEADLINE_S)
    assert alive == []

    second = Server(tmp_path)
    try:
        assert second.finish(job_id)["status"] == "completed"
    finally:
        assert second.stop() == 0


def test_all_processes_let_running_jobs_end_before_they_stop(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    jobs = [cluster.begin(pid, sentences=5) for pid in cluster.clients]
    assert cluster.stop() == 0
    with sqlite3.connect(tmp_path / "stentor.db") as store:
        ended = dict(store.execute("SELECT id, status FROM jobs").fetchall())
    assert [ended[job_id] for job_id in jobs] == ["completed"] * PROCESSES


def test_a_signal_to_all_processes_at_once_lets_running_jobs_end_too(tmp_path: Path) -> None:
    config = tmp_path / "stentor.toml"
    config.write_text("[server]\ndrain_seconds = 60")
    cluster = Cluster(tmp_path, "--config", str(config))
    jobs = [cluster.begin(pid, sentences=8) for pid in cluster.clients]
    # As Ctrl-C does, and a service manager: besides, the first one tells the others.
    for pid in [*cluster.members, cluster.first]:
        psutil.Process(pid).send_signal(signal.SIGINT)
    assert cluster.server.process.wait(DEADLINE_S) == 0
    with sqlite3.connect(tmp_path / "stentor.db") as store:
        ended = dict(store.execute("SELECT id, status FROM jobs").fetchall())
    assert [ended[job_id] for job_id in jobs] == ["completed"] * PROCESSES
