"""An application on a real socket in this process, whose jobs do what a test says."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn

from stentor.cli.serve import bind
from stentor.config import load
from stentor.contract import (
    CONTENT_TYPES,
    Attempt,
    ResponseFormat,
    ResultExtraFields,
    SpeechResult,
    Usage,
    Word,
)
from stentor.engines import piper
from stentor.errors import SpeechError
from stentor.gateway import Gateway, open_gateway
from stentor.http.app import build_app
from stentor.http.protocol import HttpProtocol
from stentor.http.socket.protocol import websocket_options
from stentor.jobs.clock import now_ms
from stentor.jobs.feed import Live
from stentor.jobs.outcome import failed
from stentor.jobs.record import JobRecord, Outcome
from support import DEADLINE_S, JOBS, request

LEASE_MS = 60_000

# The same networks are found again and again, and all of their files would be read for it.
piper.find_durations = functools.cache(piper.find_durations)


class Scene:
    """A gateway whose runner stands still; the test speaks its jobs."""

    def __init__(self, gateway: Gateway, client: httpx.AsyncClient, port: int) -> None:
        self.gateway = gateway
        self.client = client
        self.port = port

    async def job(self, headers: dict[str, str] | None = None, **fields: Any) -> SceneJob:
        """Submit a job and begin to speak it."""
        await self.submit(headers, **fields)
        return await self.claim()

    async def submit(self, headers: dict[str, str] | None = None, **fields: Any) -> str:
        """Submit a job; its path."""
        response = await self.client.post(JOBS, json=request(**fields), headers=headers)
        assert response.status_code == 202, response.text
        return response.headers["location"]

    async def claim(self) -> SceneJob:
        """Begin to speak the next pending job."""
        [record] = await self.gateway.store.claim("test", LEASE_MS, now_ms(), 1)
        return SceneJob(self.gateway, record)

    async def claimed(self) -> SceneJob:
        """Begin to speak the next job that somebody submits, and follows."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.gateway.feed._followers:
                await asyncio.sleep(0.002)
        return await self.claim()

    async def until_followed(self, job: SceneJob, followers: int = 1) -> None:
        """Wait until so many clients follow the job."""
        async with asyncio.timeout(DEADLINE_S):
            feed = self.gateway.feed
            while len(feed._followers.get(job.id, ())) != followers:
                await asyncio.sleep(0.002)

    async def connect(self) -> RawAnswer:
        """A connection on which nothing was sent yet."""
        return RawAnswer(*await asyncio.open_connection("127.0.0.1", self.port))

    async def raw(self, path: str) -> RawAnswer:
        """Send a GET over a connection of its own."""
        raw = await self.connect()
        raw.writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        return raw


@dataclass
class RawAnswer:
    """A connection, read byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def until(self, data: bytes) -> bytes:
        """What arrives up to and with these bytes."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.readuntil(data)

    async def rest(self) -> bytes:
        """What arrives until the connection is closed."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.read()

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


class SceneJob:
    """A claimed job, and the file that is its audio."""

    def __init__(self, gateway: Gateway, record: JobRecord) -> None:
        self._gateway = gateway
        self._record = record
        self._path = Path()
        self._generation = 0
        self._format: ResponseFormat = "mp3"
        self._files = 0
        self.id = record.id
        self.path = f"{JOBS}/{record.id}"

    def begin(
        self, data: bytes = b"", *, generation: int = 0, response_format: ResponseFormat = "pcm"
    ) -> None:
        """Open a new file, and let it be known."""
        self._files += 1
        self._path = self._gateway.config.data_dir / "spool" / f"{self.id}.{self._files}"
        self._path.write_bytes(data)
        self._generation = generation
        self._format = response_format
        self._gateway.feed.set_live(self.id, Live(self._path, generation, response_format))

    def grow(self, data: bytes) -> None:
        """Append to the file."""
        with self._path.open("ab") as file:
            file.write(data)
        self._gateway.feed.notify(self.id)

    def overwrite(self, head: bytes) -> None:
        """Fill in the file's header."""
        with self._path.open("r+b") as file:
            file.write(head)

    def stop(self) -> None:
        """Give the attempt up."""
        self._gateway.feed.set_live(self.id, None)

    async def complete(self, data: bytes | None = None, words: list[Word] | None = None) -> bytes:
        """Finish the job with its file, or with these bytes of another process."""
        if data is not None:
            self.stop()
            self._path = self._gateway.config.data_dir / "spool" / f"{self.id}.other"
            self._path.write_bytes(data)
        audio = self._path.read_bytes()
        await self._gateway.blobs.put(self.id, self._path, "")
        await self._end(
            Outcome(
                status="completed",
                status_code=200,
                result=msgspec.json.encode(result(audio, self._format, self._generation, words)),
                error=None,
            )
        )
        return audio

    async def fail(self, *, silently: bool = False) -> None:
        """Let the job fail; silently: in another process."""
        error = SpeechError(502, "broken", "the voice broke", provider="piper")
        await self._end(failed(error), silently=silently)

    async def _end(self, outcome: Outcome, *, silently: bool = False) -> None:
        assert await self._gateway.store.finish(self.id, self._record.attempt, outcome, now_ms())
        if not silently:
            self._gateway.feed.set_live(self.id, None)


