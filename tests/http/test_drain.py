"""The end of a server that is asked to stop."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from support import DEADLINE_S, JOBS, Server, request, story


def until_draining(server: Server) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while server.client.get("/ready").status_code != 503:
        assert time.monotonic() < deadline


def test_what_runs_is_finished_and_what_is_new_is_refused(tmp_path: Path) -> None:
    server = Server(tmp_path, STENTOR_SERVER_DRAIN_SECONDS="60")
    job = f"{JOBS}/{server.submit(input=story(12))['id']}"
    with server.client.stream("GET", f"{job}/audio") as stream:
        pieces = stream.iter_raw()
        audio = next(pieces)
        server.process.send_signal(signal.SIGTERM)
        until_draining(server)
        assert server.client.get("/ready").json()["status"] == "draining"
        assert server.client.get("/health").status_code == 200
        refused = server.client.post(JOBS, json=request())
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
        assert server.client.get(job).json()["status"] == "processing"
        ended = server.client.get(f"{job}?wait=60").json()
        audio += b"".join(pieces)
    assert ended["status"] == "completed"
    assert len(audio) == ended["result"]["size_bytes"]
    assert server.process.wait(DEADLINE_S) == 0


def test_what_takes_too_long_is_cut_and_waiting_polls_are_answered(tmp_path: Path) -> None:
    server = Server(tmp_path, STENTOR_SERVER_DRAIN_SECONDS="0")
    job = f"{JOBS}/{server.submit(input=story(500))['id']}"
    polled: list[int] = []
    poll = threading.Thread(
        target=lambda: polled.append(
            httpx.get(f"{server.url}{job}?wait=60", timeout=DEADLINE_S).status_code
        )
    )
    poll.start()
    with (
        server.client.stream("GET", f"{job}/audio") as stream,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        pieces = stream.iter_raw()
        next(pieces)
        server.process.send_signal(signal.SIGTERM)
        for _ in pieces:
            pass
    poll.join()
    assert polled == [202]
    assert server.process.wait(DEADLINE_S) == 0


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    server = Server(tmp_path, STENTOR_SERVER_DRAIN_SECONDS="3600")
    server.submit(input=story(2000))
    server.process.send_signal(signal.SIGTERM)
    until_draining(server)
    started = time.monotonic()
    assert server.stop(signal.SIGINT) == 0
    assert time.monotonic() - started < 10
