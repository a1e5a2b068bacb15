"""What must hold after a round, whatever was killed."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from chaos.clients import Ledger, ending
from chaos.killer import Kills
from chaos.orders import Order
from chaos.server import KEYS, Server
from chaos.texts import PRIVATE_WORD, Voice
from support import JOBS

CANCELLED = 499


@dataclass(slots=True)
class Verdict:
    """What a round came to.

    Attributes:
        jobs: in the store at the end; `unanswered` of them got no 202 through to their client.
        lost: ids that got a 202 and are not there, or did not end.
        doubled: jobs that ended twice, or ended otherwise than they were seen to; and orders with
            an idempotency key that made more than one job.
        failed: jobs that failed though nobody cancelled them.
        wrong_audio: completed jobs whose audio is not, byte for byte, what it should be.
        listened: how many jobs' audio was transcribed and compared with the text.
        segments: how many different segments were spoken.
        redone: how many were spoken another time, since a kill came before they were kept.
        again: how many were spoken another time though they had been kept: none should be.
        orphans: files that belong to no job and no segment.
        findings: all that is wrong, in sentences.
    """

    name: str
    kills: Kills = field(default_factory=Kills)
    jobs: int = 0
    unanswered: int = 0
    lost: int = 0
    doubled: int = 0
    failed: int = 0
    wrong_audio: int = 0
    listened: int = 0
    segments: int = 0
    redone: int = 0
    again: int = 0
    orphans: int = 0
    wall_s: float = 0.0
    findings: list[str] = field(default_factory=list)

    def find(self, what: str) -> None:
        self.findings.append(f"{self.name}: {what}")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the store's table of jobs."""

    id: str
    owner: str
    status: str
    request_id: str


def read_rows(data_dir: Path) -> list[Row]:
    """All jobs in the store, which may be in use."""
    return [Row(*row) for row in _query(data_dir, "SELECT id, owner, status, request_id FROM jobs")]


def unended(data_dir: Path) -> int:
    """How many jobs have not ended."""
    [(count,)] = _query(
        data_dir, "SELECT count(*) FROM jobs WHERE status IN ('pending', 'processing')"
    )
    return int(count)


def check_jobs(verdict: Verdict, server: Server, ledger: Ledger, voice: Voice) -> None:
    """Every id that got a 202 is there; every job ended once, and rightly; no key made two."""
    orders = {order.name: order for order in ledger.accepted.values()}
    rows = {row.id: row for row in read_rows(server.data_dir)}
    verdict.jobs = len(rows)
    clients = {owner: server.client(owner) for owner in KEYS}
    for job_id, order in ledger.accepted.items():
        response = clients[order.owner].get(f"{JOBS}/{job_id}")
        if response.status_code == 404 and job_id in ledger.deleted | ledger.doubtful:
            continue
        if response.status_code != 200:
            verdict.lost += 1
            verdict.find(f"{job_id} ({order.name}) got a 202, and now {response.status_code}")
            continue
        job = response.json()
        _check_end(verdict, ledger, job)
        _check_audio(verdict, voice, order, job, clients[order.owner])
    for row in rows.values():
        if row.id in ledger.accepted:
            continue
        # The server was killed between the commit and the answer; the job is as good as any.
        verdict.unanswered += 1
        if row.request_id in orders:
            order = orders[row.request_id]
            job = clients[row.owner].get(f"{JOBS}/{row.id}").json()
            _check_audio(verdict, voice, order, job, clients[row.owner])
    of_request = Counter(row.request_id for row in rows.values())
    for order in orders.values():
        ids = set(ledger.answers[order.name])
        if order.key and (len(ids) > 1 or of_request[order.name] > 1):
            verdict.doubled += 1
            verdict.find(f"{order.name}: one idempotency key made the jobs {sorted(ids)}")
    for client in clients.values():
        client.close()


def _check_end(verdict: Verdict, ledger: Ledger, job: dict[str, Any]) -> None:
    job_id = job["id"]
    now, before = ending(job), ledger.ends.get(job_id)
    if before is not None and now != before:
        verdict.doubled += 1
        verdict.find(f"{job_id} ended as {before} and is now {now}")
    if job_id in ledger.cancelled and job["status_code"] != CANCELLED:
        verdict.doubled += 1
        verdict.find(f"{job_id} was cancelled and is now {now}")
    wanted = job_id in ledger.asked and job["status_code"] == CANCELLED
    if job["status"] == "failed" and not wanted:
        verdict.failed += 1
        verdict.find(f"{job_id} failed: {job['error']}")


