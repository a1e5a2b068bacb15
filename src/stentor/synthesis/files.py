"""Whole files, in threads."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path


def copied(source: Path, target: Path, size: int) -> None:
    """Copy the first `size` bytes of a file into a new one.

    Raises:
        OSError: one of them cannot be opened, or there is no room.
    """
    shutil.copyfile(source, target)
    os.truncate(target, size)


def sha256(path: Path) -> str:
    """The digest of a whole file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
