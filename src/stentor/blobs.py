"""Audio at rest: finished files by key, on local disk or in any object store.

Keys are made by Stentor alone (job ids, hashes); a caller's string never becomes one.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

import obstore
import structlog
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from stentor.shielded import shielded

log = structlog.get_logger(__name__)

CHUNK_BYTES = 256 * 1024
KEYS_AT_ONCE = 1000
PARTIAL_PREFIX = "partial-"
LOCAL_URL = "file://"

# A job's id, or a SHA-256.
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}")


class BlobMissing(Exception):
    """There is no blob with this key."""


class SmallBlobs(Protocol):
    """Keeps some blobs elsewhere."""

    async def audio(self, key: str, start: int, end: int) -> bytes | None:
        """The bytes `[start, end)` of a blob; None if it is not here."""
        ...


class BlobStore:
    """Blobs behind obstore, which does its I/O outside the event loop."""

    def __init__(
        self, store: ObjectStore, folder: Path | None = None, small: SmallBlobs | None = None
    ) -> None:
        self._store = store
        self._folder = folder
        self._small = small

    @classmethod
    def open(
        cls, url: str | None, default: Path, *, part: str = "", small: SmallBlobs | None = None
    ) -> BlobStore:
        """Open the store at `url`, or the folder `default` where there is none.

        Args:
            part: what the keys begin with in the store at `url`; empty for its top level.
            small: has some of the blobs, and is asked first.

        Raises:
            obstore.exceptions.BaseError: the URL is not one that obstore understands.
        """
        if url is None:
            default.mkdir(parents=True, exist_ok=True, mode=0o700)
            return cls(LocalStore(default), default, small)
        if part:
            url = f"{url.rstrip('/')}/{part}"
        if url.startswith(LOCAL_URL):
            return cls(LocalStore.from_url(url, mkdir=True), small=small)
        return cls(from_url(url), small=small)

    async def put(self, key: str, path: Path, content_type: str) -> None:
        """Store the file under the key; whole or not at all, replacing what was there.

        On return it outlives a power cut. A local store takes the file itself, so `path` must be
        on the same file system, and is gone afterwards.

        Raises:
            OSError, obstore.exceptions.BaseError: it could not be stored.
        """
        if self._folder is not None:
            await shielded(asyncio.to_thread(_move_durably, path, self._folder / key))
            return
        if isinstance(self._store, LocalStore):
            # It has no place for a content type, which the job's result keeps anyway.
            await obstore.put_async(self._store, key, path)
            await asyncio.to_thread(_sync, Path(str(self._store.prefix)) / key)
            return
        await obstore.put_async(self._store, key, path, attributes={"Content-Type": content_type})

    async def put_bytes(self, key: str, data: bytes, spool: Path) -> None:
        """Store bytes under the key; whole or not at all, replacing what was there.

        Their name in a local folder may be lost in a power cut; it is kept by whatever is synced
        on the same file system afterwards.

        Args:
            spool: folder for a file in the making, on the same file system as a local store.

        Raises:
            OSError, obstore.exceptions.BaseError: they could not be stored.
        """
        if self._folder is not None:
            await shielded(asyncio.to_thread(_write_durably, data, spool, self._folder / key))
            return
        await obstore.put_async(self._store, key, data)

    async def put_file(self, key: str, path: Path, *, synced: bool = True) -> Path:
        """Store a file under the key as `put_bytes` stores bytes; returns where it is now.

        A local folder takes the file itself; elsewhere it stays where it was.

        Args:
            synced: without it, a power cut may damage what is in a local folder.

        Raises:
            OSError, obstore.exceptions.BaseError: it could not be stored.
        """
        if self._folder is not None:
            target = self._folder / key
            await shielded(asyncio.to_thread(_move if synced else Path.replace, path, target))
            return target
        await obstore.put_async(self._store, key, path)
        return path

    async def fetch(self, key: str, path: Path) -> Path:
        """A file that has the blob: its own in a local folder, else a copy at `path`.

        Raises:
            BlobMissing: there is none.
            OSError, obstore.exceptions.BaseError: it could not be read.
        """
        if self._folder is not None:
            own = self._folder / key
            if not own.exists():
                raise BlobMissing(key)
            return own
        try:
            result = await obstore.get_async(self._store, key)
            with path.open("wb") as file:
                async for piece in result.stream(min_chunk_size=CHUNK_BYTES):
                    await asyncio.to_thread(file.write, piece)
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobMissing(key) from error
        return path

    async def keys(self) -> AsyncIterator[list[tuple[str, int]]]:
        """Yield the keys that there are, with when each was written, in ms since the epoch.

        What Stentor does not name so, or is in a deeper folder, is somebody else's.
        """
        async for batch in obstore.list(self._store, chunk_size=KEYS_AT_ONCE):
            yield [
                (meta["path"], round(meta["last_modified"].timestamp() * 1000))
                for meta in batch
                if _KEY.fullmatch(meta["path"])
            ]

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes `[start, end)` in pieces.

        Raises:
            BlobMissing: before the first piece.
        """
        if end <= start:
            return
        if self._small is not None:
            small = await self._small.audio(key, start, end)
            if small is not None:
                yield small
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
        if self._small is not None:
            small = await self._small.audio(key, 0, sys.maxsize)
            if small is not None:
                return small
        try:
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobMissing(key) from error

    async def exists(self, key: str) -> bool:
        """Whether there is a blob with this key."""
        if self._small is not None and await self._small.audio(key, 0, 0) is not None:
            return True
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


def _write_durably(data: bytes, spool: Path, target: Path) -> None:
    handle, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX, dir=spool)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.replace(target)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _move(path: Path, target: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(target)


def _move_durably(path: Path, target: Path) -> None:
    _move(path, target)
    _sync_folder(target.parent)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
