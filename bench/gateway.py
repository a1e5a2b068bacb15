"""The real server in a process of its own, with local vendors for its providers."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

FILES = 16_384


class Gateway:
    """A server that runs.

    Attributes:
        url: without a slash at the end.
    """

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.url = url
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid


def allow_many_files() -> None:
    """Let this process and those that it starts have as many connections as benchmarks need."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard), hard))


@contextlib.contextmanager
def running(config: str) -> Iterator[Gateway]:
    """Serve, with this configuration in TOML and an empty store."""
    allow_many_files()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STENTOR_")}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stentor.toml"
        file.write_text(config)
        data_dir = str(Path(folder) / "data")
        command = [sys.executable, "-m", "stentor", "serve", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--config", str(file), "--data-dir", data_dir],
            stdout=subprocess.PIPE,
            text=True,
            env=environ | {"STENTOR_LOGGING_LEVEL": "error"},
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            match = re.search(r"http://\S+", line)
            assert match, f"the server did not start: {line!r}"
            yield Gateway(match.group(), process)
        finally:
            process.terminate()
            process.wait()
