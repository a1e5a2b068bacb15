"""Commands in this process, for where a process of their own is not what a test is about."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from stentor.cli import main


def stentor_here(
    *arguments: str, stdin: bytes = b"", cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[bytes]:
    """What the command ends with, and prints."""
    read, out, err = (
        io.TextIOWrapper(io.BytesIO(given), encoding="utf-8", newline="\n")
        for given in (stdin, b"", b"")
    )
    with (
        patch.dict(os.environ, environ),
        patch.object(sys, "argv", ["stentor", *arguments]),
        patch.object(sys, "stdin", read),
        chdir(cwd or "."),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    printed = []
    for stream in (out, err):
        stream.flush()
        printed.append(stream.buffer.getvalue())  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(arguments, code, *printed)
