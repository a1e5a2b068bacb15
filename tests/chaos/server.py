"""A real server that is killed and started again, on the same data directory and port."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import httpx
import psutil

from support import STENTOR

DEADLINE_S = 60
LOOK_S = 0.0005
KEYS = {"ann": "key-of-ann", "ben": "key-of-ben"}


class NotReady(Exception):
    """The server did not begin to answer."""


class Server:
    """`stentor serve`, once per start, with a log file for each start.

    Args:
        folder: gets the data directory `data`, unless another is given, the configuration and
            the logs.
        voices_dir: a folder of Piper voices.
        options: environment variables of the server.
        prefix: a command to start the server with.
    """

    def __init__(
        self,
        folder: Path,
        voices_dir: Path,
        *,
        data_dir: Path | None = None,
        prefix: tuple[str, ...] = (),
        **options: str,
    ) -> None:
        self.folder = folder
        self.data_dir = data_dir or folder / "data"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.starts = 0
        # Every engine process that was ever looked at.
        self.seen: set[psutil.Process] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._prefix = prefix
        self._log: IO[bytes] | None = None
        self._config = folder / "stentor.toml"
        self._config.write_text(
            "".join(f'[keys.{name}]\nvalue = "{key}"\n' for name, key in KEYS.items())
        )
        self._environ = {k: v for k, v in os.environ.items() if not k.startswith("STENTOR_")} | {
            "STENTOR_LOGGING_LEVEL": "debug",
            "STENTOR_LOGGING_FORMAT": "json",
            "STENTOR_PROVIDERS_PIPER_VOICES_DIR": str(voices_dir),
            "STENTOR_JOBS_INLINE_AUDIO_MAX_BYTES": "0",
            "STENTOR_JOBS_SWEEP_INTERVAL_SECONDS": "1",
            **options,
        }

    def start(self) -> None:
        """Start it, without waiting until it answers."""
        self.starts += 1
        self._log = self.log_path.open("wb")
        self._process = subprocess.Popen(
            [
                *self._prefix,
                *STENTOR,
                "serve",
                "--port",
                str(self.port),
                "--data-dir",
                str(self.data_dir),
                "--config",
                str(self._config),
            ],
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            env=self._environ,
        )

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            NotReady: it ended, or did not answer within `DEADLINE_S`.
        """
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if self.exit_code is not None:
                raise NotReady(f"it ended with {self.exit_code}; see {self.log_path}")
            with contextlib.suppress(httpx.TransportError):
                answer = httpx.get(f"{self.url}/health", timeout=5, verify=False)
                if answer.status_code == 200:
                    return
            time.sleep(0.01)
        raise NotReady(f"no answer within {DEADLINE_S} s; see {self.log_path}")

    @property
    def log_path(self) -> Path:
        """The log of the latest start."""
        return self.folder / f"server-{self.starts:03}.log"

    @property
    def logs(self) -> list[Path]:
        """The logs of all starts, in order."""
        return sorted(self.folder.glob("server-*.log"))

    @property
    def exit_code(self) -> int | None:
        assert self._process is not None
        return self._process.poll()

    @property
    def engines(self) -> list[psutil.Process]:
        """Its engine processes, by age."""
        assert self._process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children(recursive=True)
            found = [one for one in children if _is_engine(one)]
            self.seen.update(found)
            return found
        return []

    def kill(self) -> None:
        """SIGKILL, and reap it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._close()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            # Under a tracer the server is its child, and ends both.
            for one in psutil.Process(self._process.pid).children() if self._prefix else []:
                one.send_signal(signal.SIGTERM)
                break
            else:
                self._process.terminate()
        code = self._process.wait(DEADLINE_S)
        self._close()
        return code

    def close(self) -> None:
        """Whatever happened: end it."""
        if self._process is not None and self._process.poll() is None:
            for one in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            self.kill()

    def client(self, owner: str) -> httpx.Client:
        """A client of one of the two callers; it does not survive a kill of the server."""
        # Reading the system's certificates would take longer than most calls.
        return httpx.Client(
            base_url=self.url,
            headers={"x-api-key": KEYS[owner]},
            timeout=DEADLINE_S,
            verify=False,
        )

    def wait_for_line(self, events: tuple[str, ...], timeout_s: float) -> bool:
        """Wait until the server logs one of these events, from now on."""
        marks = [f'"event": "{event}"'.encode() for event in events]
        deadline = time.monotonic() + timeout_s
        with self.log_path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            tail = b""
            while time.monotonic() < deadline:
                tail = tail[-100:] + log.read()
                if any(mark in tail for mark in marks):
                    return True
                time.sleep(LOOK_S)
        return False

    def wait_for_file(self, folder: str, timeout_s: float) -> bool:
        """Wait until there is a new file in this folder of the data directory."""
        path = self.data_dir / folder
        deadline = time.monotonic() + timeout_s
        before = set(path.iterdir())
        while time.monotonic() < deadline:
            if set(path.iterdir()) - before:
                return True
            time.sleep(LOOK_S)
        return False

    def lines(self) -> Iterator[dict[str, Any]]:
        """What was logged at all starts, in order."""
        for path in self.logs:
            for line in path.read_bytes().splitlines():
                # A kill may cut the last line short, and not all that complains speaks JSON.
                with contextlib.suppress(ValueError):
                    parsed = json.loads(line)
                    if isinstance(parsed, dict):
                        yield parsed

    def _close(self) -> None:
        if self._log is not None:
            self._log.close()


def _is_engine(process: psutil.Process) -> bool:
    try:
        return "stentor.engines.worker" in process.cmdline()
    except psutil.Error:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
