"""`stentor jobs`: list, show, wait for, cancel, download and caption the jobs of a server."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
from cyclopts import App, Parameter
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from stentor.cli import AsJson, CallerKey, ServerUrl
from stentor.cli.client import DEFAULT_URL, WAIT_S, Client, ClientError, Unreachable
from stentor.cli.download import save
from stentor.cli.files import appearing
from stentor.cli.job_views import audio_length, job_facts, job_table, model_or_error
from stentor.contract import Job, JobStatus
from stentor.http.render import JOBS_PATH

PAGE = 100
REFRESH_S = 1.0
# How long a server that was reached before may take to start anew.
PATIENCE_S = 60

jobs = App(name="jobs", help="List, follow, cancel and download the jobs of a running server.")

JobId = Annotated[str, Parameter(help="The id of the job.")]


class _Page(msgspec.Struct):
    """A page of jobs as they came."""

    data: list[msgspec.Raw]
    has_more: bool
    last_id: str | None = None


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
    if limit < 1:
        raise ClientError(f"--limit must be at least 1, got {limit}")
    if watch and as_json:
        raise ClientError("give either --watch or --json, and not both")
    client = Client(url, key)
    if as_json:
        _print_json(list(_newest(client, status, limit)))
    elif watch:
        _watch(client, status, limit)
    else:
        Console().print(job_table(_decoded(_newest(client, status, limit))))


@jobs.command
def show(
    job_id: JobId, *, as_json: AsJson = False, url: ServerUrl = DEFAULT_URL, key: CallerKey = None
) -> None:
    """Print one job, without its audio."""
    raw = Client(url, key).call("GET", _path(job_id))
    if as_json:
        job = msgspec.json.decode(raw)
        if (job.get("result") or {}).pop("audio", None) is not None:
            job["result"]["audio_omitted"] = True
        _print_json(job)
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in job_facts(msgspec.json.decode(raw, type=Job)):
        grid.add_row(Text(name, style="dim"), Text(value))
    Console().print(grid)


@jobs.command
def wait(job_id: JobId, *, url: ServerUrl = DEFAULT_URL, key: CallerKey = None) -> None:
    """Wait until a job has ended; the exit code is 1 if it failed."""
    client = Client(url, key)
    with _bar() as bar:
        task = bar.add_task("pending", total=None)
        for job in _polls(client, job_id, seconds=WAIT_S if bar.disable else REFRESH_S):
            _advance(bar, task, job)
    if job.status == "failed":
        raise ClientError(f"{job.id} failed: {model_or_error(job)}")
    print(f"{job.id} completed: {audio_length(job)} of audio")


@jobs.command
def cancel(job_id: JobId, *, url: ServerUrl = DEFAULT_URL, key: CallerKey = None) -> None:
    """Cancel a job that has not ended."""
    raw = Client(url, key).call("DELETE", f"{_path(job_id)}?cancel_only=true")
    print(f"{msgspec.json.decode(raw, type=Job).id} cancelled")


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
    try:
        save(Client(url, key), f"{_path(job_id)}/audio", job_id, output)
    except OSError as error:
        raise ClientError(f"{output or job_id} cannot be written: {error.strerror}") from error


@jobs.command
def captions(
    job_id: JobId,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"],
            help="The file, .vtt or .srt; - for WebVTT on standard output. The job's id with .vtt "
            "if left out.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    karaoke: Annotated[
        bool, Parameter(negative="", help="Put a time in front of each word; .vtt only.")
    ] = False,
    url: ServerUrl = DEFAULT_URL,
    key: CallerKey = None,
) -> None:
    """Write the captions of a completed job that was submitted with with_timestamps."""
    target = output or Path(f"{job_id}.vtt")
    ending = ".vtt" if str(output) == "-" else target.suffix.lower()
    if ending not in (".vtt", ".srt"):
        raise ClientError(f"{target}: end the name in .vtt or .srt, which says the format")
    query = "?karaoke=true" if karaoke else ""
    raw = Client(url, key).call("GET", f"{_path(job_id)}/captions{ending}{query}")
    if str(output) == "-":
        sys.stdout.buffer.write(raw)
        return
    if target.is_dir():
        raise ClientError(f"{target} is a folder; name a file in it")
    try:
        with appearing(target) as part:
            part.write_bytes(raw)
    except OSError as error:
        raise ClientError(f"{target} cannot be written: {error.strerror}") from error
    print(target.absolute())


def _newest(client: Client, status: JobStatus | None, limit: int) -> Iterator[msgspec.Raw]:
    query: dict[str, Any] = {"status": status} if status is not None else {}
    while limit > 0:
        query["limit"] = min(limit, PAGE)
        raw = client.call("GET", f"{JOBS_PATH}?{urlencode(query)}")
        page = msgspec.json.decode(raw, type=_Page)
        yield from page.data
        limit -= len(page.data)
        if not page.has_more:
            return
        query["after"] = page.last_id


def _decoded(raw_jobs: Iterator[msgspec.Raw]) -> list[Job]:
    return [msgspec.json.decode(raw, type=Job) for raw in raw_jobs]


def _watch(client: Client, status: JobStatus | None, limit: int) -> None:
    with suppress(KeyboardInterrupt), Live(auto_refresh=False) as live:
        while True:
            table = job_table(_decoded(_newest(client, status, limit)))
            clock = Text(f"{datetime.now():%H:%M:%S}  Ctrl-C to stop", style="dim")
            live.update(Group(table, clock), refresh=True)
            time.sleep(REFRESH_S)


def _polls(client: Client, job_id: str, *, seconds: float) -> Iterator[Job]:
    """The job as it stands, again and again until it has ended, across a server's restart."""
    hold_s = 0.0
    reached_at: float | None = None
    while True:
        asked_at = time.monotonic()
        try:
            raw = client.call("GET", f"{_path(job_id)}?wait={hold_s:g}")
        except ClientError as error:
            away = isinstance(error, Unreachable) or error.status_code == 503
            if not away or reached_at is None or asked_at - reached_at > PATIENCE_S:
                raise
            time.sleep(REFRESH_S)
            continue
        reached_at = time.monotonic()
        job = msgspec.json.decode(raw, type=Job)
        yield job
        if job.status in ("completed", "failed"):
            return
        # A server may hold answers for less than it was asked to, or not at all.
        time.sleep(max(0.0, min(hold_s, REFRESH_S) - (reached_at - asked_at)))
        hold_s = seconds


def _advance(bar: Progress, task: TaskID, job: Job) -> None:
    total = job.progress.segments_total if job.progress is not None else 0
    done = job.progress.segments_done if job.progress is not None else 0
    bar.update(task, description=job.status, total=total or None, completed=done)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def _path(job_id: str) -> str:
    return f"{JOBS_PATH}/{quote(job_id, safe='')}"


def _print_json(value: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
