"""A small disk that can be filled."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

MIB = 1 << 20


class SmallDisk:
    """A file system of a few megabytes.

    Attributes:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.folder).free

    def fill(self, leave_bytes: int) -> None:
        """Fill it until no more than so many bytes are free, whatever else is written meanwhile."""
        with self._filling.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while (excess := self.free_bytes - leave_bytes) > 0:
                file.write(b"\0" * min(excess, MIB))
                os.fsync(file.fileno())

    def clear(self) -> None:
        """Make room again."""
        self._filling.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Mount a tmpfs of this size in an empty folder.

    Raises:
        PermissionError: this user may not mount.
        FileNotFoundError: there is no command to mount with.
    """
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "chaos", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode != 0:
        raise PermissionError(mounted.stderr.strip())
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
