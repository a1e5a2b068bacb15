"""Jobs as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stentor.contract import Job

BAR_WIDTH = 6

_STYLES = {"pending": "yellow", "processing": "cyan", "completed": "green", "failed": "red"}


def job_table(jobs: list[Job]) -> Table:
    """A row for each job."""
    table = Table(box=None)
    # An id that is cut is of no use to anybody; what may be cut first is the last column.
    for column, width in (("id", 36), ("status", 10), ("progress", 11), ("age", 5), ("audio", 8)):
        table.add_column(column, no_wrap=True, min_width=width)
    table.add_column("model or error", overflow="fold")
    for job in jobs:
        table.add_row(
            job.id,
            Text(job.status, style=_STYLES[job.status]),
            _progress(job),
            _span((datetime.now(UTC) - job.created_at).total_seconds()),
            audio_length(job),
            Text(model_or_error(job)),
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


def audio_length(job: Job) -> str:
    """The audio that there is; nothing if there is none."""
    seconds = job.progress.audio_seconds if job.progress is not None else 0.0
    if job.result is not None:
        seconds = job.result.duration_seconds
    return f"{seconds:.1f} s" if seconds else ""


def model_or_error(job: Job) -> str:
    """What spoke a completed job, or what failed the other."""
    if job.result is not None:
        return job.result.extra_fields.model_used
    return job.error.error.message if job.error is not None else ""


def _span(seconds: float) -> str:
    seconds = max(0.0, seconds)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def job_facts(job: Job) -> Iterator[tuple[str, str]]:
    """What is known of a job, by name."""
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
