"""The chaos driver: `python -m chaos.driver`, or `make chaos` (docs/chaos.md)."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from chaos.clients import Clients, Ledger
from chaos.ears import Ears
from chaos.killer import Killer
from chaos.orders import make_orders
from chaos.server import KEYS, Server
from chaos.texts import Voice
from chaos.verdict import (
    Verdict,
    check_database,
    check_jobs,
    check_logs,
    expire_all,
    files_are_right,
    read_rows,
    unended,
)
from chaos.waiting import until
from support import JOBS

END_DEADLINE_S = 300
SWEEP_DEADLINE_S = 20
HEARD_JOBS = 3
HEARD_SENTENCES = 12
CONSOLE = Console(width=170)

Cache = Literal["off", "own", "shared"]
CACHES: dict[Cache, dict[str, str]] = {
    "off": {"STENTOR_CACHE_MAX_BYTES": "0"},
    "own": {"STENTOR_CACHE_SHARED": "false"},
    "shared": {"STENTOR_CACHE_SHARED": "true"},
}


@dataclass(frozen=True, slots=True)
class Round:
    """One server's life and deaths.

    Attributes:
        seed: of all that is chosen; what comes of it also depends on the machine's timing.
        kills: how many.
        sentences: about how many the jobs have together.
        interval_s: the mean time between kills.
    """

    seed: int
    kills: int
    sentences: int
    interval_s: float
    cache: Cache


def run_round(folder: Path, voice: Voice, plan: Round, ears: Ears | None = None) -> Verdict:
    """Run one round in an empty folder, which keeps the data and the logs.

    Args:
        ears: they listen to a sample of the jobs.
    """
    began = time.monotonic()
    choose = random.Random(plan.seed)
    verdict = Verdict(f"seed {plan.seed}, cache {plan.cache}")
    orders = make_orders(choose, plan.sentences)
    voice.speak({order.text for order in orders})
    ledger = Ledger()
    server = Server(folder, voice.folder, **CACHES[plan.cache])
    killer = Killer(server, ledger, choose, plan.interval_s)
    verdict.kills = killer.kills
    try:
        killer.start()
        over_s = plan.kills * plan.interval_s * 0.8
        clients = Clients(server, ledger, orders, over_s=over_s, seed=choose.getrandbits(32))
        try:
            while killer.kills.total < plan.kills:
                killer.kill()
            clients.wait()
            if not until(lambda: unended(server.data_dir) == 0, END_DEADLINE_S):
                verdict.find(f"{unended(server.data_dir)} jobs did not end")
        finally:
            clients.close()
        for surprise in ledger.surprises:
            verdict.find(surprise)
        check_jobs(verdict, server, ledger, voice)
        if ears is not None:
            _listen(verdict, server, ledger, ears)
        _check_leftovers(verdict, server, killer, choose, cached=plan.cache != "off")
        check_logs(verdict, server, ledger, cached=plan.cache != "off")
    finally:
        server.close()
    verdict.wall_s = time.monotonic() - began
    return verdict


def _listen(verdict: Verdict, server: Server, ledger: Ledger, ears: Ears) -> None:
    listened = 0
    for job_id, order in ledger.accepted.items():
        text = order.text
        if text.response_format == "pcm" or not 2 <= len(text.sentences) <= HEARD_SENTENCES:
            continue
        with server.client(order.owner) as client:
            response = client.get(f"{JOBS}/{job_id}/audio")
        if response.status_code != 200 or listened == HEARD_JOBS:
            continue
        listened += 1
        if heard := ears.mishears(response.content, text.input):
            verdict.wrong_audio += 1
            verdict.find(f"{job_id} should say {text.input!r}; heard: {heard!r}")
    verdict.listened = listened


def _check_leftovers(
    verdict: Verdict, server: Server, killer: Killer, choose: random.Random, *, cached: bool
) -> None:
    """Nothing is left behind: at first but for what belongs to jobs, at last but for the cache."""
    _stop(verdict, server)
    check_database(verdict, server.data_dir)
    killer.start()
    _check_files(verdict, server, cached=cached)
    clients = {owner: server.client(owner) for owner in KEYS}
    for row in read_rows(server.data_dir):
        if choose.random() < 0.5:
            status = clients[row.owner].delete(f"{JOBS}/{row.id}").status_code
            if status != 204:
                verdict.find(f"deleting {row.id} was answered {status}")
    for client in clients.values():
        client.close()
    _stop(verdict, server)
    expire_all(server.data_dir)
    # Somewhere in the sweep.
    server.start()
    time.sleep(choose.uniform(0.2, 0.8))
    killer.kill_server()
    killer.start()
    if not until(lambda: not read_rows(server.data_dir), SWEEP_DEADLINE_S):
        verdict.find(f"{len(read_rows(server.data_dir))} expired jobs are not removed")
    _check_files(verdict, server, cached=cached)
    _stop(verdict, server)
    # One that was loading its voice when the server was killed sees it only then.
    if not until(lambda: not any(one.is_running() for one in server.seen), SWEEP_DEADLINE_S):
        alive = [one for one in server.seen if one.is_running()]
        verdict.find(f"engine processes outlive the server: {alive}")


def _check_files(verdict: Verdict, server: Server, *, cached: bool) -> None:
    until(lambda: not files_are_right(server.data_dir, cached=cached), SWEEP_DEADLINE_S)
    wrong = files_are_right(server.data_dir, cached=cached)
    verdict.orphans += len(wrong)
    for what in wrong:
        verdict.find(what)


def _stop(verdict: Verdict, server: Server) -> None:
    code = server.stop()
    if code != 0:
        verdict.find(f"SIGTERM: the server ended with {code}")


def show(verdicts: list[Verdict]) -> None:
    """Print the table and, below it, all that is wrong."""
    table = Table(
        "round",
        "kills (server/engine)",
        "jobs",
        "lost",
        "doubled",
        "failed",
        "wrong audio",
        "segments redone / total",
        "spoken again",
        "orphan files",
        "slowest start",
        "wall time",
    )
    for one in verdicts:
        table.add_row(
            one.name,
            str(one.kills),
            str(one.jobs),
            str(one.lost),
            str(one.doubled),
            str(one.failed),
            str(one.wrong_audio),
            f"{one.redone} / {one.segments}",
            str(one.again),
            str(one.orphans),
            f"{one.kills.slowest_start_s:.1f} s",
            f"{one.wall_s:.0f} s",
        )
    table.caption = f"{sum(one.listened for one in verdicts)} jobs were listened to"
    if len(verdicts) > 1:
        table.add_section()
        table.add_row(*_total(verdicts))
    CONSOLE.print(table)
    for one in verdicts:
        for finding in one.findings:
            _say(finding)


def _total(verdicts: list[Verdict]) -> list[str]:
    def total(name: str) -> int:
        return sum(getattr(one, name) for one in verdicts)

    server = sum(one.kills.server for one in verdicts)
    engine = sum(one.kills.engine for one in verdicts)
    return [
        "all",
        f"{server + engine} ({server}/{engine})",
        str(total("jobs")),
        str(total("lost")),
        str(total("doubled")),
        str(total("failed")),
        str(total("wrong_audio")),
        f"{total('redone')} / {total('segments')}",
        str(total("again")),
        str(total("orphans")),
        f"{max(one.kills.slowest_start_s for one in verdicts):.1f} s",
        f"{sum(one.wall_s for one in verdicts):.0f} s",
    ]


def _say(what: str) -> None:
    CONSOLE.print(what, markup=False, highlight=False, soft_wrap=True)


def main() -> int:
    """Returns 0 if all held."""
    parser = argparse.ArgumentParser(prog="python -m chaos.driver", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of all rounds together")
    parser.add_argument("--rounds", type=int, default=5, help="each with a store of its own")
    parser.add_argument("--sentences", type=int, default=1200, help="of a round's jobs, about")
    parser.add_argument("--interval", type=float, default=3.5, help="mean seconds between kills")
    parser.add_argument("--seed", type=int, default=None, help="default: another at each run")
    parser.add_argument("--keep", action="store_true", help="keep data and logs in any case")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(20)
    folder = Path(tempfile.mkdtemp(prefix="stentor-chaos-"))
    _say(f"seed {seed}; data and logs in {folder}")
    voice, ears = Voice(folder / "voices"), Ears()
    caches: list[Cache] = list(CACHES)
    verdicts = []
    for number in range(options.rounds):
        kills = options.kills // options.rounds + (number < options.kills % options.rounds)
        cache = caches[number % len(caches)]
        plan = Round(seed + number, kills, options.sentences, options.interval, cache)
        home = folder / f"round-{number + 1}"
        home.mkdir()
        _say(f"round {number + 1}: seed {plan.seed}, {kills} kills, cache {cache}")
        verdicts.append(run_round(home, voice, plan, ears))
    show(verdicts)
    wrong = any(one.findings for one in verdicts)
    if wrong:
        _say(f"Not all held: --seed {seed}; data and logs are kept in {folder}")
    elif not options.keep:
        shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
