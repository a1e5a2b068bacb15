"""Audio at rest: finished files by key, on local disk or in any object store.

Keys are made by Stentor alone (job ids); a caller's string never becomes one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import obstore
import structlog
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

log = structlog.get_logger(__name__)

CHUNK_BYTES = 256 * 1024


class BlobMissing(Exception):
    """There is no blob with this key."""


class BlobStore:
    """Blobs behind obstore, which does its I/O outside the event loop."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    @classmethod
    def open(cls, url: str | None, default: Path) -> BlobStore:
        """Open the store at `url`, or the folder `default` where there is none.

        Raises:
            obstore.exceptions.BaseError: the URL is not one that obstore understands.
        """
        if url is None:
            default.mkdir(parents=True, exist_ok=True, mode=0o700)
            return cls(LocalStore(default), default)
        return cls(from_url(url))

    async def put(self, key: str, path: Path, content_type: str) -> None:
        """Store the file under the key; whole or not at all, replacing what was there.

        On return it outlives a power cut. A local store takes the file itself, so `path` must be
        on the same file system, and is gone afterwards.

        Raises:
            OSError, obstore.exceptions.BaseError: it could not be stored.
        """
        if self._folder is not None:
            await asyncio.to_thread(_move_durably, path, self._folder / key)
            return
        # A local file system has no place for a content type; the job's result keeps it anyway.
        attributes = None if isinstance(self._store, LocalStore) else {"Content-Type": content_type}
        await obstore.put_async(self._store, key, path, attributes=attributes)

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes `[start, end)` in pieces.

        Raises:
            BlobMissing: before the first piece.
        """
        if end <= start:
            return
        try:
            result = await obstore.get_async(self._store, key, options={"range": (start, end)})
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobMissing(key) from error
        async for piece in result.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(piece)

    async def read_all(self, key: str) -> bytes:
        """The whole blob.

        Raises:
            BlobMissing: there is none.
        """
        try:
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobMissing(key) from error

    async def exists(self, key: str) -> bool:
        """Whether there is a blob with this key."""
        try:
            await obstore.head_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    async def delete(self, keys: Sequence[str]) -> list[str]:
        """Delete blobs; those that are not there are no error. Returns the keys that resisted."""
        resisted = []
        for key in keys:
            try:
                await obstore.delete_async(self._store, key)
            except (NotFoundError, FileNotFoundError):
                continue
            except (OSError, BaseError) as error:
                log.warning("blob.not_deleted", key=key, error=str(error))
                resisted.append(key)
        return resisted


def _move_durably(path: Path, target: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
