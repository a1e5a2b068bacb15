"""A real server, on a real socket, with its real voice, as a child process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import msgspec

from stentor.engines.base import EngineError, EngineModel, Spoken, Utterance
from stentor.engines.worker import LENGTH_BYTES, Failure, Hello, Reply, Success, frame

JOBS = "/v1/async/audio/speech"
MODEL = "piper/en_US-joe-medium"
DEADLINE_S = 120
STENTOR = (sys.executable, "-m", "stentor")
ENGINES = {"STENTOR_ENGINES_WORKERS": "1", "STENTOR_ENGINES_PRELOAD": "false"}


class Server:
    """`stentor serve` as a child process, with one engine unless a test wants more.

    It starts at the first utterance, since many a test of a server's own wants none.
    """

    def __init__(
        self,
        data_dir: Path,
        *options: str,
        log: Path | None = None,
        port: int = 0,
        **environ: str,
    ) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("STENTOR_")}
        self.data_dir = data_dir
        with log.open("ab") if log is not None else nullcontext() as stderr:
            self.process = subprocess.Popen(
                [*STENTOR, "serve", "--port", str(port), "--data-dir", str(data_dir), *options],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=clean | ENGINES | environ,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        match = re.search(r"http://\S+", line)
        assert match, f"the server did not start: {line!r}"
        self.url = match.group()
        # Reading the system's certificates would take longer than most tests.
        self.client = httpx.Client(base_url=self.url, timeout=DEADLINE_S, verify=False)

    def submit(self, headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        """Submit a job that must be accepted."""
        response = self.client.post(JOBS, json=request(**fields), headers=headers)
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    def finish(self, job_id: str) -> dict[str, Any]:
        """Poll until the job has ended."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            response = self.client.get(f"{JOBS}/{job_id}")
            if response.status_code == 200:
                job: dict[str, Any] = response.json()
                return job
            assert response.status_code == 202, response.text
            time.sleep(0.02)
        raise AssertionError(f"job {job_id} did not end")

    def until_spoken(self, job_id: str, segments: int = 1) -> None:
        """Poll until so many of the job's segments are spoken."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            progress = self.client.get(f"{JOBS}/{job_id}").json()["progress"]
            if progress["segments_done"] >= segments:
                return
            time.sleep(0.02)
        raise AssertionError(f"job {job_id} was not spoken")

    def speak(self, **fields: Any) -> bytes:
        """Submit, wait, fetch the audio."""
        job = self.finish(self.submit(**fields)["id"])
        assert job["status"] == "completed", job
        return self.client.get(f"{JOBS}/{job['id']}/audio").content

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.client.close()
        self.process.send_signal(how)
        return self.process.wait(DEADLINE_S)


def request(**fields: Any) -> dict[str, Any]:
    """A request body that is fine unless a field given here makes it wrong."""
    return {"model": MODEL, "voice": "joe", "input": "Hello there."} | fields


_stories = count()


def story(sentences: int) -> str:
    """A text whose sentences are found in no cache: there are no two alike, here or elsewhere.

    They are short, because a voice takes as much work as it speaks long.
    """
    number = next(_stories)
    return " ".join(f"Line {n} of {number}." for n in range(sentences))


class Engine:
    """An engine process, asked directly.

    A process of its own because a loaded network changes how its process computes with very
    small numbers, which hypothesis notices.
    """

    def __init__(self, model: EngineModel, threads: int = 1) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stentor.engines.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._send(Hello([model], niceness=0, threads=threads))

    def _send(self, message: Hello | Utterance) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(frame(message))
        self._process.stdin.flush()

    def speak(self, utterance: Utterance) -> Spoken:
        """Speak, or raise what the engine answers instead."""
        assert self._process.stdout is not None
        self._send(utterance)
        size = int.from_bytes(self._process.stdout.read(LENGTH_BYTES), "little")
        reply: Reply = msgspec.msgpack.decode(
            self._process.stdout.read(size), type=Success | Failure
        )
        if isinstance(reply, Failure):
            raise EngineError(reply.code, reply.message)
        return reply.spoken

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=DEADLINE_S)
