"""What the system needs from a database to keep spoken segments.

The audio itself is in the blob store, under a key that is a hash of all that shaped it. The index
says which keys are there, which of them a live job still needs, and which may go.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol


class SegmentIndex(Protocol):
    """Spoken segments, by key.

    A live job *pins* the keys that it needs; its end, however it comes, unpins them, in the same
    transaction. A pinned segment is never removed. Keys are lower-case hexadecimal strings.

    What a method has changed is on disk when it returns; each method is atomic, reads no clock and
    raises `StoreClosed` and `StoreFull` as `JobStore` does.
    """

    async def pin(self, job_id: str, keys: Sequence[str], now_ms: int) -> set[str]:
        """Keep these keys, there already or yet to come, while the job lives.

        Nothing is pinned if the job has ended or is unknown.

        Returns:
            Those of the keys whose segments are there; they count as used now. Empty if nothing
            was pinned.
        """
        ...

    async def add(self, key: str, size_bytes: int, now_ms: int, *, private: bool) -> None:
        """Say that a segment is in the blob store; if it was there before, it counts as used now.

        Args:
            private: the segment goes as soon as no live job needs it.
        """
        ...

    async def removable(self, keep_bytes: int, used_before_ms: int, limit: int) -> list[str]:
        """Up to `limit` keys that may go, the least recently used first.

        They are not pinned, and private, or not used since `used_before_ms`, or among the least
        recently used of the others, which go until the rest of them fits into `keep_bytes`.
        """
        ...

    async def remove(self, keys: Collection[str]) -> list[str]:
        """Forget those of these segments that are not pinned; returns their keys."""
        ...

    async def known(self, keys: Collection[str]) -> set[str]:
        """Those of these keys that are in the index."""
        ...
