"""What went wrong, in the one error shape."""

from __future__ import annotations

import errno
import traceback

import structlog

from stentor.errors import SpeechError
from stentor.jobs.store import StoreClosed, StoreFull

log = structlog.get_logger(__name__)

FRAMES_LOGGED = 20


def draining() -> SpeechError:
    """The error for a server that is about to end."""
    return SpeechError(
        503,
        "draining",
        "the server is stopping and takes no more jobs; try again when it has started anew",
        retry_after_s=5,
    )


def storage_full() -> SpeechError:
    """The error for a disk without room."""
    return SpeechError(
        503,
        "storage_full",
        "the server's disk is full ([storage] min_free_bytes); try again later",
        retry_after_s=30,
    )


def as_speech_error(error: Exception, path: str) -> SpeechError:
    """The error that answers a call to `path`; one that nobody foresaw is logged."""
    if isinstance(error, SpeechError):
        return error
    no_room = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if no_room or isinstance(error, StoreFull):
        return storage_full()
    if isinstance(error, StoreClosed):
        return draining()
    log_unforeseen(error, path)
    return SpeechError(500, "internal_error", f"the server failed: {type(error).__name__}")


def log_unforeseen(error: Exception, path: str) -> None:
    """Log where an exception came from, without its message, which may quote a caller's text."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_LOGGED:]
    log.error(
        "http.unhandled",
        path=path,
        error=type(error).__name__,
        cause=type(error.__cause__).__name__ if error.__cause__ is not None else None,
        frames=[f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames],
    )
