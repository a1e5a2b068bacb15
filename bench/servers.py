"""The servers that the HTTP benchmarks load, each in a process of its own.

`python -m bench.servers noop` answers at once; `python -m bench.servers paused DIR` is the real
application on the real store, but its runner takes no jobs, so that only the API is measured;
`python -m bench.servers proxy URL` is the least that can stand before an upstream, and
`python -m bench.servers starlette URL` the same in a few lines of Starlette.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stentor.cli.serve import bind, event_loop
from stentor.config import load
from stentor.gateway import open_gateway
from stentor.http.app import build_app
from stentor.http.render import JOBS_PATH

NOOP_ANSWER = b'{"id":"019300f1-0000-7000-8000-000000000000","status":"pending"}'


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[int]:
    """Start a server; yields its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.servers", *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


async def _serve(app: object) -> None:
    with bind("127.0.0.1", 0) as bound:
        server = uvicorn.Server(
            uvicorn.Config(
                app,  # type: ignore[arg-type]
                http="httptools",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
            )
        )
        print(bound.getsockname()[1], flush=True)
        await server.serve(sockets=[bound])


async def _noop() -> None:
    async def submit(request: Request) -> Response:
        await request.body()
        return Response(NOOP_ANSWER, 202, media_type="application/json")

    async def poll(_: Request) -> Response:
        return Response(NOOP_ANSWER, 202, media_type="application/json")

    await _serve(
        Starlette(
            routes=[
                Route(JOBS_PATH, submit, methods=["POST"]),
                Route(f"{JOBS_PATH}/{{job_id}}", poll),
            ]
        )
    )


async def _paused(data_dir: Path) -> None:
    config = load(
        None,
        {},
        {
            "storage.data_dir": data_dir,
            "engines.preload": False,
            "jobs.queue_limit": 10_000_000,
        },
    )
    async with open_gateway(config) as gateway:
        await gateway.runner.close()
        await _serve(build_app(gateway))


async def _proxy(upstream: str) -> None:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:

        async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
            body = b""
            more = True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            async with session.post(
                f"{upstream}/audio/speech",
                data=body,
                headers={"Content-Type": "application/json", "Authorization": "Bearer bench"},
            ) as response:
                kind = response.headers["content-type"].encode()
                await send(
                    {
                        "type": "http.response.start",
                        "status": response.status,
                        "headers": [(b"content-type", kind)],
                    }
                )
                async for piece in response.content.iter_any():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        await _serve(proxy)


async def _starlette(upstream: str) -> None:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:

        async def proxy(request: Request) -> Response:
            response = await session.post(
                f"{upstream}/audio/speech",
                data=await request.body(),
                headers={"Content-Type": "application/json", "Authorization": "Bearer bench"},
            )
            return StreamingResponse(
                response.content.iter_any(),
                response.status,
                media_type=response.headers["content-type"],
            )

        await _serve(Starlette(routes=[Route("/v1/audio/speech", proxy, methods=["POST"])]))


def main() -> None:
    kind, *rest = sys.argv[1:]
    with event_loop() as runner:
        if kind == "noop":
            runner.run(_noop())
        elif kind == "proxy":
            runner.run(_proxy(rest[0]))
        elif kind == "starlette":
            runner.run(_starlette(rest[0]))
        else:
            runner.run(_paused(Path(rest[0])))


if __name__ == "__main__":
    main()
