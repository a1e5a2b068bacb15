"""A disk that is full, really: nothing is lost or corrupted, and what waits goes on later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.clients import Ledger
from chaos.disk import MIB, SmallDisk, small_disk
from chaos.orders import Order
from chaos.server import NotReady, Server
from chaos.texts import Text, Voice
from chaos.verdict import Verdict, check_database, check_jobs, files_are_right
from chaos.waiting import until
from support import JOBS, request

DISK_BYTES = 16 * MIB
MIN_FREE_BYTES = 4 * MIB
DEADLINE_S = 60
STILL_S = 1.0
ORDERS = [
    Order("order-0", "ann", Text(tuple(range(16)), "pcm"), "normal"),
    Order("order-1", "ben", Text(tuple(range(16, 20)), "mp3"), "normal"),
]

Start = Callable[..., Server]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        with small_disk(folder, DISK_BYTES) as mounted:
            yield mounted
    except (PermissionError, FileNotFoundError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")


@pytest.fixture
def start(tmp_path: Path, disk: SmallDisk, voice: Voice) -> Iterator[Start]:
    voice.speak({order.text for order in ORDERS})
    servers = []

    def start(**options: str) -> Server:
        server = Server(
            tmp_path,
            voice.folder,
            data_dir=disk.folder / "data",
            STENTOR_CACHE_MAX_BYTES="0",
            STENTOR_SERVER_DRAIN_SECONDS="0",
            STENTOR_ENGINES_WORKERS="1",
            **options,
        )
        servers.append(server)
        server.start()
        server.wait()
        return server

    yield start
    for server in servers:
        server.close()


def submit(server: Server) -> Ledger:
    """Submit the orders, and come back when the first one is being spoken."""
    ledger = Ledger()
    for order in ORDERS:
        with server.client(order.owner) as client:
            response = client.post(JOBS, json=order.body, headers=order.headers)
        assert response.status_code == 202, response.text
        ledger.accept(order, response.json()["id"])
    assert until(lambda: look(server, ledger)["progress"]["segments_done"] >= 2, DEADLINE_S)
    return ledger


def look(server: Server, ledger: Ledger) -> dict[str, Any]:
    """The first of the orders' jobs."""
    job_id, order = next(iter(ledger.accepted.items()))
    with server.client(order.owner) as client:
        job: dict[str, Any] = client.get(f"{JOBS}/{job_id}").json()
    return job


def is_refused(server: Server) -> bool:
    """Whether a submission is refused for want of room, as it should be then."""
    with server.client("ann") as client:
        response = client.post(JOBS, json=request())
    if response.status_code == 202:
        return False
    assert response.status_code == 503, response.text
    assert response.json()["error"]["code"] == "storage_full"
    assert int(response.headers["retry-after"]) > 0
    return True


def all_ended(server: Server, ledger: Ledger) -> bool:
    for job_id, order in ledger.accepted.items():
        with server.client(order.owner) as client:
            status_code = client.get(f"{JOBS}/{job_id}").status_code
        assert status_code in (200, 202)
        if status_code == 202:
            return False
    return True


def assert_all_is_right(server: Server, ledger: Ledger, voice: Voice) -> None:
    verdict = Verdict("full disk")
    check_jobs(verdict, server, ledger, voice)
    check_database(verdict, server.data_dir)
    assert verdict.findings == []
    assert until(lambda: not files_are_right(server.data_dir, cached=False), DEADLINE_S)


def test_jobs_wait_for_room_and_complete(disk: SmallDisk, start: Start, voice: Voice) -> None:
    server = start(STENTOR_STORAGE_MIN_FREE_BYTES=str(MIN_FREE_BYTES))
    ledger = submit(server)
    disk.fill(MIN_FREE_BYTES - MIB)
    assert until(lambda: is_refused(server), DEADLINE_S)

    # What an engine had begun is kept; after that nothing is spoken.
    spoken, since = segments_spoken(server), time.monotonic()
    while time.monotonic() - since < STILL_S:
        if (now := segments_spoken(server)) != spoken:
            spoken, since = now, time.monotonic()
    assert look(server, ledger)["status"] == "processing"
    assert disk.free_bytes > 0

    disk.clear()
    assert until(lambda: all_ended(server, ledger), DEADLINE_S)
    assert_all_is_right(server, ledger, voice)


def segments_spoken(server: Server) -> int:
    time.sleep(0.05)
    return server.log_path.read_bytes().count(b'"segment.spoken"')


def test_jobs_fail_cleanly_for_want_of_room_if_that_is_configured(
    disk: SmallDisk, start: Start, voice: Voice
) -> None:
    server = start(
        STENTOR_STORAGE_MIN_FREE_BYTES=str(MIN_FREE_BYTES), STENTOR_STORAGE_WHEN_FULL="fail"
    )
    ledger = submit(server)
    disk.fill(MIN_FREE_BYTES - MIB)
    assert until(lambda: look(server, ledger)["status"] == "failed", DEADLINE_S)
    failed = look(server, ledger)
    assert failed["status_code"] == 503
    assert failed["error"]["error"]["code"] == "storage_full"
    assert until(lambda: is_refused(server), DEADLINE_S)

    disk.clear()
    assert until(lambda: not is_refused(server), DEADLINE_S)
    assert until(lambda: all_ended(server, ledger), DEADLINE_S)
    # Once there is room, the next jobs complete.
    after = submit(server)
    assert until(lambda: all_ended(server, after), DEADLINE_S)
    assert_all_is_right(server, after, voice)


def test_a_disk_without_a_byte_and_a_kill_corrupt_nothing(
    disk: SmallDisk, start: Start, voice: Voice
) -> None:
    server = start(STENTOR_STORAGE_MIN_FREE_BYTES="0")
    ledger = submit(server)
    disk.fill(0)
    refused = until(lambda: fill_and_submit(server, disk, ledger), DEADLINE_S)
    assert refused
    assert until(lambda: b'"job.waits_for_room"' in server.log_path.read_bytes(), DEADLINE_S), (
        "nothing hit the end of the disk"
    )
    server.kill()

    # To start takes room. Without it, the server says so and ends; nothing is worse than before.
    disk.fill(0)
    server.start()
    try:
        server.wait()
    except NotReady:
        said = server.log_path.read_text()
        assert "disk is full" in said
        assert "Traceback" not in said

    disk.clear()
    server.close()
    server.start()
    server.wait()
    assert until(lambda: all_ended(server, ledger), DEADLINE_S)
    assert_all_is_right(server, ledger, voice)


def fill_and_submit(server: Server, disk: SmallDisk, ledger: Ledger) -> bool:
    """Submit once more on a disk without a byte; True once that is refused."""
    disk.fill(0)
    order = Order(f"more-{len(ledger.accepted)}", "ann", ORDERS[1].text, "normal")
    with server.client("ann") as client:
        response = client.post(JOBS, json=order.body, headers=order.headers)
    if response.status_code == 202:
        ledger.accept(order, response.json()["id"])
        return False
    assert response.status_code == 503, response.text
    assert response.headers["retry-after"]
    return True
