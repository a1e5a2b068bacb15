"""`stentor serve`."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import sys

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stentor.config import Config
from stentor.errors import SpeechError
from stentor.gateway import Gateway, open_gateway
from stentor.http.app import build_app
from stentor.http.render import JOBS_PATH
from stentor.logs import configure

BACKLOG = 2048


class Unsafe(Exception):
    """The server was asked to be open to everyone without saying so."""


class HttpProtocol(HttpToolsProtocol):
    """HTTP whose refusal of what is not HTTP has the one error shape, too."""

    def send_400_response(self, msg: str) -> None:
        body = msgspec.json.encode(
            SpeechError(400, "invalid_http", f"the request is not valid HTTP: {msg}").response()
        )
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        self.transport.close()


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would raise them again after a clean end."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()

    def stop(self) -> None:
        # A second signal does not wait for connections any longer.
        self.force_exit = self.should_exit
        self.should_exit = True


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
        async with open_gateway(config) as gateway:
            server = _Server(
                uvicorn.Config(
                    build_app(gateway),
                    http=HttpProtocol,
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    timeout_graceful_shutdown=5,
                )
            )
            loop = asyncio.get_running_loop()
            for signal_ in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(signal_, server.stop)
            _greet(gateway, bound)
            await server.serve(sockets=[bound])


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; connections wait in its backlog until they are served.

    Raises:
        OSError: the address cannot be bound.
    """
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
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


def _greet(gateway: Gateway, bound: socket.socket) -> None:
    host, port = bound.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"Stentor is at {address}  (docs: {address}/docs)")
    voices = gateway.voices.catalogue.voices()
    for voice in voices:
        print(f"  {voice.model}  voice {voice.id}  {voice.language or ''}".rstrip())
    for note in gateway.voices.notes:
        print(f"  {note}")
    if voices:
        first = voices[0]
        body = f'{{"model": "{first.model}", "voice": "{first.id}", "input": "Hello, world."}}'
        print("Try it:")
        print(f"  curl -s {address}{JOBS_PATH} -H 'Content-Type: application/json' -d '{body}'")
    sys.stdout.flush()