def result(
    audio: bytes,
    response_format: ResponseFormat,
    generation: int,
    words: list[Word] | None = None,
) -> SpeechResult:
    """The result of a job whose audio this is."""
    return SpeechResult(
        response_format=response_format,
        content_type=CONTENT_TYPES[response_format],
        audio_url="",
        size_bytes=len(audio),
        sha256=hashlib.sha256(audio).hexdigest(),
        duration_seconds=1.0,
        sample_rate=24_000,
        usage=Usage(input_chars=1, audio_seconds=1.0),
        extra_fields=ResultExtraFields(
            provider="piper",
            model_requested="piper/test",
            model_used="piper/test",
            latency_ms=1,
            attempts=[Attempt("piper", "test", "ok", 1)],
            generation=generation,
        ),
        words=words,
    )


@dataclass(frozen=True)
class Event:
    """A server-sent event."""

    name: str
    id: str
    data: Any

    @classmethod
    def of(cls, fields: dict[str, str]) -> Event | None:
        """The event of these fields; None if they are none, such as `retry`."""
        if "event" not in fields:
            return None
        return cls(fields["event"], fields["id"], json.loads(fields["data"]))

    @property
    def audio(self) -> bytes:
        return base64.b64decode(self.data["audio"])


async def read_events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """The events of a stream."""
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        if event := Event.of(fields):
            yield event
        fields = {}


@asynccontextmanager
async def open_scene(
    data_dir: Path,
    *,
    port: int = 0,
    request_timeout_s: float = 60,
    file: Path | None = None,
    working: bool = False,
    **options: Any,
) -> AsyncIterator[Scene]:
    """Serve on a port, or any free one.

    Args:
        file: of the configuration.
        working: jobs are run; otherwise they wait for the test.
        options: of the configuration, a dot written as two underscores.
    """
    overrides = {name.replace("__", "."): value for name, value in options.items()}
    config = load(file, {}, {"storage.data_dir": data_dir, "engines.preload": False} | overrides)
    with bind("127.0.0.1", port) as bound:
        port = bound.getsockname()[1]
        async with open_gateway(config, base_url=f"http://127.0.0.1:{port}") as gateway:
            if not working:
                await gateway.runner.close()
            server = uvicorn.Server(
                uvicorn.Config(
                    build_app(gateway),
                    http=functools.partial(HttpProtocol, request_timeout_s=request_timeout_s),  # type: ignore[arg-type]
                    **websocket_options(config.socket),
                    lifespan="off",
                    log_config=None,
                    timeout_graceful_shutdown=1,
                )
            )
            serving = asyncio.create_task(server._serve([bound]))
            # Reading the system's certificates would take longer than most tests.
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S, verify=False
            ) as client:
                try:
                    yield Scene(gateway, client, port)
                finally:
                    gateway.feed.close()
                    await _stop(server, serving)


async def _stop(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    """End the server without the pauses of its own way."""
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
