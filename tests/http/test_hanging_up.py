"""Clients that go away, and whoever works for them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
import uvloop
from starlette.requests import ClientDisconnect
from starlette.types import Message

from stentor.http.protocol import _Corked
from stentor.http.streaming import HUNG_UP, HungUp, unless_gone


async def _receive() -> Message:
    raise AssertionError("the server tells by itself")


def _working(hung_up: HungUp, work: Any) -> asyncio.Task[Any]:
    return asyncio.create_task(unless_gone({HUNG_UP: hung_up}, _receive, work))


async def test_the_next_request_hears_of_it_although_the_last_ones_end_came_later() -> None:
    hung_up, first_ends = HungUp(), asyncio.Event()
    first = _working(hung_up, first_ends.wait())
    second = _working(hung_up, asyncio.Event().wait())
    await asyncio.sleep(0)
    first_ends.set()
    await first
    hung_up.tell()
    with pytest.raises(ClientDisconnect):
        await second


async def test_work_for_who_has_gone_is_not_begun() -> None:
    hung_up, begun = HungUp(), []

    async def work() -> None:
        begun.append(True)

    hung_up.tell()
    with pytest.raises(ClientDisconnect):
        await unless_gone({HUNG_UP: hung_up}, _receive, work())
    assert begun == []


@pytest.mark.parametrize("outside_first", [True, False])
async def test_who_is_cancelled_from_outside_too_stays_cancelled(outside_first: bool) -> None:
    hung_up = HungUp()
    task = _working(hung_up, asyncio.Event().wait())
    await asyncio.sleep(0)
    for cancel in (task.cancel, hung_up.tell)[:: 1 if outside_first else -1]:
        cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_goes_on_after_its_client_has_gone() -> None:
    hung_up = HungUp()

    async def handler() -> int:
        try:
            await unless_gone({HUNG_UP: hung_up}, _receive, asyncio.Event().wait())
        except ClientDisconnect:
            async with asyncio.timeout(1):
                await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    task = asyncio.create_task(handler())
    await asyncio.sleep(0)
    hung_up.tell()
    assert await task == 0


class _Lost(asyncio.Protocol):
    """A server's end, which writes while its connection breaks."""

    def __init__(self, made: asyncio.Future[_Lost]) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self._made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.raw = cast(asyncio.Transport, transport)
        self.corked = _Corked(self.raw, asyncio.get_running_loop())
        self._made.set_result(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.corked.drop()
        self.lost.set_result(None)


def test_what_was_held_back_for_a_connection_that_broke_is_forgotten() -> None:
    faults: list[dict[str, Any]] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        made: asyncio.Future[_Lost] = loop.create_future()
        server = await loop.create_server(lambda: _Lost(made), "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        end = await made
        # The loss is on its way when the write is made.
        end.raw.abort()
        end.corked.write(b"x")
        await end.lost
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writer.close()
        server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scene())
    assert faults == []
