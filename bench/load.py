"""A load generator for loopback: keep-alive connections, one request at a time on each.

`NUMBER` in a body is another number in every request.

Lean on purpose: it shares the machine with the server that it measures. Run as a process of
its own by `measure`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import uvloop

NUMBER = "########"
_END_OF_CHUNKS = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load.

    Attributes:
        rate: answers per second.
        p50_ms, p99_ms: time from sending a request to its whole answer.
        wrong: answers with another status than the first two digits asked for.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    wrong: int


def measure(
    port: int,
    method: str,
    paths: list[str],
    body: bytes = b"",
    *,
    connections: int,
    seconds: float,
    status: str = "20",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Load:
    """Load `127.0.0.1:port` from another process; paths are asked for in turn."""
    order = {
        "port": port,
        "method": method,
        "paths": paths,
        "body": body.decode(),
        "connections": connections,
        "seconds": seconds,
        "status": status,
        "headers": dict(headers),
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
    )
    return Load(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    def __init__(
        self,
        requests: list[bytes],
        status: bytes,
        until: float,
        first: int,
        numbers: Iterator[int],
    ) -> None:
        self._requests = requests
        self._status = status
        self._until = until
        self._next = first
        self._numbers = numbers
        self._buffer = bytearray()
        self._length: int | None = None
        self.latencies: list[float] = []
        self.wrong = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        if self._sent >= self._until:
            self._transport.close()
            return
        request = self._requests[self._next % len(self._requests)]
        if NUMBER.encode() in request:
            request = request.replace(NUMBER.encode(), b"%08d" % next(self._numbers))
        self._transport.write(request)
        self._next += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._length is None and not self._read_head():
            return
        assert self._length is not None
        # A length of -1: chunks, of which nothing but the last can end like this in a clip of mp3
        # that is whole.
        if self._length < 0 and not self._buffer.endswith(_END_OF_CHUNKS):
            return
        if len(self._buffer) < self._length:
            return
        self.latencies.append(time.perf_counter() - self._sent)
        if not self._buffer[9:].startswith(self._status):
            self.wrong += 1
        self._buffer.clear()
        self._length = None
        self._send()

    def _read_head(self) -> bool:
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return False
        headers = self._buffer[:head].lower()
        at = headers.find(b"content-length:")
        if at >= 0:
            self._length = head + 4 + int(headers[at + 15 :].split(b"\r\n", 1)[0])
        elif b"transfer-encoding: chunked" in headers:
            self._length = -1
        else:
            self._length = head + 4
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _run(order: dict) -> Load:
    body = order["body"].encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in order["headers"].items())
    requests = [
        (
            f"{order['method']} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        + body
        for path in order["paths"]
    ]
    loop = asyncio.get_running_loop()
    numbers = itertools.count(time.time_ns() // 1000 % 10_000_000)
    started = time.perf_counter()
    until = started + order["seconds"]
    made = [
        (
            await loop.create_connection(
                lambda n=n: _Connection(
                    requests, order["status"].encode(), until, n * 7919, numbers
                ),
                "127.0.0.1",
                order["port"],
            )
        )[1]
        for n in range(order["connections"])
    ]
    await asyncio.gather(*(one.done for one in made))
    elapsed = time.perf_counter() - started
    latencies = sorted(value for one in made for value in one.latencies)
    return Load(
        rate=len(latencies) / elapsed,
        p50_ms=1000 * latencies[len(latencies) // 2],
        p99_ms=1000 * latencies[len(latencies) * 99 // 100],
        wrong=sum(one.wrong for one in made),
    )


def main() -> None:
    result = uvloop.run(_run(json.load(sys.stdin)))
    json.dump({name: getattr(result, name) for name in Load.__slots__}, sys.stdout)


if __name__ == "__main__":
    main()
