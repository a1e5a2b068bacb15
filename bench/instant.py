"""An upstream that costs next to nothing: what is measured is what stands before it.

`python -m bench.instant --delay-ms 50` (with `PYTHONPATH=tests`) prints its URL. Whatever is posted
is answered, as OpenAI does, with the same clip of mp3, as long as the sentences of `bench.calls`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from typing import cast

import uvloop

from bench.calls import TEXT
from stentor.audio.form import AudioForm
from upstream.sound import Tones


@contextlib.contextmanager
def running(delay_ms: int = 0) -> Iterator[str]:
    """Start one; yields its URL, with `/v1` at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.instant", f"--delay-ms={delay_ms}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


class _Connection(asyncio.Protocol):
    def __init__(self, answer: bytes, delay_s: float) -> None:
        self._answer = answer
        self._delay_s = delay_s
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self._due: deque[asyncio.TimerHandle] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            headers = bytes(self._buffer[:head]).lower()
            at = headers.find(b"content-length:")
            length = int(headers[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < head + 4 + length:
                return
            del self._buffer[: head + 4 + length]
            if self._delay_s:
                self._due.append(self._loop.call_later(self._delay_s, self._send))
            else:
                self._transport.write(self._answer)

    def _send(self) -> None:
        self._due.popleft()
        self._transport.write(self._answer)

    def connection_lost(self, exc: Exception | None) -> None:
        for one in self._due:
            one.cancel()


async def _serve(delay_s: float) -> None:
    clip = Tones().clip(AudioForm("mp3"), TEXT.format(0))
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nX-Request-Id: req_1\r\n"
        f"Content-Length: {len(clip)}\r\n\r\n"
    )
    answer = head.encode() + clip
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(answer, delay_s), "127.0.0.1", 0, backlog=2048
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="An upstream that answers at once, or after a bit")
    parser.add_argument("--delay-ms", type=int, default=0)
    uvloop.run(_serve(parser.parse_args().delay_ms / 1000))


if __name__ == "__main__":
    main()