def _check_audio(
    verdict: Verdict, voice: Voice, order: Order, job: dict[str, Any], client: httpx.Client
) -> None:
    if job["status"] != "completed":
        return
    expected, result = voice.expected(order.text), job["result"]
    try:
        response = client.get(result["audio_url"])
    except httpx.TransportError as error:
        verdict.wrong_audio += 1
        verdict.find(f"{job['id']}: its audio cannot be fetched: {error}")
        return
    digest = hashlib.sha256(response.content).hexdigest()
    found = (response.status_code, digest, len(response.content))
    said = (result["sha256"], result["size_bytes"], result["duration_seconds"])
    sentences = len(order.text.sentences)
    progress = (job["progress"]["segments_done"], job["progress"]["segments_total"])
    if (
        found != (200, expected.sha256, expected.size_bytes)
        or said != (expected.sha256, expected.size_bytes, expected.duration_seconds)
        or progress != (sentences, sentences)
    ):
        verdict.wrong_audio += 1
        verdict.find(
            f"{job['id']} ({order.name}, {sentences} sentences, {order.text.response_format}): "
            f"audio {found}, result {said}, progress {progress}, expected {expected}"
        )


def check_logs(verdict: Verdict, server: Server, ledger: Ledger, *, cached: bool) -> None:
    """No job ended twice, no kept segment was spoken again, no text is there, and no error.

    Args:
        cached: segments outlive their jobs. Otherwise another job may have to speak them again,
            and only what the same job does counts.
    """
    spoken: Counter[tuple[str, str]] = Counter()
    kept: set[tuple[str, str]] = set()
    ended: Counter[str] = Counter()
    for line in server.lines():
        event, job_id = line.get("event"), line.get("job_id", "")
        if event == "job.ended":
            ended[job_id] += 1
            if line["status"] == "completed" and job_id in ledger.cancelled:
                verdict.doubled += 1
                verdict.find(f"{job_id} was cancelled and completed")
        elif event in ("segment.spoken", "segment.kept"):
            segment = (line["key"], "" if cached else job_id)
            if event == "segment.kept":
                kept.add(segment)
                continue
            spoken[segment] += 1
            if segment in kept:
                verdict.again += 1
                verdict.find(f"{job_id} had segment {line['key']} spoken, which was kept")
        elif line.get("level") == "error":
            verdict.find(f"an error in the log: {line}")
    for job_id, times in ended.items():
        if times > 1:
            verdict.doubled += 1
            verdict.find(f"{job_id} ended {times} times")
    verdict.segments = len(spoken)
    verdict.redone = spoken.total() - len(spoken) - verdict.again
    if any(PRIVATE_WORD.encode() in log.read_bytes() for log in server.logs):
        verdict.find("a log has a text that was not to be logged")


def files_are_right(data_dir: Path, *, cached: bool) -> list[str]:
    """What is wrong with the files beside the database; nothing, a while after the last job."""
    rows = read_rows(data_dir)
    index = {key for (key,) in _query(data_dir, "SELECT key FROM segments WHERE private = 0")}
    private = _query(data_dir, "SELECT key FROM segments WHERE private = 1")
    wrong = [
        *_compare("spool", data_dir, ()),
        *_compare("audio", data_dir, (row.id for row in rows if row.status == "completed")),
        *_compare("segments", data_dir, index),
    ]
    if private:
        wrong.append(f"the index has {len(private)} private segments")
    if index and not cached:
        wrong.append(f"the index has {len(index)} segments though none are to be cached")
    return wrong


def _compare(folder: str, data_dir: Path, expected: Iterable[str]) -> list[str]:
    found, wanted = {path.name for path in (data_dir / folder).iterdir()}, set(expected)
    return [
        *(f"{folder}/{name} is an orphan" for name in sorted(found - wanted)),
        *(f"{folder}/{name} is missing" for name in sorted(wanted - found)),
    ]


def check_database(verdict: Verdict, data_dir: Path) -> None:
    """The database is sound, and its books are right."""
    [(answer,)] = _query(data_dir, "PRAGMA integrity_check")
    if answer != "ok":
        verdict.find(f"integrity_check: {answer}")
    counted = dict(_query(data_dir, "SELECT status, count(*) FROM jobs GROUP BY status"))
    booked = dict(_query(data_dir, "SELECT status, jobs FROM job_counts WHERE jobs > 0"))
    if counted != booked:
        verdict.find(f"job_counts says {booked}, there are {counted}")
    pins = _query(data_dir, "SELECT * FROM pins")
    if pins:
        verdict.find(f"{len(pins)} pins are left though all jobs have ended")
    [(shared,)] = _query(data_dir, "SELECT shared FROM segment_bytes")
    sizes = "SELECT coalesce(sum(size_bytes), 0) FROM segments WHERE private = 0"
    [(total,)] = _query(data_dir, sizes)
    if shared != total:
        verdict.find(f"segment_bytes says {shared}, there are {total}")


def expire_all(data_dir: Path) -> None:
    """Let the time of every ended job be over; the database must not be in use."""
    connection = sqlite3.connect(data_dir / "stentor.db", isolation_level=None)
    connection.execute("UPDATE jobs SET expires_ms = 1 WHERE expires_ms IS NOT NULL")
    connection.close()


def _query(data_dir: Path, statement: str) -> list[tuple[Any, ...]]:
    url = f"{(data_dir / 'stentor.db').as_uri()}?mode=ro"
    connection = sqlite3.connect(url, uri=True, timeout=10)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()
