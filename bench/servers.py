"""The servers that the HTTP benchmarks load, each in a process of its own.

`python -m bench.servers noop` answers at once; `python -m bench.servers paused DIR` is the real
application on the real store, but its runner takes no jobs, so that only the API is measured.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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


def main() -> None:
    kind, *rest = sys.argv[1:]
    with event_loop() as runner:
        runner.run(_noop() if kind == "noop" else _paused(Path(rest[0])))


if __name__ == "__main__":
    main()
