"""The command line: `stentor serve`, `say`, `voices`, `jobs` and `webhooks`.

Each command's work is imported when it is called, so that none pays for another's libraries.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

from cyclopts import App, Parameter

from stentor import __version__
from stentor.cli.client import DEFAULT_URL, Client, ClientError
from stentor.config import Config, ConfigError, load
from stentor.contract import RESPONSE_FORMATS, JobStatus, ResponseFormat

app = App(name="stentor", help="A self-hosted speech gateway.", version=__version__)
jobs = App(name="jobs", help="List, follow, cancel and download the jobs of a running server.")
app.command(jobs)
app.command(
    "stentor.cli.webhooks:webhooks",
    name="webhooks",
    help="Endpoints, deliveries and redelivery on a running server.",
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
JobId = Annotated[str, Parameter(help="The id of the job.")]
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
def voices(*, config: ConfigFile = None) -> None:
    """List the voices that are installed."""
    from stentor.cli.voices import run

    run(_load(config, {}))


@jobs.command(name="list")
def list_jobs(
    *,
    status: Annotated[JobStatus | None, Parameter(help="Only jobs of this status.")] = None,
    limit: Annotated[int, Parameter(help="How many of the newest jobs.")] = 20,
    watch: Annotated[bool, Parameter(negative="", help="Refresh until interrupted.")] = False,
    as_json: AsJson = False,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """List the newest jobs."""
    from stentor.cli.jobs import print_list

    if limit < 1:
        _fail(f"--limit must be at least 1, got {limit}")
    if watch and as_json:
        _fail("give either --watch or --json, and not both")
    print_list(Client(url, key), status=status, limit=limit, as_json=as_json, watch=watch)


@jobs.command
def show(
    job_id: JobId, *, as_json: AsJson = False, url: ServerUrl = DEFAULT_URL, key: CallerKey = None
) -> None:
    """Print one job, without its audio."""
    from stentor.cli.jobs import show

    show(Client(url, key), job_id, as_json=as_json)


@jobs.command
def wait(job_id: JobId, *, url: ServerUrl = DEFAULT_URL, key: CallerKey = None) -> None:
    """Wait until a job has ended; the exit code is 1 if it failed."""
    from stentor.cli.jobs import wait

    if not wait(Client(url, key), job_id):
        sys.exit(1)


@jobs.command
def cancel(job_id: JobId, *, url: ServerUrl = DEFAULT_URL, key: CallerKey = None) -> None:
    """Cancel a job that has not ended."""
    from stentor.cli.jobs import cancel

    cancel(Client(url, key), job_id)


@jobs.command
def download(
    job_id: JobId,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            help="The file; - for standard output. The job's id with the format's ending if "
            "left out.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """Write a job's audio to a file; that of a running job as it is made."""
    from stentor.cli.download import download

    try:
        download(Client(url, key), job_id, output)
    except OSError as error:
        _fail(f"{output or job_id} cannot be written: {error.strerror}")


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
