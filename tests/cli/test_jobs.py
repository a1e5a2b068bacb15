"""`stentor jobs`: the jobs of a running server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

from scene_support import open_scene
from stentor.cli import main
from stentor.contract import Word
from support import DEADLINE_S, JOBS, STENTOR, Server, story

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked")


def stentor(server: Server, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [*STENTOR, "jobs", *arguments],
        env=os.environ | {"STENTOR_URL": server.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )


def done(server: Server, *arguments: str, cwd: Path | None = None) -> tuple[int, str, str]:
    """What the command ends with, and prints, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, {"STENTOR_URL": server.url, "COLUMNS": "200"}),
        patch.object(sys, "argv", ["stentor", "jobs", *arguments]),
        chdir(cwd or "."),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    return code, out.getvalue(), err.getvalue()


def succeeds(server: Server, *arguments: str, cwd: Path | None = None) -> str:
    code, out, err = done(server, *arguments, cwd=cwd)
    assert code == 0, err
    return out


def fails(server: Server, *arguments: str, cwd: Path | None = None) -> str:
    code, out, err = done(server, *arguments, cwd=cwd)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    return err


def test_the_list_shows_how_each_job_stands(server: Server) -> None:
    completed = server.finish(server.submit(input=story(1))["id"])["id"]
    cancelled = server.submit(input=story(500))["id"]
    server.client.delete(f"{JOBS}/{cancelled}")
    running = server.submit(input=story(500))["id"]
    rows = {line.split()[0]: line for line in succeeds(server, "list").splitlines()[1:]}
    assert "completed" in rows[completed]
    assert "100%" in rows[completed]
    assert "piper/en_US-joe-medium" in rows[completed]
    assert "failed" in rows[cancelled]
    assert "the job was cancelled" in rows[cancelled]
    assert "processing" in rows[running] or "pending" in rows[running]
    listed = json.loads(succeeds(server, "list", "--json", "--status", "failed", "--limit", "1"))
    assert [job["id"] for job in listed] == [cancelled]
    server.client.delete(f"{JOBS}/{running}")


def test_a_list_longer_than_a_page_is_whole(server: Server) -> None:
    submitted = [server.submit(headers={"Cancel-After": "60"})["id"] for _ in range(130)]
    listed = json.loads(succeeds(server, "list", "--json", "--limit", "120"))
    assert [job["id"] for job in listed] == submitted[:-121:-1]


def test_a_watched_list_is_refreshed_until_interrupted(server: Server) -> None:
    job_id = server.submit(input=story(3))["id"]
    primary, secondary = pty.openpty()
    with subprocess.Popen(
        [*STENTOR, "jobs", "list", "--watch", "--url", server.url, "--limit", "1"],
        stdout=secondary,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "200", "LINES": "50"},
    ) as process:
        os.close(secondary)
        seen = b""
        while not (job_id.encode() in seen and b"completed" in seen):
            seen += os.read(primary, 65536)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE_S)
    os.close(primary)
    assert (process.returncode, err) == (0, "")


def test_one_job_is_shown_without_its_audio(server: Server) -> None:
    job = server.finish(server.submit(headers={"x-request-id": "chapter-1"})["id"])
    text = succeeds(server, "show", job["id"])
    for said in (job["id"], "completed", "chapter-1", "mp3", job["result"]["audio_url"]):
        assert said in text
    shown = json.loads(succeeds(server, "show", job["id"], "--json"))
    assert shown["result"]["audio_omitted"] is True
    assert "audio" not in shown["result"]


def test_waiting_ends_with_the_job_and_says_how(server: Server) -> None:
    job_id = server.submit(input=story(5))["id"]
    assert f"{job_id} completed" in succeeds(server, "wait", job_id)
    job_id = server.submit(headers={"Cancel-After": "1"}, input=story(1000))["id"]
    assert "deadline" in fails(server, "wait", job_id)


