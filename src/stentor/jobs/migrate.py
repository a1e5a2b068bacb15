"""Brings a SQLite database to the schema that this code expects."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from importlib.resources import files


class NewerSchema(Exception):
    """The database was written by a newer version of this program."""


def shipped_migrations() -> list[str]:
    """The SQL scripts beside this module, in the order of their numbered names."""
    scripts = files("stentor.jobs").joinpath("migrations").iterdir()
    return [
        script.read_text(encoding="utf-8")
        for script in sorted(scripts, key=lambda script: script.name)
        if script.name.endswith(".sql")
    ]


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Run those migrations that the database has not seen, all of them or none.

    `PRAGMA user_version` says how many it has seen.

    Args:
        connection: in autocommit mode (`isolation_level=None`).

    Raises:
        NewerSchema: the database has seen more migrations than there are.
    """
    # The lock comes before the look, so that of two processes that start at once only one migrates.
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(migrations):
            raise NewerSchema(
                f"the database has schema version {version}, but this program knows only up to "
                f"{len(migrations)}; run the newer version of the program that wrote it"
            )
        for script in migrations[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        if version < len(migrations):
            # Setting it writes even what is there already, which a full disk would refuse.
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        # A full disk, for one, has taken the transaction with it.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """Split a script where statements end a line; `executescript` would commit before it begins."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
