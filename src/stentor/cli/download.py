"""What `stentor jobs download` does."""

from __future__ import annotations

import os
import sys
from http.client import HTTPResponse
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from stentor.cli.client import Client, ClientError, read
from stentor.cli.files import appearing
from stentor.contract import CONTENT_TYPES

CHUNK_BYTES = 256 * 1024
# A job may wait in the queue, and between two pieces of audio.
TIMEOUT_S = 3600
# More than any format's header: the sizes in it are known only when the audio is complete.
HEAD_BYTES = 4096

_ENDINGS = {media: name for name, media in CONTENT_TYPES.items()}


def save(client: Client, path: str, name: str, output: Path | None) -> None:
    """Write the audio at `path` to a file, or to standard output if that is `-`; as it is made.

    Args:
        output: `name` with the format's ending in the current folder, if None.

    Raises:
        ClientError: there is no such job, it failed, or the audio broke off.
        OSError: the file cannot be written.
    """
    with client.stream("GET", path, timeout_s=TIMEOUT_S) as response:
        if str(output) == "-":
            _copy_to_stdout(response)
            return
        target = output or Path(f"{name}.{_ending(response)}")
        if target.is_dir():
            raise ClientError(f"{target} is a folder; name a file in it")
        with appearing(target) as part, part.open("wb") as file:
            _copy(response, file)
            if response.getheader("Content-Length") is None:
                _mend_head(client, path, file)
    print(f"{target.absolute()}  {target.stat().st_size:,} bytes")


def _ending(response: HTTPResponse) -> str:
    media = (response.getheader("Content-Type") or "").partition(";")[0].strip()
    return _ENDINGS.get(media, "audio")


def _copy(response: HTTPResponse, file: BinaryIO) -> None:
    length = response.getheader("Content-Length")
    with Progress(
        TextColumn("downloading"),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task("downloading", total=int(length) if length is not None else None)
        while data := read(response, CHUNK_BYTES):
            file.write(data)
            bar.update(task, advance=len(data))


def _copy_to_stdout(response: HTTPResponse) -> None:
    try:
        _copy(response, sys.stdout.buffer)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough; Python must not complain about it at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _mend_head(client: Client, path: str, file: BinaryIO) -> None:
    """Put the finished file's header over the one that was sent before its sizes were known."""
    headers = {"Range": f"bytes=0-{HEAD_BYTES - 1}"}
    try:
        with client.stream("GET", path, headers=headers) as response:
            head = read(response) if response.status == 206 else b""
    except ClientError as error:
        if error.status_code == 404:
            return  # expired: the audio is whole, but for what its header says of its length
        raise
    file.seek(0)
    file.write(head)
