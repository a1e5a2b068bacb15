"""`stentor jobs`: list, show, wait for, cancel and download the jobs of a running server."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stentor.cli.client import WAIT_S, Client, ClientError, Unreachable
from stentor.contract import Job, JobStatus
from stentor.http.render import JOBS_PATH

PAGE = 100
REFRESH_S = 1.0
BAR_WIDTH = 16
# How long a server that was reached before may take to start anew.
PATIENCE_S = 60

_STYLES = {"pending": "yellow", "processing": "cyan", "completed": "green", "failed": "red"}


def print_list(
    client: Client, *, status: JobStatus | None, limit: int, as_json: bool, watch: bool
) -> None:
    """Print the newest jobs, once or again and again until interrupted.

    Raises:
        ClientError: the server cannot be asked.
    """
    if as_json:
        jobs = [msgspec.json.decode(raw) for raw in _raw_jobs(client, status, limit)]
        _print_json(jobs)
        return
    console = Console()
    if not watch:
        console.print(_table(_jobs(client, status, limit)))
        return
    with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        while True:
            jobs_now = _jobs(client, status, limit)
            clock = Text(f"{datetime.now():%H:%M:%S}  Ctrl-C to stop", style="dim")
            live.update(Group(_table(jobs_now), clock), refresh=True)
            time.sleep(REFRESH_S)


def show(client: Client, job_id: str, *, as_json: bool) -> None:
    """Print one job, without its audio.

    Raises:
        ClientError: there is no such job, or the server cannot be asked.
    """
    raw = client.call("GET", _path(job_id))
    if as_json:
        job = msgspec.json.decode(raw)
        if (job.get("result") or {}).pop("audio", None) is not None:
            job["result"]["audio_omitted"] = True
        _print_json(job)
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in _facts(msgspec.json.decode(raw, type=Job)):
        grid.add_row(Text(name, style="dim"), Text(value))
    Console().print(grid)


def wait(client: Client, job_id: str) -> bool:
    """Wait until a job has ended, and say how; whether it is completed.

    Raises:
        ClientError: there is no such job, or the server cannot be asked.
    """
    with _bar() as bar:
        task = bar.add_task("pending", total=None)
        for job in _polls(client, job_id, seconds=REFRESH_S if bar.console.is_terminal else WAIT_S):
            _advance(bar, task, job)
    if job.status == "completed":
        print(f"{job.id} completed{_audio_note(job)}")
        return True
    print(f"{job.id} failed: {_what(job)}", file=sys.stderr)
    return False


def cancel(client: Client, job_id: str) -> None:
    """Cancel a job that has not ended.

    Raises:
        ClientError: there is no such job, it has ended, or the server cannot be asked.
    """
    raw = client.call("DELETE", f"{_path(job_id)}?cancel_only=true")
    job = msgspec.json.decode(raw, type=Job)
    print(f"{job.id} cancelled")


def _raw_jobs(client: Client, status: JobStatus | None, limit: int) -> Iterator[msgspec.Raw]:
    class Page(msgspec.Struct):
        data: list[msgspec.Raw]
        has_more: bool
        last_id: str | None

    query: dict[str, Any] = {"status": status} if status is not None else {}
    while limit > 0:
        query["limit"] = min(limit, PAGE)
        page = msgspec.json.decode(client.call("GET", f"{JOBS_PATH}?{urlencode(query)}"), type=Page)
        yield from page.data
        limit -= len(page.data)
        if not page.has_more:
            return
        query["after"] = page.last_id


def _jobs(client: Client, status: JobStatus | None, limit: int) -> list[Job]:
    return [msgspec.json.decode(raw, type=Job) for raw in _raw_jobs(client, status, limit)]


def _polls(client: Client, job_id: str, *, seconds: float) -> Iterator[Job]:
    """The job as it stands, again and again until it has ended, across a server's restart."""
    path = f"{_path(job_id)}?wait={seconds:g}"
    reached_at: float | None = None
    while True:
        asked_at = time.monotonic()
        try:
            job = msgspec.json.decode(client.call("GET", path), type=Job)
        except ClientError as error:
            away = isinstance(error, Unreachable) or error.status_code == 503
            if not away or reached_at is None or asked_at - reached_at > PATIENCE_S:
                raise
            time.sleep(REFRESH_S)
            continue
        reached_at = time.monotonic()
        yield job
        if job.status in ("completed", "failed"):
            return
        # A server may hold answers for less than it was asked to, or not at all.
        time.sleep(max(0.0, min(seconds, REFRESH_S) - (reached_at - asked_at)))


def _table(jobs: list[Job]) -> Table:
    table = Table(box=None)
    for column in ("id", "status", "progress", "age", "audio", "model or error"):
        table.add_column(column, no_wrap=column != "model or error")
    for job in jobs:
        table.add_row(
            job.id,
            Text(job.status, style=_STYLES[job.status]),
            _progress(job),
            _span((datetime.now(UTC) - job.created_at).total_seconds()),
            _audio(job),
            Text(_what(job)),
        )
    return table


def _progress(job: Job) -> Table | Text:
    if job.status == "pending":
        return Text(f"place {job.position}" if job.position is not None else "")
    done = _share(job)
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(total=1, completed=done, width=BAR_WIDTH), f"{done:>4.0%}")
    return grid


def _share(job: Job) -> float:
    if job.status == "completed":
        return 1.0
    if job.progress is None or job.progress.segments_total == 0:
        return 0.0
    return job.progress.segments_done / job.progress.segments_total


def _audio(job: Job) -> str:
    seconds = job.progress.audio_seconds if job.progress is not None else 0.0
    if job.result is not None:
        seconds = job.result.duration_seconds
    return f"{seconds:.1f} s" if seconds else ""


def _audio_note(job: Job) -> str:
    return f": {_audio(job)} of audio" if _audio(job) else ""


def _what(job: Job) -> str:
    if job.result is not None:
        return job.result.extra_fields.model_used
    return job.error.error.message if job.error is not None else ""


def _span(seconds: float) -> str:
    seconds = max(0.0, seconds)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _facts(job: Job) -> Iterator[tuple[str, str]]:
    yield "id", job.id
    yield "status", job.status
    if job.position is not None:
        yield "place", str(job.position)
    if job.progress is not None:
        progress = job.progress
        yield "progress", f"{progress.segments_done} of {progress.segments_total} segments"
    for name, at in (
        ("created", job.created_at),
        ("completed", job.completed_at),
        ("expires", job.expires_at),
    ):
        if at is not None:
            yield name, f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
    if job.request_id is not None:
        yield "request id", job.request_id
    if job.error is not None:
        yield "error", f"{job.error.error.message} ({job.error.error.code})"
    if job.result is not None:
        result = job.result
        yield "audio", f"{result.duration_seconds:.1f} s, {result.size_bytes:,} bytes"
        yield "format", f"{result.response_format}, {result.sample_rate} Hz"
        yield "model", result.extra_fields.model_used
        yield "url", result.audio_url
        for warning in result.warnings:
            yield "note", warning


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
