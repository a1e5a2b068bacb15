"""What survives the end of the process."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from support import JOBS, STENTOR, Server, story

LONG = story(15)


def test_a_job_outlives_a_kill_of_the_server_and_completes_after_the_next_start(
    tmp_path: Path,
) -> None:
    first = Server(tmp_path)
    job_id = first.submit(input=LONG)["id"]
    first.until_spoken(job_id)
    first.stop(signal.SIGKILL)

    second = Server(tmp_path)
    try:
        job = second.finish(job_id)
        assert job["status"] == "completed"
        assert job["progress"]["segments_done"] == job["progress"]["segments_total"]
        assert list((tmp_path / "spool").iterdir()) == []
    finally:
        assert second.stop() == 0


def test_a_job_that_runs_when_the_server_is_told_to_stop_is_taken_up_again(tmp_path: Path) -> None:
    first = Server(tmp_path, STENTOR_SERVER_DRAIN_SECONDS="0")
    job_id = first.submit(input=LONG)["id"]
    first.until_spoken(job_id)
    assert first.stop(signal.SIGTERM) == 0

    second = Server(tmp_path)
    try:
        assert second.finish(job_id)["status"] == "completed"
    finally:
        second.stop()


def test_a_second_server_on_the_same_data_says_who_has_it(tmp_path: Path) -> None:
    first = Server(tmp_path)
    try:
        second = subprocess.run(
            [*STENTOR, "serve", "--port", "0", "--data-dir", str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert second.returncode == 1
        assert f"process {first.process.pid}" in second.stderr
        assert "--data-dir" in second.stderr
    finally:
        first.stop()


def test_expired_results_are_swept_with_their_audio(tmp_path: Path) -> None:
    server = Server(tmp_path, STENTOR_JOBS_SWEEP_INTERVAL_SECONDS="1")
    try:
        job_id = server.submit(headers={"x-bf-async-job-result-ttl": "0"})["id"]
        audio = tmp_path / "audio" / job_id
        while not audio.exists():
            time.sleep(0.01)
        while audio.exists():
            time.sleep(0.01)
    finally:
        server.stop()


def test_jobs_that_are_cancelled_in_the_middle_do_no_harm_to_the_server(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        for response_format in ("mp3", "aac", "opus", "flac"):
            jobs = [
                server.submit(input=story(50), response_format=response_format)["id"]
                for _ in range(4)
            ]
            for job_id in jobs:
                server.until_spoken(job_id)
                assert server.client.delete(f"{JOBS}/{job_id}").status_code == 200
        assert server.finish(server.submit()["id"])["status"] == "completed"
        assert list((tmp_path / "spool").iterdir()) == []
    finally:
        assert server.stop() == 0
