"""The command line: `serve`, `say`, `book`, `text`, `voices`, `jobs`, `webhooks`, `dictionaries`.

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
from stentor.contract import InputType
from stentor.errors import SpeechError

app = App(name="stentor", help="A self-hosted speech gateway.", version=__version__)
app.command(
    "stentor.cli.say:say",
    name="say",
    help="Speak a text into an audio file, without a server.",
)
app.command(
    "stentor.cli.book:book",
    name="book",
    help="Read a whole book into one file with chapters.",
)
app.command(
    "stentor.cli.text:text",
    name="text",
    help="Show how a text will be spoken, without speaking it.",
)
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
InputKind = Annotated[
    InputType | None,
    Parameter(name="--input-type", help="What the text is, whatever its file's ending says."),
]
DictionaryFiles = Annotated[
    list[Path] | None,
    Parameter(
        name="--dictionary",
        help="A PLS file with pronunciations; may be given several times, the first comes first.",
        negative="",
    ),
]


def main() -> None:
    """Entry point of the `stentor` command."""
    try:
        app()
    except (ConfigError, ClientError) as error:
        _fail(str(error))
    except SpeechError as error:
        _fail(error.message)
    except BrokenPipeError:
        # Whoever read has seen enough; Python must not complain about it at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@app.command
def serve(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="TCP port to listen on; 0 takes any.")] = None,
    processes: Annotated[
        int | None, Parameter(help="Server processes, over one store and one set of engines.")
    ] = None,
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
            "server.processes": processes,
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
def voices(
    *,
    provider: Annotated[
        str | None, Parameter(help="Only this provider's; vendors are asked for their lists.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """List the voices of this machine and of the configured vendors."""
    from stentor.cli.voices import run

    run(_load(config, {}), provider)


def _load(path: Path | None, overrides: dict[str, Any]) -> Config:
    given = {name: value for name, value in overrides.items() if value is not None}
    return load(path, os.environ, given)


def _fail(message: str) -> NoReturn:
    print(f"stentor: {message}", file=sys.stderr)
    sys.exit(1)
