"""A load generator for loopback: keep-alive connections, one request at a time on each.

Lean on purpose: it shares the machine with the server that it measures. Run as a process of
its own by `measure`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import cast

import uvloop


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
    def __init__(self, requests: list[bytes], status: bytes, until: float, first: int) -> None:
        self._requests = requests
        self._status = status
        self._until = until
        self._next = first
        self._buffer = bytearray()
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
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        headers = self._buffer[:head].lower()
        at = headers.find(b"content-length:")
        length = int(headers[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < head + 4 + length:
            return
        self.latencies.append(time.perf_counter() - self._sent)
        if not self._buffer[9:].startswith(self._status):
            self.wrong += 1
        self._buffer.clear()
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _run(order: dict) -> Load:
    body = order["body"].encode()
    requests = [
        (
            f"{order['method']} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        + body
        for path in order["paths"]
    ]
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    until = started + order["seconds"]
    made = [
        (
            await loop.create_connection(
                lambda n=n: _Connection(requests, order["status"].encode(), until, n * 7919),
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
