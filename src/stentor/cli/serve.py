"""`stentor serve`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import ipaddress
import signal
import socket
import sys
from typing import Any

import structlog
import uvicorn

from stentor.cli.members import Members
from stentor.config import Config
from stentor.gateway import Gateway, open_gateway
from stentor.http.app import build_app
from stentor.http.protocol import HttpProtocol
from stentor.http.render import JOBS_PATH
from stentor.http.socket.protocol import websocket_options
from stentor.logs import configure

log = structlog.get_logger(__name__)

BACKLOG = 2048
# How long answers that are still being read when the server ends may go on.
GRACE_S = 5
# How much longer than that the other processes may take to end.
MEMBER_GRACE_S = 5
# How long a thread may go on while others wait for the interpreter.
SWITCH_S = 0.001
# After how many new objects, younger generations and so on the collector looks at a generation.
COLLECTOR = (50_000, 20, 50)


class Unsafe(Exception):
    """The server was asked to be open to everyone without saying so."""


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would raise them again after a clean end."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()


class _Stopping:
    """Ends a server: at the first signal once its jobs have ended, at a second at once.

    While jobs end, the server goes on to answer; only new jobs are refused. One of several
    processes is only ever ended at once by the first: what is sent to the whole group, as by
    Ctrl-C, it gets besides what the first one sends.
    """

    def __init__(
        self, gateway: Gateway, server: uvicorn.Server, members: Members | None = None
    ) -> None:
        self._gateway = gateway
        self._server = server
        self._members = members
        self._told = asyncio.Event()

    def on_signal(self) -> None:
        if self._told.is_set() and self._members is not None:
            self._server.force_exit = True
            self._server.should_exit = True
        self._told.set()

    async def run(self) -> None:
        await self._told.wait()
        try:
            await asyncio.gather(
                self._gateway.drain(), *([self._members.stop()] if self._members else [])
            )
        except Exception:
            # Whatever keeps jobs from ending, the next start takes them up again.
            log.exception("server.drain_failed")
        finally:
            self._server.should_exit = True


def run(config: Config) -> None:
    """Serve until a signal says to stop.

    Raises:
        Unsafe: the address is not loopback and callers need no key.
        DataDirInUse: another process has the data directory.
        OSError: the address cannot be bound.
    """
    configure(config.logging)
    server = config.server
    if not (config.keys or server.allow_unauthenticated or _is_loopback(server.host)):
        raise Unsafe(
            f"{server.host} is reachable from other machines and no caller keys are configured: "
            "add a [keys.NAME] table, or say --allow-unauthenticated"
        )
    with event_loop() as runner:
        runner.run(_serve(config))


def event_loop() -> asyncio.Runner:
    """An event loop runner, on uvloop where there is one."""
    if sys.platform == "win32":
        return asyncio.Runner()
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _serve(config: Config) -> None:
    # Bound first, so that a port in use is said before a voice is loaded.
    bound = bind(config.server.host, config.server.port)
    with bound:
        async with open_gateway(config, base_url=_address(bound)) as gateway:
            stop_s = config.server.drain_seconds + GRACE_S + MEMBER_GRACE_S
            members = Members(config, gateway, bound, stop_s=stop_s)
            members.start()
            try:
                await serve_gateway(config, gateway, bound, members)
            finally:
                await members.kill()


async def serve_gateway(
    config: Config, gateway: Gateway, bound: socket.socket, members: Members | None = None
) -> None:
    """Serve an open gateway until a signal says to stop.

    Args:
        members: other processes, which are to stop first; None if this is one of them.
    """
    server = _Server(uvicorn.Config(build_app(gateway), **server_options(config)))
    stopping = _Stopping(gateway, server, members)
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_, stopping.on_signal)
    _tune()
    if members is not None:
        _greet(gateway, bound)
    waiting = asyncio.create_task(stopping.run(), name="stopping")
    try:
        await server.serve(sockets=[bound])
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def _tune() -> None:
    """Have the interpreter do what a server needs.

    A thread that works with the store waits for the event loop at each statement, up to 5 ms as
    Python comes.
    """
    sys.setswitchinterval(SWITCH_S)
    _relieve_collector()


def _relieve_collector() -> None:
    """Let the garbage collector pass over what stays, and come by less often.

    Almost all that a request makes goes with it, and looking for what does not was a tenth of its
    time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR)


def server_options(config: Config) -> dict[str, Any]:
    """How uvicorn is to serve the application."""
    return {
        "http": functools.partial(
            HttpProtocol, request_timeout_s=config.server.body_timeout_seconds
        ),
        **websocket_options(config.socket),
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": GRACE_S,
    }


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; connections wait in its backlog until they are served.

    Raises:
        OSError: the address cannot be bound.
    """
    family, _, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    # asyncio turns off Nagle's algorithm only on sockets that name their protocol.
    bound = socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    return bound


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _greet(gateway: Gateway, bound: socket.socket) -> None:
    address = _address(bound)
    print(f"Stentor is at {address}  (docs: {address}/docs)")
    voices = gateway.voices.catalogue.voices()
    for voice in voices:
        print(f"  {voice.model}  voice {voice.id}  {voice.language or ''}".rstrip())
    for note in gateway.voices.notes:
        print(f"  {note}")
    if gateway.config.webhooks and gateway.config.server.public_url is None:
        print(f"  URLs in webhooks begin with {address}; set [server] public_url for another")
    if voices:
        first = voices[0]
        body = f'{{"model": "{first.model}", "voice": "{first.id}", "input": "Hello, world."}}'
        print("Try it:")
        print(f"  curl -s {address}{JOBS_PATH} -H 'Content-Type: application/json' -d '{body}'")
    sys.stdout.flush()
