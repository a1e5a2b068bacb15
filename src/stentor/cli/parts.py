"""Keeping what was spoken beside a file in the making, so that it can be gone on with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uuid_utils
from filelock import FileLock, Timeout

from stentor.blobs import BlobStore
from stentor.engines.base import Flow
from stentor.errors import SpeechError
from stentor.jobs.checkpoints import Checkpoints, KeptSpeaker
from stentor.jobs.clock import now_ms
from stentor.jobs.record import JobRecord
from stentor.jobs.sqlite import SqliteStore
from stentor.voicing import Voices

_LEASE_MS = 1000 * 86_400 * 365


@asynccontextmanager
async def kept_parts(folder: Path, voices: Voices) -> AsyncIterator[KeptSpeaker]:
    """A speaker that keeps its segments in a folder, and finds those that are there.

    Raises:
        SpeechError: 409: another process works in the folder.
    """
    folder.mkdir(exist_ok=True, mode=0o700)
    spool = folder / "spool"
    spool.mkdir(exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise SpeechError(
            409, "in_use", f"another process is at work in {folder}; wait for it to end"
        ) from error
    store = None
    try:
        for left in spool.iterdir():
            left.unlink()
        store = await SqliteStore.open(folder / "jobs.db")
        # Segments are pinned by a job; each run is one.
        job = JobRecord(
            id=str(uuid_utils.uuid7()),
            owner="",
            status="pending",
            request=b"{}",
            ttl_seconds=1,
            created_ms=now_ms(),
        )
        await store.submit(job, queue_limit=1_000_000)
        await store.claim("book", _LEASE_MS, now_ms(), 1_000_000)
        segments = BlobStore.open(None, folder / "segments")
        checkpoints = Checkpoints(
            voices.engines, voices.caller, store.segments, segments, spool, shared=True
        )
        yield checkpoints.speaker(Flow("", job.id), private=False, before_each=_at_once)
    finally:
        if store is not None:
            await store.close()
        lock.release()


async def _at_once() -> None:
    pass
