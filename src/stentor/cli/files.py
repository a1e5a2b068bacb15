"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A path to write to; what is there at the end takes the target's name in one step.

    Raises:
        OSError: the target's folder cannot be written to.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.absolute().parent)
    os.close(handle)
    path = Path(name)
    try:
        yield path
        umask = os.umask(0)
        os.umask(umask)
        path.chmod(0o666 & ~umask)
        path.replace(target)
    finally:
        path.unlink(missing_ok=True)
