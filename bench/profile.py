"""Where a request's time goes: the server in this process, under a profile, and a load on it.

`PYTHONPATH=tests python -m bench.profile sync` (or `async`) prints the functions that took the
longest themselves, per request. What the profile costs is in the figures, so they are shares rather
than times.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import sys
import tempfile
from pathlib import Path

import msgspec
import uvicorn

from bench import instant
from bench.calls import TEXT
from bench.gateway import allow_many_files
from bench.load import NUMBER, measure
from bench.side_by_side import CONFIG
from stentor.cli.serve import bind, event_loop, server_options
from stentor.config import load
from stentor.contract import JOBS_PATH, SPEECH_PATH
from stentor.gateway import open_gateway
from stentor.http.app import build_app
from stentor.logs import configure

CONNECTIONS = 32
SECONDS = 4.0
SHOWN = 60


def main() -> None:
    kind = sys.argv[1]
    allow_many_files()
    with instant.running() as url, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stentor.toml"
        file.write_text(CONFIG.format(url=url) + '\n[logging]\nlevel = "error"\n')
        config = load(file, {}, {"storage.data_dir": Path(folder) / "data"})
        configure(config.logging)
        with event_loop() as runner:
            runner.run(_serve(config, kind, *sys.argv[2:]))


async def _serve(config: object, kind: str, sort: str = "tottime") -> None:
    with bind("127.0.0.1", 0) as bound:
        async with open_gateway(config) as gateway:  # type: ignore[arg-type]
            server = uvicorn.Server(
                uvicorn.Config(build_app(gateway), **server_options(gateway.config))
            )
            serving = asyncio.create_task(server.serve(sockets=[bound]))
            port = bound.getsockname()[1]
            await asyncio.to_thread(_load, port, kind, 1.0)
            profile = cProfile.Profile()
            profile.enable()
            answered = await asyncio.to_thread(_load, port, kind, SECONDS)
            profile.disable()
            server.should_exit = True
            await serving
    print(f"{answered:,.0f} requests under the profile")
    pstats.Stats(profile).sort_stats(sort).print_stats(SHOWN)


def _load(port: int, kind: str, seconds: float) -> float:
    body = msgspec.json.encode(
        {
            "model": "openai/tts-1",
            "input": TEXT.replace("{:08d}", NUMBER),
            "voice": "alloy",
            "response_format": "mp3",
        }
    )
    load = measure(
        port,
        "POST",
        [SPEECH_PATH if kind == "sync" else JOBS_PATH],
        body,
        connections=CONNECTIONS,
        seconds=seconds,
        status="200",
        headers={} if kind == "sync" else {"Prefer": "wait=60"},
    )
    assert load.wrong == 0
    return load.rate * seconds


if __name__ == "__main__":
    main()
