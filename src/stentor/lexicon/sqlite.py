"""Dictionaries in the SQLite file of the job store."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from stentor.jobs.sqlite_rows import changes
from stentor.jobs.sqlite_thread import SqliteThread
from stentor.lexicon.store import DictionaryRecord, VersionRecord

_DICTIONARIES = """
    SELECT d.id, d.owner, d.name, d.description, d.created_ms, v.id, v.created_ms, v.rules_count
    FROM dictionaries AS d JOIN dictionary_versions AS v
        ON v.number = (SELECT max(number) FROM dictionary_versions WHERE dictionary = d.number)
    WHERE d.owner = :owner AND d.archived_ms IS NULL
"""
_VERSIONS = """
    SELECT v.id, d.id, v.created_ms, v.rules_count
    FROM dictionaries AS d JOIN dictionary_versions AS v ON v.dictionary = d.number
    WHERE d.id = :dictionary_id AND d.owner = :owner
"""
_NEWEST_FIRST = " ORDER BY v.number DESC LIMIT :limit"


class SqliteDictionaries:
    """A `DictionaryStore` beside the jobs that use them."""

    def __init__(self, writer: SqliteThread, reader: SqliteThread) -> None:
        self._writer = writer
        self._reader = reader

    async def create(self, dictionary: DictionaryRecord, rules: bytes) -> None:
        await self._writer.call(lambda db: _create(db, dictionary, rules))

    async def add_version(
        self, version: VersionRecord, rules: bytes, owner: str, *, after: str
    ) -> bool:
        return await self._writer.call(lambda db: _add_version(db, version, rules, owner, after))

    async def get(self, dictionary_id: str, owner: str) -> DictionaryRecord | None:
        values = {"owner": owner, "id": dictionary_id}
        found = await self._reader.call(lambda db: _dictionaries(db, "AND d.id = :id", values))
        return found[0] if found else None

    async def list_dictionaries(
        self, owner: str, *, limit: int, after: str | None = None
    ) -> list[DictionaryRecord]:
        values = {"owner": owner, "limit": limit, "after": after}
        older = (
            "AND d.number < (SELECT number FROM dictionaries "
            "WHERE id = :after AND owner = :owner AND archived_ms IS NULL)"
        )
        tail = f"{older if after is not None else ''} ORDER BY d.number DESC LIMIT :limit"
        return await self._reader.call(lambda db: _dictionaries(db, tail, values))

    async def list_versions(
        self, dictionary_id: str, owner: str, *, limit: int, after: str | None = None
    ) -> list[VersionRecord]:
        values = {"dictionary_id": dictionary_id, "owner": owner, "limit": limit, "after": after}
        older = (
            "AND v.number < "
            "(SELECT number FROM dictionary_versions WHERE id = :after AND dictionary = d.number)"
        )
        tail = f"AND d.archived_ms IS NULL {older if after is not None else ''}{_NEWEST_FIRST}"
        return await self._reader.call(lambda db: _versions(db, tail, values))

    async def get_version(
        self,
        dictionary_id: str,
        owner: str,
        version_id: str | None = None,
        *,
        archived: bool = False,
    ) -> VersionRecord | None:
        values = {"dictionary_id": dictionary_id, "owner": owner, "id": version_id, "limit": 1}
        tail = (
            ("" if archived else "AND d.archived_ms IS NULL ")
            + ("" if version_id is None else "AND v.id = :id")
            + _NEWEST_FIRST
        )
        found = await self._reader.call(lambda db: _versions(db, tail, values))
        return found[0] if found else None

    async def get_rules(self, version_id: str) -> bytes | None:
        row = await self._reader.call(
            lambda db: db.execute(
                "SELECT rules FROM dictionary_versions WHERE id = ?", (version_id,)
            ).fetchone()
        )
        return bytes(row[0]) if row else None

    async def archive(self, dictionary_id: str, owner: str, now_ms: int) -> bool:
        return await self._writer.call(
            lambda db: changes(
                db,
                "UPDATE dictionaries SET archived_ms = ? "
                "WHERE id = ? AND owner = ? AND archived_ms IS NULL",
                (now_ms, dictionary_id, owner),
            )
        )

    async def purge(self, archived_before_ms: int) -> int:
        return await self._writer.call(
            lambda db: (
                db.execute(
                    "DELETE FROM dictionaries WHERE archived_ms < ?", (archived_before_ms,)
                ).rowcount
            )
        )


def _create(db: sqlite3.Connection, dictionary: DictionaryRecord, rules: bytes) -> None:
    values = msgspec.structs.asdict(dictionary) | {"rules": rules}
    values["number"] = db.execute(
        "INSERT INTO dictionaries (id, owner, name, description, created_ms) "
        "VALUES (:id, :owner, :name, :description, :created_ms)",
        values,
    ).lastrowid
    db.execute(
        "INSERT INTO dictionary_versions (id, dictionary, created_ms, rules_count, rules) "
        "VALUES (:version_id, :number, :version_ms, :rules_count, :rules)",
        values,
    )


def _add_version(
    db: sqlite3.Connection, version: VersionRecord, rules: bytes, owner: str, after: str
) -> bool:
    values = msgspec.structs.asdict(version) | {"rules": rules, "owner": owner, "after": after}
    return changes(
        db,
        """
        INSERT INTO dictionary_versions (id, dictionary, created_ms, rules_count, rules)
        SELECT :id, d.number, :created_ms, :rules_count, :rules FROM dictionaries AS d
        WHERE d.id = :dictionary_id AND d.owner = :owner AND d.archived_ms IS NULL
            AND :after = (
                SELECT id FROM dictionary_versions WHERE dictionary = d.number
                ORDER BY number DESC LIMIT 1
            )
        """,
        values,
    )


def _dictionaries(
    db: sqlite3.Connection, tail: str, values: dict[str, Any]
) -> list[DictionaryRecord]:
    fields = DictionaryRecord.__struct_fields__
    rows = db.execute(f"{_DICTIONARIES} {tail}", values)
    return [DictionaryRecord(**dict(zip(fields, row, strict=True))) for row in rows]


def _versions(db: sqlite3.Connection, tail: str, values: dict[str, Any]) -> list[VersionRecord]:
    fields = VersionRecord.__struct_fields__
    rows = db.execute(f"{_VERSIONS} {tail}", values)
    return [VersionRecord(**dict(zip(fields, row, strict=True))) for row in rows]
