"""What is killed, and when."""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass

import psutil

from chaos.clients import Ledger
from chaos.server import Server

AIM_S = 1.5
# Each is logged right before something becomes durable, or right after; a file is there before
# the row that tells of it.
EVENTS = ("segment.spoken", "segment.kept", "job.ended")
FOLDERS = ("audio", "segments")
WEIGHTS = (3, 2, 3, 1, 1, 4)


@dataclass(slots=True)
class Kills:
    """How often what was killed.

    Attributes:
        starting: of the kills of the server, those while it started.
        slowest_start_s: from a start to the first answer.
    """

    server: int = 0
    engine: int = 0
    starting: int = 0
    slowest_start_s: float = 0.0

    @property
    def total(self) -> int:
        return self.server + self.engine

    def __str__(self) -> str:
        return f"{self.total} ({self.server}/{self.engine})"


class Killer:
    """Kills the server or one of its engines; a server is started again at once.

    Half of the kills come at a random time. The others wait for something to happen in the
    server, and come within milliseconds after it: a random time would hardly ever find the
    moments between two steps that belong together.

    Args:
        interval_s: the mean time that a server is left alone.
    """

    def __init__(
        self, server: Server, ledger: Ledger, choose: random.Random, interval_s: float
    ) -> None:
        self._server = server
        self._ledger = ledger
        self._choose = choose
        self._interval_s = interval_s
        self.kills = Kills()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        began = time.monotonic()
        self._server.start()
        self._server.wait()
        taken_s = time.monotonic() - began
        self.kills.slowest_start_s = max(self.kills.slowest_start_s, taken_s)

    def kill(self) -> None:
        """Kill something, at some time."""
        choose, server = self._choose, self._server
        how = choose.choices(("random", "event", "file", "202", "start", "engine"), WEIGHTS)[0]
        if how == "start":
            self.kill_server()
            server.start()
            time.sleep(choose.uniform(0, 1.0))
            self.kills.starting += 1
        elif how == "202":
            self._ledger.submitted.clear()
            self._ledger.submitted.wait(AIM_S)
        else:
            time.sleep(choose.uniform(0, 2 * self._interval_s))
        # Before the aim is taken, since it takes a while.
        engines = server.engines
        if how == "event":
            server.wait_for_line((choose.choice(EVENTS),), AIM_S)
            time.sleep(choose.choice((0, 0, 0.001, 0.003)))
        elif how == "file":
            server.wait_for_file(choose.choice(FOLDERS), AIM_S)
        if how == "engine" and engines:
            with contextlib.suppress(psutil.NoSuchProcess):
                choose.choice(engines).kill()
            self.kills.engine += 1
            return
        self.kill_server()
        self.start()

    def kill_server(self) -> None:
        """Kill the server now."""
        self._server.kill()
        self.kills.server += 1
