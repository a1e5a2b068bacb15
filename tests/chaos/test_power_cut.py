"""By the time a 202 leaves, the job is on disk: seen from outside, in the system calls."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chaos.server import Server
from chaos.texts import Voice
from chaos.trace import STRACE, accepted, read_trace, too_early
from support import JOBS, request

ONE_AFTER_THE_OTHER = 15
AT_ONCE = 4

A_JOB = "01912345-6789-7abc-8def-0123456789ab"
SYNC = "9 12:00:00.2 fdatasync(13</data/stentor.db-wal> <unfinished ...>"
SYNCED = "9 12:00:00.4 <... fdatasync resumed>) = 0"
ANSWER = (
    '7 12:00:00.5 writev(16<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base="HTTP/1.1 202 Accepted'
    f'\\r\\nlocation: /v1/async/audio/speech/{A_JOB}\\r\\n\\r\\n", iov_len=90}}], 1) = 90'
)
GOOD = f"""\
9 12:00:00.0 pwrite64(13</data/stentor.db-wal>, "\\0\\0", 24, 4152) = 24
9 12:00:00.1 pwrite64(13</data/stentor.db-wal>, "\\r\\0{A_JOB}\\27", 4096, 4176) = 4096
{SYNC}
7 12:00:00.3 write(2</data/log>, "fdatasync resumed", 17) = 17
{SYNCED}
{ANSWER}
"""


def _tracer(output: Path) -> tuple[str, ...]:
    return (*STRACE, f"--output={output}")


def _why_not(folder: Path) -> str | None:
    """Why nothing can be traced here."""
    try:
        subprocess.run(
            [*_tracer(folder / "probe"), "true"], check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        return "strace is not installed"
    except subprocess.CalledProcessError as error:
        return f"strace is not permitted here: {error.stderr.strip()}"
    return None


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory, voice: Voice) -> str:
    """What a server did that accepted jobs, one after the other and several at once."""
    folder = tmp_path_factory.mktemp("trace")
    if reason := _why_not(folder):
        pytest.skip(reason)
    server = Server(
        folder,
        voice.folder,
        prefix=_tracer(folder / "trace"),
        STENTOR_SERVER_DRAIN_SECONDS="0",
        STENTOR_ENGINES_WORKERS="1",
        STENTOR_ENGINES_PRELOAD="false",
    )
    try:
        server.start()
        server.wait()
        with server.client("ann") as client:
            for number in range(ONE_AFTER_THE_OTHER):
                response = client.post(JOBS, json=request(input=f"Sentence {number}."))
                assert response.status_code == 202
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for response in pool.map(
                    lambda _: client.post(JOBS, json=request()), range(4 * AT_ONCE)
                ):
                    assert response.status_code == 202
        assert server.stop() == 0
    finally:
        server.close()
    return (folder / "trace").read_text()


def test_no_202_leaves_before_the_sync_of_its_commit_has_returned(trace: str) -> None:
    calls = read_trace(trace)
    assert len(accepted(calls)) == ONE_AFTER_THE_OTHER + 4 * AT_ONCE
    assert too_early(calls) == {}


def test_a_trace_without_its_syncs_does_not_pass(trace: str) -> None:
    calls = [call for call in read_trace(trace) if not call.name.endswith("sync")]
    assert too_early(calls).keys() == accepted(calls).keys()


def test_a_trace_in_which_one_answer_comes_first_does_not_pass(trace: str) -> None:
    calls = read_trace(trace)
    job_id = next(iter(accepted(calls)))
    lines = trace.splitlines()
    answer = lines.pop(accepted(calls)[job_id].began)
    written = next(n for n, line in enumerate(lines) if job_id in line)
    early = read_trace("\n".join([*lines[: written + 1], answer, *lines[written + 1 :]]))
    assert too_early(early).keys() == {job_id}


def test_a_job_that_is_synced_before_its_202_passes() -> None:
    assert accepted(read_trace(GOOD)).keys() == {A_JOB}
    assert too_early(read_trace(GOOD)) == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{SYNC}\n", ""),
        (f"{SYNCED}\n{ANSWER}\n", f"{ANSWER}\n{SYNCED}\n"),
        (SYNCED, SYNCED.replace("= 0", "= -1 EIO (Input/output error)")),
        (SYNCED, SYNCED.replace("= 0", "= ?")),
        (SYNC, SYNC.replace("stentor.db-wal", "stentor.db")),
        (A_JOB, "01912345-6789-7abc-8def-ffffffffffff"),
    ],
    ids=["no sync", "late", "failed", "never returned", "another file", "another job"],
)
def test_a_doctored_trace_does_not_pass(before: str, after: str) -> None:
    doctored = GOOD.replace(before, after, 1)
    assert doctored != GOOD
    assert too_early(read_trace(doctored)).keys() == {A_JOB}
