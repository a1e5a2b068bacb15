"""A handful of kills; `make chaos` does many more (docs/chaos.md)."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from chaos.clients import Ledger
from chaos.driver import Cache, Round, run_round
from chaos.orders import Order
from chaos.server import Server
from chaos.texts import PRIVATE_WORD, SENTENCES, Text, Voice
from chaos.verdict import Verdict, check_jobs, check_logs, files_are_right
from support import JOBS


@pytest.mark.parametrize(("cache", "kills"), [("off", 3), ("shared", 2)])
def test_no_job_is_lost_doubled_or_garbled_when_server_and_engines_are_killed(
    tmp_path: Path, voice: Voice, cache: Cache, kills: int
) -> None:
    seed = random.SystemRandom().getrandbits(20)
    plan = Round(seed, kills=kills, sentences=20, interval_s=0.5, cache=cache)
    verdict = run_round(tmp_path, voice, plan)
    assert verdict.findings == [], f"seed {seed}"
    assert verdict.jobs > 0
    assert verdict.segments > 0


def test_the_verdict_sees_what_is_wrong(tmp_path: Path, voice: Voice) -> None:
    orders = [
        Order(f"order-{n}", "ann", Text((2 * n, 2 * n + 1), "pcm"), "normal", key=f"key-{n}")
        for n in range(3)
    ]
    private = Order("order-3", "ben", Text((SENTENCES,), "mp3"), "normal", private=True)
    voice.speak({order.text for order in (*orders, private)})
    ledger = Ledger()
    server = Server(tmp_path, voice.folder, STENTOR_CACHE_MAX_BYTES="0")
    try:
        server.start()
        server.wait()
        with server.client("ann") as ann, server.client("ben") as ben:
            for order in (*orders, private):
                client = ann if order.owner == "ann" else ben
                response = client.post(JOBS, json=order.body, headers=order.headers)
                ledger.accept(order, response.json()["id"])
            for job_id, order in ledger.accepted.items():
                client = ann if order.owner == "ann" else ben
                assert client.get(f"{JOBS}/{job_id}?wait=30").json()["status"] == "completed"

        calm = _judge(server, ledger, voice)
        assert calm.findings == []
        assert (calm.jobs, calm.segments, calm.redone) == (4, 7, 0)
        assert files_are_right(server.data_dir, cached=False) == []

        first, second, third, _ = ledger.accepted
        audio = server.data_dir / "audio"
        (audio / "stray").touch()
        samples = (audio / first).read_bytes()
        (audio / first).write_bytes(samples[2:] + samples[:2])
        (audio / second).unlink()
        ledger.accept(orders[2], "01912345-6789-7abc-8def-0123456789ab")
        ledger.cancelled.add(third)
        ledger.ends[third] = {"status": "failed"}
        connection = sqlite3.connect(server.data_dir / "stentor.db", isolation_level=None)
        connection.execute("UPDATE jobs SET request_id = 'order-1' WHERE id = ?", (third,))
        connection.close()
        log = server.log_path.read_text()
        spoken = next(line for line in log.splitlines() if "segment.spoken" in line)
        ended = next(line for line in log.splitlines() if "job.ended" in line)
        server.log_path.write_text(f"{log}{spoken}\n{ended}\nthe {PRIVATE_WORD}\n")

        verdict = _judge(server, ledger, voice)
        assert verdict.lost == 1
        assert verdict.wrong_audio == 2
        assert verdict.again == 1
        # Ended otherwise, completed though cancelled (twice seen), ended twice, and two keys.
        assert verdict.doubled == 6
        assert any("not to be logged" in finding for finding in verdict.findings)
        assert sorted(files_are_right(server.data_dir, cached=False)) == [
            f"audio/{second} is missing",
            "audio/stray is an orphan",
        ]
    finally:
        server.close()


def _judge(server: Server, ledger: Ledger, voice: Voice) -> Verdict:
    verdict = Verdict("tampered")
    check_jobs(verdict, server, ledger, voice)
    check_logs(verdict, server, ledger, cached=False)
    return verdict
