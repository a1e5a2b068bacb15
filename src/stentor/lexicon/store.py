"""What the system needs from a database to keep dictionaries."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class DictionaryRecord(Struct, frozen=True, kw_only=True):
    """A dictionary. All times are milliseconds since the epoch.

    Attributes:
        version_id, version_ms, rules_count: of its newest version, and when that was made.
    """

    id: str
    owner: str
    name: str
    description: str | None
    created_ms: int
    version_id: str
    version_ms: int
    rules_count: int


class VersionRecord(Struct, frozen=True, kw_only=True):
    """A version of a dictionary, without its rules."""

    id: str
    dictionary_id: str
    created_ms: int
    rules_count: int


class DictionaryStore(Protocol):
    """Dictionaries and their versions, which never change.

    What a method has changed is on disk when it returns; each is atomic, reads no clock and raises
    `StoreClosed` and `StoreFull` as `JobStore` does. A dictionary of another owner is as one that
    is not there, and so is an archived one unless a method says otherwise.
    """

    async def create(self, dictionary: DictionaryRecord, rules: bytes) -> None:
        """Keep a new dictionary and its first version."""
        ...

    async def add_version(
        self, version: VersionRecord, rules: bytes, owner: str, *, after: str
    ) -> bool:
        """Keep a new version.

        Returns False, and changes nothing, if `after` is not the newest version any more.
        """
        ...

    async def get(self, dictionary_id: str, owner: str) -> DictionaryRecord | None:
        """A dictionary; None if there is no such."""
        ...

    async def list_dictionaries(
        self, owner: str, *, limit: int, after: str | None = None
    ) -> list[DictionaryRecord]:
        """Up to `limit` dictionaries of the owner, newest first.

        Args:
            after: only dictionaries older than this one; none if there is no such dictionary.
        """
        ...

    async def list_versions(
        self, dictionary_id: str, owner: str, *, limit: int, after: str | None = None
    ) -> list[VersionRecord]:
        """Up to `limit` versions of a dictionary, newest first.

        Args:
            after: only versions older than this one; none if there is no such version.
        """
        ...

    async def get_version(
        self,
        dictionary_id: str,
        owner: str,
        version_id: str | None = None,
        *,
        archived: bool = False,
    ) -> VersionRecord | None:
        """A version, by default the newest; None if there is no such.

        Args:
            archived: look among the archived dictionaries too.
        """
        ...

    async def get_rules(self, version_id: str) -> bytes | None:
        """The rules of a version, archived or not; None if there is no such."""
        ...

    async def archive(self, dictionary_id: str, owner: str, now_ms: int) -> bool:
        """Put a dictionary away; False if there is no such."""
        ...

    async def purge(self, archived_before_ms: int) -> int:
        """Forget dictionaries that were put away before that time; returns how many."""
        ...
