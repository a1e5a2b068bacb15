"""A SQLite connection on a thread of its own, which does all waiting operations in one go."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, NamedTuple, Self, TypeVar

from stentor.jobs.store import StoreClosed, StoreFull

T = TypeVar("T")

# What a full disk looks like. SQLite knows only the plainest of the system's errors by name;
# a quota, or a disk that says no only when it is synced, is an error of input or output to it.
# Source: https://www.sqlite.org/rescode.html
FULL = frozenset(
    {
        "SQLITE_FULL",
        "SQLITE_IOERR_WRITE",
        "SQLITE_IOERR_FSYNC",
        "SQLITE_IOERR_DIR_FSYNC",
        "SQLITE_IOERR_TRUNCATE",
        "SQLITE_IOERR_SHMSIZE",
    }
)


class Bulk(Generic[T]):
    """An operation that is cheaper when done together with others of its type."""

    @classmethod
    def together(
        cls, connection: sqlite3.Connection, operations: Sequence[Self]
    ) -> list[T | Exception]:
        """Do all; return each one's result, or the exception that it alone shall raise.

        If this raises, all is undone and each operation is done by itself.
        """
        raise NotImplementedError

    @classmethod
    def is_one_statement(cls, count: int) -> bool:
        """Whether so many are done together by a single statement, hence atomically."""
        return False


Operation = Callable[[sqlite3.Connection], T] | Bulk[T]


class _Call(NamedTuple):
    operation: Operation[Any]
    future: asyncio.Future[Any]


class SqliteThread:
    """Runs operations, called from one event loop, on one connection.

    The operations that wait when the thread is free become one transaction, hence one sync of the
    disk, and are answered by one call into the loop. An operation that fails is undone alone.

    Args:
        connection: in autocommit mode (`isolation_level=None`); closed by this thread.
        begin: the statement that opens a transaction.
    """

    def __init__(self, name: str, connection: sqlite3.Connection, *, begin: str) -> None:
        self._connection = connection
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        self._closed = False
        # The calls of one turn of the loop are handed over together when it ends: at each
        # hand-over the two threads may have to wait for the interpreter's lock.
        self._turn: list[_Call] = []
        self._turns: SimpleQueue[list[_Call]] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, operation: Operation[T]) -> T:
        """Run the operation and return what it returns, with its transaction committed.

        Raises:
            StoreClosed: the thread was closed.
            StoreFull: the disk has no room; nothing is changed.
        """
        if self._closed:
            raise StoreClosed("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append(_Call(operation, future))
        return await future

    async def close(self) -> None:
        """Do what was called before, close the connection and end the thread."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._turns.put([])
        await asyncio.shield(self._ended)
        self._thread.join()

    def _hand_over(self) -> None:
        if self._turn:
            self._turns.put(self._turn)
            self._turn = []

    def _run(self) -> None:
        turn: list[_Call] = self._turns.get()
        while turn:
            calls = turn
            while turn and not self._turns.empty():
                turn = self._turns.get()
                calls = calls + turn
            results = self._transact([call.operation for call in calls])
            self._tell(_answer, calls, results)
            if turn:
                turn = self._turns.get()
        self._connection.close()
        self._tell(self._ended.set_result, None)

    def _tell(self, callback: Callable[..., object], *args: object) -> None:
        # A loop that was closed without closing the store has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)

    def _transact(self, operations: Sequence[Operation[Any]]) -> Sequence[Any]:
        """The result of each operation, or the exception that ended it."""
        connection = self._connection
        kind = type(operations[0])
        if (
            issubclass(kind, Bulk)
            and kind.is_one_statement(len(operations))
            and all(type(operation) is kind for operation in operations)
        ):
            # A statement is its own transaction. To begin and to commit one would be two more,
            # and after each the interpreter's lock must be won back from a busy event loop.
            with suppress(Exception):
                return _together(connection, operations)
        try:
            connection.execute(self._begin)
            try:
                results = _together(connection, operations)
            except Exception:
                # One operation failed. Begin again, with a savepoint around each, which is slower.
                _roll_back(connection)
                connection.execute(self._begin)
                results = [_isolated(connection, operation) for operation in operations]
            connection.execute("COMMIT")
        except Exception as error:
            # If it fails, the next transaction cannot begin, and comes here again.
            with suppress(sqlite3.Error):
                _roll_back(connection)
            results = [error] * len(operations)
        return [_told(result) for result in results]


def _together(connection: sqlite3.Connection, operations: Sequence[Operation[Any]]) -> list[Any]:
    results: list[Any] = []
    for kind, group in groupby(operations, type):
        run: list[Any] = list(group)
        if issubclass(kind, Bulk):
            results += kind.together(connection, run)
        else:
            results += [operation(connection) for operation in run]
    return results


def _isolated(connection: sqlite3.Connection, operation: Operation[Any]) -> Any:
    connection.execute("SAVEPOINT operation")
    try:
        [result] = _together(connection, [operation])
    except Exception as error:
        # Some failures, such as a full disk, take the whole transaction with them.
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO operation")
        result = error
    connection.execute("RELEASE operation")
    return result


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _told(result: Any) -> Any:
    """The result, or the exception in the words of the store's protocol."""
    if isinstance(result, sqlite3.Error) and getattr(result, "sqlite_errorname", "") in FULL:
        full = StoreFull(f"the disk has no room for the store: {result}")
        full.__cause__ = result
        return full
    return result


def _answer(calls: Sequence[_Call], results: Sequence[Any]) -> None:
    for (_, future), result in zip(calls, results, strict=True):
        if future.cancelled():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
