"""Whole files, in threads."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


def copied(source: Path, target: Path, size: int) -> None:
    """Make a new file of the first `size` bytes of another, which must not change afterwards.

    Raises:
        OSError: one of them cannot be opened, or there is no room.
    """
    target.unlink(missing_ok=True)
    if source.stat().st_size == size:
        with suppress(OSError):
            target.hardlink_to(source)
            return
    shutil.copyfile(source, target)
    os.truncate(target, size)


def sha256(path: Path) -> str:
    """The digest of a whole file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_all(path: Path) -> None:
    """Remove a file and those that were named after it; what cannot be removed stays."""
    for left in (path, *path.parent.glob(f"{path.name}.*")):
        try:
            left.unlink(missing_ok=True)
        except OSError as error:
            log.warning("spool.not_cleaned", file=left.name, error=str(error))