async def test_waiting_outlasts_a_restart_of_the_server(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        job = await scene.job()
        url = f"http://127.0.0.1:{scene.port}"
        waiting = await asyncio.create_subprocess_exec(
            *STENTOR, "jobs", "wait", job.id, "--url", url, stdout=subprocess.PIPE
        )
        await scene.until_followed(job)
    async with open_scene(tmp_path, port=scene.port) as scene:
        job = await scene.claim()
        await job.complete(b"audio")
        out, _ = await waiting.communicate()
    assert waiting.returncode == 0
    assert f"{job.id} completed" in out.decode()


def test_cancelling_ends_a_live_job_and_leaves_a_finished_one_alone(server: Server) -> None:
    job_id = server.submit(input=story(500))["id"]
    assert f"{job_id} cancelled" in succeeds(server, "cancel", job_id)
    assert server.client.get(f"{JOBS}/{job_id}").json()["status_code"] == 499
    assert "failed already" in fails(server, "cancel", job_id)
    finished = server.finish(server.submit()["id"])["id"]
    assert "completed already" in fails(server, "cancel", finished)
    assert server.client.get(f"{JOBS}/{finished}").status_code == 200


@pytest.mark.parametrize("response_format", ["wav", "opus"])
def test_a_running_job_is_downloaded_as_the_finished_file(
    server: Server, tmp_path: Path, response_format: str
) -> None:
    job_id = server.submit(input=story(10), response_format=response_format)["id"]
    out = succeeds(server, "download", job_id, cwd=tmp_path)
    result = server.client.get(f"{JOBS}/{job_id}").json()["result"]
    [path] = tmp_path.iterdir()
    assert path.name == f"{job_id}.{response_format}"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == result["sha256"]
    assert str(path) in out


def test_a_download_goes_where_it_is_told(server: Server, tmp_path: Path) -> None:
    job_id = server.finish(server.submit(response_format="mp3")["id"])["id"]
    audio = server.client.get(f"{JOBS}/{job_id}/audio").content
    succeeds(server, "download", job_id, "-o", str(tmp_path / "here.mp3"))
    assert (tmp_path / "here.mp3").read_bytes() == audio
    with subprocess.Popen(
        [*STENTOR, "jobs", "download", job_id, "-o", "-", "--url", server.url],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.communicate(timeout=DEADLINE_S)[0] == audio


def test_a_download_that_breaks_off_leaves_no_file(server: Server, tmp_path: Path) -> None:
    job_id = server.submit(input=story(500))["id"]
    with stentor(server, "download", job_id, cwd=tmp_path) as process:
        deadline = time.monotonic() + DEADLINE_S
        while not any(one.stat().st_size for one in tmp_path.iterdir()):
            assert time.monotonic() < deadline
        server.client.delete(f"{JOBS}/{job_id}")
        _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert "broke off" in err
    assert list(tmp_path.iterdir()) == []


async def test_captions_are_written_in_the_format_of_their_files_name(tmp_path: Path) -> None:
    async def run(*arguments: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            *STENTOR,
            "jobs",
            "captions",
            *arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"STENTOR_URL": f"http://127.0.0.1:{scene.port}"},
            cwd=tmp_path,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async with open_scene(tmp_path / "data") as scene:
        job = await scene.job(input="Hello there.")
        await job.complete(
            b"audio", words=[Word("Hello", 0, 300, 0, 5), Word("there.", 340, 700, 6, 12)]
        )
        code, out, err = await run(job.id, "-o", "here.srt")
        assert (code, out) == (0, f"{tmp_path / 'here.srt'}\n"), err
        assert (tmp_path / "here.srt").read_text().splitlines()[2] == "Hello there."
        assert (await run(job.id, "--karaoke"))[0] == 0
        assert "Hello <00:00:00.340>there." in (tmp_path / f"{job.id}.vtt").read_text()
        assert (await run(job.id, "-o", "-"))[1].startswith("WEBVTT\n")
        silent = await scene.job(input="Hello there.")
        await silent.complete(b"audio")
        for arguments, says in (
            ([job.id, "-o", "here.txt"], ".vtt or .srt"),
            ([job.id, "-o", "here.srt", "--karaoke"], "SubRip"),
            ([job.id, "-o", "missing/here.vtt"], "cannot be written"),
            ([silent.id], "with_timestamps"),
        ):
            code, out, err = await run(*arguments)
            assert (code, out, err.count("\n")) == (1, "", 1)
            assert says in err
    assert {path.name for path in tmp_path.iterdir()} == {"data", "here.srt", f"{job.id}.vtt"}


def test_what_is_wrong_is_said_in_one_line(server: Server, tmp_path: Path) -> None:
    unknown = "0192f0c1-2345-7abc-8def-0123456789ab"
    for command in ("show", "wait", "cancel", "download"):
        assert "no such job" in fails(server, command, unknown, cwd=tmp_path)
    assert "stentor serve" in fails(server, "list", "--url", "http://127.0.0.1:1")
    assert "--url" in fails(server, "list", "--url", "nonsense")
    assert "--limit" in fails(server, "list", "--limit", "0")
    finished = server.finish(server.submit()["id"])["id"]
    assert "is a folder" in fails(server, "download", finished, "-o", str(tmp_path))
    assert "cannot be written" in fails(server, "download", finished, "-o", "missing/out.mp3")
    assert list(tmp_path.iterdir()) == []


def test_the_key_comes_from_the_environment_or_the_command_line(tmp_path: Path) -> None:
    key = "a-key-that-is-long-enough"
    server = Server(tmp_path, STENTOR_KEYS=f'{{ ann = {{ value = "{key}" }} }}')
    try:
        assert "key is required" in fails(server, "list")
        assert json.loads(succeeds(server, "list", "--json", "--key", key)) == []
    finally:
        server.stop()
