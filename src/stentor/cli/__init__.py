"""The command line: `serve`, `say`, `voices`, `jobs`, `webhooks`, `dictionaries`.

Each command's work is imported when it is called, so that none pays for another's libraries.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

from cyclopts import App, Parameter

from stentor import __version__
from stentor.cli.client import ClientError
from stentor.config import Config, ConfigError, load
from stentor.contract import RESPONSE_FORMATS, ResponseFormat

app = App(name="stentor", help="A self-hosted speech gateway.", version=__version__)
app.command(
    "stentor.cli.jobs:jobs",
    name="jobs",
    help="List, follow, cancel and download the jobs of a running server.",
)
app.command(
    "stentor.cli.webhooks:webhooks",
    name="webhooks",
    help="Endpoints, deliveries and redelivery on a running server.",
)
app.command(
    "stentor.cli.dictionaries:dictionaries",
    name="dictionaries",
    help="Pronunciation dictionaries on a running server.",
)

ConfigFile = Annotated[Path | None, Parameter(name="--config", help="The TOML configuration file.")]
DataDir = Annotated[
    Path | None, Parameter(name="--data-dir", help="Where jobs and audio are kept.")
]
ServerUrl = Annotated[
    str, Parameter(name="--url", env_var="STENTOR_URL", help="Address of the running server.")
]
CallerKey = Annotated[
    str | None, Parameter(name="--key", env_var="STENTOR_KEY", help="The key to call it with.")
]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, for scripts.")]


def main() -> None:
    """Entry point of the `stentor` command."""
    try:
        app()
    except (ConfigError, ClientError) as error:
        _fail(str(error))


@app.command
def serve(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="TCP port to listen on; 0 takes any.")] = None,
    data_dir: DataDir = None,
    config: ConfigFile = None,
    allow_unauthenticated: Annotated[
        bool, Parameter(negative="", help="Serve beyond loopback without caller keys.")
    ] = False,
) -> None:
    """Serve the HTTP API."""
    import sqlite3

    from obstore.exceptions import BaseError

    from stentor.cli.serve import Unsafe, run
    from stentor.gateway import DataDirInUse
    from stentor.jobs.migrate import NewerSchema
    from stentor.jobs.store import StoreFull

    settings = _load(
        config,
        {
            "server.host": host,
            "server.port": port,
            "server.allow_unauthenticated": allow_unauthenticated or None,
            "storage.data_dir": data_dir,
        },
    )
    try:
        run(settings)
    except (DataDirInUse, Unsafe) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror))
    except (BaseError, ValueError) as error:
        _fail(f"[storage] audio_url cannot be used: {str(error).splitlines()[0]}")
    except (sqlite3.Error, NewerSchema, StoreFull) as error:
        _fail(f"the job database in {settings.data_dir} cannot be used: {error}")


@app.command
def say(
    text: Annotated[str | None, Parameter(help="What to say.", allow_leading_hyphen=True)] = None,
    *,
    file: Annotated[
        Path | None,
        Parameter(
            name=["--file", "-f"],
            help="A text file to read; - for stdin.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    output: Annotated[
        Path, Parameter(name=["--output", "-o"], help="The audio file; its ending is the format.")
    ] = Path("speech.mp3"),
    model: Annotated[
        str | None, Parameter(help="provider/model; the first one if left out.")
    ] = None,
    voice: Annotated[
        str | None, Parameter(help="The voice; the model's first if left out.")
    ] = None,
    speed: Annotated[float, Parameter(help="Speaking rate, 0.25 to 4.")] = 1.0,
    language: Annotated[str | None, Parameter(help="Language code of the text.")] = None,
    response_format: Annotated[
        ResponseFormat | None,
        Parameter(name="--format", help=f"One of {', '.join(RESPONSE_FORMATS)}."),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Speak a text into an audio file, without a server."""
    from stentor.cli.say import run
    from stentor.errors import SpeechError

    if (text is None) == (file is None):
        _fail("give either a text or --file, and not both")
    try:
        run(
            _load(config, {}),
            text=text if text is not None else _read(file),
            output=output,
            model=model,
            voice=voice,
            speed=speed,
            language=language,
            response_format=response_format,
        )
    except SpeechError as error:
        _fail(error.message)


@app.command
def voices(
    *,
    provider: Annotated[
        str | None, Parameter(help="Only this provider's; vendors are asked for their lists.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """List the voices of this machine and of the configured vendors."""
    from stentor.cli.voices import run
    from stentor.errors import SpeechError

    try:
        run(_load(config, {}), provider)
    except SpeechError as error:
        _fail(error.message)


def _load(path: Path | None, overrides: dict[str, Any]) -> Config:
    given = {name: value for name, value in overrides.items() if value is not None}
    return load(path, os.environ, given)


def _read(file: Path | None) -> str:
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else Path(str(file)).read_bytes()
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _fail(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}")


def _fail(message: str) -> NoReturn:
    print(f"stentor: {message}", file=sys.stderr)
    sys.exit(1)
